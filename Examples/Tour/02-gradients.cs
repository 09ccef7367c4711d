// One gradient in three ways: by hand, by finite differences, by autograd.
//   dotnet run Examples/Tour/02-gradients.cs
#:project ../../Core/MiniDL.Core.csproj

using MiniDL;

// A neuron with one input: y = tanh(w·x + b). It should say t, so its loss is L = (y − t)². Training asks: which way, and how steeply,
// does L change when w or b changes a little? These two slopes are the gradient.
const double x = 1.5, t = 0.2, w = 0.8, b = -0.5;
static double LossAt(double w, double b) => Math.Pow(Math.Tanh(w * x + b) - t, 2);

Console.WriteLine("1. By hand");
// The chain rule: the slope of a chain of functions is the product of the slopes of its links. Working backwards from L, each line
// multiplies what is known so far by the slope of one more link.
double y = Math.Tanh(w * x + b);
double dy = 2 * (y - t);            // the slope of (y − t)² is 2(y − t)
double dz = dy * (1 - y * y);       // the slope of tanh is 1 − tanh²
double dw = dz * x;                 // z = w·x + b grows x times as fast as w
double db = dz;                     // and just as fast as b
Console.WriteLine($"L = {LossAt(w, b):G6}, dL/dw = {dw:G6}, dL/db = {db:G6}");

Console.WriteLine("\n2. By finite differences");
// Change w by a little and see. It needs no calculus, so nothing can be derived wrongly: this is how gradients are checked. But it takes
// two evaluations for every weight, so a net of a million weights would need two million of them for each step of training.
foreach (double h in (double[])[1e-1, 1e-2, 1e-3])
{
    double slope = (LossAt(w + h, b) - LossAt(w - h, b)) / (2 * h);
    Console.WriteLine($"h = {h,-5}: dL/dw = {slope:G6}, off by {Math.Abs(slope - dw):G3}");
}
// A tenth of h gives a hundredth of the error, which is of order h². Yet h cannot be arbitrarily small: the two losses would share nearly
// all their digits, the difference would keep only the last ones, and those are rounding errors.
// (Lines that begin with ~ may look different on your machine.)
double tiny = (LossAt(w + 1e-12, b) - LossAt(w - 1e-12, b)) / 2e-12;
Console.WriteLine($"~ h = 1e-12: dL/dw = {tiny:G6}, off by {Math.Abs(tiny - dw):G3}");

Console.WriteLine("\n3. By autograd");
// The same function of tensors. RequiresGrad makes the operators remember what they were applied to: running the program draws the graph.
var wt = Tensor.Scalar(w);
var bt = Tensor.Scalar(b);
wt.RequiresGrad = bt.RequiresGrad = true;
var loss = ((wt * x + bt).Tanh() - t).Square();
loss.PrintGraph();
// Read it from below, and you have the lines of part 1: each operator knows the slope of its own link, and `saved` lists the values that
// it keeps because its slope depends on them. Tanh keeps its result, for 1 − y²; a sum keeps nothing, since its slope is always 1.
loss.Backward();
Console.WriteLine($"L = {loss.Item():G6}, dL/dw = {wt.Grad!.Item():G6}, dL/db = {bt.Grad!.Item():G6}");
// One backward pass gives the slopes of L for all leaves, two or two million, and costs about as much as two forward passes. Nothing
// else makes it possible to train large nets.

Console.WriteLine("\n4. Gradients add up until they are discarded");
((wt * x + bt).Tanh() - t).Square().Backward();
Console.WriteLine($"after a second Backward():          dL/dw = {wt.Grad!.Item():G6}");
// That is useful when a batch is too large for memory: its parts can be summed. It is a mistake when a training loop forgets ZeroGrad().
wt.ZeroGrad();
((wt * x + bt).Tanh() - t).Square().Backward();
Console.WriteLine($"after ZeroGrad() and a third one:   dL/dw = {wt.Grad!.Item():G6}");

Console.WriteLine("\n5. The check that MiniDL's own operators go through");
// GradCheck does parts 2 and 3 for you, for every value of every input, in double precision, with a difference of order h⁴. It multiplies
// the results by random numbers first, because some mistakes cancel in a plain sum; so the slopes in its line are not those above.
var check = GradCheck.Run(inputs => ((inputs[0] * x + inputs[1]).Tanh() - t).Square(), ("w", wt), ("b", bt));
check.ShouldAgreeWithin(1e-9);
Console.WriteLine("both gradients agree within 1e-9");
Console.WriteLine($"~ {check}");
