using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Optim;

public class SgdTests
{
    private static Parameter NewParameter(string name, params double[] values) =>
        new(name, Tensor.From(values, [values.Length], Device.Reference));

    /// <summary>Gives the parameter this gradient: that of Σ gᵢ·pᵢ.</summary>
    private static void GiveGradient(Parameter parameter, params double[] gradient) =>
        (parameter.Value * Tensor.From(gradient, parameter.Shape, parameter.Value.Device)).Sum().Backward();

    private static void AssertValues(Parameter parameter, params double[] expected)
    {
        var actual = parameter.Value.ToArray<double>();
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-6);
    }

    [Fact]
    public void Plain_step_subtracts_learning_rate_times_gradient()
    {
        var p = NewParameter("p", 1, 2);
        var sgd = new Sgd([p], learningRate: 0.5f);
        GiveGradient(p, 2, -4);
        sgd.Step();
        AssertValues(p, 0, 4);
    }

    [Theory]
    [InlineData(0.5f, 0.25f, 0.0625f, false)]
    [InlineData(0.5f, 0f, 0.125f, true)]
    [InlineData(0.75f, 0f, 0f, true)]
    [InlineData(0f, 0f, 0.25f, false)]
    public void Three_steps_follow_the_formula(float momentum, float dampening, float weightDecay, bool nesterov)
    {
        var parameter = NewParameter("p", 1.5);
        var sgd = new Sgd([parameter], 0.125f, momentum, dampening, weightDecay, nesterov);
        double p = 1.5, v = 0;
        double[] gradients = [1, -2, 0.5];
        for (int step = 0; step < gradients.Length; step++)
        {
            double g = gradients[step] + weightDecay * p;
            v = step == 0 ? g : momentum * v + (1 - dampening) * g;
            p -= 0.125 * (momentum == 0 ? g : nesterov ? g + momentum * v : v);
            sgd.ZeroGrad();
            GiveGradient(parameter, gradients[step]);
            sgd.Step();
            AssertValues(parameter, p);
        }
    }

    [Fact]
    public void Groups_have_settings_of_their_own_until_the_learning_rate_is_set_for_all()
    {
        Parameter a = NewParameter("a", 1), b = NewParameter("b", 1);
        var sgd = new Sgd(new SgdGroup([a], 0.5f), new SgdGroup([b], 0.25f, weightDecay: 1));
        GiveGradient(a, 1);
        GiveGradient(b, 1);
        sgd.Step();
        AssertValues(a, 0.5);
        AssertValues(b, 0.5);
        sgd.LearningRate = 1;
        sgd.Step();
        AssertValues(a, -0.5);
        AssertValues(b, -1);
    }

    [Fact]
    public void Parameters_without_a_gradient_stay_and_begin_their_velocity_later()
    {
        Parameter a = NewParameter("a", 1), b = NewParameter("b", 1);
        var sgd = new Sgd([a, b], 1, momentum: 0.5f, dampening: 0.5f);
        GiveGradient(a, 1);
        sgd.Step();
        AssertValues(a, 0);
        AssertValues(b, 1);
        Assert.Equal(["state.0.momentum_buffer"], sgd.StateDict().Keys);

        // a: v = 0.5·1 + 0.5·1 = 1; b: first step, v = 1 without dampening.
        GiveGradient(b, 1);
        sgd.Step();
        AssertValues(a, -1);
        AssertValues(b, 0);
    }

    [Fact]
    public void Gradients_add_up_until_they_are_zeroed()
    {
        var p = NewParameter("p", 0);
        var sgd = new Sgd([p], 1);
        GiveGradient(p, 1);
        GiveGradient(p, 2);
        sgd.Step();
        AssertValues(p, -3);
        sgd.ZeroGrad();
        Assert.Null(p.Grad);
        sgd.Step();
        AssertValues(p, -3);
    }

    [Fact]
    public void A_model_moved_after_the_optimizer_was_made_is_followed_with_its_velocity()
    {
        var layer = new Linear(2, 1, bias: false);
        var sgd = new Sgd(layer.Parameters(), 1, momentum: 0.5f);
        layer.Weight.Value = Tensor.From([0.0, 0], [1, 2]);
        GiveGradient(layer.Weight, 1, 2);
        sgd.Step();
        layer.To(Device.Reference);
        GiveGradient(layer.Weight, 1, 2);
        sgd.Step();
        Assert.Equal(Device.Reference, layer.Weight.Value.Device);
        AssertValues(layer.Weight, -2.5, -5);
        Assert.Equal([1.5, 3], sgd.StateDict()["state.0.momentum_buffer"].ToArray<double>());
    }

    [Fact]
    public void Hooks_and_frozen_parameters_survive_the_move_into_flat_memory()
    {
        Parameter a = NewParameter("a", 1), b = NewParameter("b", 1);
        using var hook = a.Value.OnGradient(gradient => gradient * 2);
        b.Value.RequiresGrad = false;
        var sgd = new Sgd([a, b], 1);
        Assert.False(b.Value.RequiresGrad);
        GiveGradient(a, 1);
        sgd.Step();
        AssertValues(a, -1);
        AssertValues(b, 1);
    }

    [Fact]
    public void Values_and_gradients_of_a_group_lie_in_one_storage_and_outlive_step_scopes()
    {
        Parameter a = NewParameter("a", 1, 2, 3), b = NewParameter("b", 4);
        var sgd = new Sgd([a, b], 1, momentum: 0.5f);
        using (Scope.Step())
        {
            GiveGradient(a, 1, 1, 1);
            GiveGradient(b, 1);
            sgd.Step();
        }
        Assert.Same(a.Value.Storage, b.Value.Storage);
        Assert.Same(a.Grad!.Storage, b.Grad!.Storage);
        AssertValues(a, 0, 1, 2);
        AssertValues(b, 3);
    }

    [Fact]
    public void State_moves_to_another_optimizer()
    {
        Parameter Run(Action<Sgd, Parameter> between)
        {
            var p = NewParameter("p", 1, 2);
            var sgd = new Sgd([p], 0.5f, momentum: 0.9f);
            GiveGradient(p, 1, 2);
            sgd.Step();
            between(sgd, p);
            return p;
        }

        var straight = Run((sgd, _) => sgd.Step());
        var resumed = Run((sgd, p) =>
        {
            var other = new Sgd([p], 0.5f, momentum: 0.9f);
            other.LoadStateDict(sgd.StateDict());
            other.Step();
        });
        Assert.Equal(straight.Value.ToArray<double>(), resumed.Value.ToArray<double>());
    }

    [Fact]
    public void State_that_does_not_fit_is_refused_whole()
    {
        var p = NewParameter("p", 1, 2);
        var sgd = new Sgd([p], 1, momentum: 0.5f);
        var error = Assert.Throws<MiniDLException>(() => sgd.LoadStateDict(new Dictionary<string, Tensor>
        {
            ["state.0.momentum_buffer"] = Tensor.Ones([3]),
            ["state.7.momentum_buffer"] = Tensor.Ones([2]),
        }));
        Assert.Contains("state.0.momentum_buffer is [3], expected [2]", error.Message);
        Assert.Contains("unexpected: state.7.momentum_buffer", error.Message);
        Assert.Empty(sgd.StateDict());
    }

    [Fact]
    public void Steps_allocate_nothing()
    {
        Parameter a = NewParameter("a", 1, 2), b = NewParameter("b", 1);
        var sgd = new Sgd([a, b], 0.1f, momentum: 0.9f);
        GiveGradient(a, 1, 1);
        sgd.Step();
        sgd.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        sgd.Step();
        sgd.ZeroGrad();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(-1f, 0f, 0f, 0f, false, "learning rate")]
    [InlineData(float.NaN, 0f, 0f, 0f, false, "learning rate")]
    [InlineData(0.1f, -0.5f, 0f, 0f, false, "momentum")]
    [InlineData(0.1f, 0f, 0f, -1f, false, "weight decay")]
    [InlineData(0.1f, 0f, 0f, 0f, true, "Nesterov")]
    [InlineData(0.1f, 0.9f, 0.5f, 0f, true, "Nesterov")]
    public void Settings_out_of_range_are_errors(float learningRate, float momentum, float dampening, float weightDecay,
        bool nesterov, string named)
    {
        var error = Assert.Throws<MiniDLException>(() =>
            new Sgd([NewParameter("p", 1)], learningRate, momentum, dampening, weightDecay, nesterov));
        Assert.Contains(named, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Parameters_that_are_missing_or_appear_twice_are_errors()
    {
        Parameter a = NewParameter("a", 1), b = NewParameter("b", 1);
        Assert.Contains("no parameters", Assert.Throws<MiniDLException>(() => new Sgd([], 1)).Message);
        Assert.Contains("a [1] appears twice", Assert.Throws<MiniDLException>(() => new Sgd([a, b, a], 1)).Message);
        Assert.Throws<MiniDLException>(() => new Sgd(new SgdGroup([a], 1), new SgdGroup([b, a], 1)));
    }

    [Fact]
    public void Parameters_on_two_devices_are_an_error()
    {
        var onCpu = new Parameter("p", Tensor.Ones([2]));
        Assert.Contains("Move one of them", Assert.Throws<ShapeException>(() => new Sgd([NewParameter("q", 1), onCpu], 1)).Message);
    }

    [Fact]
    public void A_parameter_that_became_computed_is_an_error()
    {
        var layer = new Linear(2, 2);
        var sgd = new Sgd(layer.Parameters(), 1);
        layer.Reparametrize("weight", new Constant());
        Assert.Contains("weight [2, 2] is computed", Assert.Throws<MiniDLException>(sgd.Step).Message);
        Assert.Throws<MiniDLException>(() => new Sgd([layer.Weight], 1));
    }

    private sealed class Constant : Reparametrization
    {
        public override Tensor Compute() => Tensor.Ones([2, 2]);
    }
}
