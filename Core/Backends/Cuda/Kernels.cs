namespace MiniDL.Backends.Cuda;

/// <summary>Every kernel: the one place that says what it takes.</summary>
internal static class Kernels
{
    public static readonly Kernel Fill1 = Kernel.Of<FillArguments>("fill_1");
    public static readonly Kernel Fill4 = Kernel.Of<FillArguments>("fill_4");
    public static readonly Kernel Fill8 = Kernel.Of<FillArguments>("fill_8");
    public static readonly Kernel Copy1 = Kernel.Of<StridedArguments>("copy_strided_1");
    public static readonly Kernel Copy4 = Kernel.Of<StridedArguments>("copy_strided_4");
    public static readonly Kernel Copy8 = Kernel.Of<StridedArguments>("copy_strided_8");
    public static readonly Kernel AddF32 = Kernel.Of<StridedArguments>("add_strided_f32");
    public static readonly Kernel AddF64 = Kernel.Of<StridedArguments>("add_strided_f64");
    public static readonly Kernel AddI64 = Kernel.Of<StridedArguments>("add_strided_i64");
    public static readonly Kernel AddU8 = Kernel.Of<StridedArguments>("add_strided_u8");
    public static readonly Kernel Transpose4 = Kernel.Of<TransposeArguments>("transpose_4");
    public static readonly Kernel Affine = Kernel.Of<AffineArguments>("affine");
    public static readonly Kernel DropoutMask = Kernel.Of<DropoutArguments>("dropout_mask");
    public static readonly Kernel StoreWords = Kernel.Of<StoreArguments>("store_words");
    public static readonly Kernel Sum = Kernel.Of<SumArguments>("sum");
    public static readonly Kernel Max = Kernel.Of<MaxArguments>("max_reduce");
    public static readonly Kernel MaxGradient = Kernel.Of<MaxGradientArguments>("max_gradient");
    public static readonly Kernel MatMul = Kernel.Of<MatMulArguments>("matmul");
    public static readonly Kernel Conv2d = Kernel.Of<ConvolutionArguments>("conv2d");
    public static readonly Kernel Conv2dInputGradient = Kernel.Of<ConvolutionArguments>("conv2d_input_gradient");
    public static readonly Kernel Conv2dWeightGradient = Kernel.Of<ConvolutionArguments>("conv2d_weight_gradient");
    public static readonly Kernel MaxPool2d = Kernel.Of<PoolArguments>("max_pool2d");
    public static readonly Kernel MaxPool2dGradient = Kernel.Of<PoolArguments>("max_pool2d_gradient");
    public static readonly Kernel AvgPool2d = Kernel.Of<PoolArguments>("avg_pool2d");
    public static readonly Kernel AvgPool2dGradient = Kernel.Of<PoolArguments>("avg_pool2d_gradient");
    public static readonly Kernel MomentsColumns = Kernel.Of<MomentsArguments>("moments_columns");
    public static readonly Kernel MomentsGroups = Kernel.Of<MomentsArguments>("moments_groups");
    public static readonly Kernel Normalize = Kernel.Of<NormalizeArguments>("normalize");
    public static readonly Kernel NormalizeGradientPartials = Kernel.Of<NormalizeGradientArguments>("normalize_gradient_partials");
    public static readonly Kernel NormalizeGradientSums = Kernel.Of<NormalizeGradientArguments>("normalize_gradient_sums");
    public static readonly Kernel NormalizeGradient = Kernel.Of<NormalizeGradientArguments>("normalize_gradient");
    public static readonly Kernel NormalizeRows = Kernel.Of<NormalizeArguments>("normalize_rows");
    public static readonly Kernel NormalizeGradientRows = Kernel.Of<NormalizeGradientArguments>("normalize_gradient_rows");
    public static readonly Kernel GroupNorm = Kernel.Of<GroupNormArguments>("group_norm");
    public static readonly Kernel GroupNormGradient = Kernel.Of<NormalizeGradientArguments>("group_norm_gradient");
    public static readonly Kernel LogSoftmax = Kernel.Of<SoftmaxArguments>("log_softmax");
    public static readonly Kernel LogSoftmaxGradient = Kernel.Of<SoftmaxGradientArguments>("log_softmax_gradient");
    public static readonly Kernel NegativeLogLikelihood = Kernel.Of<LikelihoodArguments>("negative_log_likelihood");
    public static readonly Kernel CrossEntropyGradient = Kernel.Of<CrossEntropyArguments>("cross_entropy_gradient");
    public static readonly Kernel GatherAugment = Kernel.Of<GatherArguments>("gather_augment");
    public static readonly Kernel Sgd = Kernel.Of<SgdArguments>("sgd");

    /// <summary>The kernels above and those of the operators' elementwise functions.</summary>
    public static IReadOnlyList<Kernel> All { get; } =
    [
        Fill1, Fill4, Fill8, Copy1, Copy4, Copy8, AddF32, AddF64, AddI64, AddU8, Transpose4, Affine, DropoutMask, StoreWords, Sum,
        Max, MaxGradient, MatMul, Conv2d, Conv2dInputGradient, Conv2dWeightGradient, MaxPool2d, MaxPool2dGradient, AvgPool2d,
        AvgPool2dGradient, MomentsColumns, MomentsGroups, Normalize, NormalizeGradientPartials, NormalizeGradientSums,
        NormalizeGradient, NormalizeRows, NormalizeGradientRows, GroupNorm, GroupNormGradient, LogSoftmax, LogSoftmaxGradient, NegativeLogLikelihood, CrossEntropyGradient, Sgd, GatherAugment,
        .. TensorCoreConvolution.Kernels,
        .. new[] { "abs", "exp", "leaky_relu", "log", "pow", "relu", "sigmoid", "sqrt", "square", "tanh" }
            .SelectMany(name => new[] { Map(name), MapGradient(name) }),
        .. new[] { "add", "blend", "div", "maximum", "maximum_share", "mul", "sub" }.Select(Zip),
    ];

    public static Kernel Fill(DType type) => type.Bytes() switch { 1 => Fill1, 4 => Fill4, _ => Fill8 };

    public static Kernel Copy(DType type) => type.Bytes() switch { 1 => Copy1, 4 => Copy4, _ => Copy8 };

    public static Kernel Add(DType type) => type switch { DType.F32 => AddF32, DType.F64 => AddF64, DType.I64 => AddI64, _ => AddU8 };

    private static Kernel Map(string function) => Kernel.Of<MapArguments>($"map_{function}");

    private static Kernel MapGradient(string function) => Kernel.Of<MapGradientArguments>($"map_{function}_gradient");

    private static Kernel Zip(string function) => Kernel.Of<ZipArguments>($"zip_{function}");

    /// <summary>The kernels of an elementwise function, found by its name.</summary>
    public static class OfUnary<TFunction> where TFunction : struct, IUnaryFunction
    {
        public static readonly Kernel Forward = Map(default(TFunction).Name), Gradient = MapGradient(default(TFunction).Name);
    }

    /// <inheritdoc cref="OfUnary{TFunction}"/>
    public static class OfBinary<TFunction> where TFunction : struct, IBinaryFunction
    {
        public static readonly Kernel Forward = Zip(default(TFunction).Name);
    }
}
