using System.Globalization;

namespace MiniDL.Tests.Core.Ops;

/// <summary>
/// What results that a device stores in bfloat16 are off, over many problems. Two things are asked of each: the size of the error, and that
/// it has no direction. A kernel that cuts digits off, or scales by a little too much, makes errors no larger than some of rounding's, but
/// all on one side.
/// </summary>
/// <param name="limit">The largest ‖value − expected‖ / ‖expected‖ over all problems: two roundings, if not said otherwise.</param>
/// <param name="mayHaveDirection">Whether errors hang together: of what is computed from a rounded mean, for example.</param>
internal sealed class StoredErrors(double limit = 2.0 / 256, bool mayHaveDirection = false)
{
    /// <summary>Of fewer values a single one can be all of the error, and eight times as much is allowed.</summary>
    private const int Enough = 256;

    /// <summary>Errors whose sum is this many times what that of independent ones would be have a direction.</summary>
    private const double Deviations = 6;

    private readonly Dictionary<string, Sums> _all = [];

    private record struct Sums(int Count, double Size, double Error, double Along, double AlongSquares);

    /// <summary>Adds a result to those of its name.</summary>
    public void Add(string name, Tensor value, Tensor expected)
    {
        Assert.Equal(expected.Shape, value.Shape);
        var sums = _all.GetValueOrDefault(name);
        // Equal values, such as a mean's gradient, are rounded alike: together they are one error.
        var pairs = value.ToArray<double>().Zip(expected.ToArray<double>(), (v, e) => (Error: v - e, Expected: e));
        foreach (var group in pairs.GroupBy(p => p.Expected))
        {
            double along = group.Sum(p => p.Error * p.Expected);
            sums = new Sums(sums.Count + group.Count(), sums.Size + group.Sum(p => p.Expected * p.Expected),
                sums.Error + group.Sum(p => p.Error * p.Error), sums.Along + along, sums.AlongSquares + along * along);
        }
        _all[name] = sums;
    }

    /// <summary>Asserts both of every name's results, over all that was added.</summary>
    public void Check()
    {
        foreach (var (name, sums) in _all)
        {
            if (sums.Error == 0) continue;
            double error = Math.Sqrt(sums.Error / sums.Size), most = sums.Count < Enough ? 8 * limit : limit;
            double factor = sums.Along / sums.Size, chance = Math.Sqrt(sums.AlongSquares) / sums.Size;
            string what = string.Create(CultureInfo.InvariantCulture, $"{name}, {sums.Count} values: error {error:E1}, at most {most:E1}; ")
                + string.Create(CultureInfo.InvariantCulture, $"too large by {factor:E1}, by chance {chance:E1}");
            Assert.True(error <= most, what);
            // Cutting digits off makes values too small by 2⁻⁹ or more; a quarter of that is not looked at.
            if (!mayHaveDirection) Assert.True(Math.Abs(factor) <= Deviations * chance + 1.0 / 2048, what);
        }
    }
}
