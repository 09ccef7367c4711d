using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Training;

/// <summary>
/// What two threads, or a pass and a hook inside it, do to shared state at the same time is refused with one line, and leaves the first
/// one's results right; evaluation of one model on many threads is allowed, and bit-equal.
/// </summary>
public class OverlappingUseTests
{
    /// <summary>Runs an action on a thread of its own, to its end, in the middle of another one.</summary>
    private static Exception? OnAnotherThread(Action action)
    {
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(action));
        thread.Start();
        thread.Join();
        return thrown;
    }

    private static void AssertRefused(string part, Exception? error)
    {
        var refused = Assert.IsType<MiniDLException>(error);
        Assert.Contains(part, refused.Message);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void Backward_passes_that_share_a_leaf_do_not_overlap()
    {
        var x = NormCases.Leaf(Tensor.From([2f], [1]));
        Exception? error = null;
        var y = x.Square();
        y.OnGradient(_ =>
        {
            error = OnAnotherThread(() => x.Pow(3).Backward());
            return null;
        });
        y.Backward();
        AssertRefused("the leaf f32[1] on cpu is in use by another backward pass that is still running", error);
        Assert.Equal(4, x.Grad!.Item());
        x.Pow(3).Backward();
        Assert.Equal(16, x.Grad!.Item());
    }

    [Fact]
    public void Backward_passes_through_one_graph_do_not_overlap()
    {
        var x = NormCases.Leaf(Tensor.From([2f], [1]));
        var trunk = x.Square();
        Tensor first = trunk * 3, second = trunk * 5;
        Exception? error = null, targeted = null;
        first.OnGradient(_ =>
        {
            error = OnAnotherThread(() => second.Backward());
            targeted = OnAnotherThread(() => Autograd.Grad(second, [x]));
            return null;
        });
        first.Backward(retainGraph: true);
        AssertRefused("the operator square is in use by another backward pass", error);
        AssertRefused("the operator square is in use by another backward pass", targeted);
        Assert.Equal(12, x.Grad!.Item());
        second.Backward();
        Assert.Equal(32, x.Grad!.Item());
    }

    [Fact]
    public void An_optimizer_neither_steps_nor_clears_in_the_middle_of_a_backward_pass()
    {
        var linear = new Linear(2, 1, random: new RandomStream(1));
        var sgd = new Sgd(linear.Parameters(), learningRate: 1);
        float[] before = linear.Weight.Value.ToArray();
        Exception? step = null, clear = null, sameThread = null;
        var y = linear.Forward(Tensor.Ones([1, 2]));
        y.OnGradient(_ =>
        {
            step = OnAnotherThread(sgd.Step);
            clear = OnAnotherThread(sgd.ZeroGrad);
            sameThread = Record.Exception(sgd.Step);
            return null;
        });
        y.Sum().Backward();
        AssertRefused("[sgd] parameter weight [1, 2] is being worked on", step);
        AssertRefused("[sgd] parameter weight [1, 2] is being worked on", sameThread);
        AssertRefused("[zero_grad]", clear);
        Assert.Equal(before, linear.Weight.Value.ToArray());
        sgd.Step();
        Assert.Equal([before[0] - 1, before[1] - 1], linear.Weight.Value.ToArray());
    }

    [Fact]
    public void A_step_that_is_refused_for_one_group_has_moved_none()
    {
        Parameter free = new("free", Tensor.Ones([1])), busy = new("busy", Tensor.Ones([1]));
        var sgd = new Sgd([new SgdGroup([free], learningRate: 1), new SgdGroup([busy], learningRate: 1)]);
        (free.Value * 1).Sum().Backward();
        var y = busy.Value * 1;
        Exception? error = null;
        y.OnGradient(_ =>
        {
            error = OnAnotherThread(sgd.Step);
            return null;
        });
        y.Sum().Backward();
        AssertRefused("[sgd] parameter busy", error);
        Assert.Equal(1, free.Value.Item());
        sgd.Step();
        Assert.Equal((0, 0), (free.Value.Item(), busy.Value.Item()));
    }

    [Theory]
    [InlineData("bn")]
    [InlineData("ghost")]
    [InlineData("lp2")]
    [InlineData("evonorm-b0")]
    [InlineData("wn-mbn")]
    public void Training_passes_through_running_statistics_do_not_overlap(string name)
    {
        var norm = NormFactory.Named(name).Create(3);
        var x = NormCases.Input([4, 3, 2, 2], Device.Cpu, seed: 1);
        AssertSecondIsRefused(norm, x);
    }

    [Fact]
    public void Training_passes_through_dropout_do_not_overlap() => AssertSecondIsRefused(new Dropout(0.5), Tensor.Ones([4, 3]));

    private static void AssertSecondIsRefused(Module module, Tensor x)
    {
        Exception? second = null;
        bool isNested = false;
        module.OnForward((_, _, _) =>
        {
            // The second pass calls the hook as well.
            if (isNested) return null;
            isNested = true;
            second = OnAnotherThread(() => module.Forward(x));
            isNested = false;
            return null;
        });
        module.Forward(x);
        AssertRefused("in a forward pass in training mode on another thread", second);
        module.Forward(x);
        module.Eval();
        module.Forward(x);
        Assert.Null(second);
    }

    [Fact]
    public void A_tensor_that_is_written_while_an_operator_reads_it_is_refused()
    {
        var x = Tensor.From([1f], [1]);
        AssertRefused("was changed by another thread while it was read",
            Record.Exception(() => new Interrupted(x, () => OnAnotherThread(() => Tensor.From([2f], [1]).CopyTo(x))).Run()));
        AssertRefused("was changed by another thread while it was read",
            Record.Exception(() => new Interrupted(x, () => OnAnotherThread(() => x.MutableSpan()[0] = 3)).Run()));
        new Interrupted(x, () => { }).Run();
        // What another thread wrote before, and this one writes while the operator runs, is nobody's fault.
        new Interrupted(x, () => x.MutableSpan()[0] = 4).Run();
    }

    private sealed class Interrupted(Tensor x, Action inForward) : Operator("interrupted", x)
    {
        protected override Tensor Forward()
        {
            inForward();
            return x * 2;
        }

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * 2;
    }

    private const int Threads = 4, Trials = 300;

    /// <summary>Every thread's passes; those that were refused are counted, all others must have been whole.</summary>
    private static int Race(Action<int> trial)
    {
        int done = 0;
        using var start = new Barrier(Threads);
        var errors = new List<Exception>();
        var threads = Enumerable.Range(0, Threads).Select(number => new Thread(() =>
        {
            start.SignalAndWait();
            for (int i = 0; i < Trials; i++)
                try
                {
                    trial(number);
                    Interlocked.Increment(ref done);
                }
                catch (MiniDLException e) when (!e.Message.Contains('\n'))
                {
                }
                catch (Exception e)
                {
                    lock (errors) errors.Add(e);
                }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Empty(errors);
        Assert.True(done > 0);
        return done;
    }

    [Fact]
    public void Gradients_of_a_shared_leaf_are_those_of_the_passes_that_were_not_refused()
    {
        var x = NormCases.Leaf(Tensor.Full([1000], 2));
        int done = Race(_ => (x * 3).Sum().Backward());
        Assert.All(x.Grad!.ToArray(), g => Assert.Equal(3f * done, g));
    }

    [Fact]
    public void Passes_through_one_graph_give_whole_gradients_or_none()
    {
        var x = NormCases.Leaf(Tensor.Full([1000], 2));
        var y = (x.Square() + x * 5).Sum();
        int done = Race(_ => y.Backward(retainGraph: true));
        Assert.All(x.Grad!.ToArray(), g => Assert.Equal(9f * done, g));
    }

    [Fact]
    public void Running_statistics_count_every_pass_that_was_not_refused()
    {
        var norm = new BatchNorm1d(3);
        var x = NormCases.Input([64, 3], Device.Cpu, seed: 1);
        int done = Race(_ => norm.Forward(x));
        Assert.Equal(done, norm.NumBatchesTracked!.Value.ToArray<long>()[0]);
        // After many equal batches the running mean is the batch's.
        if (done > 200) NormCases.AssertClose(norm.RunningMean!.Value, x.Mean([0]), 1e-4, "running mean");
    }

    [Fact]
    public void Training_steps_on_a_shared_model_are_whole_or_refused()
    {
        // Every whole step subtracts exactly 1: half a step would leave another number.
        var linear = new Linear(64, 1, bias: false);
        Init.Constant(linear.Weight, 0);
        var sgd = new Sgd(linear.Parameters(), learningRate: 1);
        int steps = 0;
        Race(_ =>
        {
            var loss = linear.Forward(Tensor.Ones([1, 64])).Sum();
            lock (sgd)
            {
                sgd.ZeroGrad();
                loss.Backward();
                sgd.Step();
                steps++;
            }
        });
        Assert.All(linear.Weight.Value.ToArray(), w => Assert.Equal(-steps, w));
    }

    public static TheoryData<string> Choices => [.. NormFactory.Names];

    [Theory, MemberData(nameof(Choices))]
    public void One_model_evaluated_on_many_threads_gives_each_the_same_bits(string norm)
    {
        var model = new ResNet(8, NormFactory.Named(norm), new RandomStream(1));
        model.Eval();
        var images = NormCases.Input([3, 3, 32, 32], Device.Cpu, seed: 1);
        float[] expected = Evaluate();
        float[][] results = new float[Threads][];
        var threads = Enumerable.Range(0, Threads).Select(i => new Thread(() => results[i] = Evaluate())).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.All(results, result => Assert.Equal(expected, result));

        float[] Evaluate()
        {
            using var noGrad = new NoGrad();
            using var step = Scope.Step();
            return model.Forward(images).ToArray();
        }
    }
}
