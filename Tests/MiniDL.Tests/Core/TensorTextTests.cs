using System.Diagnostics;
using System.Reflection;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Core;

/// <summary>A printed tensor shows what it is and its values, as NumPy does.</summary>
public class TensorTextTests
{
    [Fact]
    public void A_matrix_has_a_row_a_line_and_its_columns_are_aligned() => Assert.Equal(
        """
        f32[2, 3] on cpu from mul
        [[    1,   2.5,     3]
         [   -4,   0.1, 1E-20]]
        """.ReplaceLineEndings("\n"), (Tensor.From([1f, 2.5f, 3, -4, 0.1f, 1e-20f], [2, 3]) * 1).ToString());

    [Fact]
    public void Scalars_vectors_integers_and_what_is_not_finite()
    {
        Assert.Equal("f32[] on cpu: 2.5", Tensor.Scalar(2.5).ToString());
        Assert.Equal("f32[3] on cpu: [nan, inf, -inf]", Tensor.From([float.NaN, float.PositiveInfinity, float.NegativeInfinity], [3]).ToString());
        Assert.Equal("i64[2] on cpu: [9007199254740992, -1]", Tensor.From([9007199254740992L, -1L], [2]).ToString());
        Assert.Equal("f64[1] on reference: [0.333333]", Tensor.From([1 / 3.0], [1], Device.Reference).ToString());
        Assert.Equal("f32[0] on cpu: []", Tensor.Zeros([0]).ToString());
        Assert.Equal("f32[2, 0] on cpu\n[[]\n []]", Tensor.Zeros([2, 0]).ToString());
    }

    [Fact]
    public void Dimensions_before_the_last_two_are_apart_by_lines() => Assert.Equal(
        "f32[2, 2, 2] on cpu\n[[[0, 1]\n  [2, 3]]\n\n [[4, 5]\n  [6, 7]]]",
        Tensor.From([0f, 1, 2, 3, 4, 5, 6, 7], [2, 2, 2]).ToString());

    [Fact]
    public void Channels_last_is_shown_in_logical_order()
    {
        var x = Tensor.From([0f, 1, 2, 3, 4, 5, 6, 7], [1, 2, 2, 2]);
        Assert.Equal(x.ToString().Split('\n')[1..], x.ToLayout(Layout.ChannelsLast).ToString().Split('\n')[1..]);
    }

    [Fact]
    public void Of_many_values_the_edges_are_shown()
    {
        float[] values = [.. Enumerable.Range(0, 2000).Select(i => (float)i)];
        Assert.Equal("f32[2000] on cpu: [0, 1, 2, …, 1997, 1998, 1999]", Tensor.From(values, [2000]).ToString());
        string[] lines = Tensor.From(values, [100, 20]).ToString().Split('\n');
        Assert.Equal("[[   0,    1,    2, …,   17,   18,   19]", lines[1]);
        Assert.Equal(" …", lines[4]);
        Assert.Equal(" [1980, 1981, 1982, …, 1997, 1998, 1999]]", lines[7]);
        Assert.Equal(8, lines.Length);
    }

    [Fact]
    public void Printing_leaves_no_trace_and_never_fails()
    {
        var x = Tensor.Ones([40, 40]);
        x.RequiresGrad = true;
        var y = x * 2;
        Assert.StartsWith("f32[40, 40] on cpu from mul\n[[2, 2, 2, …", y.ToString(), StringComparison.Ordinal);
        y.Sum().Backward();
        Assert.Equal(2, x.Grad!.ToArray()[0]);
        Tensor gone;
        using (Scope.Step()) gone = Tensor.Ones([2]) * 1;
        Assert.Equal("f32[2] on cpu from mul, recycled", gone.ToString());
    }

    [GpuFact]
    public void Inside_a_recorded_step_there_are_no_values()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var x = Tensor.Ones([2], device);
        string text = "";
        using var step = device.Record(() =>
        {
            var y = x * 3;
            text = y.ToString();
            return [y];
        });
        for (int run = 0; run < 3; run++) step.Run();
        Assert.Equal("f32[2] on cuda from mul", text);
    }

    [Fact]
    public void The_debugger_shows_the_first_values_in_one_line()
    {
        Assert.Equal("{DebuggerText,nq}", typeof(Tensor).GetCustomAttribute<DebuggerDisplayAttribute>()!.Value);
        object? text = typeof(Tensor).GetProperty("DebuggerText", BindingFlags.Instance | BindingFlags.NonPublic)!
            .GetValue(Tensor.From([.. Enumerable.Range(0, 10).Select(i => (float)i)], [2, 5]));
        Assert.Equal("f32[2, 5] on cpu: 0, 1, 2, 3, 4, 5, 6, 7, …", text);
    }
}
