using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Precise batch normalization: after training, recomputes the running statistics of every <see cref="BatchNorm"/> over many
/// batches with the final weights; the running averages were taken while the weights still changed.
/// <c>mean = E[mean_B]</c>, <c>variance = E[mean_B² + variance_B] − E[mean_B]²</c>. Wu and Johnson 2021, §3.
/// </summary>
/// <remarks>
/// The expectations are computed in double as sums centred on the mean so far (Chan et al. 1983), with each batch weighted by its
/// number of values. Variances are biased, so batches with the same mean and variance leave these unchanged, and after a single batch
/// evaluation gives for it what training gives. A few thousand samples are enough. Norms with other running statistics
/// (lp, mean-only, EvoNorm-B0) are left alone.
/// </remarks>
/// <example><code>PreciseBatchNorm.Update(model, loader.Epoch(0).Select(batch => batch.Images));</code></example>
public static class PreciseBatchNorm
{
    /// <summary>Sets the running statistics of every batch norm in a model; batch norms without any are left alone.</summary>
    /// <param name="model">
    /// Runs in evaluation mode, except that its batch norms use the statistics of the batch, as in training.
    /// </param>
    /// <param name="batches">Batches of inputs.</param>
    /// <returns>The number of batch norms that were updated.</returns>
    /// <exception cref="MiniDLException">There are no batches.</exception>
    public static int Update(Module model, IEnumerable<Tensor> batches)
    {
        (Module Module, bool Training)[] modes = [.. model.NamedModules().Select(m => (m.Module, m.Module.Training))];
        Population[] populations =
            [.. modes.Select(m => m.Module).OfType<BatchNorm>().Where(n => n.RunningMean is not null).Select(n => new Population(n))];
        if (populations.Length == 0) return 0;
        using var noGrad = new NoGrad();
        try
        {
            model.Eval();
            foreach (var population in populations) population.Observe();
            foreach (var batch in batches)
            {
                using var step = Scope.Step();
                model.Forward(batch);
            }
        }
        finally
        {
            foreach (var population in populations) population.Norm.StatisticsObserver = null;
            foreach (var (module, training) in modes) module.Train(training);
        }
        if (populations.All(p => p.Count == 0))
            throw new MiniDLException("[precise_batch_norm] there are no batches to take statistics of. Pass at least one.");
        foreach (var population in populations) population.Store();
        return populations.Length;
    }

    /// <summary>All values that a batch norm has seen: their number, and mean and centred sum of squares of each channel.</summary>
    private sealed class Population(BatchNorm norm)
    {
        private readonly double[] _mean = new double[norm.NumFeatures], _squares = new double[norm.NumFeatures];

        public BatchNorm Norm => norm;

        public double Count { get; private set; }

        public void Observe()
        {
            norm.Train();
            norm.StatisticsObserver = Add;
        }

        public void Store()
        {
            if (Count == 0) return;
            Upload(_mean, norm.RunningMean!);
            Upload([.. _squares.Select(s => s / Count)], norm.RunningVar!);
        }

        private void Add(Tensor mean, Tensor variance, NormGeometry geometry)
        {
            double[] means = mean.ToArray<double>(), variances = variance.ToArray<double>();
            double n = geometry.ValuesPerStatistic;
            for (int start = 0; start < means.Length; start += geometry.Channels)
            {
                double total = Count + n;
                for (int c = 0; c < geometry.Channels; c++)
                {
                    double apart = means[start + c] - _mean[c];
                    _mean[c] += apart * n / total;
                    _squares[c] += n * variances[start + c] + apart * apart * Count * n / total;
                }
                Count = total;
            }
        }

        private static void Upload(double[] values, ModuleBuffer buffer) =>
            buffer.Value.Assign(values);
    }
}
