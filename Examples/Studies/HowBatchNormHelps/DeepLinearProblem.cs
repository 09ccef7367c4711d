using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// The deep linear net's task: <c>min Σ ‖W_k … W_1 x − A x‖²</c> over 1,000 inputs, x and the 10×10 matrix A standard normal,
/// all inputs in every step. Santurkar et al. 2018, appendix A.
/// </summary>
internal sealed class DeepLinearProblem
{
    private const int Samples = 1000, Features = 10;

    private readonly RandomStream _random;
    private readonly Tensor _inputs;

    /// <summary>The squares are summed, not averaged: the losses that the paper plots, 10² to 5·10⁴, are sums.</summary>
    public DeepLinearProblem(RandomStream random, Device device)
    {
        _random = random;
        _inputs = Tensor.Normal([Samples, Features], random.Fork("inputs"), device: device);
        var targets = _inputs.Linear(Tensor.Normal([Features, Features], random.Fork("matrix"), device: device), null);
        Batch = new OneBatch(_inputs, targets);
    }

    /// <summary>All inputs, and in place of labels the targets.</summary>
    public OneBatch Batch { get; }

    public Device Device => _inputs.Device;

    /// <summary>A net with its initial values, the same for every norm.</summary>
    public LayeredNet Net(string norm)
    {
        var net = new DeepLinearNet(NormFactory.Named(norm), _random.Fork("weights"), features: Features);
        net.To(_inputs.Device);
        return new LayeredNet(net);
    }

    /// <summary>For a report.</summary>
    public static string Describe(int steps) =>
        $"25 layers 10×10, norm after every layer but the last; {Counted.Of(steps, "step")} of plain gradient descent on {Samples:N0} inputs at once";

    public static Tensor Loss(Tensor outputs, Tensor targets) => (outputs - targets).Square().Sum();
}

/// <summary>One training of the deep linear net.</summary>
internal sealed class DeepLinearTraining(DeepLinearProblem problem, string norm, double rate)
{
    public LayeredNet Net { get; } = problem.Net(norm);

    public string Norm => norm;

    public double Rate => rate;

    /// <summary>The loss before each step.</summary>
    public List<double> Losses { get; } = [];

    /// <summary>As <see cref="VggTraining.Look"/>.</summary>
    public Action<int, Func<Tensor>>? Look { get; set; }

    /// <summary>The loss after the last step; infinite where it became NaN.</summary>
    public double FinalLoss => double.IsFinite(Losses[^1]) ? Losses[^1] : double.PositiveInfinity;

    /// <summary>Trains for so many steps, or until the loss is NaN or infinite.</summary>
    /// <param name="progress">Told the steps made, every few steps.</param>
    public void Run(int steps, Action<int> progress)
    {
        int step = 0;
        using var loop = new TrainingLoop(Net.Module, new Sgd(Net.Module.Parameters(), (float)rate), problem.Batch, problem.Device, _ => (float)rate,
            stopsShort: true, look: loss => Look?.Invoke(step, loss), lossOf: DeepLinearProblem.Loss);
        foreach (var trained in loop.Steps(steps))
        {
            Losses.Add(trained.Result.Loss);
            if (!double.IsFinite(Losses[^1])) return;
            if (step % 100 == 0) progress(step);
            step = trained.Step;
        }
    }
}
