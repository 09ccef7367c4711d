using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using MiniDL.Serialization;

namespace MiniDL.Tests.Serialization;

/// <summary>Safetensors files from outside: long, deep, full of names, and with anything in their names.</summary>
public sealed class SafeTensorsOutsideTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-safetensors-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Path => System.IO.Path.Combine(_folder, "t.safetensors");

    private string ErrorOf(string header, int values = 0)
    {
        Write(header, values);
        OutsideInput.AssertMemory(new FileInfo(Path).Length, () => SafeTensors.Load(Path));
        return OutsideInput.ErrorOf(() => SafeTensors.Load(Path));
    }

    private void Write(string header, int values)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, text.Length);
        File.WriteAllBytes(Path, [.. length, .. text, .. new byte[values]]);
    }

    private static string Tensor(string name, string dtype = "F32", string shape = "[1]", string offsets = "[0,4]") =>
        $"{JsonSerializer.Serialize(name)}:{{\"dtype\":{JsonSerializer.Serialize(dtype)},\"shape\":{shape},\"data_offsets\":{offsets}}}";

    [Fact]
    public void What_a_message_quotes_is_short_and_visible()
    {
        foreach (string name in OutsideInput.Names)
        {
            ErrorOf($"{{{Tensor(name)}}}");
            ErrorOf($"{{{Tensor(name)},{Tensor(name)}}}", 8);
            ErrorOf($"{{{Tensor(name, shape: "[2]")}}}", 4);
            ErrorOf($"{{{Tensor(name, shape: "[-1]")}}}", 4);
            ErrorOf($"{{{Tensor(name, offsets: "[4,8]")}}}", 8);
            ErrorOf($"{{{Tensor("x", dtype: name)}}}", 4);
            ErrorOf($"{{{JsonSerializer.Serialize(name)}:{{}}}}");
            ErrorOf($"{{\"__metadata__\":{{{JsonSerializer.Serialize(name)}:\"\",{JsonSerializer.Serialize(name)}:\"\"}}}}");
            ErrorOf($"{{\"__metadata__\":{{\"a\":{JsonSerializer.Serialize(name)}}},\"x\":{{}}}}");
        }
    }

    [Theory]
    [InlineData("[9223372036854775807,9223372036854775807]", "[0,4]", "more than 2147483647")]
    [InlineData("[9223372036854775808]", "[0,4]", "not the JSON")]
    [InlineData("[1e400]", "[0,4]", "not the JSON")]
    [InlineData("[1]", "[9223372036854775804,-9223372036854775808]", "do not fit it")]
    [InlineData("[1]", "[0,4,8]", "lacks")]
    [InlineData("[1]", "[1e400,4]", "not the JSON")]
    [InlineData("[0,2147483647,2147483647]", "[0,4]", "do not fit it")]
    [InlineData("[[[[1]]]]", "[0,4]", "not the JSON")]
    public void Numbers_of_any_size_are_refused(string shape, string offsets, string complaint) =>
        Assert.Contains(complaint, ErrorOf($"{{{Tensor("x", shape: shape, offsets: offsets)}}}", 4));

    [Fact]
    public void A_shape_of_very_many_dimensions_is_refused()
    {
        string ones = string.Join(',', Enumerable.Repeat("1", 300_000));
        Assert.Contains("more than 64 dimensions", ErrorOf($"{{{Tensor("x", shape: $"[{ones}]")}}}", 4));
    }

    [Theory]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} {}""")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"__metadata__":{"a":"\udc00"},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"x":{"dtype":"F32","dtype":[],"shape":[1],"data_offsets":[0,4]}}""")]
    public void Text_that_is_no_header_is_refused(string header) => Assert.Contains("not the JSON", ErrorOf(header, 4));

    [Fact]
    public void A_deep_header_is_refused() =>
        Assert.Contains("not the JSON", ErrorOf("{\"x\":" + new string('[', 500_000)));

    [Fact]
    public void Very_many_tensors_of_nothing_are_refused()
    {
        string header = string.Join(',', Enumerable.Range(0, 100_000).Select(i => Tensor($"{i}", shape: "[0]", offsets: "[0,0]")));
        Assert.Contains("announces more than", ErrorOf($"{{{header}}}"));
        header = string.Join(',', Enumerable.Range(0, 1_000_000).Select(i => $"\"{i:x}\":\"\""));
        Assert.Contains("announces more than", ErrorOf($"{{\"__metadata__\":{{{header}}}}}"));
    }

    [Fact]
    public void Many_small_tensors_are_read_in_the_memory_of_the_file()
    {
        const int count = 5_000, bytes = 256;
        Write($"{{{string.Join(',', Enumerable.Range(0, count).Select(i => Tensor($"{i}", shape: "[64]", offsets: $"[{i * bytes},{(i + 1) * bytes}]")))}}}",
            count * bytes);
        OutsideInput.AssertMemory(new FileInfo(Path).Length, () => SafeTensors.Load(Path));
        Assert.Equal(count, SafeTensors.Load(Path).Tensors.Count);
    }

    [Fact]
    public void Many_names_that_are_refused_are_counted_and_not_listed()
    {
        var state = Enumerable.Range(0, 500).ToDictionary(i => $"key{i:d3}\u001b[31m", _ => MiniDL.Tensor.Scalar(1));
        var model = new MiniDL.Layers.Linear(2, 2, random: new RandomStream(1));
        string message = OutsideInput.ErrorOf(() => model.LoadStateDict(state));
        Assert.Contains("key009\\u001b[31m, and 490 more", message);
        var sgd = new MiniDL.Optim.Sgd(model.Parameters(), 0.1f);
        message = OutsideInput.ErrorOf(() => sgd.LoadStateDict(state));
        Assert.Contains("and 490 more", message);
    }

    [Theory]
    [InlineData("F32", 4), InlineData("BF16", 2), InlineData("F64", 8), InlineData("I64", 8), InlineData("U8", 1)]
    public void Large_tensors_are_read_whole_and_in_the_memory_of_the_file(string type, int bytes)
    {
        const int count = 300_001;
        Write($"{{{Tensor("x", type, $"[{count}]", $"[0,{(long)count * bytes}]")}}}", count * bytes);
        using (var stream = File.OpenWrite(Path))
        {
            // The last value is 2, in every type.
            stream.Position = stream.Length - bytes;
            stream.Write(type switch
            {
                "F32" => BitConverter.GetBytes(2f),
                "BF16" => BitConverter.GetBytes(2f)[2..],
                "F64" => BitConverter.GetBytes(2d),
                "I64" => BitConverter.GetBytes(2L),
                _ => [2],
            });
        }
        OutsideInput.AssertMemory(new FileInfo(Path).Length, () => SafeTensors.Load(Path));
        double[] values = SafeTensors.Load(Path).Tensors["x"].ToArray<double>();
        Assert.Equal(count, values.Length);
        Assert.Equal(count - 1, Array.FindIndex(values, value => value != 0));
        Assert.Equal(2, values[^1]);
    }

    [Fact]
    public void A_double_that_is_too_large_for_float_is_named_by_its_place()
    {
        const int count = 100_000;
        Write($"{{{Tensor("x", "F64", $"[{count}]", $"[0,{count * 8}]")}}}", count * 8);
        using (var stream = File.OpenWrite(Path))
        {
            stream.Position = stream.Length - 16;
            stream.Write(BitConverter.GetBytes(1e300));
        }
        Assert.Contains($"value {count - 2}, 1E+300, is too large", OutsideInput.ErrorOf(() => SafeTensors.Load(Path)));
        Assert.Equal(1e300, SafeTensors.Load(Path, Device.Reference).Tensors["x"].ToArray<double>()[^2]);
    }
}
