using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Examples.Comparisons;

/// <summary>A model after an epoch, on the first training images, without augmentation.</summary>
/// <param name="EvalLoss">In evaluation mode, that is with running statistics; with <paramref name="EvalError"/>.</param>
/// <param name="BatchLoss">With the statistics of batches of the run's size, as in training; with <paramref name="BatchError"/>.</param>
/// <param name="Distance">Mean over the layers.</param>
/// <param name="GradientNorm">ℓ2 norm of the whole gradient of a batch's loss, mean over some batches.</param>
internal sealed record EpochProbe(double EvalLoss, double EvalError, double BatchLoss, double BatchError,
    StatisticsDistance Distance, double GradientNorm)
{
    public static EpochProbe Nothing { get; } =
        new(double.NaN, double.NaN, double.NaN, double.NaN, StatisticsDistance.Nothing, double.NaN);

    public IReadOnlyList<LayerProbe> Layers { get; init; } = [];
}

/// <summary>One layer of <see cref="EpochProbe"/>.</summary>
/// <param name="Name">The path of the module.</param>
/// <param name="Type">The module's class: <c>Conv2d</c>.</param>
/// <param name="GradientNorm">ℓ2 norm of the gradient of all its own parameters, mean over some batches.</param>
/// <param name="Distance">Of a batch norm; nothing for other layers.</param>
internal sealed record LayerProbe(string Name, string Type, double GradientNorm, StatisticsDistance Distance);

/// <summary>A trained model on the test images with running statistics, precise ones, and those of each batch.</summary>
internal sealed record EvaluationByStatistics(Score Running, Score Precise, Score Batch);

/// <summary>
/// Looks at the model of a trainer between its epochs, on a fixed part of the images, and leaves everything that training
/// depends on as it was: weights, running statistics, random state.
/// </summary>
/// <remarks>
/// Of norms without running statistics evaluation and training mode are one, so all three kinds of statistics give the same
/// numbers and are not computed again. Norms that keep other running statistics than a mean and a variance (lp, mean-only,
/// EvoNorm-B0) have no distance and no precise statistics.
/// </remarks>
internal sealed class Probe
{
    private const int MaxImages = 1000, ImagesForGradient = 256, MaxGradients = 10, EvaluationBatch = 100, ImagesForPrecise = 2000;

    private readonly Trainer _trainer;
    private readonly Module _model;
    private readonly DataLoader _batches, _images, _testBatches, _testImages, _preciseBatches;
    private readonly bool _keepsStatistics;
    private readonly int _gradients;

    public Probe(Trainer trainer, Dataset train, Dataset test)
    {
        (_trainer, _model) = (trainer, trainer.Model);
        var random = new RandomStream(trainer.Settings.Seed).Fork("probe");
        int batch = trainer.Settings.BatchSize;
        // A fifth of what an epoch trains on at most, so that looking costs little beside training.
        int batches = Math.Max(1, Math.Min(MaxImages, train.Count / 5) / batch);
        var part = train.Take(batches * batch);
        _batches = new DataLoader(part, batch, random, shuffle: true, dropLast: true);
        _images = InOrder(part, random);
        int virtualBatch = trainer.Settings.VirtualBatch;
        _testBatches = new DataLoader(test, WholeBatch(batch, virtualBatch, test.Count), random, shuffle: true, dropLast: true);
        _testImages = InOrder(test, random);
        var some = train.Take(Math.Min(ImagesForPrecise, train.Count));
        int large = Math.Max(1, EvaluationBatch / virtualBatch) * virtualBatch;
        _preciseBatches = new DataLoader(some, WholeBatch(large, virtualBatch, some.Count), random, shuffle: true, dropLast: true);
        _keepsStatistics = _model.NamedBuffers().Any();
        _gradients = Math.Clamp(ImagesForGradient / batch, 1, MaxGradients);
    }

    /// <summary>Looks at the model after an epoch.</summary>
    public EpochProbe Measure()
    {
        using var kept = new KeptBuffers(_model);
        var eval = _trainer.Evaluate(_images.Epoch(0));
        var distances = StatisticsMeter.OfAll(_model);
        var gradients = new GradientMeter(_model);
        var mean = new RunningMean();
        UseBatchStatistics();
        try
        {
            foreach (var batch in _batches.Epoch(0).Take(_keepsStatistics ? int.MaxValue : _gradients))
                Look(batch, ref mean, batch.Index < _gradients ? gradients : null);
        }
        finally
        {
            foreach (var meter in distances.Values) meter.Dispose();
        }
        var withBatch = _keepsStatistics ? mean.Score : eval;
        LayerProbe[] layers = [.. gradients.Norms.Select(layer => new LayerProbe(layer.Name, layer.Type, layer.Norm,
            distances.TryGetValue(layer.Name, out var meter) ? meter.Distance : StatisticsDistance.Nothing))];
        return new EpochProbe(eval.Loss, eval.Error, withBatch.Loss, withBatch.Error,
            StatisticsDistance.Average(distances.Values.Select(meter => meter.Distance)), gradients.Whole)
        { Layers = layers };
    }

    /// <summary>Tests the model, whose test error with running statistics is known, with the other two kinds.</summary>
    public EvaluationByStatistics Evaluate(Score running)
    {
        if (!_keepsStatistics) return new EvaluationByStatistics(running, running, running);
        using var kept = new KeptBuffers(_model);
        var mean = new RunningMean();
        UseBatchStatistics();
        using (new NoGrad())
            foreach (var batch in _testBatches.Epoch(0)) Look(batch, ref mean, gradients: null);
        kept.Restore();
        bool precise = PreciseBatchNorm.Update(_model, _preciseBatches.Epoch(0).Select(b => b.Images.To(_trainer.Device))) > 0;
        return new EvaluationByStatistics(running,
            precise ? _trainer.Evaluate(_testImages.Epoch(0)) : Score.Nothing, mean.Score);
    }

    private static DataLoader InOrder(Dataset data, RandomStream random) =>
        new(data, Math.Min(EvaluationBatch, data.Count), random, shuffle: false);

    /// <summary>A batch size; where there are fewer images, as many whole virtual batches of ghost as there are.</summary>
    private static int WholeBatch(int wanted, int virtualBatch, int images) =>
        images >= wanted ? wanted : images > virtualBatch ? images / virtualBatch * virtualBatch : images;

    /// <summary>Norms as in training; everything else, such as dropout, as in evaluation.</summary>
    private void UseBatchStatistics()
    {
        _model.Eval();
        foreach (var (_, module) in _model.NamedModules())
            if (module is Norm) module.Train();
    }

    private void Look(Batch batch, ref RunningMean mean, GradientMeter? gradients)
    {
        using var scope = Scope.Step();
        var labels = batch.Labels.To(_trainer.Device);
        var logits = _model.Forward(batch.Images.To(_trainer.Device));
        var loss = Loss.CrossEntropy(logits, labels);
        mean.Add(loss.Item(), Metrics.ErrorPercent(logits, labels), batch.Count);
        gradients?.Add(loss);
    }
}
