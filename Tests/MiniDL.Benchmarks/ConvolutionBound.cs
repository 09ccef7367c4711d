using MiniDL.Backends;

namespace MiniDL.Benchmarks;

/// <summary>
/// What the CPU's convolutions need at least, in nanoseconds: the cycles of each phase by the port that it uses most, at two FMAs (or additions),
/// two loads and one store per cycle, shared by all threads; or the bytes of operands and results at the speed of copying, if that takes longer.
/// Counted for AVX-512; other widths have no bound here.
/// </summary>
internal sealed class ConvolutionBound(Window2d g)
{
    private const int Points = 36, Lanes = 16;

    // Per tile and vector of channels, from the transforms' sources. Input: 12 passes of 12 FMAs, 84 loads, 36 stores. Output: 12 half columns and
    // 4 rows, 128 FMAs and additions. Output gradient: 8 half columns and 6 rows, 120 of them.
    private const double InputTransform = 72, OutputTransform = 64, GradientTransform = 60;

    private bool IsWinograd => !g.Exact && g.StrideHeight == 1 && g.InChannels % Lanes == 0 && g.OutChannels % Lanes == 0;

    public double Forward => Nanoseconds(IsWinograd ? Winograd(g.InChannels, g.OutChannels) : Direct(g.OutChannels, g.InChannels * 9.0));

    /// <summary>Not counted for images of few channels, which go by patches.</summary>
    public double InputGradient => g.InChannels < Lanes / 2 ? 0 : Nanoseconds(IsWinograd ? Winograd(g.OutChannels, g.InChannels) : Direct(g.InChannels, g.OutChannels * 9.0));

    public double WeightGradient
    {
        get
        {
            int inputs = Vectors(g.InChannels), outputs = Vectors(g.OutChannels);
            if (IsWinograd)
                return Nanoseconds(Tiles * (inputs * InputTransform + outputs * GradientTransform + inputs * outputs * Points * OuterProduct));
            // For every row of the kernel its window values, in tiles of 16.
            return Nanoseconds((double)g.Batch * g.OutPixels * g.KernelHeight * Vectors(g.KernelWidth * g.InChannels) * outputs * OuterProduct);
        }
    }

    /// <summary>16 inputs × 1 vector: 17 loads, more than the 16 FMAs.</summary>
    private static double OuterProduct => 17 / 2.0;

    private double Tiles => (double)g.Batch * ((g.OutHeight + 3) / 4) * ((g.OutWidth + 3) / 4);

    private static int Vectors(int channels) => (channels + Lanes - 1) / Lanes;

    /// <summary>Pairs of vectors are limited by their FMAs; a single one by 30 loads for every 24 of them.</summary>
    private double Winograd(int inputs, int outputs)
    {
        int vectors = Vectors(outputs), paired = vectors / 2 * 2;
        double products = Points * (double)inputs * (paired / 2.0 + (vectors - paired) * 30 / 48.0);
        return Tiles * (Vectors(inputs) * InputTransform + products + vectors * OutputTransform);
    }

    /// <summary>FMAs by the definition, for whole vectors; a single vector waits for 17 loads for every 16 of them.</summary>
    private double Direct(int outputs, double perOutput)
    {
        int vectors = Vectors(outputs);
        double pixels = outputs == g.OutChannels ? (double)g.Batch * g.OutPixels : (double)g.Batch * g.InHeight * g.InWidth / (g.StrideHeight * g.StrideWidth);
        return pixels * perOutput * vectors / 2 * (vectors == 1 ? 17 / 16.0 : 1);
    }

    private double Nanoseconds(double cycles)
    {
        if (Machine.Lanes != Lanes) return 0;
        double bytes = sizeof(float) * ((double)g.Input.Count + g.Output.Count);
        return Math.Max(cycles / (Machine.Gigahertz * CpuThreads.Count), bytes / Machine.CopyGigabytes);
    }
}
