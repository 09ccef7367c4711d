namespace MiniDL.Tests.Examples.Studies;

public sealed class PlacementTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void Both_nets_are_trained_with_BN_in_both_places_and_the_place_makes_a_difference()
    {
        Assert.Equal(0, _minidl.Run("study placement --smallest --out @s"));
        var runs = _minidl.Rows("s/placement.csv").GroupBy(row => $"{row[0]} {row[1]}")
            .ToDictionary(run => run.Key, run => run.Last()[4]);
        Assert.Equal(["ResNet before", "ResNet after", "MLP before", "MLP after"], runs.Keys);
        Assert.Equal(4, runs.Values.Distinct().Count());
        AssertStandIn.IsAnnounced(_minidl, "s");
        AssertPictures.ArePresent(_minidl.Folder("s/placement"), "BN before", "BN after", "epoch", "test error");
    }
}
