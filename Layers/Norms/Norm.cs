using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL.Layers;

/// <summary>
/// A normalization layer. A derived class gives the definition in plain operators; where it pays, it also gives a fused form, which
/// normalizes, adds a residual and applies the activation in one pass over memory.
/// </summary>
/// <example><code>
/// sealed class Scale : Norm
/// {
///     private readonly Parameter _scale;
///     public Scale() => _scale = RegisterParameter("scale", Tensor.Ones([1]));
///     protected override Tensor ForwardPlain(Tensor x) => x * _scale.Value;
/// }
/// var model = new ResNet(20, channels => new Scale(), random);
/// </code></example>
public abstract class Norm : Module
{
    /// <summary>
    /// Whether to use the fused form if there is one. False composes plain operators: slower, and the standard that the fused form is
    /// tested against.
    /// </summary>
    public bool Fused { get; set; } = true;

    /// <summary>
    /// Whether the layer ends in its own activation, as EvoNorm and FRN do. That one replaces an activation asked for directly after the
    /// norm; if a residual is added in between, the activation asked for is applied as well.
    /// </summary>
    public virtual bool IncludesActivation => false;

    /// <summary>
    /// <c>activation(norm(x) + residual)</c>; only <c>norm(x)</c> if there is no residual and the norm <see cref="IncludesActivation"/>.
    /// Forward hooks see the output of the norm itself.
    /// </summary>
    /// <param name="x">What to normalize.</param>
    /// <param name="residual">Added to the normalized values; has the shape of x.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ShapeException">The input does not fit; the message names this module's path.</exception>
    public Tensor Forward(Tensor x, Tensor? residual = null, Activation activation = Activation.None) => Forward(x, null, residual, activation);

    /// <param name="known">The statistics of x, if they have already been computed.</param>
    /// <inheritdoc cref="Forward(Tensor, Tensor?, Activation)"/>
    internal Tensor Forward(Tensor x, ChannelStatistics? known, Tensor? residual, Activation activation)
    {
        using var running = new RunningModule(this);
        Check.That(residual is null || residual.Shape == x.Shape, "norm", $"residual {residual?.Shape} should have the shape {x.Shape} of the input.");
        if (Fused && !HasHooks && ForwardFused(x, known, residual, activation) is { } fused)
        {
            EngineObserver.Active?.Left(this, fused);
            return fused;
        }
        // Hooks see the norm's own result. It comes from the same kernel, and what follows rounds as the kernel does: a hook that only
        // looks changes no bit.
        var y = AfterForward(x, ForwardCore(x, known));
        if (residual is not null) y += residual;
        else if (IncludesActivation) return y;
        return activation == Activation.Relu ? y.Relu() : y;
    }

    /// <summary>
    /// Which values of images of this shape share a mean and a variance, if the fused form can accept known ones; else null.
    /// </summary>
    internal virtual NormGeometry? StatisticsOf(Shape images) => null;

    /// <summary>
    /// How to normalize images whose statistics are known, for a convolution that does it as it reads them: in place of the forward pass. Null
    /// if the fused form is another one.
    /// </summary>
    internal virtual NormArguments? OnRead(Tensor images, ChannelStatistics known, Activation activation) => null;

    /// <summary>Whether in evaluation each image's result depends on that image alone, whatever else is in the batch.</summary>
    internal virtual bool TreatsImagesAlone => false;

    /// <summary>
    /// For evaluation: how to normalize images of this shape one at a time, so that the operator that produces them can do it; null if
    /// there is no fused form, or it needs all images at once.
    /// </summary>
    internal virtual NormArguments? OfImages(Shape images, Device device, Tensor? residual, Activation activation) => null;

    /// <summary>The definition: the normalized values, by plain operators.</summary>
    protected abstract Tensor ForwardPlain(Tensor x);

    /// <summary><c>activation(norm(x) + residual)</c> as one operator; null if there is none.</summary>
    protected virtual Tensor? ForwardFused(Tensor x, Tensor? residual, Activation activation) => null;

    /// <summary>The same, given the statistics of x if they are known.</summary>
    private protected virtual Tensor? ForwardFused(Tensor x, ChannelStatistics? known, Tensor? residual, Activation activation) =>
        ForwardFused(x, residual, activation);

    /// <inheritdoc/>
    protected sealed override Tensor ForwardCore(Tensor x) => ForwardCore(x, null);

    private Tensor ForwardCore(Tensor x, ChannelStatistics? known) =>
        (Fused ? ForwardFused(x, known, null, Activation.None) : null) ?? ForwardPlain(x);

    /// <summary>Registers running statistics under PyTorch's names: means 0, variances 1, no batches counted.</summary>
    /// <param name="channels">The number of channels.</param>
    /// <param name="spread">The name of the second statistic, next to the mean.</param>
    private protected RunningStatistics RegisterRunningStatistics(int channels, string spread = "running_var") => new(
        RegisterBuffer("running_mean", Tensor.Zeros([channels])),
        RegisterBuffer(spread, Tensor.Ones([channels])),
        RegisterBuffer("num_batches_tracked", Tensor.Zeros(Shape.Scalar, type: DType.I64), optional: true));

    private protected static void CheckImages(string operation, Tensor x, int channels) =>
        Check.That(x.Rank == 4 && x.Shape[1] == channels, operation,
            $"input {x.Shape} should be [N, {channels}, H, W]. Match channels to what comes before.");

    private protected static void CheckChannels(string operation, Tensor x, int channels) =>
        Check.That(x.Rank >= 2 && x.Shape[1] == channels, operation,
            $"input {x.Shape} should be [N, {channels}, …]. Match channels to what comes before.");

    /// <summary>Values [channels] viewed as [channels, 1, …], so that they broadcast against x [N, channels, …].</summary>
    private protected static Tensor AlongChannels(Tensor values, Tensor x)
    {
        if (x.Rank == 2) return values;
        int[] sizes = new int[x.Rank - 1];
        Array.Fill(sizes, 1);
        sizes[0] = values.Count;
        return values.Reshape(sizes);
    }

    /// <summary>The dimensions of x from the given one to the last.</summary>
    private protected static int[] From(int first, Tensor x) => [.. Enumerable.Range(first, x.Rank - first)];
}
