using MiniDL.Backends.Cpu;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// NVIDIA GPUs in float, with this project's own kernels and nothing but the driver library. Every primitive puts kernels on one stream
/// and returns; only reading values waits. Sums are computed in a fixed order, so two runs on one GPU give the same bits.
/// </summary>
internal sealed partial class CudaBackend(Device device, CudaStream stream, Precision precision, Device? home = null) : Backend(device)
{
    /// <summary>Threads per block, and values per block of the elementwise kernels.</summary>
    private const int Block = 256, ValuesPerBlock = 1024;

    public override DType FloatType => DType.F32;

    internal override DType ActivationType => Precision == Precision.Bf16 ? DType.BF16 : DType.F32;

    // ---- moving values ----------------------------------------------------------------------------------------------------

    internal override void Upload<T>(ReadOnlySpan<T> values, Tensor y)
    {
        if (CudaStep.Recording is not null)
            throw new MiniDLException(Check.Line("record", $"values from the host were put into {y.Description} inside a recorded step, "
                + "which would repeat them for ever. Make it before, and change it between the steps."));
        if (y.DType == DType.I64) Widen(y, HostValues.Range(values));
        stream.Staging.Upload(values, y.DType, Address(y));
        GC.KeepAlive(y);
    }

    internal override void Download<T>(Tensor x, Span<T> values)
    {
        RefuseToRead(x);
        stream.Staging.Download(Address(x), x.DType, values);
        GC.KeepAlive(x);
    }

    internal override Func<T[]> DownloadLater<T>(Tensor x)
    {
        RefuseToRead(x);
        var values = stream.Staging.DownloadLater<T>(Address(x), x.DType, x.Count);
        GC.KeepAlive(x);
        return () =>
        {
            RefuseToRead(null);
            return values();
        };
    }

    /// <param name="x">Null for values that are already on their way to the host.</param>
    private static void RefuseToRead(Tensor? x)
    {
        if (CudaStep.Recording is not null)
            throw new MiniDLException(Check.Line("record", $"{x?.Description ?? "what was on its way to the host"} was read by the host inside a "
                + "recorded step. Return it from the step and read it after Run()."));
    }

    internal override void Fill(Tensor y, double value)
    {
        stream.Branch.BeforeChange(y);
        if (y.DType == DType.I64) Widen(y, ((long)value, (long)value));
        ulong bits = y.DType switch
        {
            DType.F32 => BitConverter.SingleToUInt32Bits((float)value),
            DType.F64 => BitConverter.DoubleToUInt64Bits(value),
            DType.I64 => (ulong)(long)value,
            DType.BF16 => HostValues.ToBFloat16((float)value),
            _ => (byte)value,
        };
        Run(Kernels.Fill(y.DType), y.Count, new FillArguments { Y = Address(y), Bits = bits, Count = y.Count }, y);
    }

    internal override void CopyStrided(ReadOnlySpan<int> sizes, Tensor x, int xStart, ReadOnlySpan<int> xStrides,
        Tensor y, int yStart, ReadOnlySpan<int> yStrides, bool add = false)
    {
        int count = 1;
        foreach (int size in sizes) count *= size;
        if (count == 0) return;
        Check.That(x.DType == y.DType, "cuda",
            $"a copy takes tensors of one type, not {x.DType} {x.Shape} and {y.DType} {y.Shape}. Convert one, x.To(DType.{y.DType}).");
        stream.Branch.BeforeChange(y);
        // Neighbouring threads write neighbouring values, and in most copies also read neighbouring values.
        var box = StridedBox.AlongY(sizes, yStrides, xStrides);
        var arguments = new StridedArguments
        {
            X = Address(x, xStart),
            Y = Address(y, yStart),
            Count = count,
            Rank = Rank(box),
        };
        for (int i = 0; i < arguments.Rank; i++)
        {
            var dimension = i < box.Outer.Count ? box.Outer[i] : box.Inner;
            (arguments.Sizes[i], arguments.XStrides[i], arguments.YStrides[i]) = (dimension.Size, dimension.A, dimension.Y);
        }
        if (y.DType == DType.I64)
        {
            if (add || Storage(x).Range is not { } range) Storage(y).Range = null;
            else Widen(y, range, yStart);
        }
        Run(add ? Kernels.Add(y.DType) : Kernels.Copy(y.DType), count, arguments, x, y);
    }

    internal override void Convert(Tensor x, Tensor y)
    {
        var kernel = (x.DType, y.DType) switch
        {
            (DType.F32, DType.BF16) => Kernels.ConvertF32ToBF16,
            (DType.BF16, DType.F32) => Kernels.ConvertBF16ToF32,
            _ => null,
        };
        if (kernel is null) base.Convert(x, y);
        else Run(kernel, y.Count, new ConvertArguments { X = Address(x), Y = Address(y), Count = y.Count }, x, y);
    }

    internal override void CheckLabels(Tensor labels, int classes)
    {
        if (Storage(labels).Range is var (least, largest) && least >= 0 && largest < classes)
        {
            CudaStep.Recording?.CheckBeforeRuns(labels, classes);
            return;
        }
        var values = new long[labels.Count];
        Download<long>(labels, values);
        foreach (long label in values) CheckLabel(label, classes);
    }

    // ---- elementwise ------------------------------------------------------------------------------------------------------

    internal override void Map<TFunction>(TFunction f, Tensor x, Tensor y) => Run(Kernels.OfUnary<TFunction>.Forward.For(x, y), y.Count,
        new MapArguments { X = Address(x), Y = Address(y), Count = y.Count, Parameter = (float)f.Parameter }, x, y);

    internal override void MapGradient<TFunction>(TFunction f, Tensor dy, Tensor x, Tensor y, Tensor dx) =>
        Run(Kernels.OfUnary<TFunction>.Gradient.For(dy, x, y, dx), dx.Count, new MapGradientArguments
        {
            Dy = Address(dy),
            X = Address(x),
            Y = Address(y),
            Dx = Address(dx),
            Count = dx.Count,
            Parameter = (float)f.Parameter,
        }, dy, x, y, dx);

    internal override void Zip<TFunction>(TFunction f, ReadOnlySpan<int> sizes, Tensor a, ReadOnlySpan<int> aStrides,
        Tensor b, ReadOnlySpan<int> bStrides, Tensor c)
    {
        if (c.Count == 0) return;
        Span<int> cStrides = stackalloc int[sizes.Length];
        for (int i = sizes.Length - 1, stride = 1; i >= 0; stride *= sizes[i], i--) cStrides[i] = stride;
        var box = new StridedBox(sizes, cStrides, aStrides, bStrides);
        var (keep, take) = f.Parameters;
        var arguments = new ZipArguments
        {
            A = Address(a),
            B = Address(b),
            C = Address(c),
            Count = c.Count,
            Rank = Rank(box),
            Keep = (float)keep,
            Take = (float)take,
        };
        for (int i = 0; i < arguments.Rank; i++)
        {
            var dimension = i < box.Outer.Count ? box.Outer[i] : box.Inner;
            (arguments.Sizes[i], arguments.AStrides[i], arguments.BStrides[i]) = (dimension.Size, dimension.A, dimension.B);
        }
        Run(Kernels.OfBinary<TFunction>.Forward.For(a, b, c), c.Count, arguments, a, b, c);
    }

    internal override void Affine(Tensor x, double scale, double shift, Tensor y) => Run(Kernels.Affine.For(x, y), y.Count,
        new AffineArguments { X = Address(x), Y = Address(y), Count = y.Count, Scale = (float)scale, Shift = (float)shift }, x, y);

    internal override void DropoutMask(Tensor mask, double p, RandomStream random)
    {
        var arguments = new DropoutArguments
        {
            Y = Address(mask),
            Seed = random.Seed,
            Stream = random.Number,
            P = p,
            Count = mask.Count,
            Kept = p == 1 ? 0 : (float)(1 / (1 - p)),
        };
        ulong count = (ulong)mask.Count;
        if (CudaStep.Recording is { } graph) arguments.Position = graph.Word(() => (random.Position += count) - count);
        else
        {
            arguments.Start = random.Position;
            random.Position += count;
        }
        Run(Kernels.DropoutMask, mask.Count, arguments, mask);
    }

    /// <summary>y[first + i] = values[i], passed with the launch: earlier work on the stream may still be using y.</summary>
    internal void StoreWords(Tensor y, int first, ReadOnlySpan<ulong> values)
    {
        var arguments = new StoreArguments { Y = Address(y, first), Count = values.Length };
        values.CopyTo(arguments.Values);
        stream.Launch(Kernels.StoreWords, 1, Words.MaxCount, arguments, y);
    }

    internal override bool GathersImages => true;

    internal override void GatherImages(in GatheredBatch batch, Tensor images, Tensor labels)
    {
        var arguments = new GatherArguments
        {
            Images = Address(batch.Pixels),
            Labels = Address(batch.Labels),
            Order = Address(batch.Order),
            Table = Address(batch.Table),
            X = Address(images),
            Y = Address(labels),
            Seed = batch.Seed,
            Pad = batch.Pad,
            Flip = batch.Flip ? 1 : 0,
            Augment = batch.Augment ? 1 : 0,
            Batch = images.Shape[0],
            Channels = images.Shape[1],
            Height = images.Shape[2],
            Width = images.Shape[3],
        };
        Tensor? words = null;
        if (CudaStep.Recording is { } step) (arguments.Cursor, arguments.Stream) = (step.Word(batch.Cursor), step.Word(batch.Stream));
        else
        {
            words = Tensor.New([2], Device, DType.I64);
            StoreWords(words, 0, [batch.Cursor(), batch.Stream()]);
            (arguments.Cursor, arguments.Stream) = (Address(words), Address(words, 1));
        }
        stream.Branch.BeforeChange(images);
        Storage(labels).Range = Storage(batch.Labels).Range;
        stream.Launch(Kernels.GatherAugment, arguments.Batch, Block, arguments, batch.Pixels, batch.Labels, batch.Order, batch.Table, images, labels, words);
    }

    // ---- helpers of the primitives ------------------------------------------------------------------------------------------

    private static CudaStorage Storage(Tensor x) => (CudaStorage)x.Storage;

    /// <summary>The GPU address of a value of the tensor; 0 for an absent tensor.</summary>
    internal static ulong Address(Tensor? x, int start = 0) =>
        x is null ? 0 : Storage(x).Address + (ulong)(x.Offset + start) * (ulong)x.DType.Bytes();

    /// <summary>Notes the range of integers written to a tensor from <paramref name="start"/> on; earlier values stay as they are.</summary>
    private static void Widen(Tensor y, (long Min, long Max) range, int start = 0)
    {
        var storage = Storage(y);
        storage.Range = storage.Range is var (least, largest) && y.Offset + start > 0
            ? (Math.Min(least, range.Min), Math.Max(largest, range.Max))
            : range;
    }

    private static int Rank(StridedBox box)
    {
        Check.That(box.Outer.Count < Dimensions.MaxCount, "cuda",
            $"{box.Outer.Count + 1} dimensions that cannot be joined are more than {Dimensions.MaxCount}. Transpose or copy in steps.");
        return box.Outer.Count + 1;
    }

    /// <summary>Launches an elementwise kernel.</summary>
    private void Run<TArguments>(Kernel kernel, int values, in TArguments arguments, params ReadOnlySpan<Tensor?> operands)
        where TArguments : unmanaged => stream.Launch(kernel, Blocks(values, ValuesPerBlock), Block, arguments, operands);

    /// <summary>Launches a kernel with one thread per value.</summary>
    private void RunOneByOne<TArguments>(Kernel kernel, int values, in TArguments arguments, params ReadOnlySpan<Tensor?> operands)
        where TArguments : unmanaged => stream.Launch(kernel, Blocks(values, Block), Block, arguments, operands);

    private static int Blocks(int values, int block) => (int)(((long)values + block - 1) / block);
}
