namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Adds zeros around the values; the result keeps the layout.</summary>
    /// <param name="pads">How many zeros before and after, for each dimension from the first; dimensions not given get none.</param>
    /// <exception cref="ShapeException">There are more pads than dimensions, or one is negative.</exception>
    /// <example><code>var y = images.Pad((0, 0), (8, 8));      // [N, 16, H, W] becomes [N, 32, H, W]</code></example>
    public Tensor Pad(params ReadOnlySpan<(int Before, int After)> pads)
    {
        Check.That(pads.Length <= Rank, "pad", $"{pads.Length} pads for {Shape}, which has {Rank} dimensions.");
        int[] start = new int[Rank], step = new int[Rank], sizes = Shape.Sizes.ToArray();
        Array.Fill(step, 1);
        for (int i = 0; i < pads.Length; i++)
        {
            Check.That(pads[i].Before >= 0 && pads[i].After >= 0, "pad",
                $"pad {pads[i]} of dimension {i} of {Shape} is negative. Slice it instead.");
            start[i] = pads[i].Before;
            sizes[i] += pads[i].Before + pads[i].After;
        }
        return new PadOp(this, new Box(start, step), new Shape(sizes)).Run();
    }
}

/// <summary>y = x inside a box, 0 around it; dx = dy inside the box.</summary>
internal sealed class PadOp(Tensor x, Box box, Shape shape) : Operator("pad", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var y = Tensor.New(shape, Device, x.DType, x.Layout);
        Backend.Fill(y, 0);
        box.Write(x, y);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) box.Read(dy, dx);
    }
}
