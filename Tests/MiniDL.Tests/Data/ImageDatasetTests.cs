using MiniDL.Data;

namespace MiniDL.Tests.Data;

public class ImageDatasetTests
{
    private static readonly string[] TwoClasses = ["a", "b"];

    /// <summary>Two images of 2 channels, 3 rows, 4 columns with the bytes 0, 1, 2, …</summary>
    private static ImageDataset Counting(float[]? mean = null, float[]? std = null) => new("counting",
        Enumerable.Range(0, 48).Select(i => (byte)i).ToArray(), [2, 3, 4], [0, 1], TwoClasses, mean ?? [0, 0], std ?? [1 / 255f, 1 / 255f]);

    [Fact]
    public void Pixels_are_normalized_per_channel()
    {
        var data = Counting(mean: [0.5f, 0.25f], std: [0.2f, 0.1f]);
        var x = new float[24];
        data.Read(1, x);
        Assert.Equal((24 / 255.0 - 0.5) / 0.2, x[0], 5);
        Assert.Equal((47 / 255.0 - 0.25) / 0.1, x[23], 5);
    }

    [Fact]
    public void Channels_last_has_the_same_values_in_another_order()
    {
        var (planes, pixels) = (new float[24], new float[24]);
        Counting().Read(1, planes);
        Counting().ReadChannelsLast(1, Crop.None, pixels);
        Assert.Equal([24, 36, 25, 37], pixels[..4].Select(value => MathF.Round(value)));
        for (int i = 0; i < 24; i++) Assert.Equal(planes[i % 2 * 12 + i / 2], pixels[i]);
    }

    [Theory]
    [InlineData(0, 0, false, new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 })]
    [InlineData(0, 0, true, new[] { 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8 })]
    [InlineData(1, 0, false, new[] { 4, 5, 6, 7, 8, 9, 10, 11, -1, -1, -1, -1 })]
    [InlineData(-1, 2, false, new[] { -1, -1, -1, -1, 2, 3, -1, -1, 6, 7, -1, -1 })]
    [InlineData(-1, 2, true, new[] { -1, -1, -1, -1, -1, -1, 3, 2, -1, -1, 7, 6 })]
    [InlineData(0, -3, true, new[] { 0, -1, -1, -1, 4, -1, -1, -1, 8, -1, -1, -1 })]
    [InlineData(5, 0, false, new[] { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 })]
    [InlineData(0, -5, true, new[] { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 })]
    public void A_crop_shows_the_shifted_image_with_zeros_around_it(int top, int left, bool flip, int[] expected)
    {
        // Zeros are put around the normalized image: with mean 1/255 a zero is what byte 1 would be, never byte 0.
        var data = Counting(mean: [1 / 255f, 1 / 255f]);
        var values = expected.Select(value => value < 0 ? 0f : value - 1).ToArray();
        var x = Enumerable.Repeat(float.NaN, 24).ToArray();
        data.ReadChannelsLast(0, new Crop(top, left, flip), x);
        Assert.Equal(values, x.Where((_, i) => i % 2 == 0).Select(value => MathF.Round(value) + 0f));

        // The general way, for datasets that only have Read, gives the same.
        var floats = new float[48];
        for (int i = 0; i < 2; i++) data.Read(i, floats.AsSpan(i * 24, 24));
        var general = new float[24];
        new ArrayDataset(floats, [2, 3, 4], [0, 1]).ReadChannelsLast(0, new Crop(top, left, flip), general);
        Assert.Equal(x, general);
    }

    [Fact]
    public void Mean_and_deviation_are_the_data_s_own_by_default()
    {
        var data = new ImageDataset("own", [0, 255, 10, 10, 255, 0, 10, 10], [2, 1, 2], [0, 1], TwoClasses);
        Assert.Equal([0.5f, 10 / 255f], data.Mean);
        Assert.Equal([0.5f, 1f], data.Std);
    }

    [Fact]
    public void Take_gives_the_first_images()
    {
        var first = (ImageDataset)Counting().Take(1);
        Assert.Equal((1, 0L), (first.Count, first.Label(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => first.Pixels(1).Length);
        Assert.Contains("2 examples", Assert.Throws<MiniDLException>(() => Counting().Take(3)).Message);
        Assert.Throws<MiniDLException>(() => Counting().Take(0));
        var arrays = new ArrayDataset([1, 2, 3], [1], [0, 1, 2]);
        Assert.Equal((2, 3), (arrays.Take(2).Count, arrays.Take(2).Classes));
        Assert.Throws<MiniDLException>(() => arrays.Take(4));
    }

    [Fact]
    public void What_does_not_fit_together_is_an_error()
    {
        Assert.Contains("need 8 bytes, got 7",
            Assert.Throws<MiniDLException>(() => new ImageDataset("x", new byte[7], [1, 2, 2], [0, 1], TwoClasses)).Message);
        Assert.Throws<MiniDLException>(() => new ImageDataset("x", new byte[8], [4], [0, 1], TwoClasses));
        Assert.Contains("label 2",
            Assert.Throws<MiniDLException>(() => new ImageDataset("x", new byte[8], [1, 2, 2], [0, 2], TwoClasses)).Message);
        Assert.Throws<MiniDLException>(() => new ImageDataset("x", new byte[8], [1, 2, 2], [0, 1], TwoClasses, [0], [0]));
        Assert.Throws<MiniDLException>(() => new ImageDataset("x", new byte[8], [1, 2, 2], [0, 1], TwoClasses, [0, 0], [1, 1]));
        Assert.Contains("need 4 values, got 3", Assert.Throws<MiniDLException>(() => new ArrayDataset([1, 2, 3], [2], [0, 1])).Message);
        Assert.Contains("label -1", Assert.Throws<MiniDLException>(() => new ArrayDataset([1, 2], [1], [0, -1])).Message);
        Assert.Contains("label 2", Assert.Throws<MiniDLException>(() => new ArrayDataset([1, 2], [1], [0, 2], TwoClasses)).Message);
    }
}
