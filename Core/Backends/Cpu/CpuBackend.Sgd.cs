namespace MiniDL.Backends.Cpu;

// One pass over parameters, gradients and velocities, at the speed of memory.
internal sealed unsafe partial class CpuBackend<V>
{
    internal override void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, bool first, in SgdSettings settings)
    {
        var s = settings;
        float rate = s.LearningRate();
        Workers.Split(parameter.Count, Workers.Grain, (start, length) =>
        {
            fixed (float* p = F(parameter).Slice(start, length), g = F(gradient).Slice(start, length))
            fixed (float* v = velocity is null ? default : F(velocity).Slice(start, length))
            {
                SgdLoop(p, g, v, first, length, rate, s);
            }
        });
    }

    private static void SgdLoop(float* parameter, float* gradient, float* velocity, bool first, int count, float learningRate, in SgdSettings s)
    {
        V decay = V.All(s.WeightDecay), momentum = V.All(s.Momentum), added = V.All(1 - s.Dampening), rate = V.All(-learningRate);
        bool nesterov = s.Nesterov;
        int i = 0;
        for (; i + V.Count <= count; i += V.Count)
        {
            V p = V.Load(parameter + i), g = V.MultiplyAdd(decay, p, V.Load(gradient + i));
            if (velocity != null)
            {
                V v = first ? g : V.MultiplyAdd(momentum, V.Load(velocity + i), added * g);
                v.Store(velocity + i);
                g = nesterov ? V.MultiplyAdd(momentum, v, g) : v;
            }
            V.MultiplyAdd(rate, g, p).Store(parameter + i);
        }
        for (; i < count; i++)
        {
            float g = V.MultiplyAdd(s.WeightDecay, parameter[i], gradient[i]);
            if (velocity != null)
            {
                velocity[i] = first ? g : V.MultiplyAdd(s.Momentum, velocity[i], (1 - s.Dampening) * g);
                g = s.Nesterov ? V.MultiplyAdd(s.Momentum, velocity[i], g) : velocity[i];
            }
            parameter[i] = V.MultiplyAdd(-learningRate, g, parameter[i]);
        }
    }
}
