namespace MiniDL.Backends.Cpu;

internal sealed partial class CpuBackend<V>
{
    internal override void Sum(Tensor x, Tensor y, int outer, int reduced, int inner)
    {
        F(y).Clear();
        for (int o = 0; o < outer; o++)
            for (int r = 0; r < reduced; r++)
                for (int i = 0; i < inner; i++)
                    F(y)[o * inner + i] += F(x)[(o * reduced + r) * inner + i];
    }

    internal override void Max(Tensor x, Tensor y, Tensor index, int outer, int reduced, int inner)
    {
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < inner; i++)
            {
                int best = 0;
                for (int r = 1; r < reduced; r++)
                    if (IsLarger(F(x)[(o * reduced + r) * inner + i], F(x)[(o * reduced + best) * inner + i])) best = r;
                F(y)[o * inner + i] = F(x)[(o * reduced + best) * inner + i];
                index.Values<long>()[o * inner + i] = best;
            }
    }

    /// <summary>NaN is larger than every number, so that it is not lost.</summary>
    private static bool IsLarger(float a, float b) => a > b || (float.IsNaN(a) && !float.IsNaN(b));

    internal override void MaxGradient(Tensor dy, Tensor index, Tensor dx, int outer, int reduced, int inner)
    {
        F(dx).Clear();
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < inner; i++)
                F(dx)[(o * reduced + (int)index.Values<long>()[o * inner + i]) * inner + i] = F(dy)[o * inner + i];
    }
}
