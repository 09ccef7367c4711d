namespace MiniDL.Data;

/// <summary>
/// Batches of a <see cref="DataLoader"/> on a device. If steps are recorded, all batches go into the same memory, and the host copies the
/// next one there before every run.
/// </summary>
internal sealed class LoadedBatches : BatchSource
{
    private readonly DataLoader _loader;
    private readonly Device _device;
    private IEnumerator<Batch>? _epoch;
    private Tensor? _images, _labels;

    public LoadedBatches(DataLoader loader, Device device)
    {
        if (device.Kind.IsAsynchronous && !loader.DropLast && loader.Data.Count % loader.BatchSize != 0)
            throw new MiniDLException($"[batch_source] the last batch of {loader.Data.Name} has {loader.Data.Count % loader.BatchSize} examples, not "
                + $"{loader.BatchSize}, and on {device} all lie in one place. Make the loader with dropLast: true, or choose another batch size.");
        (_loader, _device) = (loader, device);
    }

    public override Tensor Images => _images ?? throw NoBatch();

    public override Tensor Labels => _labels ?? throw NoBatch();

    public override int BatchesPerEpoch => _loader.BatchesPerEpoch;

    public override void Start(int epoch, int batch = 0)
    {
        End();
        _epoch = _loader.Epoch(epoch).Skip(batch).GetEnumerator();
    }

    public override void Draw() => _device.Backend.OnEachRun(Next);

    public override void End()
    {
        _epoch?.Dispose();
        _epoch = null;
    }

    private void Next()
    {
        if (_epoch is null || !_epoch.MoveNext()) throw NoBatch();
        var batch = _epoch.Current;
        if (!_device.Kind.IsAsynchronous) (_images, _labels) = (batch.Images.To(_device), batch.Labels.To(_device));
        else
        {
            batch.Images.CopyTo(_images ??= Place(batch.Images));
            batch.Labels.CopyTo(_labels ??= Place(batch.Labels));
        }
    }

    /// <summary>Memory on the device that survives every step scope.</summary>
    private Tensor Place(Tensor x)
    {
        using var outside = Scope.Suspend();
        return Tensor.New(x.Shape, _device, x.DType, x.Layout).Keep();
    }
}
