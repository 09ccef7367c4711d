namespace MiniDL.Tests.Core.Ops;

/// <summary>Operators that only move values, against literals.</summary>
public class StructuralTests
{
    private static Tensor Count(params ReadOnlySpan<int> sizes)
    {
        Shape shape = new(sizes);
        return Tensor.From(Enumerable.Range(0, shape.Count).Select(i => (double)i).ToArray(), shape, Device.Reference);
    }

    [Fact]
    public void Transpose_swaps_two_dimensions()
    {
        var y = Count(2, 3).Transpose(0, 1);
        Assert.Equal([3, 2], y.Shape);
        Assert.Equal([0f, 3, 1, 4, 2, 5], y.ToArray());
    }

    [Fact]
    public void Concat_joins_along_any_dimension()
    {
        Assert.Equal([0f, 1, 2, 3, 0, 1], Tensor.Concat([Count(2, 2), Count(1, 2)]).ToArray());
        Assert.Equal([0f, 1, 0, 2, 3, 1], Tensor.Concat([Count(2, 2), Count(2, 1)], dim: -1).ToArray());
    }

    [Fact]
    public void Pad_surrounds_with_zeros() => Assert.Equal([0f, 0, 0, 0, 0, 0, 1, 0, 0, 2, 3, 0],
        Count(2, 2).Pad((1, 0), (1, 1)).ToArray());

    [Fact]
    public void Slices_take_ranges_and_steps()
    {
        Assert.Equal([5f, 7], Count(3, 4)[1..2, new Slice(1.., 2)].ToArray());
        Assert.Equal([3f, 7, 11], Count(3, 4)[.., ^1..].ToArray());
        Assert.Equal([0f, 1, 2, 3, 8, 9, 10, 11], Count(3, 4).Slice(0, 0, step: 2).ToArray());
    }

    [Fact]
    public void The_option_A_shortcut_halves_images_and_pads_channels_in_channels_last()
    {
        var x = Count(1, 2, 3, 3).ToLayout(Layout.ChannelsLast);
        var y = x[.., .., Slice.Every(2), Slice.Every(2)].Pad((0, 0), (1, 1));
        Assert.Equal(Layout.ChannelsLast, y.Layout);
        Assert.Equal([1, 4, 2, 2], y.Shape);
        Assert.Equal([0f, 0, 0, 0, 0, 2, 6, 8, 9, 11, 15, 17, 0, 0, 0, 0], y.ToArray());
    }

    [Fact]
    public void Integers_move_too_and_become_floats_on_request()
    {
        var labels = Tensor.From([3L, 1, 2], [3]);
        Assert.Equal([1L, 2, 3, 1, 2], Tensor.Concat([labels[1..], labels]).ToArray<long>());
        Assert.Equal([3f, 1, 2], labels.ToFloat().ToArray());
    }
}
