using System.Globalization;

namespace MiniDL.Tests.Examples;

public sealed class BenchTests : IDisposable
{
    private const string Small = "bench --model resnet8 --norms bn --batch-sizes 2,3 --steps 2 --warm-up 0";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void Profile_prints_a_table_for_every_JSON_line_and_after_all_of_them()
    {
        Assert.Equal(0, _minidl.Run($"{Small} --profile"));
        string[] lines = _minidl.Output.Split('\n');
        Assert.Equal([0, 1], Enumerable.Range(0, lines.Length).Where(i => lines[i].StartsWith('{')));
        Assert.Contains("resnet8 bn, batch 2", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("resnet8 bn, batch 3", _minidl.Output, StringComparison.Ordinal);

        // ResNet-8: a first convolution and three blocks of two, a norm after each, and the first convolution has no input gradient.
        // Statistics, taken after the convolution, and running ones count as parts of normalization forward.
        Assert.All(Calls("convolution forward"), calls => Assert.Equal(7, calls));
        Assert.All(Calls("convolution input gradient"), calls => Assert.Equal(6, calls));
        Assert.All(Calls("convolution weight gradient"), calls => Assert.Equal(7, calls));
        Assert.All(Calls("normalization forward"), calls => Assert.Equal(21, calls));
        Assert.All(Calls("normalization gradient"), calls => Assert.Equal(7, calls));
        Assert.All(Calls("head and loss"), calls => Assert.Equal(6, calls));
        Assert.All(Calls("optimizer"), calls => Assert.Equal(1, calls));

        int[] Calls(string kind)
        {
            var rows = lines.Where(line => line.TrimStart().StartsWith(kind, StringComparison.Ordinal)).ToArray();
            Assert.Equal(2, rows.Length);
            return [.. rows.Select(row => (int)Numbers(row)[2])];
        }
    }

    [Fact]
    public void Shares_of_the_profile_add_up_to_the_whole()
    {
        Assert.Equal(0, _minidl.Run($"{Small} --profile"));
        string table = _minidl.Output.Split("together")[0];
        string[] rows = [.. table.Split('\n').SkipWhile(line => !line.Contains("convolution forward", StringComparison.Ordinal))];
        Assert.Equal(9, rows.Count(row => Share(row) is not null));
        Assert.InRange(rows.Sum(row => Share(row) ?? 0), 99.5, 100.5);

        // The first two numbers of a row are milliseconds and percent.
        static double? Share(string row) => Numbers(row) is [_, var share, ..] ? share : null;
    }

    [Fact]
    public void Without_the_option_there_are_only_JSON_lines()
    {
        foreach (string option in new[] { "", "--quiet" })
        {
            Assert.Equal(0, _minidl.Run($"{Small} {option}"));
            Assert.All(_minidl.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.StartsWith("{", line, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_profile_that_was_asked_for_is_printed_quiet_or_not()
    {
        Assert.Equal(0, _minidl.Run($"{Small} --profile --quiet"));
        Assert.Equal(2, _minidl.Output.Split("convolution forward").Length - 1);
    }

    private static double[] Numbers(string row) => [.. row.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Where(word => double.TryParse(word, CultureInfo.InvariantCulture, out _)).Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
}
