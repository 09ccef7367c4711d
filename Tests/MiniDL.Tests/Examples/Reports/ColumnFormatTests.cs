using System.Globalization;
using MiniDL.Examples.Reports;

namespace MiniDL.Tests.Examples.Reports;

public sealed class ColumnFormatTests
{
    public static TheoryData<double[], string[]> Columns => new()
    {
        { [0.8979, 1.816, 0.9938, 2.3], ["0.898", "1.816", "0.994", "2.300"] },
        { [51.1, 49, 55.25], ["51.10", "49.00", "55.25"] },
        { [163904.87, 83.4, 6.6712], ["163,904.9", "83.4", "6.7"] },
        { [0.003, 0.01, 0.03, 0.1], ["0.003", "0.010", "0.030", "0.100"] },
        { [1000, 20, 3], ["1,000", "20", "3"] },
        { [1e-38, 1, 7], ["1.000e-38", "1.000e+00", "7.000e+00"] },
        { [0, double.NaN, 1.5], ["0.0", "NaN", "1.5"] },
        { [0, 0], ["0", "0"] },
    };

    [Theory]
    [MemberData(nameof(Columns))]
    public void A_column_has_one_number_of_decimals(double[] values, string[] texts)
    {
        string format = ColumnFormat.Of(values.Cast<object>());
        Assert.Equal(texts, values.Select(value => value.ToString(format, CultureInfo.InvariantCulture)));
    }
}
