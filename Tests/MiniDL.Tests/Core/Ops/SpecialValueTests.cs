namespace MiniDL.Tests.Core.Ops;

/// <summary>NaN, infinities, ties, kinks, empties and values where float runs out, as PyTorch has them.</summary>
public class SpecialValueTests
{
    public static TheoryData<string> Devices => ["cpu", "reference"];

    private static Device Named(string device) => device == "cpu" ? Device.Cpu : Device.Reference;

    private static (float[] Y, float[] Dx) Run(string device, Func<Tensor, Tensor> f, params float[] values)
    {
        var x = Tensor.From(values, [values.Length], Named(device));
        x.RequiresGrad = true;
        var y = f(x);
        y.Backward(Tensor.Ones(y.Shape, y.Device));
        return (y.ToArray(), x.Grad!.ToArray());
    }

    [Theory, MemberData(nameof(Devices))]
    public void Relu_lets_NaN_through_and_has_no_gradient_at_0(string device)
    {
        var (y, dx) = Run(device, x => x.Relu(), float.NaN, 0, -1, 2);
        Assert.Equal([float.NaN, 0, 0, 2], y);
        Assert.Equal([1f, 0, 0, 1], dx);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Kinks_have_PyTorchs_gradients(string device)
    {
        Assert.Equal([0f, -1, 1], Run(device, x => x.Abs(), 0, -2, 3).Dx);
        Assert.Equal([0.25f, 0.25f, 1], Run(device, x => x.LeakyRelu(0.25), 0, -2, 3).Dx);
        Assert.Equal([0f, 0], Run(device, x => x.Pow(0), 0, -2).Dx);
        Assert.Equal([float.PositiveInfinity], Run(device, x => x.Sqrt(), 0).Dx);
    }

    [Theory, MemberData(nameof(Devices))]
    public void The_gradient_of_max_goes_to_the_first_of_equals_and_NaN_is_largest(string device)
    {
        var (y, dx) = Run(device, x => x.Max(), 1, 5, 5, 2);
        Assert.Equal([5f], y);
        Assert.Equal([0f, 1, 0, 0], dx);
        Assert.Equal([float.NaN], Run(device, x => x.Max(), 1, float.NaN, 5).Y);
        Assert.Equal([0f, 1, 0, 0, 0, 0], Run(device, x => x.Reshape(3, 2).Max([0, 1]), 1, 7, 2, 7, 7, 3).Dx);
    }

    [Theory, MemberData(nameof(Devices))]
    public void The_gradient_of_maximum_is_shared_between_equals_and_NaN_is_largest(string device)
    {
        var other = Tensor.From([3f, 3, 3, 3], [4], Named(device));
        other.RequiresGrad = true;
        var (y, dx) = Run(device, x => x.Maximum(other), 1, 3, 5, float.NaN);
        Assert.Equal([3f, 3, 5, float.NaN], y);
        Assert.Equal([0f, 0.5f, 1, 1], dx);
        Assert.Equal([1f, 0.5f, 0, 1], other.Grad!.ToArray());
    }

    [Theory, MemberData(nameof(Devices))]
    public void Max_pooling_keeps_NaN_and_ignores_padding(string device)
    {
        var x = Tensor.From([-1f, -2, float.NaN, -4], [1, 1, 2, 2], Named(device));
        Assert.Equal([-1f, -2, float.NaN, -4], x.MaxPool2d((2, 2), stride: (2, 2), padding: (1, 1)).ToArray());
        Assert.Equal([float.NaN], x.MaxPool2d((2, 2)).ToArray());
    }

    [Theory, MemberData(nameof(Devices))]
    public void Tanh_and_sigmoid_are_exact_near_0_and_saturate(string device)
    {
        float[] values = [1e-20f, -1e-7f, 3e-4f, 0.499f, 0.501f, -0.6f, 30, -100, float.PositiveInfinity];
        var (y, dx) = Run(device, x => x.Tanh(), values);
        foreach (var (value, x) in y.Zip(values)) Assert.Equal(Math.Tanh(x), value, 3e-7 * Math.Abs(Math.Tanh(x)));
        Assert.Equal(0, dx[6]);
        Assert.Equal([float.NaN], Run(device, x => x.Tanh(), float.NaN).Y);
        Assert.Equal([1f, 0, 0.5f, float.NaN], Run(device, x => x.Sigmoid(), 200, -200, 0, float.NaN).Y);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Log_softmax_and_cross_entropy_survive_huge_logits(string device)
    {
        var logits = Tensor.From([1000f, 0, -1000, 1e30f, 0, 0], [2, 3], Named(device));
        Assert.Equal([0f, -1000, -2000, 0, -1e30f, -1e30f], logits.LogSoftmax().ToArray());
        var labels = Tensor.From([1L, 0], [2], Named(device));
        Assert.Equal(500f, logits.CrossEntropy(labels).Item());
    }

    [Theory, MemberData(nameof(Devices))]
    public void Arithmetic_follows_IEEE(string device)
    {
        Assert.Equal([float.PositiveInfinity, float.NegativeInfinity, float.NaN],
            Run(device, x => 1 / x * x.Abs().Pow(0), 0, -0f, float.NaN).Y);
        Assert.Equal([float.NegativeInfinity, float.NaN], Run(device, x => x.Log(), 0, -1).Y);
        Assert.Equal([-8f, 8], Run(device, x => x.Pow(3), -2, 2).Y);
        Assert.Equal([float.NaN, 2], Run(device, x => x.Pow(0.5), -2, 4).Y);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Reductions_of_nothing_are_those_of_PyTorch(string device)
    {
        var empty = Tensor.Zeros([0, 3], Named(device));
        Assert.Equal(0, empty.Sum().Item());
        Assert.Equal([0f, 0, 0], empty.Sum([0]).ToArray());
        Assert.Equal(float.NaN, empty.Mean().Item());
        Assert.Equal([0], empty.Max([1]).Shape);
        Assert.Equal(float.NaN, empty.MseLoss(empty).Item());
        Assert.Equal([2, 4], Tensor.Zeros([2, 0], Named(device)).MatMul(Tensor.Zeros([0, 4], Named(device))).Shape);
        Assert.Equal([0f, 0], Tensor.Ones([2, 0], Named(device)).MatMul(Tensor.Ones([0, 1], Named(device))).ToArray());
    }

    [Theory, MemberData(nameof(Devices))]
    public void Dropout_keeps_the_mean_and_its_mask_follows_from_the_stream_alone(string device)
    {
        var x = Tensor.Ones([100, 100], Named(device));
        float[] y = x.Dropout(0.25, new RandomStream(1)).ToArray();
        Assert.All(y, value => Assert.True(value == 0 || value == (float)(1 / 0.75)));
        Assert.InRange(y.Count(value => value == 0), 2500 - 220, 2500 + 220);
        Assert.Equal(y, x.Dropout(0.25, new RandomStream(1)).ToArray());
        Assert.NotEqual(y, x.Dropout(0.25, new RandomStream(2)).ToArray());
        Assert.Same(x, x.Dropout(0, new RandomStream(1)));
        Assert.All(x.Dropout(1, new RandomStream(1)).ToArray(), value => Assert.Equal(0, value));
        float[] channelsLast = x.Reshape(4, 25, 10, 10).ToLayout(Layout.ChannelsLast).Dropout(0.25, new RandomStream(1)).ToArray();
        Assert.Equal(y, channelsLast);
    }
}
