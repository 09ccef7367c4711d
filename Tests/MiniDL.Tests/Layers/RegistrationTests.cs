using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Layers;

/// <summary>A module or parameter that was not registered would be neither trained nor saved: its first use says so.</summary>
public class RegistrationTests
{
    private static readonly Tensor X = Tensor.Ones([2, 3]);

    private sealed class Net(Module child, bool register, Func<Module, Tensor, Tensor>? use = null) : Module
    {
        private readonly Module _child = child;
        private bool _registered;

        protected override Tensor ForwardCore(Tensor x)
        {
            if (register && !_registered) Register("child", _child);
            _registered = true;
            return use is null ? _child.Forward(x) : use(_child, x);
        }
    }

    public static TheoryData<string> Children => ["linear", "sequential", "norm", "inside a list", "norm after a convolution"];

    [Theory, MemberData(nameof(Children))]
    public void The_first_forward_pass_names_the_child_that_was_not_registered(string kind)
    {
        Module child = kind switch { "norm" => new BatchNorm1d(3), "sequential" => new Sequential(new Linear(3, 3)), _ => new Linear(3, 3) };
        var x = X;
        Func<Module, Tensor, Tensor>? use = null;
        if (kind == "inside a list") use = (module, x) => ((Sequential)new Sequential(module))[0].Forward(x);
        if (kind == "norm after a convolution")
        {
            var conv = new Conv2d(3, 3, 1);
            (child, x, use) = (new GroupNorm(1, 3), Tensor.Ones([1, 3, 2, 2]), (norm, x) => new ConvNorm(conv, (Norm)norm).Forward(x));
        }
        var error = Assert.Throws<MiniDLException>(() => new Net(child, register: false, use).Forward(x));
        Assert.Contains("registered", error.Message);
        Assert.Contains("Register(", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void What_has_nothing_to_learn_or_is_frozen_need_not_be_registered()
    {
        new Net(new Relu(), register: false).Forward(X);
        new Net(new Linear(3, 2).Freeze(), register: false).Forward(X);
        new Net(new Linear(3, 2), register: true).Forward(X);
        var layer = new Linear(3, 2);
        var other = new Net(layer, register: false);
        Assert.Contains("in another model, Sequential", Assert.Throws<MiniDLException>(() =>
        {
            _ = new Sequential(layer);
            other.Forward(X);
        }).Message);
    }

    [Fact]
    public void A_hook_may_run_another_model()
    {
        var probe = new Linear(3, 1);
        var net = new Net(new Linear(3, 3), register: true);
        net.OnForward((_, _, y) => { probe.Forward(y); return null; });
        net.Forward(X);
    }

    private sealed class Scale(bool register) : Module
    {
        private Parameter _scale = new("scale", Tensor.Ones([3]));

        protected override Tensor ForwardCore(Tensor x)
        {
            if (register) _scale = RegisterParameter("scale", Tensor.Ones([3]));
            return x * _scale.Value;
        }
    }

    [Fact]
    public void A_parameter_of_ones_own_is_found_too()
    {
        new Scale(register: true).Forward(X);
        Assert.Contains("RegisterParameter", Assert.Throws<MiniDLException>(() => new Scale(register: false).Forward(X)).Message);
        Assert.Equal(1, new Parameter("alone", Tensor.Ones([1])).Value.Item());
    }

    [Fact]
    public void An_optimizer_without_parameters_mentions_registration() =>
        Assert.Contains("Register(", Assert.Throws<MiniDLException>(() => new Sgd(new Net(new Linear(3, 3), register: false).Parameters(), 1)).Message);
}
