namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The weights of a convolution, or of its input gradient, at Winograd's points: G w Gᵀ, optionally with every output channel scaled. The input
/// gradient has the roles of the channels swapped and takes the kernel from its end.
/// </summary>
/// <remarks>
/// Stored as u[point][vector of outputs][input][lane]; with 32 registers, a single vector after the last pair is stored as
/// u[row of points][input][point][lane], the order in which <see cref="Tile4x6{V}"/> reads.
/// <para>
/// Each thread transforms the weights that it uses, into its own cache: to transform a part and fetch the others from the caches of other
/// threads takes longer, unless there are many.
/// </para>
/// </remarks>
internal sealed unsafe class WinogradKernel<V> where V : unmanaged, ISimd<V>
{
    private const int Taps = 9, Points = WinogradPoints.Count, Window = WinogradPoints.Inputs, GroupPoints = WinogradPoints.GroupPoints;

    /// <summary>The input channels that are transformed together.</summary>
    private const int Inputs = 16;

    /// <summary>The largest transformed weights, in values, that each thread has its own copy of.</summary>
    private const int MaxOwn = 1 << 18;

    /// <summary>What the thread's own memory holds: which kernel, and a bit for each vector of outputs.</summary>
    [ThreadStatic]
    private static WinogradKernel<V>? _held;

    [ThreadStatic]
    private static long _heldVectors;

    private readonly float* _weight, _scale, _shared;
    private readonly int _inputs, _outputs;

    /// <param name="shared">Memory for all threads; null if each has its own.</param>
    private WinogradKernel(float* weight, float* scale, int inputs, int outputs, bool gradient, float* shared)
    {
        _weight = weight;
        _scale = scale;
        _shared = shared;
        (_inputs, _outputs, IsGradient) = (inputs, outputs, gradient);
        Paired = PairedOf(outputs);
        Step = StepOf(inputs, outputs);
        if (_shared != null) Workers.Run(_outputs / V.Count, this, static (kernel, vector) => kernel.Transform(vector, kernel._shared));
    }

    public bool IsGradient { get; }

    /// <summary>The output channels that are processed in pairs of vectors, or one by one with 16 registers.</summary>
    public int Paired { get; }

    /// <summary>The outputs that a register tile computes together, where there are enough.</summary>
    public int Together => V.HasManyRegisters ? 2 * V.Count : V.Count;

    /// <summary>The distance from one point to the next, but for the single vector.</summary>
    public int Step { get; }

    /// <summary>How many values the transformed weights take.</summary>
    public static int Size(in Window2d g) => SizeOf(g.InChannels, g.OutChannels);

    /// <summary>The weights for the output, valid until this thread transforms others.</summary>
    public static WinogradKernel<V> Of(float* weight, in Window2d g) => InScratch(weight, null, g.InChannels, g.OutChannels, gradient: false);

    /// <inheritdoc cref="Of(float*, in Window2d)"/>
    /// <param name="scale">[K], or null for 1.</param>
    public static WinogradKernel<V> Of(float* weight, float* scale, in Window2d g) => InScratch(weight, scale, g.InChannels, g.OutChannels, gradient: false);

    /// <summary>The weights for the output.</summary>
    /// <param name="scale">[K], or null for 1.</param>
    /// <param name="transformed">Memory for <see cref="Size"/> values.</param>
    public static WinogradKernel<V> Of(float* weight, float* scale, in Window2d g, float* transformed) =>
        new(weight, scale, g.InChannels, g.OutChannels, gradient: false, transformed);

    /// <summary>The weights for the input gradient, valid until this thread transforms others.</summary>
    public static WinogradKernel<V> OfGradient(float* weight, in Window2d g) => InScratch(weight, null, g.OutChannels, g.InChannels, gradient: true);

    private static WinogradKernel<V> InScratch(float* weight, float* scale, int inputs, int outputs, bool gradient)
    {
        int size = SizeOf(inputs, outputs);
        bool own = size <= MaxOwn && outputs / V.Count <= 8 * sizeof(long);
        return new(weight, scale, inputs, outputs, gradient, own ? null : Scratch.Rent(ScratchUse.Weights, size));
    }

    /// <summary>The memory in which this thread finds these vectors of outputs transformed, valid until it transforms others.</summary>
    public float* Transformed(int firstVector, int endVector)
    {
        if (_shared != null) return _shared;
        float* own = Scratch.Rent(ScratchUse.Weights, SizeOf(_inputs, _outputs));
        if (!ReferenceEquals(_held, this)) (_held, _heldVectors) = (this, 0);
        for (int vector = firstVector; vector < endVector; vector++)
        {
            if ((_heldVectors >> vector & 1) != 0) continue;
            Transform(vector, own);
            _heldVectors |= 1L << vector;
        }
        return own;
    }

    /// <summary>A group of points of the outputs that are processed in pairs.</summary>
    /// <param name="transformed">From <see cref="Transformed"/>.</param>
    public float* Pairs(float* transformed, int group) => transformed + group * GroupPoints * Step;

    /// <summary>A group of points of the single last vector of outputs.</summary>
    /// <param name="transformed">From <see cref="Transformed"/>.</param>
    public float* Single(float* transformed, int group) => transformed + Points * Step + group * GroupPoints * _inputs * V.Count;

    private static int SizeOf(int inputs, int outputs) => Points * (StepOf(inputs, outputs) + inputs * (outputs - PairedOf(outputs)));

    private static int PairedOf(int outputs) => V.HasManyRegisters ? outputs / (2 * V.Count) * 2 * V.Count : outputs;

    // One vector of padding: at power-of-two distances the 36 points would compete for the same few cache lines.
    private static int StepOf(int inputs, int outputs) => inputs * PairedOf(outputs) + V.Count;

    /// <summary>The kernels from all inputs to one vector of outputs.</summary>
    private void Transform(int vector, float* transformed)
    {
        for (int first = 0; first < _inputs; first += Inputs) Transform(vector, first, transformed);
    }

    /// <summary>Those from 16 inputs.</summary>
    private void Transform(int vector, int first, float* transformed)
    {
        float* taps = Scratch.Rent(ScratchUse.Image, Inputs * Taps * V.Count), columns = Scratch.Rent(ScratchUse.Tile, Points * V.Count);
        GatherTaps(vector * V.Count, first, taps);
        if (_scale != null)
        {
            V scale = V.Load(_scale + vector * V.Count);
            for (int t = 0; t < Inputs * Taps; t++) (V.Load(taps + t * V.Count) * scale).Store(taps + t * V.Count);
        }
        bool single = vector * V.Count >= Paired;
        float* to = single ? Single(transformed, 0) + first * Window * V.Count : transformed + (vector * _inputs + first) * V.Count;
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
