using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// A normalization layer. A derived class writes the definition in plain operators; one that can do better also gives a fused
/// form, in which normalizing, adding a residual and the activation pass over memory once.
/// </summary>
public abstract class Norm : Module
{
    /// <summary>
    /// Whether the fused form is used where there is one. False composes plain operators: slower, and what the fused form is held
    /// to. A forward hook on the norm has the same effect.
    /// </summary>
    public bool Fused { get; set; } = true;

    /// <summary><c>activation(norm(x) + residual)</c>; forward hooks see what comes out of the norm itself.</summary>
    /// <param name="x">What to normalize.</param>
    /// <param name="residual">Added to the normalized values; of x's shape.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ShapeException">The input does not fit; the message names this module's path.</exception>
    public Tensor Forward(Tensor x, Tensor? residual = null, Activation activation = Activation.None)
    {
        using var running = new RunningModule(this);
        Check.That(residual is null || residual.Shape == x.Shape, "norm", $"residual {residual?.Shape} should have the shape {x.Shape} of the input.");
        if (Fused && !HasHooks && ForwardFused(x, residual, activation) is { } fused) return fused;
        var y = AfterForward(x, ForwardPlain(x));
        if (residual is not null) y += residual;
        return activation == Activation.Relu ? y.Relu() : y;
    }

    /// <summary>The definition: the normalized values, by plain operators.</summary>
    protected abstract Tensor ForwardPlain(Tensor x);

    /// <summary><c>activation(norm(x) + residual)</c> as one operator; null where there is none.</summary>
    protected virtual Tensor? ForwardFused(Tensor x, Tensor? residual, Activation activation) => null;

    /// <inheritdoc/>
    protected sealed override Tensor ForwardCore(Tensor x) =>
        (Fused && !HasHooks ? ForwardFused(x, null, Activation.None) : null) ?? ForwardPlain(x);

    /// <summary>Registers running statistics as PyTorch names them: means 0, variances 1, no batches seen.</summary>
    /// <param name="channels">The number of channels.</param>
    /// <param name="spread">The name of what is kept beside the mean.</param>
    private protected RunningStatistics RegisterRunningStatistics(int channels, string spread = "running_var") => new(
        RegisterBuffer("running_mean", Tensor.Zeros([channels])),
        RegisterBuffer(spread, Tensor.Ones([channels])),
        RegisterBuffer("num_batches_tracked", Tensor.Zeros(Shape.Scalar, type: DType.I64), optional: true));

    /// <summary>Values [channels] seen as [channels, 1, …], so that they broadcast against x [N, channels, …].</summary>
    private protected static Tensor AlongChannels(Tensor values, Tensor x)
    {
        if (x.Rank == 2) return values;
        int[] sizes = new int[x.Rank - 1];
        Array.Fill(sizes, 1);
        sizes[0] = values.Count;
        return values.Reshape(sizes);
    }

    /// <summary>The dimensions of x from one on to the last.</summary>
    private protected static int[] From(int first, Tensor x) => [.. Enumerable.Range(first, x.Rank - first)];
}
