// Batch normalization step by step: forward, running statistics, evaluation, and the gradient with its three terms.
//   dotnet run Examples/Tour/08-batch-norm.cs
#:project ../../Layers/MiniDL.Layers.csproj

using MiniDL;
using MiniDL.Layers;

// Double precision on the Reference device, so that what should be equal is equal to many digits.
var device = Device.Reference;
const double eps = 1e-5;

Console.WriteLine("1. Forward: each channel gets mean 0 and variance 1");
// Four samples of two channels. The second channel's values are a hundred times as large, which the next layer will not notice.
var x = Tensor.From([1.0, 300, 2, 100, 4, 500, 5, 700], [4, 2], device);
var mean = x.Mean([0], keepDim: true);                          // over the batch: one mean for each channel
var variance = (x - mean).Square().Mean([0], keepDim: true);    // biased: divided by n
var xhat = (x - mean) / (variance + eps).Sqrt();
Console.WriteLine($"mean {Text(mean)}, variance {Text(variance)}\nx^ =\n{xhat}");
// Not every layer wants mean 0 and variance 1. So each channel has a weight γ and a bias β, which are learned: y = γ·x̂ + β.
var norm = new BatchNorm1d(2, eps, momentum: 0.1);
norm.To(device);
Tensor.From([2.0, 3], [2], device).CopyTo(norm.Weight!.Value);
Tensor.From([0.0, 1], [2], device).CopyTo(norm.Bias!.Value);
var y = norm.Forward(x);
Console.WriteLine($"the layer's y is weight * x^ + bias: {Same(y, norm.Weight.Value * xhat + norm.Bias.Value)}");

Console.WriteLine("\n2. Running statistics: what evaluation will use");
// One sample has no batch, and its result should not depend on who else is in it. So training keeps averages, of which each batch
// replaces a tenth: running = 0.9·running + 0.1·batch, beginning with mean 0 and variance 1. The variance is the unbiased one here,
// divided by n − 1, as it stands for that of all the data; the batch itself is normalized with the biased one. PyTorch does the same.
Console.WriteLine($"after 1 batch:     mean {Text(norm.RunningMean!.Value)}, variance {Text(norm.RunningVar!.Value)}");
Console.WriteLine($"by hand:           mean {Text(0.1 * mean)}, variance {Text(0.9 + 0.1 * variance * 4 / 3)}");
for (int i = 1; i < 100; i++) norm.Forward(x);
Console.WriteLine($"after 100 batches: mean {Text(norm.RunningMean.Value)}, variance {Text(norm.RunningVar.Value)}");

Console.WriteLine("\n3. Training against evaluation");
// In training, a sample's result depends on the other samples, which acts like noise: the smaller the batch, the more of it. In evaluation
// the statistics are constants, and the norm is just a scale and a shift. Forgetting Eval() is the classic mistake.
var half = x[..2];
norm.Eval();
Console.WriteLine($"evaluation, first sample, in a batch of 4 {Text(norm.Forward(x)[..1])}, in a batch of 2 {Text(norm.Forward(half)[..1])}");
norm.Train();
Console.WriteLine($"training,   first sample, in a batch of 4 {Text(norm.Forward(x)[..1])}, in a batch of 2 {Text(norm.Forward(half)[..1])}");

Console.WriteLine("\n4. Backward: three terms");
// Given is dy, the gradient of y; wanted is dx. In each channel there are n values, mean m, variance v, σ = √(v + eps), x̂ = (x − m)/σ, and
// the gradient of x̂ is g = γ·dy. One value xᵢ acts on the x̂ⱼ in three ways, whose gradients add up:
//   directly, on x̂ᵢ:                ∂x̂ᵢ/∂xᵢ = 1/σ,                                  which gives  gᵢ/σ
//   through the mean, on all:       ∂x̂ⱼ/∂m = −1/σ          and  ∂m/∂xᵢ = 1/n,       which gives  −mean(g)/σ
//   through the variance, on all:   ∂x̂ⱼ/∂v = −x̂ⱼ/(2σ²)     and  ∂v/∂xᵢ = 2σ·x̂ᵢ/n,   which gives  −x̂ᵢ·mean(g·x̂)/σ
// (The mean is also in the variance, but that path adds nothing: ∂v/∂m = −2·mean(x − m) = 0.)
var dy = Tensor.From([0.5, -1, 0.2, 0.3, -0.4, 0.8, 1, 0.1], [4, 2], device);
var sigma = (variance + eps).Sqrt();
var weight = norm.Weight.Value.Detach();                        // the same values, as constants
var g = weight * dy;
var direct = g / sigma;
var throughMean = -g.Mean([0], keepDim: true) / sigma;
var throughVariance = -xhat * (g * xhat).Mean([0], keepDim: true) / sigma;
var dx = direct + throughMean + throughVariance;
Console.WriteLine($"channel 0, direct:      {Column(direct)}");
Console.WriteLine($"through the mean:       {Column(throughMean)}  for every sample");
Console.WriteLine($"through the variance:   {Column(throughVariance)}");
Console.WriteLine($"dx, their sum:          {Column(dx)}");

Console.WriteLine("\n5. The same by autograd, in two forms, and by finite differences");
// The first form records every operator of part 1; the second is MiniDL's fused operator, Core/Ops/Normalize.cs, with the formula above.
Console.WriteLine($"from operators:    {Same(dx, Gradient(x => ByHand(x) * weight))}");
Console.WriteLine($"fused:             {Same(dx, Gradient(norm.Forward))}");
GradCheck.Run(inputs => norm.Forward(inputs[0]), ("x", x)).ShouldAgreeWithin(1e-8);
Console.WriteLine("finite differences agree within 1e-8");
// γ and β are used by every sample, so their gradients are sums over the batch: dγ = Σ dy·x̂, dβ = Σ dy.
var affine = Autograd.Grad(norm.Forward(x), [norm.Weight.Value, norm.Bias.Value], dy);
Console.WriteLine($"weight and bias:   {Same(affine[0], (dy * xhat).Sum([0]))}, {Same(affine[1], dy.Sum([0]))}");

Console.WriteLine("\n6. What the two new terms do");
// Without them, in evaluation mode, dx is only g/σ. They remove from it the mean and whatever is parallel to x̂: the two directions in
// which a change of x changes nothing, since the norm undoes a shift and a change of scale.
Console.WriteLine($"sum of dx:         {Text(dx.Sum([0]))}, since shifting x leaves y as it is");
Console.WriteLine($"sum of dx * x^:    {Text((dx * xhat).Sum([0]))}, since scaling x leaves y as it is, but for eps");

Tensor ByHand(Tensor x)
{
    var centred = x - x.Mean([0], keepDim: true);
    return centred / (centred.Square().Mean([0], keepDim: true) + eps).Sqrt();
}

Tensor Gradient(Func<Tensor, Tensor> function)
{
    var leaf = x.Clone();
    leaf.RequiresGrad = true;
    return Autograd.Grad(function(leaf), [leaf], dy)[0];
}

static string Same(Tensor a, Tensor b) => (a - b).Abs().Max().Item() < 1e-12 ? "equal within 1e-12" : "different";

static string Text(Tensor x) => $"[{string.Join(", ", x.ToArray<double>().Select(value => $"{Math.Round(value, 4) + 0.0}"))}]";

static string Column(Tensor x) => string.Join("  ", x[.., ..1].ToArray<double>().Select(value => value.ToString("F4").PadLeft(7)));
