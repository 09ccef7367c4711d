namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>TF32 by its definition: 11 significant bits and float's exponents.</summary>
internal static class Tf32
{
    /// <summary>The nearest value, of two the one further from 0, as the instruction that rounds operands has it.</summary>
    public static double Round(double x)
    {
        if (x == 0 || !double.IsFinite(x)) return x;
        double unit = Math.ScaleB(1, Math.Max(Math.ILogB(x), -126) - 10);
        return Math.Round(x / unit, MidpointRounding.AwayFromZero) * unit;
    }
}
