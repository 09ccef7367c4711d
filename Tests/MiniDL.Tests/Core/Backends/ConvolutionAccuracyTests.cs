using MiniDL.Backends;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using Xunit.Abstractions;

namespace MiniDL.Tests.Core.Backends;

/// <summary>How exact the CPU's fastest convolutions are where it counts: on what a net in training gives them.</summary>
public class ConvolutionAccuracyTests(ITestOutputHelper output)
{
    /// <summary>max |Δ| / max |result| against loops in double; 1.4e-6 was the worst, an input gradient, when the bound was set.</summary>
    private const double Bound = 2e-6;

    [Fact]
    public void Convolutions_of_a_ResNet_after_an_epoch_are_exact_to_two_millionths()
    {
        var random = new RandomStream(0);
        var data = SyntheticImages.Load().Train.Take(512);
        var model = new ResNet(20, NormFactory.Named("bn"), random);
        var sgd = new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f);
        foreach (var batch in new DataLoader(data, 32, random).Epoch(0)) Step(batch);
        sgd.ZeroGrad();

        var calls = new List<(string Name, Conv2d Layer, Tensor X, Tensor Y)>();
        foreach (var (path, module) in model.NamedModules())
            if (module is Conv2d layer)
                layer.OnForward((_, x, y) =>
                {
                    calls.Add((path, layer, x, y.RetainGrad()));
                    return null;
                });
        using var scope = Scope.Step();
        var few = new DataLoader(data, 4, random).Epoch(1).First();
        Loss.CrossEntropy(model.Forward(few.Images), few.Labels).Backward();

        Assert.Equal(19, calls.Count);
        foreach (var (name, layer, x, y) in calls)
        {
            var window = layer.Window(x);
            foreach (var (pass, run) in Passes(window))
            {
                double[] exact = run(Device.Reference), fast = run(Device.Cpu);
                double error = exact.Zip(fast, (a, b) => Math.Abs(a - b)).Max() / exact.Max(Math.Abs);
                output.WriteLine($"{name,-16} {pass,-16} {error:E2}");
                Assert.True(error <= Bound, $"{name}, {pass}: {error:E2}");
            }

            IEnumerable<(string Pass, Func<Device, double[]> Run)> Passes(Window2d g) =>
            [
                ("forward", device => Result(device, g.Output, (d, to) => d.Backend.Conv2d(On(x, d), Weight(d), null, to, g))),
                ("input gradient", device => Result(device, g.Input, (d, to) => d.Backend.Conv2dInputGradient(On(y.Grad!, d), Weight(d), to, g))),
                ("weight gradient", device => Result(device, layer.Weight.Value.Shape, (d, to) =>
                    d.Backend.Conv2dWeightGradient(On(x, d), On(y.Grad!, d), to, g), Layout.RowMajor)),
            ];

            Tensor Weight(Device device) => layer.Weight.Value.Detach().To(device);
        }

        void Step(Batch batch)
        {
            using var step = Scope.Step();
            var loss = Loss.CrossEntropy(model.Forward(batch.Images), batch.Labels);
            sgd.ZeroGrad();
            loss.Backward();
            sgd.Step();
        }
    }

    private static Tensor On(Tensor x, Device device) => x.Detach().To(device).ToLayout(Layout.ChannelsLast);

    private static double[] Result(Device device, Shape shape, Action<Device, Tensor> run, Layout layout = Layout.ChannelsLast)
    {
        var result = Tensor.New(shape, device, device.FloatType, layout);
        run(device, result);
        return device == Device.Reference ? [.. result.Raw<double>()] : [.. result.Raw<float>().ToArray().Select(value => (double)value)];
    }
}
