namespace MiniDL.Data;

/// <summary>
/// Where a training step takes its batches from. Drawing one is the first thing a step does, recorded or not, so the same step works
/// with batches from a loader and with batches made on the device.
/// </summary>
/// <example><code>
/// var batches = BatchSource.Of(loader, device);
/// using var step = device.Record(() =>
/// {
///     batches.Draw();
///     var loss = Loss.CrossEntropy(model.Forward(batches.Images), batches.Labels);
///     sgd.ZeroGrad();
///     loss.Backward();
///     sgd.Step();
///     return [loss];
/// });
/// batches.Start(epoch: 0);
/// for (int i = 0; i &lt; batches.BatchesPerEpoch; i++) step.Run();
/// batches.End();
/// </code></example>
public abstract class BatchSource
{
    /// <summary>A loader's batches, on a device: drawn there if the device can pick and augment them itself, else by the loader.</summary>
    /// <param name="loader">On a GPU, where every batch is put into the same memory, all batches must have one size: <c>dropLast: true</c>.</param>
    /// <param name="device">Where the batches are needed.</param>
    /// <exception cref="MiniDLException">On a GPU: the loader's last batch would be smaller than the others.</exception>
    public static BatchSource Of(DataLoader loader, Device device) =>
        device.Backend.GathersImages && loader is { Data: ImageDataset images, Shuffle: true, DropLast: true }
            ? new ResidentImages(images, loader.BatchSize, loader.Random, loader.Augmentation, device)
            : new LoadedBatches(loader, device);

    /// <summary>The inputs of the last batch drawn, [N, …], on the device.</summary>
    public abstract Tensor Images { get; }

    /// <summary>Their labels, I64 [N].</summary>
    public abstract Tensor Labels { get; }

    /// <summary>The number of batches in an epoch.</summary>
    public abstract int BatchesPerEpoch { get; }

    /// <summary>Moves to a batch of an epoch; <see cref="Draw"/> gives it next.</summary>
    /// <param name="epoch">The epoch's number, from 0; the same number gives the same batches.</param>
    /// <param name="batch">How many batches of the epoch to skip.</param>
    public abstract void Start(int epoch, int batch = 0);

    /// <summary>Puts the next batch into <see cref="Images"/> and <see cref="Labels"/>.</summary>
    /// <exception cref="InvalidOperationException">No epoch was started, or it has no more batches.</exception>
    public abstract void Draw();

    /// <summary>Ends an epoch, possibly before its last batch: no more batches are drawn from it.</summary>
    public virtual void End()
    {
    }

    private protected static InvalidOperationException NoBatch() => new("No epoch was started, or it has no more batches: Start() one before Draw().");
}
