using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class ModuleTests
{
    /// <summary>Two levels of containers around a norm and a dropout.</summary>
    private static Sequential Nested() =>
        new(new Linear(4, 4, random: new RandomStream(1)), new Sequential(new BatchNorm1d(4), new Relu(), new Dropout(0.5)));

    [Fact]
    public void Train_and_Eval_reach_every_module_below()
    {
        var net = Nested();
        net.Eval();
        Assert.All(net.NamedModules(), m => Assert.False(m.Module.Training, m.Path));
        net.Train();
        Assert.All(net.NamedModules(), m => Assert.True(m.Module.Training, m.Path));
    }

    [Fact]
    public void Evaluation_inside_containers_is_evaluation()
    {
        var net = Nested();
        net.Eval();
        var x = NormCases.Input([3, 4], Device.Cpu, seed: 1);
        var first = net.Forward(x).ToArray();
        Assert.Equal(first, net.Forward(x).ToArray());
        Assert.Equal([0], net.StateDict()["1.0.num_batches_tracked"].ToArray<long>());
    }

    [Fact]
    public void Names_are_dotted_paths_parents_first()
    {
        var net = Nested();
        Assert.Equal(["", "0", "1", "1.0", "1.1", "1.2"], net.NamedModules().Select(m => m.Path));
        Assert.Equal(["0.weight", "0.bias", "1.0.weight", "1.0.bias"], net.NamedParameters().Select(p => p.Path));
        Assert.Equal(["1.0.running_mean", "1.0.running_var", "1.0.num_batches_tracked"], net.NamedBuffers().Select(b => b.Path));
        Assert.Equal("1.2", net.Children[1].Children[2].Path);
        Assert.Equal("Dropout 1.2", net.Children[1].Children[2].ToString());
        Assert.Equal(4 * 4 + 4 + 4 + 4, net.ParameterCount);
    }

    [Fact]
    public void A_forward_hook_sees_and_may_replace_what_comes_out_until_it_is_removed()
    {
        var linear = new Linear(2, 2, random: new RandomStream(1));
        var x = Tensor.Ones([1, 2]);
        var seen = new List<(Module, Tensor, Tensor)>();
        var hook = linear.OnForward((module, input, output) =>
        {
            seen.Add((module, input, output));
            return output * 2;
        });
        var doubled = linear.Forward(x);
        hook.Dispose();
        var plain = linear.Forward(x);
        var (module, input, output) = Assert.Single(seen);
        Assert.Same(linear, module);
        Assert.Same(x, input);
        Assert.Equal(plain.ToArray(), output.ToArray());
        Assert.Equal(plain.ToArray().Select(y => 2 * y), doubled.ToArray());
    }

    [Fact]
    public void A_hook_on_a_norm_sees_the_normalized_values_before_residual_and_activation()
    {
        var norm = new BatchNorm1d(3);
        var x = NormCases.Input([5, 3], Device.Cpu, seed: 1);
        var residual = NormCases.Input([5, 3], Device.Cpu, seed: 2);
        var fused = norm.Forward(x, residual, Activation.Relu);
        Tensor? seen = null;
        norm.OnForward((_, _, y) => seen = y);
        var hooked = norm.Forward(x, residual, Activation.Relu);
        NormCases.AssertClose(seen!, new BatchNorm1d(3).Forward(x), 1e-6, "what the hook saw");
        NormCases.AssertClose(hooked, fused, 1e-6, "result");
        Assert.Contains(seen!.ToArray(), y => y < 0);
    }

    [Fact]
    public void A_chain_fuses_norm_and_relu_and_stops_when_somebody_wants_to_see_between()
    {
        Sequential chain = new(new GroupNorm(2, 4), new Relu(), new GroupNorm(1, 4));
        var x = NormCases.Input([3, 4, 2, 2], Device.Cpu, seed: 1);
        var fused = chain.Forward(x);
        var calls = new List<string>();
        foreach (int i in new[] { 0, 1, 2 })
            chain[i].OnForward((module, _, y) =>
            {
                calls.Add(module.Name);
                if (module is Relu) Assert.All(y.ToArray(), value => Assert.True(value >= 0));
                return null;
            });
        NormCases.AssertClose(chain.Forward(x), fused, 1e-6, "hooked");
        Assert.Equal(["0", "1", "2"], calls);
        Assert.Equal(3, chain.Count);
    }

    [Fact]
    public void A_hook_on_the_relu_alone_sees_it_run()
    {
        Sequential chain = new(new BatchNorm1d(4), new Relu());
        int calls = 0;
        chain[1].OnForward((_, input, _) =>
        {
            calls += input.ToArray().Any(value => value < 0) ? 1 : 0;
            return null;
        });
        chain.Forward(NormCases.Input([3, 4], Device.Cpu, seed: 1));
        Assert.Equal(1, calls);
    }

    [Fact]
    public void Moving_to_another_device_moves_parameters_and_buffers()
    {
        var net = Nested().To(Device.Reference);
        Assert.All(net.StateDict().Values, value => Assert.Equal(Device.Reference, value.Device));
        Assert.Equal(DType.I64, net.StateDict()["1.0.num_batches_tracked"].DType);
    }

    [Fact]
    public void Layers_that_are_given_no_stream_start_differently() =>
        Assert.NotEqual(new Linear(4, 4).Weight.Value.ToArray(), new Linear(4, 4).Weight.Value.ToArray());

    private sealed class Broken(Action<Broken> action) : Module
    {
        public void Act() => action(this);

        public void Add(string name, Module child) => Register(name, child);

        public void Add(string name) => RegisterParameter(name, Tensor.Ones([1]));

        protected override Tensor ForwardCore(Tensor x) => x;
    }

    public static TheoryData<string, string> Mistakes => new()
    {
        { "twice", "'a' cannot be registered in Broken: names are not empty, have no dots and are unique in their module." },
        { "dot", "'a.b' cannot be registered" },
        { "empty", "'' cannot be registered" },
        { "shared", "Relu is registered as a already; a module has one parent." },
        { "itself", "Broken cannot be registered below itself, as a." },
    };

    [Theory, MemberData(nameof(Mistakes))]
    public void Wrong_registrations_are_errors_of_one_line(string mistake, string message)
    {
        var module = new Broken(m =>
        {
            if (mistake == "twice") { m.Add("a"); m.Add("a", new Relu()); }
            if (mistake == "dot") m.Add("a.b");
            if (mistake == "empty") m.Add("");
            if (mistake == "shared") { var relu = new Relu(); m.Add("a", relu); m.Add("b", relu); }
            if (mistake == "itself") m.Add("a", m);
        });
        var error = Assert.Throws<MiniDLException>(module.Act);
        Assert.StartsWith("[module] ", error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
