namespace MiniDL.Tests.Core;

/// <summary>Values of every type become what a user expects, or one line says why not.</summary>
public class TensorCreationTests
{
    [Fact]
    public void Integers_of_every_length_become_64_bits_wide()
    {
        Tensor[] tensors =
        [
            Tensor.From(new[] { 1, -2 }, [2]), Tensor.From(new long[] { 1, -2 }, [2]), Tensor.From(new short[] { 1, -2 }, [2]),
            Tensor.From(new sbyte[] { 1, -2 }, [2]), Tensor.From([1, -2], [2]),
        ];
        Assert.All(tensors, t => Assert.Equal(DType.I64, t.DType));
        Assert.All(tensors, t => Assert.Equal([1L, -2], t.ToArray<long>()));
        Assert.All(tensors, t => Assert.Equal([1, -2], t.ToArray<int>()));
        Assert.Equal([4_000_000_000L], Tensor.From(new[] { 4_000_000_000u }, [1]).ToArray<long>());
        Assert.Equal([65535L], Tensor.From(new ushort[] { 65535 }, [1]).ToArray<long>());
    }

    [Fact]
    public void Bytes_and_bools_are_bytes()
    {
        Assert.Equal(DType.U8, Tensor.From(new byte[] { 1, 255 }, [2]).DType);
        var flags = Tensor.From(new[] { true, false }, [2]);
        Assert.Equal((DType.U8, 1, 0), (flags.DType, flags.ToArray<byte>()[0], flags.ToArray<byte>()[1]));
    }

    [Fact]
    public void Labels_from_an_int_array_train()
    {
        var logits = Tensor.Zeros([2, 3]);
        Assert.Equal(Math.Log(3), logits.CrossEntropy(Tensor.From(new[] { 0, 2 }, [2])).Item(), 1e-6);
    }

    [Fact]
    public void Doubles_become_the_devices_floats_or_are_refused_where_they_do_not_fit()
    {
        Assert.Equal((DType.F32, 0.1f), (Tensor.From([0.1], [1]).DType, Tensor.From([0.1], [1]).Item()));
        Assert.Equal([1e300], Tensor.From([1e300], [1], Device.Reference).ToArray<double>());
        Assert.Equal([float.PositiveInfinity, float.NaN, float.MaxValue], Tensor.From([double.PositiveInfinity, double.NaN, float.MaxValue], [3]).ToArray());
        AssertOneLine("[from] value 1, -1E+300, is too large for float", () => Tensor.From([1.0, -1e300], [2]));
        AssertOneLine("[full] F32 cannot hold 1E+300", () => Tensor.Full([2], 1e300));
        AssertOneLine("[full] U8 cannot hold 256", () => Tensor.Full([2], 256, type: DType.U8));
        AssertOneLine("[full] I64 cannot hold 0.5", () => Tensor.Full([2], 0.5, type: DType.I64));
    }

    [Fact]
    public void Other_types_are_refused_in_both_directions()
    {
        AssertOneLine("not Decimal", () => Tensor.From(new[] { 1m }, [1]));
        AssertOneLine("not Half", () => Tensor.From(new[] { (Half)1 }, [1]));
        AssertOneLine("not Char", () => Tensor.From(new[] { 'a' }, [1]));
        AssertOneLine("not UInt64", () => Tensor.From(new[] { 1ul }, [1]));
        AssertOneLine("not Int16", () => Tensor.Ones([1]).ToArray<short>());
        AssertOneLine("not Half", () => Tensor.Ones([1]).ToArrayLater<Half>());
        AssertOneLine("cannot be read as Int32 in place", () => Tensor.Ones([1]).Values<int>().ToArray());
        AssertOneLine("4294967296 does not fit int", () => Tensor.From([1L << 32], [1]).ToArray<int>());
    }

    private static void AssertOneLine(string part, Func<object> make)
    {
        string message = Assert.ThrowsAny<MiniDLException>(make).Message;
        Assert.Contains(part, message);
        Assert.DoesNotContain('\n', message);
    }
}
