namespace MiniDL;

/// <summary>
/// A regular grid inside a tensor: every <c>step</c>-th index from <c>start</c> on, in every dimension. Slices read it, pads and
/// concatenations write it; the gradient of each is the other.
/// </summary>
internal readonly record struct Box(int[] Start, int[] Step)
{
    /// <summary>The grid with its first corner at the start in one dimension, of step 1.</summary>
    public static Box At(int rank, int dim, int start)
    {
        var box = new Box(new int[rank], new int[rank]);
        box.Start[dim] = start;
        Array.Fill(box.Step, 1);
        return box;
    }

    /// <summary>Copies the grid's values out of the whole into a part of the grid's sizes.</summary>
    public void Read(Tensor whole, Tensor part)
    {
        Span<int> wholeStrides = stackalloc int[part.Rank], partStrides = stackalloc int[part.Rank];
        int start = Locate(whole, wholeStrides);
        part.Strides(partStrides);
        whole.Device.Backend.CopyStrided(part.Shape.Sizes, whole, start, wholeStrides, part, 0, partStrides);
    }

    /// <summary>Copies a part into the grid's places in the whole; the other places stay.</summary>
    public void Write(Tensor part, Tensor whole)
    {
        Span<int> wholeStrides = stackalloc int[part.Rank], partStrides = stackalloc int[part.Rank];
        int start = Locate(whole, wholeStrides);
        part.Strides(partStrides);
        whole.Device.Backend.CopyStrided(part.Shape.Sizes, part, 0, partStrides, whole, start, wholeStrides);
    }

    /// <summary>Where the grid's first value lies in the whole, and the distances between its values.</summary>
    private int Locate(Tensor whole, Span<int> strides)
    {
        whole.Strides(strides);
        int first = 0;
        for (int i = 0; i < strides.Length; i++)
        {
            first += Start[i] * strides[i];
            strides[i] *= Step[i];
        }
        return first;
    }
}
