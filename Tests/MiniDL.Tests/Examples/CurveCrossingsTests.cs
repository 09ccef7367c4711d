using MiniDL.Examples.Comparisons;

namespace MiniDL.Tests.Examples;

public class CurveCrossingsTests
{
    [Theory]
    [InlineData("30 30 30", "40 40 40", "BN is ahead of GN at every batch size.")]
    [InlineData("50 50 50", "40 40 40", "GN is ahead of BN at every batch size.")]
    [InlineData("30 35 45", "40 40 40", "BN is ahead of GN at 32 images; the curves cross between 8 and 2 images.")]
    [InlineData("45 35 45", "40 40 40", "GN is ahead of BN at 32 images; the curves cross between 32 and 8 images and between 8 and 2 images.")]
    [InlineData("30 NaN 45", "40 40 40", "BN is ahead of GN at 32 images; the curves cross between 32 and 2 images.")]
    [InlineData("30 NaN NaN", "40 40 40", "")]
    [InlineData("40.5 41 41", "40 40.2 40.4", "BN and GN are within a point of each other at every batch size.")]
    [InlineData("40.5 35 45", "40 40 40", "BN is ahead of GN at 8 images; the curves cross between 8 and 2 images.")]
    [InlineData("40.5 44 45", "40 40 40", "GN is ahead of BN at every batch size where they are a point apart or more.")]
    public void Crossings_are_told_from_the_largest_batch_to_the_smallest(string bn, string gn, string said)
    {
        int[] sizes = [32, 8, 2];
        SummaryRow[] Rows(string norm, string errors) => [.. errors.Split(' ').Zip(sizes, (error, size) =>
            new SummaryRow(norm, size, 1, double.Parse(error), 0, 0, 0))];
        Assert.Equal(said, CurveCrossings.Describe([.. Rows("gn", gn), .. Rows("bn", bn)]));
    }

    [Fact]
    public void Without_bn_there_is_nothing_to_say() =>
        Assert.Equal("", CurveCrossings.Describe([new SummaryRow("gn", 2, 1, 1, 0, 0, 0), new SummaryRow("ln", 2, 1, 2, 0, 0, 0)]));
}
