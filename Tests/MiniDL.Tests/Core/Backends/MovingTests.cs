namespace MiniDL.Tests.Core.Backends;

[Collection(ThreadCounts.Collection)]
public class MovingTests
{
    public static TheoryData<int[]> Permutations => new()
    {
        new[] { 1, 1, 1, 1 }, new[] { 2, 3, 5, 7 }, new[] { 3, 4, 8, 8 }, new[] { 5, 3, 32, 31 }, new[] { 2, 16, 33, 32 },
        new[] { 3, 17, 63, 1 },
        new[] { 2, 64, 8, 8 }, new[] { 1, 65, 130, 2 }, new[] { 70, 2, 3, 80 }, new[] { 2, 0, 3, 4 },
    };

    [Theory, MemberData(nameof(Permutations))]
    public void Any_permutation_of_the_dimensions_matches_the_definition(int[] sizes)
    {
        int[][] orders = [[0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3]];
        foreach (int[] order in orders)
            foreach (bool add in new[] { false, true })
                Agreement.Check(1e-6, (device, backend) =>
                {
                    var x = Agreement.Normal(device, new Shape(sizes), 1);
                    int[] strides = new int[4], to = new int[4], permuted = [.. order.Select(dim => sizes[dim])];
                    x.Strides(strides);
                    var y = Agreement.Normal(device, new Shape(permuted), 2);
                    y.Strides(to);
                    backend.CopyStrided(permuted, x, 0, [.. order.Select(dim => strides[dim])], y, 0, to, add);
                    return [y];
                });
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F64)]
    [InlineData(DType.I64)]
    [InlineData(DType.U8)]
    public void Every_type_is_transposed(DType type)
    {
        var x = Tensor.From(Enumerable.Range(0, 21).ToArray().Select(i => (double)i).ToArray(), [3, 7], Device.Reference).ToArray<byte>();
        var from = Tensor.New([3, 7], Device.Cpu, type);
        Device.Cpu.Backend.Upload<byte>(x, from);
        var to = Tensor.New([7, 3], Device.Cpu, type);
        Device.Cpu.Backend.CopyStrided([7, 3], from, 0, [1, 7], to, 0, [3, 1]);
        Assert.Equal(Enumerable.Range(0, 21).Select(i => (long)(i % 3 * 7 + i / 3)), to.ToArray<long>());
    }

    [Fact]
    public void Slices_and_pads_leave_the_rest_alone() =>
        Agreement.Check(1e-6, (device, backend) =>
        {
            var x = Agreement.Normal(device, [4, 9, 10], 3);
            var y = Agreement.Normal(device, [4, 12, 16], 4);
            backend.CopyStrided([2, 5, 7], x, 1 * 90 + 2 * 10 + 1, [90, 10, 1], y, 192 + 3 * 16 + 4, [192, 16, 1]);
            backend.CopyStrided([2, 3], x, 0, [180, 20], y, 5, [384, 48], add: true);
            return [y];
        });

    [Theory]
    [InlineData(5, 7, 3)]
    [InlineData(3, 40000, 1)]
    [InlineData(40, 3, 1000)]
    public void A_stride_of_zero_repeats_values(int outer, int repeated, int inner)
    {
        foreach (bool add in new[] { false, true })
            Agreement.Check(1e-6, (device, backend) =>
            {
                var x = Agreement.Normal(device, [outer, inner], 5);
                var y = Agreement.Normal(device, [outer, repeated, inner], 6);
                backend.CopyStrided(y.Shape.Sizes, x, 0, [inner, 0, 1], y, 0, [repeated * inner, inner, 1], add);
                return [y];
            });
    }

    public static TheoryData<int[], int[], int[]> Broadcasts => new()
    {
        { [6], [6], [6] }, { [1], [], [1] }, { [50000], [50000], [1] }, { [3, 20000], [3, 1], [3, 20000] },
        { [2, 3, 4, 5], [3, 1, 5], [2, 1, 4, 1] },
        { [128, 10], [128, 10], [10] }, { [40, 16, 33], [40, 16, 33], [16, 1] }, { [1, 5, 1], [5, 1], [1, 1, 1] },
        { [0, 3], [3], [0, 3] }, { [300, 65], [65], [300, 1] },
    };

    [Theory, MemberData(nameof(Broadcasts))]
    public void Elementwise_functions_of_two_tensors_broadcast(int[] shape, int[] a, int[] b) =>
        Agreement.Check(1e-6, (device, _) =>
        {
            var c = Agreement.Normal(device, new Shape(a), 7) * Agreement.Normal(device, new Shape(b), 8);
            Assert.Equal(new Shape(shape), c.Shape);
            return [c];
        });

    [Fact]
    public void Channels_last_operands_broadcast() =>
        Agreement.Check(1e-6, (device, _) =>
        {
            var a = Agreement.Normal(device, [4, 5, 30, 31], 9).ToLayout(Layout.ChannelsLast);
            return [a + Agreement.Normal(device, [5, 1, 1], 10), Agreement.Normal(device, [4, 5, 30, 31], 11) * a];
        });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16384)]
    [InlineData(50001)]
    public void Elementwise_functions_of_one_tensor_match_in_every_chunk(int count) =>
        Agreement.Check(2e-6, (device, backend) =>
        {
            var x = Agreement.Normal(device, [count], 12);
            Tensor dy = Agreement.Normal(device, [count], 13), dx = Agreement.Unset(device, [count]);
            backend.MapGradient(default(ExpFunction), dy, x, x.Exp(), dx);
            return [x.Exp(), x.Relu(), dx, x * 3 + 0.5, x + 2, x * -1.5];
        });
}
