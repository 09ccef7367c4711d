using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MiniDL.Serialization;

namespace MiniDL.Tests.Serialization;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-safetensors-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string File(string name = "t.safetensors") => Path.Combine(_folder, name);

    [Fact]
    public void Tensors_and_metadata_come_back_as_they_went()
    {
        var tensors = new Dictionary<string, Tensor>
        {
            ["bytes"] = Tensor.From(new byte[] { 1, 2, 255 }, [3]),
            ["weight"] = Tensor.From(new[] { 1f, -2.5f, float.NaN, float.PositiveInfinity, 1e-40f, 0 }, [2, 3]),
            ["labels"] = Tensor.From(new[] { long.MinValue, 7 }, [2, 1]),
            ["scalar"] = Tensor.Scalar(0.5),
            ["empty"] = Tensor.Zeros([0, 4]),
            ["naïve \"name\""] = Tensor.Ones([1]),
        };
        SafeTensors.Save(File(), tensors, new Dictionary<string, string> { ["format"] = "pt", ["note"] = "ü\n\"" });
        var file = SafeTensors.Load(File());
        Assert.Equal(tensors.Keys.Order(), file.Tensors.Keys.Order());
        foreach (var (name, expected) in tensors)
        {
            Assert.Equal(expected.Shape, file.Tensors[name].Shape);
            Assert.Equal(expected.DType, file.Tensors[name].DType);
            Assert.Equal(expected.ToArray<double>(), file.Tensors[name].ToArray<double>());
        }
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal("ü\n\"", file.Metadata["note"]);
        Assert.Equal([File()], Directory.GetFiles(_folder));
    }

    [Fact]
    public void The_bytes_are_those_of_the_format()
    {
        SafeTensors.Save(File(), new Dictionary<string, Tensor>
        { ["b"] = Tensor.From(new byte[] { 9 }, [1]), ["n"] = Tensor.From([5L], []) });
        byte[] bytes = System.IO.File.ReadAllBytes(File());
        long length = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, length % 8);
        string header = Encoding.UTF8.GetString(bytes, 8, (int)length).TrimEnd(), hash = header.Split('"')[5];
        Assert.Equal("""{"__metadata__":{"minidl.sha256":"HASH"}"""
            + ""","n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}""",
            header.Replace(hash, "HASH", StringComparison.Ordinal));
        Assert.Equal([5, 0, 0, 0, 0, 0, 0, 0, 9], bytes[(8 + (int)length)..]);
        string zeroed = Encoding.Latin1.GetString(bytes).Replace(hash, new string('0', 64), StringComparison.Ordinal);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.Latin1.GetBytes(zeroed))), hash);
    }

    [Fact]
    public void No_flipped_bit_goes_unnoticed()
    {
        var tensors = new Dictionary<string, Tensor> { ["w"] = Tensor.From(new[] { 1f, 2f }, [2]), ["b"] = Tensor.From(new byte[] { 9 }, [1]) };
        SafeTensors.Save(File(), tensors, new Dictionary<string, string> { ["note"] = "text" });
        Assert.True(SafeTensors.Load(File()).IsVerified);
        byte[] bytes = System.IO.File.ReadAllBytes(File());
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            System.IO.File.WriteAllBytes(File("flipped"), bytes);
            // Where the checksum's own name was hit, the file has none.
            if (Record.Exception(() => Assert.False(SafeTensors.Load(File("flipped")).IsVerified)) is { } error)
                Assert.IsType<MiniDLException>(error);
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Fact]
    public void A_file_without_a_checksum_is_read_and_says_so()
    {
        Write("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", [3]);
        var file = SafeTensors.Load(File());
        Assert.False(file.IsVerified);
        Assert.Equal<byte>([3], file.Tensors["x"].ToArray<byte>());
    }

    [Fact]
    public void The_checksum_is_no_part_of_the_metadata_and_is_made_anew_for_a_file_that_is_changed()
    {
        SafeTensors.Save(File(), new Dictionary<string, Tensor> { ["x"] = Tensor.Scalar(1) }, new Dictionary<string, string> { ["a"] = "b" });
        var file = SafeTensors.Load(File());
        Assert.Equal(["a"], file.Metadata.Keys);
        SafeTensors.Save(File(), new Dictionary<string, Tensor> { ["x"] = Tensor.Scalar(2) }, file.Metadata);
        Assert.True(SafeTensors.Load(File()).IsVerified);
    }

    [Fact]
    public void Channels_last_is_stored_in_logical_order()
    {
        float[] values = [.. Enumerable.Range(0, 2 * 3 * 4).Select(i => (float)i)];
        var x = Tensor.From(values, [2, 3, 4]).ToLayout(Layout.ChannelsLast);
        SafeTensors.Save(File(), new Dictionary<string, Tensor> { ["x"] = x });
        Assert.Equal(values, SafeTensors.Load(File()).Tensors["x"].ToArray());
    }

    [Fact]
    public void Loading_onto_a_device_converts_to_its_type()
    {
        Write("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"n":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}}""",
            [0, 0, 0x20, 0x40, 3, 0, 0, 0, 0, 0, 0, 0]);
        var tensors = SafeTensors.Load(File(), Device.Reference).Tensors;
        Assert.Equal((DType.F64, DType.I64), (tensors["x"].DType, tensors["n"].DType));
        Assert.Equal(2.5, tensors["x"].ToArray<double>()[0]);
        Assert.Equal(3, tensors["n"].ToArray<long>()[0]);
    }

    [Fact]
    public void Bfloat16_is_read_as_float()
    {
        Write("""{"x":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}""", [0x80, 0x3F, 0x40, 0xC0, 0x00, 0x80, 0x80, 0x7F]);
        var x = SafeTensors.Load(File()).Tensors["x"];
        Assert.Equal(DType.F32, x.DType);
        Assert.Equal([1, -3, -0.0f, float.PositiveInfinity], x.ToArray());
    }

    [Theory]
    [InlineData("""{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "do not fit it")]
    [InlineData("""{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "truncated")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "4 bytes follow")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "leaves a hole")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "overlaps")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "do not fit it")]
    [InlineData("""{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "negative")]
    [InlineData("""{"x":{"dtype":"F32","shape":[65536,65536,65536,65536],"data_offsets":[0,0]}}""", "impossible shape")]
    [InlineData("""{"x":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}""", "F16")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "x twice")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2]}}""", "lacks")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "lacks")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "not the JSON")]
    [InlineData("""{"x":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "not the JSON")]
    [InlineData("""{"x":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", "not the JSON")]
    [InlineData("""{"x":7}""", "not the JSON")]
    [InlineData("""{"__metadata__":["cases"]}""", "not the JSON")]
    [InlineData("""["x"]""", "not the JSON")]
    [InlineData("""{"x":""", "not the JSON")]
    public void A_header_that_lies_is_a_one_line_error(string header, string complaint)
    {
        Write(header, new byte[8]);
        AssertRefused(complaint);
    }

    [Theory]
    [InlineData(new byte[0], "too few")]
    [InlineData(new byte[] { 1, 2, 3 }, "too few")]
    [InlineData(new byte[] { 200, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}' }, "truncated")]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0 }, "not the length")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0x7F, 0 }, "not the length")]
    [InlineData(new byte[] { 2, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFE }, "not the JSON")]
    public void Bytes_that_are_no_safetensors_file_are_a_one_line_error(byte[] content, string complaint)
    {
        System.IO.File.WriteAllBytes(File(), content);
        AssertRefused(complaint);
    }

    [Fact]
    public void A_name_that_is_not_unicode_is_a_one_line_error()
    {
        byte[] header = Encoding.Latin1.GetBytes("""{"é":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""");
        byte[] length = BitConverter.GetBytes((long)header.Length);
        System.IO.File.WriteAllBytes(File(), [.. length, .. header, .. new byte[8]]);
        AssertRefused("not the JSON");
    }

    [Fact]
    public void A_missing_file_is_a_one_line_error() => AssertRefused("t.safetensors");

    [Fact]
    public void A_failed_save_leaves_the_old_file_and_nothing_else()
    {
        SafeTensors.Save(File(), new Dictionary<string, Tensor> { ["x"] = Tensor.Scalar(1) });
        byte[] before = System.IO.File.ReadAllBytes(File());
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(File(), stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException("half-way");
        }));
        Assert.Throws<MiniDLException>(() => AtomicFile.Write(File(), _ => throw new IOException("disk full")));
        Assert.Equal(before, System.IO.File.ReadAllBytes(File()));
        Assert.Equal([File()], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Leftovers_of_programs_that_were_killed_are_deleted_and_nothing_else()
    {
        string[] others = [File("notes.tmp"), File($"x.{new string('g', 32)}.tmp"), File("t.safetensors"), File(".tmp")];
        foreach (string path in others) System.IO.File.WriteAllText(path, "");
        System.IO.File.WriteAllText(File($"t.safetensors.{Guid.NewGuid():N}.tmp"), "");
        AtomicFile.DeleteLeftovers(_folder);
        Assert.Equal(others.Order(), Directory.GetFiles(_folder).Order());
    }

    [Fact]
    public void A_folder_that_is_not_there_is_a_one_line_error()
    {
        var error = Assert.Throws<MiniDLException>(() => SafeTensors.Save(File("no/such/t"), new Dictionary<string, Tensor>()));
        Assert.DoesNotContain('\n', error.Message);
    }

    private void Write(string header, byte[] values)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, text.Length);
        System.IO.File.WriteAllBytes(File(), [.. length, .. text, .. values]);
    }

    private void AssertRefused(string complaint)
    {
        var error = Assert.Throws<MiniDLException>(() => SafeTensors.Load(File()));
        Assert.Contains(complaint, error.Message);
        Assert.Contains(File(), error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
