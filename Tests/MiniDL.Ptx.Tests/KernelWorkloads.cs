using MiniDL.Backends;
using MiniDL.Backends.Cuda;
using MiniDL.Data;
using MiniDL.Examples.Doctor;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Ptx.Tests;

/// <summary>Small computations that launch every kernel, by each of its ways.</summary>
internal static class KernelWorkloads
{
    // Where operands are exact, what is left are roundings: of sums in float, and of results to bfloat16, 2⁻⁹ at most.
    private const double FloatLimit = 2e-6, Bf16Limit = 2.5e-3;

    public static IReadOnlyList<Workload> All { get; } =
    [
        new("operators", 80, Precision.Fp32, device => Operators(device, 1e-6)),
        new("operators", 90, Precision.Bf16, device => Operators(device, 2e-2)),
        new("convolutions", 80, Precision.Fp32, device => Convolutions(device, DType.F32, FloatLimit)),
        new("convolutions", 90, Precision.Tf32, device => Convolutions(device, DType.F32, FloatLimit)),
        new("convolutions", 80, Precision.Bf16, device => Convolutions(device, DType.BF16, Bf16Limit)),
        new("convolutions by few blocks", 80, Precision.Tf32, device => ByFewBlocks(device, DType.F32, FloatLimit)),
        new("convolutions by few blocks", 90, Precision.Bf16, device => ByFewBlocks(device, DType.BF16, Bf16Limit)),
        new("wide convolutions in little shared memory", 80, Precision.Tf32, device => Convolutions(device, DType.F32, FloatLimit, Wide), 99 << 10),
        new("norms", 90, Precision.Fp32, device => NormWorkload.Run(device, DType.F32, place: 0)),
        new("norms", 80, Precision.Bf16, device => NormWorkload.Run(device, DType.BF16, place: 0)),
        new("norms at odd places", 80, Precision.Fp32, device => NormWorkload.Run(device, DType.F32, place: 1)),
        new("norms at odd places", 90, Precision.Bf16, device => NormWorkload.Run(device, DType.BF16, place: 1)),
        new("operators at odd places", 90, Precision.Tf32, device => OddPlaces(device, DType.F32, FloatLimit)),
        new("operators at odd places", 80, Precision.Bf16, device => OddPlaces(device, DType.BF16, 2e-2)),
        new("primitives", 80, Precision.Fp32, device => Primitives(device, DType.F32, FloatLimit)),
        new("primitives", 90, Precision.Bf16, device => Primitives(device, DType.BF16, Bf16Limit)),
        new("functions", 90, Precision.Fp32, device => PrimitiveWorkloads.Functions(device, DType.F32)),
        new("functions", 80, Precision.Bf16, device => PrimitiveWorkloads.Functions(device, DType.BF16)),
        new("broadcasts", 90, Precision.Fp32, device => PrimitiveWorkloads.Broadcasts(device, DType.F32, FloatLimit)),
        new("broadcasts", 80, Precision.Bf16, device => PrimitiveWorkloads.Broadcasts(device, DType.BF16, 1e-2)),
        new("windows", 80, Precision.Fp32, device => PrimitiveWorkloads.Windows(device, DType.F32, FloatLimit)),
        new("windows", 90, Precision.Bf16, device => PrimitiveWorkloads.Windows(device, DType.BF16, 1e-2)),
        new("products", 90, Precision.Fp32, PrimitiveWorkloads.Products),
        new("training in steps", 80, Precision.Fp32, PrimitiveWorkloads.Training),
        new("moves", 90, Precision.Fp32, Moves),
        new("training", 90, Precision.Fp32, Training),
        new("resident images", 80, Precision.Fp32, ResidentImages),
    ];

    private static void Operators(Device device, double limit)
    {
        // Convolutions come below, in smaller sizes.
        foreach (var operation in OperatorCases.Of(1).Where(o => !o.Rounds))
        {
            var (result, gradients) = operation.On(device, device);
            var (expected, expectedGradients) = operation.On(Device.Reference, device);
            Near(operation.Name, expected, result, limit);
            for (int i = 0; i < gradients.Length; i++) Near($"{operation.Name}, gradient {i}", expectedGradients[i], gradients[i], limit);
        }
    }

    // Channels in and out, height, width, stride.
    private static readonly (int, int, int, int, int)[] Narrow =
        [(16, 16, 9, 18, 1), (32, 32, 8, 8, 1), (16, 32, 8, 10, 2), (5, 7, 8, 9, 2), (3, 16, 9, 34, 1)], Wide = [(64, 64, 4, 4, 1), (32, 64, 7, 9, 2)];

    /// <summary>Every block goes through several tiles.</summary>
    private static void ByFewBlocks(Device device, DType type, double limit)
    {
        ((CudaBackend)device.Backend).MaxTileWalkers = 1;
        Convolutions(device, type, limit);
    }

    private static void Convolutions(Device device, DType type, double limit, (int, int, int, int, int)[]? shapes = null)
    {
        foreach (var (channels, outputs, height, width, stride) in shapes ?? [.. Narrow, .. Wide])
        {
            double[][] Run(Device on)
            {
                Tensor x = Stored(Exact(on, [2, channels, height, width], 1), type), weight = Exact(on, [outputs, channels, 3, 3], 2);
                var bias = Exact(on, [outputs], 3);
                foreach (var leaf in new[] { x, weight, bias }) leaf.RequiresGrad = true;
                var y = x.Conv2d(weight, bias, (stride, stride), (1, 1));
                y.Backward(Stored(Exact(on, y.Shape, 4), type));
                // Where convolutions leave statistics of their output, those count.
                var detached = x.Detach();
                var geometry = new NormGeometry(1, y.Count / outputs, outputs, outputs);
                var convolution = new Conv2dOp(detached.AsImages(), weight.ToLayout(Layout.RowMajor), bias,
                    detached.Conv2dWindow(weight, bias, (stride, stride), (1, 1), algorithm: null), geometry);
                var counted = convolution.Run();
                Tensor mean = Agreement.Unset(on, [1, outputs]), variance = Agreement.Unset(on, [1, outputs]);
                if (convolution.Statistics is { } taken) (mean, variance) = (taken.Mean, taken.Variance);
                else on.Backend.Moments(counted, mean, variance, geometry);
                return [.. new[] { y, x.Grad!, weight.Grad!, mean, variance }.Select(t => t.ToArray<double>())];
            }
            double[][] got = Run(device), expected = Run(Device.Reference);
            string what = $"{channels}→{outputs}, {height}×{width}, stride {stride}";
            Near(what, expected[0], got[0], limit);
            Near($"{what}, gradient of the input", expected[1], got[1], limit);
            Near($"{what}, gradient of the weight", expected[2], got[2], FloatLimit);
            Near($"{what}, mean of the output", expected[3], got[3], limit);
            Near($"{what}, variance of the output", expected[4], got[4], limit);
        }
    }

    /// <summary>Operands that begin one value after a multiple of 16 bytes: what loads several values at once must see that.</summary>
    private static void OddPlaces(Device device, DType type, double limit)
    {
        double[][] Run(Device on)
        {
            Tensor Odd(Shape shape, int seed) => At(1, Stored(Exact(on, shape, seed), type));
            Tensor x = Odd([2, 16, 6, 7], 1), other = Odd([2, 16, 6, 7], 2);
            var weight = At(1, Exact(on, [16, 16, 3, 3], 3));
            foreach (var leaf in new[] { x, other, weight }) leaf.RequiresGrad = true;
            Tensor[] results =
            [
                x.Exp(), x.LeakyRelu(0.1), x * 3 + 1, x.Conv2d(weight, null, (1, 1), (1, 1)), x + other, x.Maximum(other),
                x.Transpose(1, 3), x.Sum([0]), x.Max([1]), x.ToLayout(Layout.RowMajor), x.MaxPool2d((2, 2), (2, 2), (0, 0)),
                x.AvgPool2d((3, 3), (2, 2), (1, 1)), x.GlobalAvgPool2d(), Tensor.Concat([x, other], 1), x[.., 2..9, ..],
            ];
            foreach (var y in results) y.Backward(At(1, Exact(on, y.Shape, 4).ToLayout(y.Layout).To(y.DType)));
            return [.. results.Concat([x.Grad!, other.Grad!, weight.Grad!]).Select(y => y.ToArray<double>())];
        }
        double[][] got = Run(device), expected = Run(Device.Reference);
        for (int i = 0; i < got.Length; i++) Near($"output {i}", expected[i], got[i], limit);
    }

    /// <summary>Types that kernels only move and add up.</summary>
    private static void Moves(Device device)
    {
        foreach (var type in new[] { DType.U8, DType.I64, DType.F64, DType.F32 })
        {
            Tensor x = type == DType.F64 ? Tensor.Full([10, 30], 0.1, device, type) : Numbers(type).To(device);
            Tensor sum = Tensor.Full([30, 10], 3, device, type), copy = Tensor.Full([30, 10], 1, device, type);
            device.Backend.CopyStrided([30, 10], x, 0, [1, 30], sum, 0, [10, 1], add: true);
            device.Backend.CopyStrided([30, 10], x, 0, [1, 30], copy, 0, [10, 1]);
            double[] values = x.ToArray<double>();
            double[] expected = [.. Enumerable.Range(0, 300).Select(i => values[i % 10 * 30 + i / 10])];
            Assert.Equal(expected, copy.ToArray<double>());
            Assert.Equal(expected.Select(v => v + 3), sum.ToArray<double>());
        }
        static Tensor Numbers(DType type) => type switch
        {
            DType.U8 => Tensor.From([.. Enumerable.Range(0, 300).Select(i => (byte)(i / 2))], [10, 30], Device.Cpu),
            DType.I64 => Tensor.From([.. Enumerable.Range(0, 300).Select(i => i * 5_000_000_000L)], [10, 30], Device.Cpu),
            _ => Tensor.From([.. Enumerable.Range(0, 300).Select(i => i / 4f)], [10, 30], Device.Cpu),
        };
    }

    /// <summary>What no operator asks for with operands of each type.</summary>
    private static void Primitives(Device device, DType type, double limit)
    {
        double[][] Run(Device on)
        {
            Tensor Unset(Shape shape) => Stored(Agreement.Unset(on, shape), type);
            Tensor Given(int seed) => Stored(Exact(on, [6, 5, 7], seed), type);
            Tensor x = Given(1), other = Given(2), blended = Unset([6, 5, 7]), added = Unset([6, 5, 7]);
            on.Backend.Zip(default(Blend), [6, 5, 7], x, [35, 7, 1], other, [0, 7, 0], blended);
            on.Backend.Zip(default(Blend), [x.Count], x, [1], other, [1], added);
            if (type == DType.BF16) return [blended.ToArray<double>(), added.ToArray<double>()];
            Tensor y = Unset([6, 7]), index = Agreement.UnsetIndex(on, [6, 7]), dx = Unset([6, 5, 7]), mask = Unset([6, 5, 7]);
            on.Backend.Max(x, y, index, 6, 5, 7);
            on.Backend.MaxGradient(y, index, dx, 6, 5, 7);
            on.Backend.DropoutMask(mask, 0.5, new RandomStream(3));
            return [.. new[] { y, index, dx, blended, added, mask }.Select(t => t.ToArray<double>())];
        }
        double[][] got = Run(device), expected = Run(Device.Reference);
        for (int i = 0; i < got.Length; i++) Near($"output {i}", expected[i], got[i], limit);
    }

    /// <summary>c = ¾ · a + ¼ · b.</summary>
    private readonly struct Blend : IBinaryFunction
    {
        public string Name => "blend";

        public (double, double) Parameters => (0.75, 0.25);

        public R Value<R>(R a, R b) where R : struct, IReal<R> => R.Of(0.75) * a + R.Of(0.25) * b;
    }

    /// <summary>Steps that are recorded and repeated, with dropout, a rate that changes, and both kinds of momentum.</summary>
    private static void Training(Device device)
    {
        foreach (bool nesterov in new[] { false, true })
        {
            double[] Run(Device on)
            {
                var random = new RandomStream(3);
                var model = new Sequential(new Linear(5, 8, random: random), new BatchNorm1d(8), new Relu(),
                    new Dropout(0.4, random.Fork("dropout")), new Linear(8, 3, random: random)).To(on);
                var sgd = new Sgd(model.Parameters(), 1, momentum: 0.9f, weightDecay: 0.01f, nesterov: nesterov);
                Tensor images = Exact(on, [6, 5], 1), labels = Tensor.From([0L, 1, 2, 0, 1, 2], [6], on);
                using var step = on.Record(() =>
                {
                    var loss = Loss.CrossEntropy(model.Forward(images), labels);
                    sgd.ZeroGrad();
                    loss.Backward();
                    sgd.Step();
                    return [loss];
                });
                var losses = new double[5];
                for (int i = 0; i < losses.Length; i++)
                {
                    sgd.LearningRate = 0.3f / (1 + i);
                    losses[i] = step.Run()[0].Item();
                }
                return [.. losses, .. model.Parameters().SelectMany(p => p.Value.ToArray<double>())];
            }
            Near($"nesterov {nesterov}", Run(Device.Cpu), Run(device), 1e-5);
        }
    }

    /// <summary>Batches that are picked and augmented on the GPU: the loader's, bit for bit.</summary>
    private static void ResidentImages(Device device)
    {
        byte[] pixels = [.. Enumerable.Range(0, 11 * 3 * 6 * 5).Select(i => (byte)(i * 37 + i / 11))];
        var images = new ImageDataset("few", pixels, [3, 6, 5], [.. Enumerable.Range(0, 11).Select(i => (long)(i % 3))], ["a", "b", "c"]);
        foreach (var augmentation in new[] { null, Augmentation.PadCropFlip(2) })
        {
            var loader = new DataLoader(images, 4, new RandomStream(9), shuffle: true, dropLast: true, augmentation, threads: 0);
            var resident = new ResidentImages(images, 4, new RandomStream(9), augmentation, device);
            for (int epoch = 0; epoch < 3; epoch++)
            {
                resident.Start(epoch);
                foreach (var batch in loader.Epoch(epoch))
                {
                    resident.Draw();
                    Assert.Equal(batch.Images.ToArray(), resident.Images.ToArray());
                    Assert.Equal(batch.Labels.ToArray<long>(), resident.Labels.ToArray<long>());
                }
            }
        }
    }

    /// <summary>Multiples of 1/64 below 4: TF32 and bfloat16 hold them exactly.</summary>
    public static Tensor Exact(Device device, Shape shape, int seed)
    {
        var random = new Random(seed);
        return Tensor.From([.. Enumerable.Range(0, shape.Count).Select(_ => random.Next(-200, 201) / 64f)], shape, device);
    }

    /// <summary>An image as the device stores it: channels last, in the type, but in double on the Reference device.</summary>
    public static Tensor Stored(Tensor x, DType type)
    {
        var stored = x.Shape.Rank == 4 ? x.ToLayout(Layout.ChannelsLast) : x;
        return x.Device == Device.Reference ? stored : stored.To(type);
    }

    /// <summary>The same values in memory that begins so many values after a multiple of 16 bytes.</summary>
    public static Tensor At(int place, Tensor x)
    {
        var memory = Tensor.New([x.Count + place], x.Device, x.DType);
        var moved = new Tensor(memory.Storage, place, x.Shape, x.Layout);
        x.CopyTo(moved);
        return moved;
    }

    /// <summary>Asserts ‖x − expected‖ ≤ limit · ‖expected‖.</summary>
    public static void Near(string what, double[] expected, double[] x, double limit)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += (x[i] - expected[i]) * (x[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        double distance = difference == 0 ? 0 : Math.Sqrt(difference / Math.Max(norm, 0.01 * x.Length));
        Assert.True(distance <= limit, $"{what} is {distance:E1} off");
    }
}
