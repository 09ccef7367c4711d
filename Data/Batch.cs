namespace MiniDL.Data;

/// <summary>
/// A batch of examples as tensors on the CPU. They are valid until the next batch is drawn, which reuses their memory (using them
/// after that throws); <see cref="Keep"/> makes them permanent.
/// </summary>
/// <example><code>var first = loader.Epoch(0).Select(batch => batch.Keep()).First();      // survives the step's scope</code></example>
public sealed class Batch
{
    internal Batch(int epoch, int index, Tensor images, Tensor labels) =>
        (Epoch, Index, Images, Labels) = (epoch, index, images, labels);

    /// <summary>The inputs, [N, …]: images [N, C, H, W] are stored channels last, everything else row-major.</summary>
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

    /// <summary>Returns the memory for use by later batches, unless the batch was kept.</summary>
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
