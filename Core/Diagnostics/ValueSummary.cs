using System.Globalization;

namespace MiniDL.Diagnostics;

/// <summary>What there is to say about a tensor's values on one line.</summary>
/// <param name="Smallest">Of the finite values, as are the largest and the mean; NaN where there are none.</param>
internal readonly record struct ValueSummary(int Count, double Smallest, double Largest, double Mean, int NaNs, int Infinities)
{
    public static ValueSummary Of(Tensor x) => Of(x.ToArray<double>());

    public static ValueSummary Of(ReadOnlySpan<double> values)
    {
        double smallest = double.NaN, largest = double.NaN, sum = 0;
        int nans = 0, infinities = 0;
        foreach (double value in values)
        {
            if (double.IsNaN(value)) nans++;
            else if (double.IsInfinity(value)) infinities++;
            else
            {
                sum += value;
                // A comparison with NaN, which both are at first, is false.
                if (!(value >= smallest)) smallest = value;
                if (!(value <= largest)) largest = value;
            }
        }
        return new ValueSummary(values.Length, smallest, largest, sum / (values.Length - nans - infinities), nans, infinities);
    }

    /// <summary>The finite values and how many are not: <c>-1.5 to 20, 3 of 64 NaN</c>.</summary>
    public string Range
    {
        get
        {
            if (Count == 0) return "no values";
            string range = NaNs + Infinities == Count ? "none finite" : string.Create(CultureInfo.InvariantCulture, $"{Smallest:G4} to {Largest:G4}");
            return $"{range}{Share(NaNs, "NaN")}{Share(Infinities, "infinite")}";
        }
    }

    /// <summary>As <see cref="Range"/>, with the mean: <c>-1.5 to 20, mean 0.25, 3 of 64 NaN</c>.</summary>
    public override string ToString()
    {
        if (NaNs + Infinities == Count) return Range;
        return string.Create(CultureInfo.InvariantCulture, $"{Smallest:G4} to {Largest:G4}, mean {Mean:G4}")
            + $"{Share(NaNs, "NaN")}{Share(Infinities, "infinite")}";
    }

    private string Share(int some, string what) => some == 0 ? "" : $", {some} of {Count} {what}";
}
