namespace MiniDL.Tests.Core.Backends;

[Collection(ThreadCounts.Collection)]
public class MatMulTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 1 }, { 5, 1, 6 }, { 6, 7, 32 }, { 7, 16, 33 }, { 15, 31, 17 }, { 12, 255, 16 }, { 13, 257, 65 }, { 128, 64, 10 },
        { 10, 128, 64 },
        { 63, 64, 65 }, { 1, 600, 40 }, { 90, 3, 1 }, { 49, 520, 96 }, { 0, 4, 5 }, { 4, 0, 5 }, { 4, 5, 0 }, { 2, 5, 700 },
        // By columns, with several blocks of the inner dimension, of rows and of panels, each with a rest; all of B packed first, twice; by rows.
        { 60, 300, 530 }, { 530, 300, 60 }, { 300, 300, 310 }, { 430, 70, 300 },
    };

    [Theory, MemberData(nameof(Sizes))]
    public void Products_match_the_definition_with_every_transpose(int rows, int inner, int columns)
    {
        foreach (var (transposeA, transposeB) in new[] { (false, false), (true, false), (false, true), (true, true) })
            Agreement.Check(3e-6, (device, backend) =>
            {
                Tensor a = Agreement.Normal(device, transposeA ? [inner, rows] : [rows, inner], 1);
                Tensor b = Agreement.Normal(device, transposeB ? [columns, inner] : [inner, columns], 2),
                    c = Agreement.Unset(device, [rows, columns]);
                backend.MatMul(a, b, c, rows, inner, columns, transposeA, transposeB);
                return [c * (1 / Math.Sqrt(Math.Max(1, inner)))];
            });
    }

    [Theory]
    [InlineData(60, 300, 530)]
    [InlineData(530, 300, 60)]
    [InlineData(430, 70, 300)]
    public void The_bits_do_not_depend_on_threads(int rows, int inner, int columns)
    {
        Tensor a = Agreement.Normal(Device.Cpu, [rows, inner], 1), b = Agreement.Normal(Device.Cpu, [inner, columns], 2);
        float[] Product(int threads)
        {
            using var _ = new ThreadCounts(threads);
            var c = Agreement.Unset(Device.Cpu, [rows, columns]);
            Device.Cpu.Backend.MatMul(a, b, c, rows, inner, columns);
            return c.ToArray();
        }
        for (int threads = 2; threads <= 3; threads++) Assert.Equal(Product(1), Product(threads));
    }

    [Fact]
    public void A_NaN_only_reaches_its_own_row_and_column()
    {
        Tensor a = Tensor.Ones([40, 20]), b = Tensor.Ones([20, 50]), c = Tensor.Zeros([40, 50]);
        a.MutableSpan()[39 * 20 + 19] = float.NaN;
        Device.Cpu.Backend.MatMul(a, b, c, 40, 20, 50);
        Assert.All(c.ToArray()[..(39 * 50)], value => Assert.Equal(20, value));
        Assert.All(c.ToArray()[(39 * 50)..], value => Assert.True(float.IsNaN(value)));
    }
}
