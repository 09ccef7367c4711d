namespace MiniDL.Data;

/// <summary>
/// Some examples as tensors on the CPU. They are valid until the next batch is drawn, which reuses their memory (touching them
/// later throws); <see cref="Keep"/> makes them last.
/// </summary>
public sealed class Batch
{
    internal Batch(int epoch, int index, Tensor images, Tensor labels) =>
        (Epoch, Index, Images, Labels) = (epoch, index, images, labels);

    /// <summary>The inputs, [N, …]: stored channels last if they are images, [N, C, H, W], else row-major.</summary>
    public Tensor Images { get; }

    /// <summary>The classes, 64-bit integers [N].</summary>
    public Tensor Labels { get; }

    /// <summary>The epoch it belongs to.</summary>
    public int Epoch { get; }

    /// <summary>Its place in the epoch, from 0.</summary>
    public int Index { get; }

    /// <summary>The number of examples, N.</summary>
    public int Count => Labels.Count;

    /// <summary>Lets the batch outlive the next one: <c>loader.Epoch(0).Select(batch => batch.Keep()).ToList()</c>.</summary>
    /// <returns>This batch.</returns>
    public Batch Keep()
    {
        Images.Keep();
        Labels.Keep();
        return this;
    }

    /// <summary>Gives the memory back for the next batches, unless someone kept it.</summary>
    internal void Recycle()
    {
        Recycle(Images);
        Recycle(Labels);
    }

    private static void Recycle(Tensor tensor)
    {
        if (!tensor.Storage.Kept) tensor.Device.Backend.Pool.Return(tensor.Storage);
    }
}
