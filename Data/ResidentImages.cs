using MiniDL.Backends;

namespace MiniDL.Data;

/// <summary>
/// A training set that stays on a GPU as its original bytes, once for everything that trains on it. Batches are picked, augmented and
/// normalized there, with exactly the numbers of a <see cref="DataLoader"/> that shuffles and drops an incomplete last batch. Drawing
/// a batch can be part of a recorded step (<see cref="Device.Record"/>).
/// </summary>
/// <example><code>
/// var batches = new ResidentImages(SyntheticImages.Draw("synthetic", seed: 0, count: 400), 32, random, augmentation: null, Device.Cuda);
/// </code></example>
public sealed class ResidentImages : BatchSource
{
    private readonly ImageDataset _data;
    private readonly RandomStream _random;
    private readonly Augmentation? _augmentation;
    private readonly Device _device;
    private readonly Tensor _order;
    private ResidentData? _resident;
    private ulong _cursor, _stream;
    private int _left;

    /// <summary>Prepares the batches; the images move to the GPU when the first epoch starts.</summary>
    /// <param name="batchSize">Images in a batch.</param>
    /// <param name="random">Determines order and augmentation; the stream's own position does not change.</param>
    /// <param name="augmentation">Random changes to images; none by default.</param>
    /// <param name="device">A GPU.</param>
    /// <exception cref="MiniDLException">The device is not a GPU, or there would be no batch.</exception>
    public ResidentImages(ImageDataset data, int batchSize, RandomStream random, Augmentation? augmentation, Device device)
    {
        if (!device.Backend.GathersImages) throw new MiniDLException($"[resident_images] {device} is not a GPU. Use a DataLoader.");
        if (batchSize < 1 || batchSize > data.Count)
            throw new MiniDLException($"[resident_images] batch size {batchSize} should be from 1 to {data.Count}, "
                + $"the images of {data.Name}.");
        (_data, _random, _augmentation, _device) = (data, random, augmentation, device);
        Shape shape = [batchSize, .. data.InputShape.Sizes];
        Images = Tensor.New(shape, device, DType.F32, Layout.ChannelsLast).Keep();
        Labels = Tensor.New([batchSize], device, DType.I64).Keep();
        _order = Tensor.New([data.Count], device, DType.I64).Keep();
    }

    /// <summary>The images of the last batch drawn, [N, C, H, W], always in the same memory.</summary>
    public override Tensor Images { get; }

    /// <summary>Their labels, I64 [N].</summary>
    public override Tensor Labels { get; }

    /// <inheritdoc/>
    public override int BatchesPerEpoch => _data.Count / Labels.Count;

    /// <inheritdoc/>
    public override void Start(int epoch, int batch = 0)
    {
        _resident ??= _data.On(_device);
        int[] order = _random.Fork("shuffle", (ulong)epoch).Permutation(_data.Count);
        Tensor.From(Array.ConvertAll(order, example => (long)example), _order.Shape).CopyTo(_order);
        _stream = _random.Fork("augmentation", (ulong)epoch).Number;
        _cursor = (ulong)batch * (ulong)Labels.Count;
        _left = BatchesPerEpoch - batch;
    }

    /// <inheritdoc/>
    public override void Draw()
    {
        var resident = _resident ?? throw NoBatch();
        _device.Backend.GatherImages(new GatheredBatch(resident.Pixels, resident.Labels, _order, resident.Table, _random.Seed,
            Pad: _augmentation?.Pad ?? 0, Flip: _augmentation is { Flip: true }, Augment: _augmentation is not null, Advance, () => _stream),
            Images, Labels);

        ulong Advance()
        {
            if (_left == 0) throw NoBatch();
            _left--;
            return (_cursor += (ulong)Labels.Count) - (ulong)Labels.Count;
        }
    }

    /// <inheritdoc/>
    public override void End() => _left = 0;
}

/// <summary>The constant part of a training set on a device, shared by all its streams.</summary>
internal sealed class ResidentData
{
    public ResidentData(ImageDataset data, Device device)
    {
        using var outside = Scope.Suspend();
        Pixels = Tensor.New([data.Bytes.Length], device, DType.U8).Keep();
        device.Backend.Upload(data.Bytes, Pixels);
        Labels = Tensor.From(data.Labels, [data.Count], device).Keep();
        Table = Tensor.From(data.LookUp, [data.LookUp.Length], device).Keep();
        // Other streams do not wait for this one.
        device.Backend.Synchronize();
    }

    /// <summary>The pixels of every example, U8 [C, H, W] each.</summary>
    public Tensor Pixels { get; }

    /// <summary>The label of every example, I64.</summary>
    public Tensor Labels { get; }

    /// <summary>The normalized value of every byte, [C, 256].</summary>
    public Tensor Table { get; }
}
