namespace MiniDL.Tests.Core;

public class ShapeTests
{
    /// <summary>C# takes a property Length, else Count, for the length of what is spread or indexed from the end.</summary>
    [Fact]
    public void Spread_and_indexed_from_the_end_it_is_its_sizes()
    {
        Shape image = [3, 32, 32];
        Shape batch = [8, .. image];
        Assert.Equal("[8, 3, 32, 32]", batch.ToString());
        int[] sizes = [.. image];
        Assert.Equal([3, 32, 32], sizes);
        Assert.Equal(32, image[^1]);
        Assert.Equal(3, image[^3]);
        Shape one = [1, .. Shape.Scalar];
        Assert.Equal("[1]", one.ToString());
    }
}
