namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The weights of a convolution, or of its input gradient, at Winograd's points: G w Gᵀ, optionally with every output channel scaled. The input
/// gradient has the roles of the channels swapped and takes the kernel from its end.
/// </summary>
/// <remarks>
/// Stored as u[point][vector of outputs][input][lane]; with 32 registers, a single vector after the last pair is stored as
/// u[row of points][input][point][lane], the order in which <see cref="Tile4x6{V}"/> reads.
/// </remarks>
internal sealed unsafe class WinogradKernel<V> where V : unmanaged, ISimd<V>
{
    private const int Taps = 9, Points = WinogradPoints.Count, Window = WinogradPoints.Inputs, GroupPoints = WinogradPoints.GroupPoints;

    /// <summary>The input channels that are transformed together.</summary>
    private const int Inputs = 16;

    private readonly float* _weight, _scale, _transformed;
    private readonly int _inputs, _outputs;

    private WinogradKernel(float* weight, float* scale, int inputs, int outputs, bool gradient, float* transformed)
    {
        _weight = weight;
        _scale = scale;
        _transformed = transformed;
        (_inputs, _outputs, IsGradient) = (inputs, outputs, gradient);
        Paired = PairedOf(outputs);
        Step = StepOf(inputs, outputs);
        Workers.Run(_outputs / V.Count * (_inputs / Inputs), this, static (kernel, chunk) => kernel.Transform(chunk));
    }

    public bool IsGradient { get; }

    /// <summary>The output channels that are processed in pairs of vectors, or one by one with 16 registers.</summary>
    public int Paired { get; }

    /// <summary>The distance from one point to the next, but for the single vector.</summary>
    public int Step { get; }

    /// <summary>How many values the transformed weights take.</summary>
    public static int Size(in Window2d g) =>
        Points * (StepOf(g.InChannels, g.OutChannels) + g.InChannels * (g.OutChannels - PairedOf(g.OutChannels)));

    /// <summary>The weights for the output, in scratch memory: valid until this thread transforms others.</summary>
    public static WinogradKernel<V> Of(float* weight, in Window2d g) => Of(weight, null, g, Scratch.Rent(ScratchUse.Weights, Size(g)));

    /// <summary>The weights for the output.</summary>
    /// <param name="scale">[K], or null for 1.</param>
    /// <param name="transformed">Memory for <see cref="Size"/> values.</param>
    public static WinogradKernel<V> Of(float* weight, float* scale, in Window2d g, float* transformed) =>
        new(weight, scale, g.InChannels, g.OutChannels, gradient: false, transformed);

    /// <summary>The weights for the input gradient, in scratch memory: valid until this thread transforms others.</summary>
    public static WinogradKernel<V> OfGradient(float* weight, in Window2d g)
    {
        int size = Points * (StepOf(g.OutChannels, g.InChannels) + g.OutChannels * (g.InChannels - PairedOf(g.InChannels)));
        return new(weight, null, g.OutChannels, g.InChannels, gradient: true, Scratch.Rent(ScratchUse.Weights, size));
    }

    /// <summary>A group of points of the outputs that are processed in pairs.</summary>
    public float* Pairs(int group) => _transformed + group * GroupPoints * Step;

    /// <summary>A group of points of the single last vector of outputs.</summary>
    public float* Single(int group) => _transformed + Points * Step + group * GroupPoints * _inputs * V.Count;

    private static int PairedOf(int outputs) => V.HasManyRegisters ? outputs / (2 * V.Count) * 2 * V.Count : outputs;

    // One vector of padding: at power-of-two distances the 36 points would compete for the same few cache lines.
    private static int StepOf(int inputs, int outputs) => inputs * PairedOf(outputs) + V.Count;

    /// <summary>The kernels from 16 inputs to one vector of outputs.</summary>
    private void Transform(int chunk)
    {
        var (vector, first) = (chunk / (_inputs / Inputs), chunk % (_inputs / Inputs) * Inputs);
        float* taps = Scratch.Rent(ScratchUse.Image, Inputs * Taps * V.Count), columns = Scratch.Rent(ScratchUse.Tile, Points * V.Count);
        GatherTaps(vector * V.Count, first, taps);
        if (_scale != null)
        {
            V scale = V.Load(_scale + vector * V.Count);
            for (int t = 0; t < Inputs * Taps; t++) (V.Load(taps + t * V.Count) * scale).Store(taps + t * V.Count);
        }
        bool single = vector * V.Count >= Paired;
        float* to = single ? Single(0) + first * Window * V.Count : _transformed + (vector * _inputs + first) * V.Count;
        var (rowStep, pointStep, next) = single ? (_inputs * Window * V.Count, V.Count, Window * V.Count) : (Window * Step, Step, V.Count);
        // The gradient takes the kernel from its end.
        int sign = IsGradient ? -1 : 1;
        float* tap = IsGradient ? taps + (Taps - 1) * V.Count : taps;
        for (int input = 0; input < Inputs; input++, tap += Taps * V.Count, to += next)
            WinogradWeights<V>.Transform(tap, sign * WinogradPoints.Kernel * V.Count, sign * V.Count, to, rowStep, pointStep, columns);
    }

    /// <summary>
    /// taps[input][tap][lane] of 16 inputs and one vector of outputs. All are gathered before the first is transformed: reading a vector right
    /// after writing its parts would stall.
    /// </summary>
    private void GatherTaps(int output, int input, float* taps)
    {
        if (!IsGradient)
        {
            // The taps of all inputs follow each other.
            int run = Inputs * Taps, perOutput = _inputs * Taps;
            Transpose.Tile(new ReadOnlySpan<float>(_weight + (nint)output * perOutput + input * Taps, (V.Count - 1) * perOutput + run), perOutput,
                new Span<float>(taps, run * V.Count), V.Count, 1, run, V.Count, add: false);
            return;
        }
        for (int i = input; i < input + Inputs; i++, taps += Taps * V.Count)
            Transpose.Tile(new ReadOnlySpan<float>(_weight + ((nint)i * _outputs + output) * Taps, V.Count * Taps), Taps,
                new Span<float>(taps, Taps * V.Count), V.Count, 1, Taps, V.Count, add: false);
    }
}
