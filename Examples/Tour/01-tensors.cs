// Tensors: one row of numbers in memory, and a shape that says how to read it.
//   dotnet run Examples/Tour/01-tensors.cs
#:project ../../Core/MiniDL.Core.csproj

using MiniDL;

Console.WriteLine("1. Values and a shape");
var x = Tensor.From([1f, 2, 3, 4, 5, 6], [2, 3]);
Console.WriteLine(x);
// Memory has no rows: it is one row of six numbers. Row i, column j is at place 3i + j, because a step to the next row passes over a whole
// row of 3 values. These steps, [3, 1], are called strides. A Span is that memory itself, not a copy.
Console.WriteLine($"row 1, column 2 is at place 3*1 + 2: {x.Span[3 * 1 + 2]}");

Console.WriteLine("\n2. Another shape, the same memory");
// Only the shape is new: nothing is copied, however large the tensor is.
var pairs = x.Reshape(3, 2);
// Writing is the exception, so it has a longer name: gradients that need the old values are refused from then on.
x.MutableSpan()[0] = 100;
Console.WriteLine(pairs);
// Operators never write into their operands: they return new tensors. So does a slice, which copies its part.
var corner = x[..1, ..2];
x.MutableSpan()[0] = 1;
Console.WriteLine($"the slice has kept its values: {Text(corner)}");

Console.WriteLine("\n3. Layouts: the same image, two orders in memory");
// One image (N = 1) of 3 channels (red 1.., green 11.., blue 21..), 2 pixels high and 2 wide: [N, C, H, W].
var image = Tensor.From([1f, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24], [1, 3, 2, 2]);
var channelsLast = image.ToLayout(Layout.ChannelsLast);
Console.WriteLine($"row-major:      {Memory(image)}");
Console.WriteLine($"channels last:  {Memory(channelsLast)}");
// A convolution needs all channels of a pixel at once. Channels last puts them side by side, where one vector instruction loads them.
// The shape and every index stay the same, so the rest of a program need not know; ToArray() gives the same order for both.
Console.WriteLine($"same shape {channelsLast.Shape}, same logical order: {image.ToArray().SequenceEqual(channelsLast.ToArray())}");

Console.WriteLine("\n4. Broadcasting: small tensors repeat until they fit");
// Shapes are aligned at their right ends. Where a dimension is missing or 1, the values repeat; all others must be equal.
// Nothing is copied: in memory, the stride of a repeated dimension is 0, so each step reads the same value again.
var row = Tensor.From([10f, 20, 30], [3]);
var column = Tensor.From([1f, -1], [2, 1]);
Console.WriteLine($"[2, 3] + [3]\n{x + row}");
Console.WriteLine($"[2, 3] * [2, 1]\n{x * column}");
Console.WriteLine($"[3] + [2, 1], where both repeat\n{row + column}");
try
{
    _ = x + Tensor.From([1f, 2], [2]);
}
catch (ShapeException e)
{
    Console.WriteLine(e.Message);
}

Console.WriteLine("\n5. Backwards, repeating becomes summing");
// Every number of `row` was used twice, once in each row of the result. A small change of it changes both places, and the effects add up:
// the gradient of a repeated value is the sum over its copies. Every bias of every network gets its gradient in this way.
row.RequiresGrad = column.RequiresGrad = true;
var weights = Tensor.From([1f, 2, 3, 4, 5, 6], [2, 3]);
((row + column) * weights).Sum().Backward();         // so the gradient of row + column is `weights`
Console.WriteLine($"gradient of row:    {Text(row.Grad!)}, by hand {Text(weights.Sum([0]))} (summed over the rows)");
Console.WriteLine($"gradient of column: {Text(column.Grad!)}, by hand {Text(weights.Sum([1], keepDim: true))} (summed over the columns)");

static string Text(Tensor x) => $"[{string.Join(", ", x.ToArray())}]";

static string Memory(Tensor x) => string.Join(", ", x.Span.ToArray());
