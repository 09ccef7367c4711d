using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>What does not fit is an error of one line: operator, module path, shapes, rule, remedy.</summary>
public class BadInputTests
{
    private static readonly (Func<Module> Module, Shape Input, string Message)[] Forward =
    [
        (() => new Linear(3, 2), [4, 5], "[linear] 0: "),
        (() => new Conv2d(3, 4, 3), [2, 4, 8, 8], "[conv2d] 0: input [2, 4, 8, 8] has 4 channels, weight [4, 3, 3, 3] expects 3."),
        (() => new Conv2d(3, 4, 3), [2, 3, 8], "[conv2d] 0: input [2, 3, 8] has 3 dimensions, expected 4."),
        (() => new Conv2d(3, 4, 9), [2, 3, 8, 8], "[conv2d] 0: the kernel (9, 9) is larger than the padded input (8, 8)"),
        (() => new BatchNorm2d(3), [2, 4, 8, 8], "[batch_norm] 0: input [2, 4, 8, 8] has 4 channels, the layer has 3. Match numFeatures"),
        (() => new BatchNorm2d(3), [2, 3], "[batch_norm] 0: input [2, 3] has 2 dimensions, expected [N, C, H, W]."),
        (() => new BatchNorm1d(3), [1, 3],
            "[batch_norm] 0: training needs more than one value per channel, got input [1, 3]. Use a larger batch"),
        (() => new InstanceNorm2d(3), [2, 3, 1, 1],
            "[instance_norm] 0: needs more than one position per image, got input [2, 3, 1, 1]. Use larger"),
        (() => new InstanceNorm2d(3), [2, 4, 5, 5],
            "[instance_norm] 0: input [2, 4, 5, 5] has 4 channels, the layer has 3. Match numFeatures"),
        (() => new InstanceNorm1d(3), [3], "[instance_norm] 0: input [3] has 1 dimensions, expected [N, C, L] or [C, L]."),
        (() => new GroupNorm(2, 4), [4], "[group_norm] 0: input [4] has 1 dimensions, expected at least 2, [N, C, …]."),
        (() => new GroupNorm(2, 4), [2, 6, 3], "[group_norm] 0: input [2, 6, 3] has 6 channels, the layer has 4. Match channels"),
        (() => new GroupNorm(4, 4), [1, 4],
            "[group_norm] 0: needs more than one value per group, got input [1, 4] in 4 groups. Use fewer groups"),
        (() => new LayerNorm([5]), [3, 4], "[layer_norm] 0: input [3, 4] does not end in the normalized shape [5]; expected [*, 5]."),
        (() => new LayerNorm([3, 4]), [4], "[layer_norm] 0: input [4] does not end in the normalized shape [3, 4]; expected [*, 3, 4]."),
        (() => new RmsNorm([5]), [3, 4], "[rms_norm] 0: input [3, 4] does not end in the normalized shape [5]; expected [*, 5]."),
        (() => new ChannelRmsNorm(5), [3, 4, 2, 2], "[rms_norm] 0: input [3, 4, 2, 2] should be [N, 5, …]. Match channels"),
        (() => new LocalResponseNorm(5), [3, 4],
            "[local_response_norm] 0: input [3, 4] has 2 dimensions, expected at least 3, [N, C, …spatial]."),
        (() => new LpBatchNorm2d(3), [2, 4, 8, 8], "[lp_batch_norm] 0: input [2, 4, 8, 8] should be [N, C, H, W] with 3 channels. Match"),
        (() => new LpBatchNorm1d(3), [1, 3],
            "[lp_batch_norm] 0: needs more than one value per channel, got input [1, 3]. Use a larger batch"),
        (() => new GhostBatchNorm2d(3, 2), [3, 3, 4, 4],
            "[ghost_batch_norm] 0: the batch of 3 samples is not divisible into virtual batches of 2. Use a"),
        (() => new GhostBatchNorm1d(3, 1), [4, 3],
            "[ghost_batch_norm] 0: needs more than one value per channel in a virtual batch, got input [4, 3] in"),
        (() => new BatchRenorm2d(3), [2, 4, 8, 8],
            "[batch_renorm] 0: input [2, 4, 8, 8] has 4 channels, the layer has 3. Match numFeatures"),
        (() => new BatchRenorm1d(3), [1, 3],
            "[batch_renorm] 0: training needs more than one value per channel, got input [1, 3]. Use a larger batch"),
        (() => new MeanOnlyBatchNorm(3), [2, 4], "[mean_only_batch_norm] 0: input [2, 4] should be [N, 3, …]. Match channels"),
        (() => new MeanOnlyBatchNorm(3), [1, 3],
            "[mean_only_batch_norm] 0: training needs more than one value per channel, got input [1, 3]. Use a"),
        (() => new FilterResponseNorm2d(3), [2, 4, 8, 8],
            "[filter_response_norm] 0: input [2, 4, 8, 8] should be [N, 3, H, W]. Match channels"),
        (() => new EvoNormS0(1, 3), [2, 3], "[evonorm_s0] 0: input [2, 3] should be [N, 3, H, W]. Match channels"),
        (() => new EvoNormB0(3), [1, 3, 1, 1],
            "[evonorm_b0] 0: training needs more than one value per channel, got input [1, 3, 1, 1]. Use a"),
        (() => new DynamicTanh(3), [3], "[dynamic_tanh] 0: input [3] should be [N, 3, …]. Match channels"),
        (() => new MaxPool2d(3), [1, 1, 2, 2], "[max_pool2d] 0: the kernel (3, 3) is larger than the padded input (2, 2)"),
        (() => new GlobalAvgPool2d(), [2, 3], "[global_avg_pool2d] 0: input [2, 3] has 2 dimensions, expected 4."),
    ];

    private static readonly (Action Make, string Message)[] Settings =
    [
        (() => new Linear(0, 2), "[linear] inFeatures 0 and outFeatures 2 must be positive."),
        (() => new Conv2d(3, 4, (3, 0)), "[conv2d] inChannels 3, outChannels 4 and kernelSize (3, 0) must be positive."),
        (() => new Conv2d(3, 4, 3, stride: 0), "[conv2d] stride (0, 0) must be at least 1, padding (0, 0) at least 0."),
        (() => new Conv2d(3, 4, 3, padding: (0, -1)), "[conv2d] stride (1, 1) must be at least 1, padding (0, -1) at least 0."),
        (() => new BatchNorm2d(0), "[batch_norm] numFeatures 0 must be positive."),
        (() => new BatchNorm2d(2, eps: -1), "[batch_norm] eps -1 must not be negative."),
        (() => new InstanceNorm2d(-1), "[instance_norm] numFeatures -1 must be positive."),
        (() => new GroupNorm(3, 16), "[group_norm] 16 channels are not divisible by 3 groups: 16 / 3 = 5 remainder 1. Use a divisor of 16."),
        (() => new BasicBlock(3, 6, NormFactory.Named("bn"), new RandomStream(0)), "[residual_block] 6 channels after 3: the shortcut pads with channels "
            + "of zeros, as many before as after. Use 3, or more by an even number."),
        (() => new BasicBlock(32, 16, NormFactory.Named("bn"), new RandomStream(0)), "[residual_block] 16 channels after 32: the shortcut pads with "
            + "channels of zeros, as many before as after. Use 32, or more by an even number."),
        (() => new GroupNorm(0, 16), "[group_norm] groups 0 and channels 16 must be positive."),
        (() => new LayerNorm([]), "[layer_norm] normalizedShape [] must have at least one dimension and no size 0."),
        (() => new RmsNorm([3, 0]), "[rms_norm] normalizedShape [3, 0] must have at least one dimension and no size 0."),
        (() => new LocalResponseNorm(0), "[local_response_norm] size 0 must be positive."),
        (() => new LpBatchNorm2d(3, p: 0.5), "[lp_batch_norm] p 0.5 must be at least 1; double.PositiveInfinity takes the largest value."),
        (() => new GhostBatchNorm2d(3, 0), "[ghost_batch_norm] virtualBatch 0 must be positive."),
        (() => new BatchRenorm2d(3, rMax: 0.5), "[batch_renorm] rMax 0.5 must be at least 1."),
        (() => new BatchRenorm2d(3, dMax: -1), "[batch_renorm] dMax -1 must be at least 0."),
        (() => new MeanOnlyBatchNorm(0), "[mean_only_batch_norm] channels 0 must be positive."),
        (() => new FilterResponseNorm2d(0), "[filter_response_norm] channels 0 must be positive."),
        (() => new EvoNormS0(3, 16), "[evonorm_s0] 16 channels are not divisible by 3 groups. Use a divisor of 16."),
        (() => new EvoNormB0(3, eps: -1), "[evonorm_b0] eps -1 must not be negative."),
        (() => new DynamicTanh(0), "[dynamic_tanh] channels 0 must be positive."),
        (() => new Dropout(1.5), "[dropout] the probability 1.5 should be from 0 to 1."),
        (() => new Mlp([3], NormFactory.Named("bn"), new RandomStream(0)),
            "[mlp] sizes need at least two numbers, those of the inputs and of the outputs."),
        (() => Loss.Mse(Tensor.Ones([2]), Tensor.Ones([3])), "[mse_loss] "),
        (() => Loss.CrossEntropy(Tensor.Ones([2, 3]), Tensor.From([0L, 3], [2])),
            "[cross_entropy] label 3 is not one of the 3 classes 0 to 2."),
        (() => Loss.CrossEntropy(Tensor.Ones([2, 3]), Tensor.From([0L, -1], [2])),
            "[cross_entropy] label -1 is not one of the 3 classes 0 to 2."),
        (() => Metrics.Errors(Tensor.Ones([2, 3]), Tensor.From([0L], [1])),
            "[error] logits [2, 3] need labels [2] of type I64, and at least one; got I64 [1]."),
        (() => Metrics.Errors(Tensor.Ones([1, 3]), Tensor.From([3L], [1])), "[error] label 3 is not one of the classes 0 to 2."),
        (() => new BatchNorm1d(2).Forward(Tensor.Ones([2, 2]), Tensor.Ones([2, 1])),
            "[norm] residual [2, 1] should have the shape [2, 2] of the input."),
    ];

    public static TheoryData<int> ForwardCases => new(Enumerable.Range(0, Forward.Length));

    public static TheoryData<int> SettingCases => new(Enumerable.Range(0, Settings.Length));

    [Theory, MemberData(nameof(ForwardCases))]
    public void Inputs_that_do_not_fit_are_errors_that_name_the_module(int number)
    {
        var (module, input, message) = Forward[number];
        AssertLine(() => new Sequential(module()).Forward(Tensor.Ones(input)), message);
    }

    [Theory, MemberData(nameof(SettingCases))]
    public void Settings_and_losses_that_do_not_fit_are_errors(int number) => AssertLine(Settings[number].Make, Settings[number].Message);

    private static void AssertLine(Action action, string message)
    {
        var error = Assert.ThrowsAny<MiniDLException>(action);
        Assert.StartsWith(message, error.Message);
        Assert.EndsWith(".", error.Message.Replace('?', '.'));
        Assert.DoesNotContain('\n', error.Message);
    }
}
