using MiniDL.Backends;

namespace MiniDL.Tests.Core.Backends;

[Collection(ThreadCounts.Collection)]
public class PoolingTests
{
    /// <summary>Batch, channels, height, width, kernel, stride, padding.</summary>
    public static TheoryData<int, int, int, int, int, int, int> Windows => new()
    {
        { 1, 1, 1, 1, 1, 1, 0 }, { 2, 3, 8, 8, 2, 2, 0 }, { 3, 16, 9, 7, 3, 2, 1 }, { 2, 17, 8, 8, 8, 8, 0 }, { 5, 64, 8, 8, 8, 8, 0 },
        { 2, 33, 5, 6, 3, 1, 1 }, { 40, 16, 8, 8, 2, 2, 0 }, { 0, 3, 4, 4, 2, 2, 0 },
    };

    [Theory, MemberData(nameof(Windows))]
    public void Pooling_and_its_gradients_match_the_definition(int batch, int channels, int height, int width, int kernel,
        int stride, int pad) =>
        Agreement.Check(2e-6, (device, backend) =>
        {
            var g = Window2d.Of("pool", [batch, channels, height, width], channels, (kernel, kernel), (stride, stride), (pad, pad));
            Shape inside = [batch, height, width, channels], outside = [batch, g.OutHeight, g.OutWidth, channels];
            Tensor x = Agreement.Normal(device, inside, 1), dy = Agreement.Normal(device, outside, 2),
                index = Agreement.UnsetIndex(device, outside);
            Tensor max = Agreement.Unset(device, outside), average = Agreement.Unset(device, outside);
            Tensor dmax = Agreement.Unset(device, inside), daverage = Agreement.Unset(device, inside);
            backend.MaxPool2d(x, max, index, g);
            backend.MaxPool2dGradient(dy, index, dmax, g);
            backend.AvgPool2d(x, average, g);
            backend.AvgPool2dGradient(dy, daverage, g);
            return [max, index, dmax, average, daverage];
        });

    [Fact]
    public void A_NaN_wins_its_window_in_every_lane()
    {
        const int Channels = 37;
        var g = Window2d.Of("pool", [1, Channels, 2, 2], Channels, (2, 2), (2, 2), (0, 0));
        var x = Tensor.Ones([1, 2, 2, Channels]);
        for (int c = 0; c < Channels; c++) x.MutableSpan()[c % 4 * Channels + c] = float.NaN;
        Tensor y = Tensor.Zeros([1, 1, 1, Channels]), index = Tensor.Zeros(y.Shape, type: DType.I64);
        Device.Cpu.Backend.MaxPool2d(x, y, index, g);
        Assert.All(y.ToArray(), value => Assert.True(float.IsNaN(value)));
        Assert.Equal(Enumerable.Range(0, Channels).Select(c => (long)(c % 4)), index.ToArray<long>());
    }
}
