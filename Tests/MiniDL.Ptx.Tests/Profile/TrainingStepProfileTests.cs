using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Ptx.Tests.Interpreter;
using MiniDL.Tests.Training;
using Xunit.Abstractions;

namespace MiniDL.Ptx.Tests.Profile;

/// <summary>
/// What the kernels of a training step of ResNet-20 do at batch 128, by the counters of two blocks of each: the table is in the test's
/// output. Sectors that only some blocks share are counted for each by so few; of eight, which are an image, bytes are exact.
/// </summary>
public class TrainingStepProfileTests(ITestOutputHelper output)
{
    /// <summary>
    /// How many times the least of sectors and of bank conflicts of shared memory kernels may have, by how their names begin: a little more than
    /// they do. What moves less than 1 MB does not matter.
    /// </summary>
    private static readonly (string Name, double Sectors, double Banks)[] Limits =
    [
        ("copy_strided", 1.55, 1),                          // shortcuts: 16 channels of every second pixel, 32 bytes of bfloat16
        ("conv3x3_images", 2.2, 2.0),                       // three channels: pixels of 12 and 6 bytes
        ("conv3x3_weight_gradient", 1.05, 1.2),
        ("conv3x3_stride2_weight_gradient", 1.05, 1.2),
        ("conv3x3_stride2", 1.75, 1.55),
        ("conv3x3", 1.9, 1.4),                              // in bfloat16 a word is made of two weights that lie apart
        ("normalize_gradient_partials_rows", 1.35, 4.3),    // a few doubles at the end
        ("normalize", 2.2, 1),                              // statistics and parameters, again and again
        ("group_norm", 1.05, 2.05),                         // a few sums
        ("", 1.05, 1.15),
    ];

    [GpuTheory]
    [InlineData("bn", Precision.Tf32)]
    [InlineData("bn", Precision.Bf16)]
    [InlineData("gn", Precision.Tf32)]
    public void Kernels_waste_no_more_than_they_do_now(string norm, Precision precision)
    {
        using var gpu = new PtxGpu(90, precision);
        var random = new RandomStream(1);
        var device = gpu.Device;
        const int batch = 128;
        var model = new ResNet(20, NormFactory.Named(norm), random).To(device);
        var sgd = new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f, weightDecay: 1e-4f);
        var images = Tensor.Normal([batch, 3, 32, 32], random.Fork("images"), device: device);
        var labels = Tensor.From([.. Enumerable.Range(0, batch).Select(i => (long)(i % 10))], [batch], device);
        model.Train();
        gpu.Profile = new GpuProfile(2);
        using (Scope.Step())
        {
            SgdTraining.Step(model, sgd, images, labels);
            device.Backend.Synchronize();
        }
        Assert.Empty(gpu.Faults);
        foreach (string line in ProfileTable.Of(gpu.Profile.Launches)) output.WriteLine(line);
        foreach (var launch in gpu.Profile.Launches.Where(l => l.Bytes > 1e6))
        {
            var (_, sectors, banks) = Limits.First(limit => launch.Kernel.StartsWith(limit.Name, StringComparison.Ordinal));
            AssertWithin(sectors, launch.Global.Sectors, launch.Global.MinSectors, $"{launch.Kernel}: sectors of global memory");
            AssertWithin(banks, launch.Shared.Wavefronts, launch.Shared.MinWavefronts, $"{launch.Kernel}: wavefronts of shared memory");
        }
    }

    private static void AssertWithin(double limit, long count, long least, string what) =>
        Assert.True(count <= limit * least, FormattableString.Invariant($"{what}: {count} where {least} would do, limit {limit} times as many"));
}
