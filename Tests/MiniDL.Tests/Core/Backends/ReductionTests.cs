namespace MiniDL.Tests.Core.Backends;

[Collection(ThreadCounts.Collection)]
public class ReductionTests
{
    public static TheoryData<int, int, int> Boxes => new()
    {
        { 1, 1, 1 }, { 3, 17, 1 }, { 1, 65, 1 }, { 2, 40000, 1 }, { 900, 33, 1 }, { 0, 3, 2 }, { 2, 0, 3 }, { 5, 3, 4 }, { 4000, 3, 16 },
        { 3, 1025, 1 }, { 1, 5000, 16 }, { 2, 700, 17 }, { 7, 64, 64 }, { 1, 70, 1000 },
    };

    [Theory, MemberData(nameof(Boxes))]
    public void Sums_match_the_definition(int outer, int reduced, int inner) =>
        Agreement.Check(1e-6, (device, backend) =>
        {
            var y = Agreement.Unset(device, [outer, inner]);
            backend.Sum(Agreement.Normal(device, [outer, reduced, inner], 1), y, outer, reduced, inner);
            return [y * (1 / Math.Sqrt(Math.Max(1, reduced)))];
        });

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_sum_of_a_million_values_keeps_six_digits(int inner)
    {
        const int Count = 1 << 20;
        Tensor x = Tensor.Full([Count, inner], 0.1f), y = Tensor.Zeros([inner]);
        Device.Cpu.Backend.Sum(x, y, 1, Count, inner);
        Assert.All(y.ToArray<double>(), sum => Assert.InRange(sum / (Count * (double)0.1f), 1 - 4e-7, 1 + 4e-7));
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(30, 17, 1)]
    [InlineData(3, 40, 65)]
    [InlineData(900, 10, 4)]
    [InlineData(0, 3, 2)]
    public void Maxima_and_their_gradients_match_the_definition(int outer, int reduced, int inner) =>
        Agreement.Check(0, (device, backend) =>
        {
            var x = Agreement.Normal(device, [outer, reduced, inner], 2);
            Tensor y = Agreement.Unset(device, [outer, inner]), index = Agreement.UnsetIndex(device, [outer, inner]),
                dx = Agreement.Unset(device, x.Shape);
            backend.Max(x, y, index, outer, reduced, inner);
            backend.MaxGradient(Agreement.Normal(device, [outer, inner], 3), index, dx, outer, reduced, inner);
            return [y, index, dx];
        });

    [Fact]
    public void A_maximum_takes_the_first_of_equals_and_the_first_NaN()
    {
        var x = Tensor.From([1f, 5, 5, 2, 7, float.NaN, 9, float.NaN], [2, 4]);
        Tensor y = Tensor.Zeros([2]), index = Tensor.Zeros([2], type: DType.I64);
        Device.Cpu.Backend.Max(x, y, index, 2, 4, 1);
        Assert.Equal([1L, 1], index.ToArray<long>());
        Assert.Equal([5f, float.NaN], y.ToArray());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(128, 10)]
    [InlineData(33, 17)]
    [InlineData(40, 1000)]
    public void Softmax_and_cross_entropy_match_the_definition(int rows, int columns) =>
        Agreement.Check(3e-6, (device, backend) =>
        {
            Tensor x = Agreement.Normal(device, [rows, columns], 4, mean: 100, std: 5), y = Agreement.Unset(device, x.Shape);
            Tensor dx = Agreement.Unset(device, x.Shape), gradient = Agreement.Unset(device, x.Shape), loss = Agreement.Unset(device, []);
            var labels = Tensor.From([.. Enumerable.Range(0, rows).Select(row => row * 7L % columns)], [rows], device);
            backend.LogSoftmax(x, y, rows, columns);
            backend.LogSoftmaxGradient(Agreement.Normal(device, x.Shape, 5), y, dx, rows, columns);
            backend.NegativeLogLikelihood(y, labels, loss, rows, columns);
            backend.CrossEntropyGradient(Tensor.Full([], 3, device), y, labels, gradient, rows, columns);
            return [y, dx, loss, gradient];
        });

    [Theory]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(40000)]
    public void Steps_of_SGD_match_the_definition(int count)
    {
        foreach (var (momentum, dampening, decay, nesterov) in new[] { (0f, 0f, 0f, false), (0.9f, 0f, 1e-4f, false),
            (0.9f, 0.1f, 0.01f, false), (0.5f, 0f, 0f, true) })
            Agreement.Check(1e-6, (device, backend) =>
            {
                var settings = new MiniDL.Backends.SgdSettings(() => 0.1f, momentum, dampening, decay, nesterov);
                var parameter = Agreement.Normal(device, [count], 6);
                var velocity = momentum == 0 ? null : Agreement.Unset(device, [count]);
                for (int step = 0; step < 3; step++)
                    backend.SgdStep(parameter, Agreement.Normal(device, [count], 7 + step), velocity, step == 0, settings);
                return velocity is null ? [parameter] : [parameter, velocity];
            });
    }
}
