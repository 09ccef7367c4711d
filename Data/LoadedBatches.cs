namespace MiniDL.Data;

/// <summary>
/// Batches of a <see cref="DataLoader"/> on a device. Where steps are recorded they always lie in the same place, and the host puts the next
/// one there before every run.
/// </summary>
internal sealed class LoadedBatches(DataLoader loader, Device device) : BatchSource
{
    private IEnumerator<Batch>? _epoch;
    private Tensor? _images, _labels;

    public override Tensor Images => _images ?? throw NoEpoch();

    public override Tensor Labels => _labels ?? throw NoEpoch();

    public override int BatchesPerEpoch => loader.BatchesPerEpoch;

    public override void Start(int epoch, int batch = 0)
    {
        End();
        _epoch = loader.Epoch(epoch).Skip(batch).GetEnumerator();
    }

    public override void Draw() => device.Backend.OnEachRun(Next);

    public override void End()
    {
        _epoch?.Dispose();
        _epoch = null;
    }

    private void Next()
    {
        if (_epoch is null || !_epoch.MoveNext()) throw NoEpoch();
        var batch = _epoch.Current;
        if (!device.Kind.IsAsynchronous) (_images, _labels) = (batch.Images.To(device), batch.Labels.To(device));
        else
        {
            batch.Images.CopyTo(_images ??= Place(batch.Images));
            batch.Labels.CopyTo(_labels ??= Place(batch.Labels));
        }
    }

    /// <summary>Memory on the device that stays.</summary>
    private Tensor Place(Tensor x)
    {
        using var outside = Scope.Suspend();
        return Tensor.New(x.Shape, device, x.DType, x.Layout).Keep();
    }

    private static InvalidOperationException NoEpoch() => new("No epoch was started, or it has no more batches: Start() one before Draw().");
}
