using MiniDL.Backends.Cuda;

namespace MiniDL.Diagnostics;

/// <summary>Where a GPU spends its time in a step, kernel by kernel.</summary>
/// <example><code>
/// var profile = KernelProfile.Of(Device.Cuda, () =>
/// {
///     var loss = Loss.CrossEntropy(model.Forward(images), labels);
///     sgd.ZeroGrad();
///     loss.Backward();
///     sgd.Step();
///     return [loss];
/// });
/// foreach (var kernel in profile.Kernels) Console.WriteLine($"{kernel.Name} {kernel.RecordedMicroseconds:F1} µs");
/// </code></example>
public sealed class KernelProfile
{
    /// <summary>Runs per measurement.</summary>
    private const int Runs = 10;

    private KernelProfile(double stepMicroseconds, double eventMicroseconds, IReadOnlyList<KernelTime> kernels) =>
        (StepMicroseconds, EventMicroseconds, Kernels) = (stepMicroseconds, eventMicroseconds, kernels);

    /// <summary>The time of the recorded step.</summary>
    public double StepMicroseconds { get; }

    /// <summary>The time between two events with nothing in between: each kernel's time alone includes this overhead.</summary>
    public double EventMicroseconds { get; }

    /// <summary>The kernels, sorted by their time alone, longest first.</summary>
    public IReadOnlyList<KernelTime> Kernels { get; }

    /// <summary>
    /// Measures a step that can be recorded (<see cref="Device.Record"/>). The step runs about a hundred times for each kernel, half of them with
    /// that kernel doubled, so the values that it has computed are useless afterwards.
    /// </summary>
    /// <param name="device">A GPU.</param>
    /// <param name="step">The step.</param>
    /// <param name="measurements">Measurements of each time; the median is reported.</param>
    /// <param name="progress">Receives the fraction that is done, 0 to 1.</param>
    /// <param name="stop">Ends it between two kernels.</param>
    /// <exception cref="MiniDLException">The device is not a GPU.</exception>
    public static KernelProfile Of(Device device, Func<Tensor[]> step, int measurements = 5, Action<double>? progress = null, CancellationToken stop = default)
    {
        var stream = device.Backend is CudaBackend cuda ? cuda.Stream
            : throw new MiniDLException($"[profile] {device} is not a GPU and has no kernels. Use a Profiler.");
        if (!stream.RepeatsGraphs) throw new MiniDLException("[profile] MINIDL_CUDA_GRAPH=0 leaves no recorded step to measure. Unset it.");
        var (singly, empty) = Singly(device, stream, step, measurements);
        using var plain = new TimedStep(device, stream, step, doubled: null);
        var whole = new List<double>();
        var kernels = new List<KernelTime>();
        foreach (var (kernel, launches, microseconds) in singly)
        {
            stop.ThrowIfCancellationRequested();
            progress?.Invoke((double)kernels.Count / singly.Count);
            using var doubled = new TimedStep(device, stream, step, kernel);
            // Alternating, since a GPU's clock rate varies.
            var gains = new List<double>();
            for (int measurement = 0; measurement < measurements; measurement++)
            {
                whole.Add(plain.Microseconds());
                gains.Add(doubled.Microseconds() - whole[^1]);
            }
            kernels.Add(new KernelTime(kernel.Name, launches, microseconds, Median(gains)));
        }
        return new KernelProfile(Median(whole), empty, [.. kernels.OrderByDescending(kernel => kernel.SinglyMicroseconds)]);
    }

    /// <summary>The launches of every kernel and their total time, each kernel running alone.</summary>
    private static (List<(Kernel Kernel, int Launches, double Microseconds)> Kernels, double Empty) Singly(Device device, CudaStream stream,
        Func<Tensor[]> step, int measurements)
    {
        // The GPU gets work in advance; else the events would time the host, which needs longer to launch a small kernel than the GPU to run it.
        const int runsAhead = 30;
        using var ahead = device.Record(step);
        var steps = new List<Dictionary<Kernel, (int Launches, double Microseconds)>>();
        double empty = 0;
        for (int measurement = 0; measurement < measurements; measurement++)
        {
            for (int run = 0; run < runsAhead; run++) ahead.Run();
            using var timed = new TimedLaunches(stream);
            empty = 1000 * stream.MillisecondsOf(() => { });
            for (int run = 0; run < runsAhead; run++) ahead.Run();
            stream.Probe = timed;
            try
            {
                using var scope = Scope.Step();
                step();
            }
            finally
            {
                stream.Probe = null;
            }
            steps.Add(timed.Read().GroupBy(launch => launch.Kernel).ToDictionary(kernel => kernel.Key,
                kernel => (kernel.Count(), kernel.Sum(launch => launch.Microseconds))));
        }
        return ([.. steps[^1].Select(kernel => (kernel.Key, kernel.Value.Launches,
            Median(steps.Select(step => step.TryGetValue(kernel.Key, out var times) ? times.Microseconds : 0))))], empty);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>The step as a graph in which every launch of one kernel may be doubled.</summary>
    private sealed class TimedStep : IDisposable
    {
        private readonly CudaStream _stream;
        private readonly RecordedStep _step;

        public TimedStep(Device device, CudaStream stream, Func<Tensor[]> step, Kernel? doubled)
        {
            const int runsUntilRecorded = 3, warmUps = 2;
            (_stream, _step) = (stream, device.Record(step));
            stream.Probe = new DoubledKernel(doubled);
            try
            {
                for (int run = 0; run < runsUntilRecorded + warmUps; run++) _step.Run();
            }
            finally
            {
                stream.Probe = null;
            }
        }

        /// <summary>The time of one run, averaged over several.</summary>
        public double Microseconds() => 1000.0 / Runs * _stream.MillisecondsOf(() =>
        {
            for (int run = 0; run < Runs; run++) _step.Run();
        });

        public void Dispose() => _step.Dispose();
    }
}
