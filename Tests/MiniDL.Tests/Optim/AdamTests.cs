using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Serialization;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Optim;

/// <summary>Against PyTorch's Adam and AdamW (adam.py): parameters after every step, and the state after the last.</summary>
public class AdamTests
{
    private const int Steps = 12;

    private static readonly Lazy<SafeTensorsFile> Golden =
        new(() => SafeTensors.Load(Path.Combine(AppContext.BaseDirectory, "Optim", "adam.safetensors")));

    private static double[] Expected(string name) => Golden.Value.Tensors[name].ToArray<double>();

    /// <summary>A tensor of the file, each time anew: optimizers move their parameters' memory.</summary>
    private static Tensor Load(string name, Device device) => Tensor.From(Expected(name), Golden.Value.Tensors[name].Shape, device);

    private static Parameter[] Start(Device device) =>
        [.. new[] { 0, 1 }.Select(number => new Parameter($"p{number}", Load($"start.{number}", device)))];

    private static Optimizer Create(string name, Parameter[] parameters) => name switch
    {
        "adam_decay" => new Adam(parameters, 0.05f, 0.8, 0.95, 1e-3, weightDecay: 0.1f),
        "adamw" => new AdamW(parameters, 0.05f, weightDecay: 0.1f),
        _ => new Adam(parameters, 0.05f),
    };

    /// <summary>Gives a parameter its gradient of a step: that of Σ gᵢ·pᵢ. The second has none in the first two steps.</summary>
    private static void GiveGradients(Parameter[] parameters, int step)
    {
        for (int number = step < 2 ? 0 : 1; number >= 0; number--)
            (parameters[number].Value * Load($"gradient.{step}.{number}", parameters[number].Value.Device)).Sum().Backward();
    }

    private static void AssertClose(double[] expected, double[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"{what}[{i}]: {expected[i]} and {actual[i]}");
    }

    /// <summary>The settings are float, so that 0.1 is off by 1.5e-8 of itself: the results follow.</summary>
    [Theory]
    [InlineData("adam", "reference", 3e-7), InlineData("adam_decay", "reference", 3e-7), InlineData("adamw", "reference", 3e-7), InlineData("clipped", "reference", 3e-7)]
    [InlineData("adam", "cpu", 2e-6), InlineData("adam_decay", "cpu", 2e-6), InlineData("adamw", "cpu", 2e-6), InlineData("clipped", "cpu", 2e-6)]
    public void Steps_are_those_of_pytorch(string name, string device, double tolerance)
    {
        var parameters = Start(Device.Named(device));
        var optimizer = Create(name, parameters);
        for (int step = 0; step < Steps; step++)
        {
            if (step == 6) optimizer.LearningRate /= 2;
            optimizer.ZeroGrad();
            GiveGradients(parameters, step);
            if (name == "clipped")
                AssertClose(Expected($"clipped.norm.{step}"), [optimizer.ClipGradNorm(1.5).ToArray<double>()[0]], tolerance, $"norm {step}");
            optimizer.Step();
            for (int number = 0; number < 2; number++)
                AssertClose(Expected($"{name}.{step}.{number}"), parameters[number].Value.ToArray<double>(), tolerance, $"step {step}, p{number}");
        }
        var state = optimizer.StateDict();
        Assert.Equal(6, state.Count);
        foreach (var (key, value) in state) AssertClose(Expected($"{name}.{key}"), value.ToArray<double>(), tolerance, key);
        Assert.Equal((12, 10), (state["state.0.step"].Item(), state["state.1.step"].Item()));
    }

    /// <summary>Twelve steps in one go, and the last six by another optimizer that was handed the state.</summary>
    [Fact]
    public void A_state_dictionary_goes_on_where_it_was_written()
    {
        Parameter[] whole = Start(Device.Cpu), part = Start(Device.Cpu);
        Optimizer first = Create("adamw", whole), second = Create("adamw", part);
        for (int step = 0; step < Steps; step++)
        {
            if (step == 6)
            {
                var state = second.StateDict();
                second = Create("adamw", part);
                second.LoadStateDict(state.ToDictionary(entry => entry.Key, entry => Tensor.From(entry.Value.ToArray<double>(), entry.Value.Shape)));
            }
            foreach (var (optimizer, parameters) in new[] { (first, whole), (second, part) })
            {
                optimizer.ZeroGrad();
                GiveGradients(parameters, step);
                optimizer.Step();
            }
        }
        foreach (var (a, b) in whole.Zip(part)) Assert.Equal(a.Value.ToArray(), b.Value.ToArray());
    }

    [Theory]
    [InlineData("state.0.exp_avg_sq", null, "missing: state.0.exp_avg_sq")]
    [InlineData("state.0.step", null, "missing: state.0.step")]
    [InlineData("state.0.step", 0.5, "not a number of steps: state.0.step")]
    [InlineData("state.0.momentum_buffer", 1.0, "unexpected: state.0.momentum_buffer")]
    public void A_state_that_does_not_fit_is_refused_whole(string key, double? value, string problem)
    {
        var parameters = Start(Device.Cpu);
        var adam = Create("adam", parameters);
        GiveGradients(parameters, 0);
        adam.Step();
        var state = adam.StateDict().ToDictionary();
        double[] before = state["state.0.exp_avg"].ToArray<double>();
        if (value is { } number) state[key] = Tensor.Scalar(number);
        else state.Remove(key);
        string message = Assert.Throws<MiniDLException>(() => adam.LoadStateDict(state)).Message;
        Assert.Contains(problem, message);
        Assert.StartsWith("[load_state_dict] Adam: ", message);
        Assert.Equal(before, adam.StateDict()["state.0.exp_avg"].ToArray<double>());
    }

    /// <summary>Rate, counts and corrections go on where the step is recorded: it is repeated from the third run on.</summary>
    [GpuTheory, InlineData("adam_decay"), InlineData("adamw"), InlineData("clipped")]
    public void A_recorded_step_goes_on_like_single_ones(string name)
    {
        using var gpu = Gpu.Own(Precision.Fp32);
        double[][] Train(Device device)
        {
            var random = new RandomStream(3);
            var net = new Sequential(new Linear(4, 8, random: random.Fork("first")), new Relu(), new Linear(8, 3, random: random.Fork("second")));
            net.To(device);
            var optimizer = Create(name, [.. net.Parameters()]);
            Tensor x = Tensor.Normal([6, 4], random, device: device), y = Tensor.From([0L, 1, 2, 0, 1, 2], [6], device);
            using var step = device.Record(() =>
            {
                var loss = Loss.CrossEntropy(net.Forward(x), y);
                optimizer.ZeroGrad();
                loss.Backward();
                if (name == "clipped") optimizer.ClipGradNorm(0.1);
                optimizer.Step();
                return [loss];
            });
            for (int run = 0; run < 8; run++)
            {
                optimizer.LearningRate = 0.1f / (1 + run);
                step.Run();
            }
            Assert.Equal(8, optimizer.StateDict()["state.3.step"].Item());
            return [.. net.StateDict().Values.Concat(optimizer.StateDict().Values).Select(value => value.ToArray<double>())];
        }
        foreach (var (cpu, there) in Train(Device.Cpu).Zip(Train(gpu.Device))) AssertClose(cpu, there, 1e-5, name);
    }

    [GpuFact]
    public void A_recorded_step_that_is_refused_has_not_counted_itself()
    {
        using var gpu = Gpu.Own(Precision.Fp32);
        var device = gpu.Device;
        var net = new Linear(4, 3, random: new RandomStream(1));
        net.To(device);
        var optimizer = new Adam(net.Parameters(), 0.1f);
        Tensor x = Tensor.Ones([2, 4], device), labels = Tensor.From([0L, 1], [2], device);
        using var step = device.Record(() =>
        {
            var loss = Loss.CrossEntropy(net.Forward(x), labels);
            optimizer.ZeroGrad();
            loss.Backward();
            optimizer.Step();
            return [loss];
        });
        for (int run = 0; run < 4; run++) step.Run();
        Tensor.From([0L, 7], [2]).CopyTo(labels);
        Assert.Contains("label 7", Assert.Throws<ShapeException>(() => step.Run()).Message);
        Assert.Equal(4, optimizer.StateDict()["state.0.step"].Item());
        Tensor.From([2L, 1], [2]).CopyTo(labels);
        step.Run();
        Assert.Equal(5, optimizer.StateDict()["state.0.step"].Item());
    }

    [Theory]
    [InlineData(1.0, 0.999, 1e-8, "[adam] beta1 1 must be from 0 to less than 1.")]
    [InlineData(0.9, -0.1, 1e-8, "[adam] beta2 -0.1 must be from 0 to less than 1.")]
    [InlineData(0.9, 0.999, double.NaN, "[adam] the eps NaN must be finite and not negative.")]
    public void Settings_out_of_range_are_refused(double beta1, double beta2, double eps, string message) =>
        Assert.Equal(message, Assert.Throws<MiniDLException>(() => new Adam(Start(Device.Cpu), 0.1f, beta1, beta2, eps)).Message);

    [Fact]
    public void Clipping_needs_a_positive_norm_and_gradients()
    {
        var adam = Create("adam", Start(Device.Cpu));
        Assert.Contains("[adam] the norm 0 must be finite and positive.", Assert.Throws<MiniDLException>(() => adam.ClipGradNorm(0)).Message);
        Assert.Contains("[adam] there is no gradient to clip.", Assert.Throws<MiniDLException>(() => adam.ClipGradNorm(1)).Message);
    }
}
