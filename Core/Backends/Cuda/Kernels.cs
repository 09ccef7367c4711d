using System.Text;
using static MiniDL.Backends.Cuda.KernelModule;

namespace MiniDL.Backends.Cuda;

/// <summary>Every kernel and its arguments, all in one place.</summary>
internal static class Kernels
{
    public static readonly Kernel Fill1 = Kernel.Of<FillArguments>(General, "fill_1");
    public static readonly Kernel Fill2 = Kernel.Of<FillArguments>(General, "fill_2");
    public static readonly Kernel Fill4 = Kernel.Of<FillArguments>(General, "fill_4");
    public static readonly Kernel Fill8 = Kernel.Of<FillArguments>(General, "fill_8");
    public static readonly Kernel Copy1 = Kernel.Of<StridedArguments>(General, "copy_strided_1");
    public static readonly Kernel Copy2 = Kernel.Of<StridedArguments>(General, "copy_strided_2");
    public static readonly Kernel Copy4 = Kernel.Of<StridedArguments>(General, "copy_strided_4");
    public static readonly Kernel Copy8 = Kernel.Of<StridedArguments>(General, "copy_strided_8");
    public static readonly Kernel AddF32 = Kernel.Of<StridedArguments>(General, "add_strided_f32");
    public static readonly Kernel AddBF16 = Kernel.Of<StridedArguments>(General, "add_strided_bf16");
    public static readonly Kernel AddF64 = Kernel.Of<StridedArguments>(General, "add_strided_f64");
    public static readonly Kernel AddI64 = Kernel.Of<StridedArguments>(General, "add_strided_i64");
    public static readonly Kernel AddU8 = Kernel.Of<StridedArguments>(General, "add_strided_u8");
    public static readonly Kernel ConvertF32ToBF16 = Kernel.Of<ConvertArguments>(General, "convert_f32_bf16");
    public static readonly Kernel ConvertBF16ToF32 = Kernel.Of<ConvertArguments>(General, "convert_bf16_f32");
    public static readonly KernelPair Affine = KernelPair.Of<AffineArguments>(General, "affine");
    public static readonly Kernel DropoutMask = Kernel.Of<DropoutArguments>(General, "dropout_mask");
    public static readonly Kernel StoreWords = Kernel.Of<StoreArguments>(General, "store_words");
    public static readonly KernelPair Sum = KernelPair.Of<SumArguments>(General, "sum");
    public static readonly Kernel Max = Kernel.Of<MaxArguments>(General, "max_reduce");
    public static readonly Kernel MaxGradient = Kernel.Of<MaxGradientArguments>(General, "max_gradient");
    public static readonly Kernel MatMul = Kernel.Of<MatMulArguments>(General, "matmul");
    public static readonly KernelPair Conv2d = KernelPair.Of<ConvolutionArguments>(KernelModule.F32, "conv2d");
    public static readonly KernelPair Conv2dInputGradient = KernelPair.Of<ConvolutionArguments>(KernelModule.F32, "conv2d_input_gradient");
    public static readonly KernelPair Conv2dWeightGradient = KernelPair.Of<ConvolutionArguments>(KernelModule.F32, "conv2d_weight_gradient");
    public static readonly KernelPair ImageConvolution = KernelPair.Of<ConvolutionArguments>(KernelModule.F32, "conv3x3_images");
    public static readonly KernelPair ImageWeightGradient = KernelPair.Of<ConvolutionArguments>(KernelModule.F32, "conv3x3_images_weight_gradient");
    public static readonly KernelPair MaxPool2d = KernelPair.Of<PoolArguments>(KernelModule.F32, "max_pool2d");
    public static readonly KernelPair MaxPool2dGradient = KernelPair.Of<PoolArguments>(KernelModule.F32, "max_pool2d_gradient");
    public static readonly KernelPair AvgPool2d = KernelPair.Of<PoolArguments>(KernelModule.F32, "avg_pool2d");
    public static readonly KernelPair AvgPool2dGradient = KernelPair.Of<PoolArguments>(KernelModule.F32, "avg_pool2d_gradient");
    public static readonly KernelPair MomentsColumns = KernelPair.Of<MomentsArguments>(KernelModule.F32, "moments_columns");
    public static readonly KernelPair MomentsGroups = KernelPair.Of<MomentsArguments>(KernelModule.F32, "moments_groups");
    public static readonly KernelPair Normalize = KernelPair.Of<NormalizeArguments>(KernelModule.F32, "normalize");
    public static readonly KernelPair NormalizeGradientPartials = KernelPair.Of<NormalizeGradientArguments>(KernelModule.F32, "normalize_gradient_partials");
    public static readonly KernelPair NormalizeGradientPartialsRows = KernelPair.Of<NormalizeGradientArguments>(KernelModule.F32, "normalize_gradient_partials_rows");
    public static readonly KernelPair NormalizeGradientSums = KernelPair.Of<NormalizeGradientArguments>(KernelModule.F32, "normalize_gradient_sums");
    public static readonly KernelPair NormalizeGradient = KernelPair.Of<NormalizeGradientArguments>(KernelModule.F32, "normalize_gradient");
    public static readonly KernelPair NormalizeRows = KernelPair.Of<NormalizeArguments>(KernelModule.F32, "normalize_rows");
    public static readonly KernelPair NormalizeGradientRows = KernelPair.Of<NormalizeGradientArguments>(KernelModule.F32, "normalize_gradient_rows");
    public static readonly KernelPair GroupNorm = KernelPair.Of<NormalizeArguments>(KernelModule.F32, "group_norm");
    public static readonly KernelPair GroupNormGradient = KernelPair.Of<NormalizeGradientArguments>(KernelModule.F32, "group_norm_gradient");
    public static readonly Kernel LogSoftmax = Kernel.Of<SoftmaxArguments>(General, "log_softmax");
    public static readonly Kernel LogSoftmaxGradient = Kernel.Of<SoftmaxGradientArguments>(General, "log_softmax_gradient");
    public static readonly Kernel NegativeLogLikelihood = Kernel.Of<LikelihoodArguments>(General, "negative_log_likelihood");
    public static readonly Kernel CrossEntropyGradient = Kernel.Of<CrossEntropyArguments>(General, "cross_entropy_gradient");
    public static readonly Kernel GatherAugment = Kernel.Of<GatherArguments>(General, "gather_augment");
    public static readonly Kernel RunningStatistics = Kernel.Of<RunningArguments>(General, "running_statistics");
    public static readonly Kernel Sgd = Kernel.Of<SgdArguments>(General, "sgd");

    /// <summary>The kernels above and those of the operators' elementwise functions.</summary>
    public static IReadOnlyList<Kernel> All => field ??=
    [
        Fill1, Fill2, Fill4, Fill8, Copy1, Copy2, Copy4, Copy8, AddF32, AddBF16, AddF64, AddI64, AddU8, ConvertF32ToBF16, ConvertBF16ToF32,
        StoreWords, MatMul, LogSoftmax, LogSoftmaxGradient, NegativeLogLikelihood, CrossEntropyGradient, Sgd, RunningStatistics,
        GatherAugment, DropoutMask, Max, MaxGradient,
        .. TensorCoreConvolution.Kernels,
        .. Both(Affine, Sum, Conv2d, Conv2dInputGradient, Conv2dWeightGradient,
            ImageConvolution, ImageWeightGradient,
            MaxPool2d, MaxPool2dGradient, AvgPool2d, AvgPool2dGradient, MomentsColumns, MomentsGroups, Normalize, NormalizeRows,
            NormalizeGradientPartials, NormalizeGradientPartialsRows, NormalizeGradientSums, NormalizeGradient, NormalizeGradientRows, GroupNorm, GroupNormGradient),
        .. Both([.. Functions("map_", suffix: "_gradient").SelectMany(name => new[] { Map(name), MapGradient(name) })]),
        .. Both([.. Functions("zip_").Select(Zip)]),
    ];

    /// <summary>The elementwise functions that have kernels: <c>map_NAME</c> with <c>map_NAME_gradient</c>, or <c>zip_NAME</c>.</summary>
    private static IEnumerable<string> Functions(string prefix, string suffix = "") => Text.Split(".entry " + prefix).Skip(1)
        .Select(text => text[..text.IndexOf('(', StringComparison.Ordinal)])
        .Where(name => suffix.Length == 0 || !name.EndsWith(suffix, StringComparison.Ordinal));

    private static string Text => field ??= Encoding.ASCII.GetString(CudaModules.Ptx(General));

    private static IEnumerable<Kernel> Both(params KernelPair[] pairs) => pairs.SelectMany(pair => new[] { pair.F32, pair.Bf16 });

    public static Kernel Fill(DType type) => type.Bytes() switch { 1 => Fill1, 2 => Fill2, 4 => Fill4, _ => Fill8 };

    public static Kernel Copy(DType type) => type.Bytes() switch { 1 => Copy1, 2 => Copy2, 4 => Copy4, _ => Copy8 };

    public static Kernel Add(DType type) => type switch
    {
        DType.F32 => AddF32,
        DType.BF16 => AddBF16,
        DType.F64 => AddF64,
        DType.I64 => AddI64,
        _ => AddU8,
    };

    private static KernelPair Map(string function) => KernelPair.Of<MapArguments>(General, $"map_{function}");

    private static KernelPair MapGradient(string function) => KernelPair.Of<MapGradientArguments>(General, $"map_{function}_gradient");

    private static KernelPair Zip(string function) => KernelPair.Of<ZipArguments>(General, $"zip_{function}");

    /// <summary>The kernels of an elementwise function, found by its name.</summary>
    public static class OfUnary<TFunction> where TFunction : struct, IUnaryFunction
    {
        public static readonly KernelPair Forward = Map(default(TFunction).Name), Gradient = MapGradient(default(TFunction).Name);
    }

    /// <inheritdoc cref="OfUnary{TFunction}"/>
    public static class OfBinary<TFunction> where TFunction : struct, IBinaryFunction
    {
        public static readonly KernelPair Forward = Zip(default(TFunction).Name);
    }
}
