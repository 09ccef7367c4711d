namespace MiniDL.Data;

/// <summary>
/// Where a training step takes its batch from. Drawing one is the first part of the step, also of one that is recorded: the step itself is
/// the same whether its batches come from a loader or lie on the device.
/// </summary>
/// <example><code>
/// var batches = BatchSource.Of(loader, device);
/// using var step = device.Record(() =>
/// {
///     batches.Draw();
///     var loss = Loss.CrossEntropy(model.Forward(batches.Images), batches.Labels);
///     …
/// });
/// batches.Start(epoch: 0);
/// for (int i = 0; i &lt; batches.BatchesPerEpoch; i++) step.Run();
/// batches.End();
/// </code></example>
public abstract class BatchSource
{
    /// <summary>The batches of a loader, on a device: drawn there if it can pick and augment them itself, else by the loader.</summary>
    /// <param name="loader">For a GPU, where batches always lie in one place, its batches are all of one size: <c>dropLast: true</c>.</param>
    /// <param name="device">Where the batches are needed.</param>
    /// <exception cref="MiniDLException">The last batch of the loader would be smaller, on a GPU.</exception>
    public static BatchSource Of(DataLoader loader, Device device) =>
        device.Backend.GathersImages && loader is { Data: ImageDataset images, Shuffle: true, DropLast: true }
            ? new ResidentImages(images, loader.BatchSize, loader.Random, loader.Augmentation, device)
            : new LoadedBatches(loader, device);

    /// <summary>The inputs of the batch that was drawn last, [N, …], on the device.</summary>
    public abstract Tensor Images { get; }

    /// <summary>Their labels, I64 [N].</summary>
    public abstract Tensor Labels { get; }

    /// <summary>The number of batches in an epoch.</summary>
    public abstract int BatchesPerEpoch { get; }

    /// <summary>Goes to a batch of an epoch, which is drawn next.</summary>
    /// <param name="epoch">Its number, from 0; the same number gives the same batches.</param>
    /// <param name="batch">How many of its batches are skipped.</param>
    public abstract void Start(int epoch, int batch = 0);

    /// <summary>Puts the next batch into <see cref="Images"/> and <see cref="Labels"/>.</summary>
    /// <exception cref="InvalidOperationException">No epoch was started, or it has no more batches.</exception>
    public abstract void Draw();

    /// <summary>Ends an epoch, also in its middle: no more batches are drawn from it.</summary>
    public virtual void End()
    {
    }

    private protected static InvalidOperationException NoBatch() => new("No epoch was started, or it has no more batches: Start() one before Draw().");
}
