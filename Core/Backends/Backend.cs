using System.Buffers;
using MiniDL.Diagnostics;

namespace MiniDL.Backends;

/// <summary>
/// What a device must be able to do: primitives that know nothing of the graph, and in which operators and their derivatives are written
/// once for all devices. Primitives write every value of their destinations. Destinations never overlap sources unless stated, and the
/// operators have already checked the shapes. Tensors are row-major unless stated to be channels last, and hold the device's
/// floating-point type unless another is stated.
/// </summary>
/// <example><code>Console.WriteLine(Device.Cpu.Backend.Description);</code></example>
public abstract partial class Backend
{
    /// <summary>The type that primitives compute in.</summary>
    public abstract DType FloatType { get; }

    /// <summary>
    /// The type in which convolutions, and values computed from them element by element, are stored: <see cref="FloatType"/> or a shorter
    /// type. Operators that keep their operand's type are documented as such; all others widen it first.
    /// </summary>
    internal virtual DType ActivationType => FloatType;

    // ---- moving values ----------------------------------------------------------------------------------------------------

    /// <summary>Copies values from this process into a tensor of any type, in storage order, converting them.</summary>
    internal abstract void Upload<T>(ReadOnlySpan<T> values, Tensor y) where T : unmanaged;

    /// <summary>Copies the values of a tensor of any type into this process, in storage order, converting them.</summary>
    internal abstract void Download<T>(Tensor x, Span<T> values) where T : unmanaged;

    /// <summary><see cref="Download"/> without waiting: calling the result waits and gives the values as they are now.</summary>
    internal virtual Func<T[]> DownloadLater<T>(Tensor x) where T : unmanaged
    {
        var values = new T[x.Count];
        Download<T>(x, values);
        return () => values;
    }

    /// <summary>y = value everywhere; any type.</summary>
    internal abstract void Fill(Tensor y, double value);

    /// <summary>
    /// Copies a box of values between any two strided places:
    /// y[yStart + Σ iₖ·yStridesₖ] = x[xStart + Σ iₖ·xStridesₖ] for all 0 ≤ iₖ &lt; sizesₖ, or += if <paramref name="add"/>.
    /// Starts are relative to the tensors' first values. A stride of 0 in x repeats values. Any type, the same for both.
    /// Used to transpose, slice, pad, concatenate, broadcast and change the layout.
    /// </summary>
    internal abstract void CopyStrided(ReadOnlySpan<int> sizes, Tensor x, int xStart, ReadOnlySpan<int> xStrides,
        Tensor y, int yStart, ReadOnlySpan<int> yStrides, bool add = false);

    /// <summary>y = x, of one shape and type; the layouts may differ.</summary>
    internal void Copy(Tensor x, Tensor y) => CopyLogical(x, y, add: false);

    /// <summary>y += x, of one shape; the layouts may differ.</summary>
    internal void AddInto(Tensor y, Tensor x) => CopyLogical(x, y, add: true);

    private void CopyLogical(Tensor x, Tensor y, bool add)
    {
        if (x.Layout == y.Layout)
        {
            CopyStrided([x.Count], x, 0, [1], y, 0, [1], add);
            return;
        }
        Span<int> from = stackalloc int[x.Rank], to = stackalloc int[x.Rank];
        x.Strides(from);
        y.Strides(to);
        CopyStrided(x.Shape.Sizes, x, 0, from, y, 0, to, add);
    }

    /// <summary>y = x in y's floating-point type, in storage order; for devices that store more than one.</summary>
    internal virtual void Convert(Tensor x, Tensor y) =>
        throw new MiniDLException($"[cast] {Device} stores floating-point values as {FloatType} only, {x.DType} cannot become {y.DType}.");

    // ---- elementwise ------------------------------------------------------------------------------------------------------

    /// <summary>y = f(x), in storage order; x and y have the same layout.</summary>
    internal abstract void Map<TFunction>(TFunction f, Tensor x, Tensor y) where TFunction : struct, IUnaryFunction;

    /// <summary>dx = dy · f′(x), in storage order; all have the same layout.</summary>
    internal abstract void MapGradient<TFunction>(TFunction f, Tensor dy, Tensor x, Tensor y, Tensor dx) where TFunction : struct, IUnaryFunction;

    /// <summary>
    /// c = f(a, b) over a box of <paramref name="sizes"/>, in c's storage order; the strides locate the
    /// operands' values and are 0 where these repeat.
    /// </summary>
    internal abstract void Zip<TFunction>(TFunction f, ReadOnlySpan<int> sizes, Tensor a, ReadOnlySpan<int> aStrides,
        Tensor b, ReadOnlySpan<int> bStrides, Tensor c) where TFunction : struct, IBinaryFunction;

    /// <summary>y = scale · x + shift, in storage order.</summary>
    internal abstract void Affine(Tensor x, double scale, double shift, Tensor y);

    /// <summary>Whether the device can pick and augment batches from images in its memory: <see cref="GatherImages"/>.</summary>
    internal virtual bool GathersImages => false;

    /// <summary>Picks, augments and normalizes a batch.</summary>
    internal virtual void GatherImages(in GatheredBatch batch, Tensor images, Tensor labels) =>
        throw new NotSupportedException($"{Device} gathers no images.");

    /// <summary>y = 0 with probability p, else 1 / (1 − p), drawn from the stream's next numbers: the same on every device.</summary>
    internal virtual void DropoutMask(Tensor y, double p, RandomStream random)
    {
        float[] values = ArrayPool<float>.Shared.Rent(y.Count);
        float kept = p == 1 ? 0 : (float)(1 / (1 - p));
        for (int i = 0; i < y.Count; i++) values[i] = random.NextFloat() < p ? 0 : kept;
        Upload<float>(values.AsSpan(0, y.Count), y);
        ArrayPool<float>.Shared.Return(values);
    }

    // ---- reductions -------------------------------------------------------------------------------------------------------

    /// <summary>y[o, i] = Σᵣ x[o, r, i].</summary>
    internal abstract void Sum(Tensor x, Tensor y, int outer, int reduced, int inner);

    /// <summary>
    /// y[o, i] = (Σᵣ x[o, r, i]) / reduced, reduced &gt; 0. The sum is centred on one of the values, so that the mean of equal values is
    /// exactly that value, however many there are; a rounded sum divided by the count is not.
    /// </summary>
    internal virtual void Mean(Tensor x, Tensor y, int outer, int reduced, int inner)
    {
        var g = inner == 1 ? new NormGeometry(outer, Positions: 1, reduced, Groups: 1) : new NormGeometry(outer, reduced, inner, inner);
        Moments(x, y, Tensor.NewLike(y), g);
    }

    /// <summary>y[o, i] = maxᵣ x[o, r, i]; index[o, i] (I64) is the first r that attains it.</summary>
    internal abstract void Max(Tensor x, Tensor y, Tensor index, int outer, int reduced, int inner);

    /// <summary>dx[o, r, i] = dy[o, i] where r = index[o, i], else 0.</summary>
    internal abstract void MaxGradient(Tensor dy, Tensor index, Tensor dx, int outer, int reduced, int inner);

    // ---- linear algebra ---------------------------------------------------------------------------------------------------

    /// <summary>
    /// c = a · b, or with the transposes: a is rows × inner (inner × rows if <paramref name="transposeA"/>), b is inner × columns
    /// (columns × inner if <paramref name="transposeB"/>), c is rows × columns.
    /// </summary>
    internal abstract void MatMul(Tensor a, Tensor b, Tensor c, int rows, int inner, int columns, bool transposeA = false, bool transposeB = false);

    // ---- convolution and pooling: x, y and their gradients are channels last; weights are row-major [K, C, R, S] ------------

    /// <summary>y[n,k,p,q] = bias[k] + Σ x[n, c, p·stride + r − pad, q·stride + s − pad] · w[k,c,r,s]; the bias may be absent.</summary>
    internal abstract void Conv2d(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g);

    /// <summary>
    /// <see cref="Conv2d"/>, then <see cref="Moments"/> of its output; a device may compute them while the outputs are still in registers or
    /// in the cache.
    /// </summary>
    internal virtual void Conv2dMoments(Tensor x, Tensor weight, Tensor? bias, Tensor y, ChannelStatistics statistics, in Window2d g)
    {
        Conv2d(x, weight, bias, y, g);
        using (Profiler.Time("normalize", "statistics")) Moments(y, statistics.Mean, statistics.Variance, statistics.Geometry);
    }

    /// <summary>Whether <see cref="Conv2dMoments"/> saves a pass over memory for statistics of this geometry.</summary>
    internal virtual bool TakesMoments(in NormGeometry statistics) => statistics.Samples == 1;

    /// <summary>Whether this device normalizes the input of such a convolution as it reads it: <see cref="NormalizeConv2d"/> and its gradients.</summary>
    internal virtual bool NormalizesInput(in NormGeometry input, in Window2d g) => false;

    /// <summary>
    /// y = <see cref="Conv2d"/> of the normalized x, and the statistics of y if they are asked for: as two operators, bit by bit, but the
    /// normalized values need not be stored.
    /// </summary>
    internal virtual void NormalizeConv2d(Tensor x, in NormArguments norm, Tensor weight, Tensor? bias, Tensor y, ChannelStatistics? statistics,
        in Window2d g)
    {
        var z = Normalized(x, norm);
        if (statistics is null) Conv2d(z, weight, bias, y, g);
        else Conv2dMoments(z, weight, bias, y, statistics, g);
        Pool.Return(z.Storage);
    }

    /// <summary>The gradients of <see cref="NormalizeConv2d"/> for x and the parameters of the normalization, given dy.</summary>
    internal virtual void NormalizeConv2dInputGradient(Tensor dy, Tensor x, in NormArguments norm, Tensor weight, in NormGradients d, in Window2d g)
    {
        Tensor z = Normalized(x, norm), dz = Rented(x);
        Conv2dInputGradient(dy, weight, dz, g);
        NormalizeGradient(dz, x, z, norm, d);
        Pool.Return(z.Storage);
        Pool.Return(dz.Storage);
    }

    /// <summary>Whether <see cref="NormalizeConv2dInputGradient"/> can write dx over x.</summary>
    internal virtual bool NormalizesConv2dGradientInPlace(in NormGeometry input, in Window2d g) => false;

    /// <summary>The gradient of <see cref="NormalizeConv2d"/> for the convolution's weight, given dy.</summary>
    internal virtual void NormalizeConv2dWeightGradient(Tensor dy, Tensor x, in NormArguments norm, Tensor dw, in Window2d g)
    {
        var z = Normalized(x, norm);
        Conv2dWeightGradient(z, dy, dw, g);
        Pool.Return(z.Storage);
    }

    private Tensor Normalized(Tensor x, in NormArguments norm)
    {
        var z = Rented(x);
        Normalize(x, norm, z);
        return z;
    }

    /// <summary>Memory like that of x, to be returned to the pool.</summary>
    private protected Tensor Rented(Tensor x) => new(Pool.Rent(x.DType, x.Count), 0, x.Shape, x.Layout);

    /// <summary>dx: the transpose of <see cref="Conv2d"/> (as a linear map of x), applied to dy.</summary>
    internal abstract void Conv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g);

    /// <summary>dx += what <see cref="Conv2dInputGradient"/> gives.</summary>
    internal virtual void AddConv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g)
    {
        var gradient = Rented(dx);
        Conv2dInputGradient(dy, weight, gradient, g);
        using (Profiler.Time("autograd", "sum")) AddInto(dx, gradient);
        Pool.Return(gradient.Storage);
    }

    /// <summary>dw[k,c,r,s] = Σ dy[n,k,p,q] · x[n, c, p·stride + r − pad, q·stride + s − pad].</summary>
    internal abstract void Conv2dWeightGradient(Tensor x, Tensor dy, Tensor dw, in Window2d g);

    /// <summary>The largest value of each window; index (I64, like y) is its pixel h·W + w in the image. Padding never wins.</summary>
    internal abstract void MaxPool2d(Tensor x, Tensor y, Tensor index, in Window2d g);

    /// <summary>dx: every dy is added at the pixel that won.</summary>
    internal abstract void MaxPool2dGradient(Tensor dy, Tensor index, Tensor dx, in Window2d g);

    /// <summary>The mean of each window; padding counts as zeros.</summary>
    internal abstract void AvgPool2d(Tensor x, Tensor y, in Window2d g);

    /// <summary>dx: every dy, divided by the window's size, is added to its pixels.</summary>
    internal abstract void AvgPool2dGradient(Tensor dy, Tensor dx, in Window2d g);

    // ---- normalization: x, y and their gradients are stored as [samples, positions, channels] --------------------------------

    /// <summary>
    /// The mean and the biased variance of every group, by centred sums (never E[x²] − E[x]²); both are [samples, groups].
    /// </summary>
    internal abstract void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g);

    /// <summary>y = act((x − mean) / √(variance + eps) · weight + bias + residual).</summary>
    internal abstract void Normalize(Tensor x, in NormArguments norm, Tensor y);

    /// <summary>
    /// <see cref="Moments"/> into the mean and variance of the arguments, then <see cref="Normalize"/> with them; a device may fuse the two.
    /// </summary>
    internal virtual void MomentsAndNormalize(Tensor x, in NormArguments norm, Tensor y)
    {
        Moments(x, norm.Mean, norm.Variance, norm.Geometry);
        Normalize(x, norm, y);
    }

    /// <summary>
    /// The gradients of <see cref="Normalize"/>. With g = dy where the activation passed its input (y &gt; 0), else 0, x̂ = (x − mean)·invstd
    /// and ĝ = g · weight: dresidual = g; dbias = Σ g; dweight = Σ g·x̂; dx = (ĝ − mean(ĝ) − x̂·mean(ĝ·x̂)) · invstd, with the means taken
    /// over each group, or dx = ĝ·invstd if the statistics are constants.
    /// </summary>
    /// <param name="dy">Stored like x.</param>
    /// <param name="x">The input.</param>
    /// <param name="y">The output, whose sign is the activation's mask; read only if there is an activation.</param>
    /// <param name="norm">
    /// As in the forward pass. Of the residual, only its presence matters: without one the mask can be computed from x, weight and bias.
    /// </param>
    /// <param name="d">The gradients.</param>
    internal abstract void NormalizeGradient(Tensor dy, Tensor x, Tensor y, in NormArguments norm, in NormGradients d);

    /// <summary>Whether <see cref="NormalizeGradient"/> can write dx, or the residual's gradient, over dy.</summary>
    internal virtual bool NormalizesGradientInPlace => false;

    /// <summary>
    /// Updates running statistics, [channels], in place: runningMean = (1 − momentum)·runningMean + momentum·mean and
    /// runningSpread = (1 − momentum)·runningSpread + momentum·correction·spread. mean and spread are [samples, channels] and are averaged
    /// over the samples first. Batches (I64, one value), if given, is incremented.
    /// </summary>
    internal virtual void UpdateRunning(Tensor runningMean, Tensor runningSpread, Tensor? batches, Tensor mean, Tensor spread,
        int samples, double momentum, double correction)
    {
        if (batches is not null) AddInto(batches, Tensor.Ones(batches.Shape, Device, DType.I64));
        Blend(runningMean, mean, samples, momentum, momentum);
        Blend(runningSpread, spread, samples, momentum, momentum * correction);
    }

    /// <summary>running = (1 − momentum) · running + share · values; the values are [samples, channels], averaged over the samples first.</summary>
    internal void Blend(Tensor running, Tensor values, int samples, double momentum, double share)
    {
        if (samples > 1)
        {
            var sum = Tensor.NewLike(running);
            Sum(values, sum, 1, samples, running.Count);
            values = sum;
        }
        Zip(new BlendFunction(1 - momentum, share / samples), [running.Count], running, [1], values, [1], running);
    }

    /// <summary>
    /// y = <see cref="Conv2d"/> followed by a normalization of each image, for evaluation: nothing is kept for a gradient. The statistics
    /// are either one constant per channel, or each image's own, which are written to the mean and variance of the arguments. A backend may
    /// normalize each image while it is still in the cache; this default makes two more passes over memory.
    /// </summary>
    internal virtual void Conv2dNormalize(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g, in NormArguments norm)
    {
        var z = Tensor.NewLike(y);
        Conv2d(x, weight, bias, z, g);
        if (norm.Constant) Normalize(z, norm, y);
        else MomentsAndNormalize(z, norm, y);
    }

    // ---- losses -----------------------------------------------------------------------------------------------------------

    /// <summary>Throws unless every label (I64) is in [0, classes).</summary>
    /// <exception cref="ShapeException">A label is out of range.</exception>
    internal abstract void CheckLabels(Tensor labels, int classes);

    private protected static void CheckLabel(long label, int classes) => Check.That(label >= 0 && label < classes, "cross_entropy",
        $"label {label} is not one of the {classes} classes 0 to {classes - 1}. Check the dataset, or give the model more outputs.");

    /// <summary>y[r] = x[r] − log Σ exp x[r], over the columns of each row, with the largest value subtracted first.</summary>
    internal abstract void LogSoftmax(Tensor x, Tensor y, int rows, int columns);

    /// <summary>dx[r] = dy[r] − exp(y[r]) · Σ dy[r].</summary>
    internal abstract void LogSoftmaxGradient(Tensor dy, Tensor y, Tensor dx, int rows, int columns);

    /// <summary>loss (one value) = −mean over the rows of logProbabilities[r, labels[r]]; labels are I64.</summary>
    internal abstract void NegativeLogLikelihood(Tensor logProbabilities, Tensor labels, Tensor loss, int rows, int columns);

    /// <summary>dx[r, c] = (exp(logProbabilities[r, c]) − [c = labels[r]]) · dloss / rows: cross-entropy's gradient in one pass.</summary>
    internal abstract void CrossEntropyGradient(Tensor dloss, Tensor logProbabilities, Tensor labels, Tensor dx, int rows, int columns);

    // ---- optimizer --------------------------------------------------------------------------------------------------------

    /// <summary>
    /// One step of SGD in place, over tensors of one shape: g = gradient + weightDecay·parameter; with momentum,
    /// v = momentum·v + (1 − dampening)·g (v = g on the <paramref name="first"/> step), and g = g + momentum·v with Nesterov, else v;
    /// parameter −= learningRate·g.
    /// </summary>
    internal abstract void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, bool first, in SgdSettings settings);
}
