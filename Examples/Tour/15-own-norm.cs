// A norm of your own: by the mean absolute value of each image, in place of the variance of a batch. Compared with BN, as minidl compares.
//   dotnet run Examples/Tour/15-own-norm.cs [-- a verb of minidl with options, as: train --norm mean-abs]
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../MiniDL.Examples.csproj

using MiniDL;
using MiniDL.Examples;
using MiniDL.Layers;

// Before training with it: are its gradients right? Autograd derives them from the formula. GradCheck compares them with differences
// of the function's values, in double precision, which is what the Reference device computes in.
var norm = new MeanAbsNorm(channels: 3);
norm.To(Device.Reference);
var x = Tensor.Normal([2, 3, 4, 4], new RandomStream(seed: 0), device: Device.Reference);
x.RequiresGrad = true;
var check = GradCheck.Of(() => norm.Forward(x), [("x", x), .. norm.NamedParameters().Select(p => (p.Path, p.Parameter.Value))]);
Console.WriteLine($"gradients agree: {(check.WorstError < 1e-6 ? "yes" : check)}");

// With a name it is a norm like any other for the verbs of minidl. "compare" writes a page with pictures: look at the training loss. At
// batch size 2 BN makes +1 of the larger value and −1 of the smaller, in every channel: what an image is depends on the other.
NormFactory.Register("mean-abs", "by the mean absolute value", channels => new MeanAbsNorm(channels));
const string compare = "compare --norms bn,mean-abs --batch-sizes 2,32 --model mlp --train-images 1000 --parallel 1 --out own-norm";
return MinidlProgram.Run(args.Length > 0 ? args : compare.Split(' '));

/// <summary>
/// <c>y = (x − mean) / (mean |x − mean| · √(π/2) + eps) · weight + bias</c>, means over all values of an image [C, H, W]
/// or of features [C]. For normal values the factor √(π/2) makes the divisor their standard deviation.
/// </summary>
internal sealed class MeanAbsNorm : Norm
{
    private readonly Parameter _weight, _bias;

    public MeanAbsNorm(int channels)
    {
        _weight = RegisterParameter("weight", Tensor.Ones([channels]));
        _bias = RegisterParameter("bias", Tensor.Zeros([channels]));
    }

    // The definition is all that a norm must have. Nothing is taken over the batch: training and evaluation are the same.
    protected override Tensor ForwardPlain(Tensor x)
    {
        int[] dims = [.. Enumerable.Range(1, x.Rank - 1)], perChannel = [-1, .. Enumerable.Repeat(1, x.Rank - 2)];
        var centred = x - x.Mean(dims, keepDim: true);
        var size = centred.Abs().Mean(dims, keepDim: true) * Math.Sqrt(Math.PI / 2);
        return centred / (size + 1e-5) * _weight.Value.Reshape(perChannel) + _bias.Value.Reshape(perChannel);
    }
}
