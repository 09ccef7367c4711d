using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Serialization;

namespace MiniDL.Tests.Optim;

/// <summary>Whole trainings: model, loss, optimizer, schedule, checkpoint.</summary>
public class TrainingTests
{
    [Fact]
    public void A_small_net_learns_xor()
    {
        var x = Tensor.From([0f, 0, 0, 1, 1, 0, 1, 1], [4, 2]);
        var labels = Tensor.From([0L, 1, 1, 0], [4]);
        var model = new Mlp([2, 16, 2], NormFactory.Named("none"), new RandomStream(1));
        var sgd = new Sgd(model.Parameters(), learningRate: 0.2f, momentum: 0.9f);
        for (int i = 0; i < 200; i++)
        {
            using var step = Scope.Step();
            sgd.ZeroGrad();
            Loss.CrossEntropy(model.Forward(x), labels).Backward();
            sgd.Step();
        }
        Assert.Equal(0, Metrics.ErrorPercent(model.Forward(x), labels));
        Assert.InRange(Loss.CrossEntropy(model.Forward(x), labels).Item(), 0, 0.05f);
    }

    [Fact]
    public void A_deeper_net_winds_around_spirals_and_does_so_twice_alike()
    {
        var (x, labels) = Spirals(120);
        float[] Losses()
        {
            var model = new Mlp([2, 32, 32, 2], NormFactory.Named("bn"), new RandomStream(0));
            var sgd = new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f);
            var schedule = Schedule.Parse("warmup:0.1,cosine");
            var losses = new float[200];
            for (int i = 0; i < losses.Length; i++)
            {
                using var step = Scope.Step();
                sgd.LearningRate = 0.1f * (float)schedule.Factor((double)i / losses.Length);
                var loss = Loss.CrossEntropy(model.Forward(x), labels);
                sgd.ZeroGrad();
                loss.Backward();
                sgd.Step();
                losses[i] = loss.Item();
            }
            Assert.Equal(0, Metrics.ErrorPercent(model.Eval().Forward(x), labels));
            return losses;
        }

        var losses = Losses();
        Assert.InRange(losses[0], 0.4f, 1.5f);
        Assert.InRange(losses[^1], 0, 0.02f);
        Assert.Equal(losses, Losses());
    }

    [Fact]
    public void A_checkpoint_of_model_optimizer_and_random_stream_resumes_to_the_bit()
    {
        string path = Path.GetTempFileName();
        try
        {
            var straight = new Run();
            straight.Steps(5);
            straight.Save(path);
            var losses = straight.Steps(5);

            var resumed = new Run(initialValues: 99);
            resumed.Load(path);
            Assert.Equal(losses, resumed.Steps(5));
            foreach (var (key, value) in straight.Model.StateDict())
                Assert.Equal(value.ToArray<double>(), resumed.Model.StateDict()[key].ToArray<double>());
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Two spirals of points, one turn each, as inputs and labels.</summary>
    private static (Tensor X, Tensor Labels) Spirals(int count)
    {
        var (x, labels) = (new float[2 * count], new long[count]);
        for (int i = 0; i < count; i++)
        {
            labels[i] = i % 2;
            double radius = 0.1 + 0.9 * (i / 2) / (count / 2), angle = 2 * Math.PI * radius + Math.PI * labels[i];
            (x[2 * i], x[2 * i + 1]) = ((float)(radius * Math.Cos(angle)), (float)(radius * Math.Sin(angle)));
        }
        return (Tensor.From(x, [count, 2]), Tensor.From(labels, [count]));
    }

    /// <summary>A training whose steps depend on parameters, running statistics, velocities and the position of a random stream.</summary>
    private sealed class Run
    {
        private readonly RandomStream _random = new RandomStream(7).Fork("data");
        private readonly Sgd _sgd;

        public Run(ulong initialValues = 7)
        {
            var initial = new RandomStream(initialValues);
            Model = new Sequential(new Linear(4, 16, random: initial), new BatchNorm1d(16), new Relu(),
                new Dropout(0.25, _random), new Linear(16, 3, random: initial));
            _sgd = new Sgd(Model.Parameters(), learningRate: 0.1f, momentum: 0.9f, weightDecay: 1e-3f);
        }

        public Sequential Model { get; }

        public float[] Steps(int count)
        {
            var losses = new float[count];
            for (int i = 0; i < count; i++)
            {
                using var step = Scope.Step();
                var x = Tensor.Normal([8, 4], _random);
                var labels = Tensor.From([.. Enumerable.Range(0, 8).Select(_ => (long)_random.NextInt(3))], [8]);
                var loss = Loss.CrossEntropy(Model.Forward(x), labels);
                _sgd.ZeroGrad();
                loss.Backward();
                _sgd.Step();
                losses[i] = loss.Item();
            }
            return losses;
        }

        public void Save(string path) => SafeTensors.Save(path,
            Model.StateDict().Select(t => KeyValuePair.Create($"model.{t.Key}", t.Value))
                .Concat(_sgd.StateDict().Select(t => KeyValuePair.Create($"sgd.{t.Key}", t.Value))).ToDictionary(),
            new Dictionary<string, string> { ["random"] = $"{_random.Position}" });

        public void Load(string path)
        {
            var file = SafeTensors.Load(path);
            Dictionary<string, Tensor> Part(string prefix) => file.Tensors.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal))
                .ToDictionary(t => t.Key[prefix.Length..], t => t.Value);

            Model.LoadStateDict(Part("model."));
            _sgd.LoadStateDict(Part("sgd."));
            _random.Position = ulong.Parse(file.Metadata["random"]);
        }
    }
}
