using MiniDL.Backends;

namespace MiniDL.Ptx.Tests;

/// <summary>Normalization by each of its kernels.</summary>
internal static class NormWorkload
{
    private static readonly NormGeometry[] Geometries =
    [
        new(1, 520, 16, 16),    // BN: statistics in chunks
        new(1, 60, 32, 32),     // BN of a small batch
        new(1, 50, 6, 6),       // channels not in fours
        new(3, 20, 8, 8),       // IN
        new(3, 64, 32, 8),      // GN: an image in the registers of a block
        new(2, 49, 64, 1),      // LN over an image
        new(1, 1025, 16, 4),    // too large for registers
        new(7, 1, 37, 1),       // LN
    ];

    /// <summary>Larger ones, once: with more chunks, and more images, than a block has rows of threads.</summary>
    private static readonly NormGeometry[] Large = [new(1, 2304, 20, 20), new(40, 16, 64, 8)];

    /// <param name="type">What images are stored as.</param>
    /// <param name="place">How many values after a multiple of 16 bytes the tensors begin.</param>
    public static void Run(Device device, DType type, int place)
    {
        foreach (var g in type == DType.F32 && place == 0 ? [.. Geometries, .. Large] : Geometries)
            foreach (var (activation, constant, added, affine) in new[]
            {
                (Activation.None, false, true, true), (Activation.Relu, false, true, true), (Activation.Relu, true, true, true),
                (Activation.Relu, false, false, true), (Activation.None, false, false, false),
            })
            {
                double[][] Of(Device on) => Run(on, type, place, g, activation, constant, added, affine);
                double[][] got = Of(device), expected = Of(Device.Reference);
                string what = $"{g} {activation}, constant {constant}, residual {added}, affine {affine}, output";
                for (int i = 0; i < got.Length; i++)
                    KernelWorkloads.Near($"{what} {i}", expected[i], got[i], type == DType.BF16 ? 5e-3 : 3e-6);
            }
    }

    /// <summary>Mean, variance, y, dx, dweight, dbias and dresidual.</summary>
    private static double[][] Run(
        Device device, DType type, int place, NormGeometry g, Activation activation, bool constant, bool added, bool affine)
    {
        Shape all = [g.Samples, g.Positions, g.Channels], channels = [g.Channels], statistics = [g.Samples, g.Groups];
        Tensor Image(int seed) => KernelWorkloads.At(place, KernelWorkloads.Stored(KernelWorkloads.Exact(device, all, seed), type));
        Tensor? Parameter(int seed) => !affine ? null : KernelWorkloads.At(place, KernelWorkloads.Exact(device, channels, seed));
        Tensor Unset(Shape shape, DType of) => KernelWorkloads.At(place, KernelWorkloads.Stored(Agreement.Unset(device, shape), of));
        Tensor x = Image(1), dy = Image(5), y = Unset(all, type), dx = Unset(all, type);
        Tensor? weight = Parameter(2), bias = Parameter(3);
        Tensor? residual = added ? Image(4) : null, dresidual = added ? Unset(all, type) : null;
        Tensor mean = Unset(statistics, DType.F32), variance = Unset(statistics, DType.F32);
        Tensor? dweight = affine ? Unset(channels, DType.F32) : null, dbias = affine ? Unset(channels, DType.F32) : null;
        var norm = new NormArguments(g, mean, variance, 1e-5, weight, bias, residual, activation, constant);
        device.Backend.MomentsAndNormalize(x, norm, y);
        device.Backend.NormalizeGradient(dy, x, y, norm, new NormGradients(dx, dweight, dbias, dresidual));
        return [.. new[] { mean, variance, y, dx, dweight, dbias, dresidual }.OfType<Tensor>().Select(t => t.ToArray<double>())];
    }
}
