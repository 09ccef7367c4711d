namespace MiniDL;

/// <summary>
/// A regular grid inside a tensor: every <c>step</c>-th index from <c>start</c> on, in every dimension. Slices read it, pads and
/// concatenations write it; reading and writing are each other's gradient.
/// </summary>
internal readonly record struct Box(int[] Start, int[] Step)
{
    /// <summary>The grid of step 1 that begins at the start in one dimension, and at 0 in all others.</summary>
    public static Box At(int rank, int dim, int start)
    {
        var box = new Box(new int[rank], new int[rank]);
        box.Start[dim] = start;
        Array.Fill(box.Step, 1);
        return box;
    }

    /// <summary>Copies the grid's values from the whole tensor into a part with the grid's sizes.</summary>
    public void Read(Tensor whole, Tensor part)
    {
        Span<int> wholeStrides = stackalloc int[part.Rank], partStrides = stackalloc int[part.Rank];
        int start = Locate(whole, wholeStrides);
        part.Strides(partStrides);
        whole.Device.Backend.CopyStrided(part.Shape.Sizes, whole, start, wholeStrides, part, 0, partStrides);
    }

    /// <summary>Copies a part to the grid's places in the whole tensor, or adds it to them; all other places stay as they are.</summary>
    public void Write(Tensor part, Tensor whole, bool add = false)
    {
        Span<int> wholeStrides = stackalloc int[part.Rank], partStrides = stackalloc int[part.Rank];
        int start = Locate(whole, wholeStrides);
        part.Strides(partStrides);
        whole.Device.Backend.CopyStrided(part.Shape.Sizes, part, 0, partStrides, whole, start, wholeStrides, add);
    }

    /// <summary>The position of the grid's first value in the whole tensor, and the strides between its values.</summary>
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
