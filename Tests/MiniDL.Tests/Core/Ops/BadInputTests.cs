namespace MiniDL.Tests.Core.Ops;

/// <summary>Every operator refuses what it cannot take, in one line that names it and the shapes.</summary>
public class BadInputTests
{
    private static Tensor X(params int[] sizes) => Tensor.Ones(new Shape(sizes), Device.Reference);

    private static Tensor Integers(params int[] sizes) => Tensor.Zeros(new Shape(sizes), Device.Reference, DType.I64);

    private static readonly Dictionary<string, (Action Call, string[] Parts)> Rows = new()
    {
        ["add"] = (() => _ = X(2, 3) + X(4, 3), ["[2, 3]", "[4, 3]", "dimension 0"]),
        ["sub"] = (() => _ = X(2, 3) - X(2, 2), ["[2, 3]", "[2, 2]", "dimension 1"]),
        ["mul"] = (() => _ = X(5) * X(2, 4), ["[5]", "[2, 4]"]),
        ["div"] = (() => _ = X(0) / X(2), ["[0]", "[2]"]),
        ["neg"] = (() => _ = -Integers(2), ["[2]", "I64", "ToFloat"]),
        ["exp"] = (() => Integers(2).Exp(), ["[2]", "I64"]),
        ["sum"] = (() => X(2, 3).Sum([2]), ["dimension 2", "[2, 3]", "-2 to 1"]),
        ["mean"] = (() => X(2, 3).Mean([-3]), ["dimension -3", "[2, 3]"]),
        ["max"] = (() => X(2, 0).Max([1]), ["[2, 0]", "empty"]),
        ["max twice"] = (() => X(2, 3).Max([1, -1]), ["[2, 3]", "twice"]),
        ["reshape"] = (() => X(2, 3).Reshape(4, 2), ["[2, 3]", "6", "[4, 2]", "8"]),
        ["reshape open"] = (() => X(2, 3).Reshape(-1, -1), ["[2, 3]", "-1"]),
        ["reshape open remainder"] = (() => X(2, 3).Reshape(-1, 4), ["[2, 3]", "4"]),
        ["flatten"] = (() => X(2).Flatten(1), ["[2]", "dimension 1"]),
        ["to_layout"] = (() => X(2, 3).ToLayout(Layout.ChannelsLast), ["[2, 3]", "3 to 5"]),
        ["transpose"] = (() => X(2, 3).Transpose(0, 2), ["[2, 3]", "dimension 2"]),
        ["concat"] = (() => Tensor.Concat([X(2, 3), X(2, 4)]), ["[2, 3]", "[2, 4]"]),
        ["concat ranks"] = (() => Tensor.Concat([X(2, 3), X(2)], 1), ["[2, 3]", "[2]"]),
        ["concat types"] = (() => Tensor.Concat([X(2), Integers(2)]), ["f64[2]", "i64[2]"]),
        ["concat nothing"] = (() => Tensor.Concat([]), ["no tensors"]),
        ["pad"] = (() => X(2).Pad((1, 1), (1, 1)), ["[2]", "2 pads"]),
        ["pad negative"] = (() => X(2).Pad((-1, 0)), ["[2]", "(-1, 0)"]),
        ["slice"] = (() => _ = X(2, 3)[.., 1..4], ["[2, 3]", "1..4", "dimension 1"]),
        ["slice step"] = (() => X(2, 3).Slice(1, 0, step: 0), ["[2, 3]", "step 0"]),
        ["slice dims"] = (() => _ = X(2)[.., ..], ["[2]", "2 slices"]),
        ["matmul"] = (() => X(2, 3).MatMul(X(4, 5)), ["[2, 3]", "[4, 5]", "3 columns", "4 rows"]),
        ["matmul rank"] = (() => X(2, 3).MatMul(X(3)), ["[3]", "2"]),
        ["linear"] = (() => X(2, 3).Linear(X(4, 5)), ["[2, 3]", "[4, 5]"]),
        ["linear bias"] = (() => X(2, 3).Linear(X(4, 3), X(3)), ["[3]", "[4]"]),
        ["conv2d"] = (() => X(1, 3, 8, 8).Conv2d(X(4, 2, 3, 3)), ["[1, 3, 8, 8]", "[4, 2, 3, 3]"]),
        ["conv2d rank"] = (() => X(3, 8, 8).Conv2d(X(4, 3, 3, 3)), ["[3, 8, 8]", "4"]),
        ["conv2d bias"] = (() => X(1, 2, 8, 8).Conv2d(X(4, 2, 3, 3), X(3)), ["[3]", "[4, 2, 3, 3]"]),
        ["conv2d kernel"] = (() => X(1, 2, 2, 8).Conv2d(X(4, 2, 3, 3)), ["(3, 3)", "(2, 8)"]),
        ["max_pool2d"] = (() => X(2, 3).MaxPool2d((2, 2)), ["[2, 3]", "4"]),
        ["max_pool2d padding"] = (() => X(1, 1, 8, 8).MaxPool2d((2, 2), padding: (2, 2)), ["(2, 2)", "half"]),
        ["max_pool2d pixels"] = (() => X(1, 2, 0, 4).MaxPool2d((2, 2), padding: (1, 1)), ["[1, 2, 0, 4]", "no pixels"]),
        ["avg_pool2d padding"] = (() => X(1, 1, 5, 5).AvgPool2d((3, 3), padding: (int.MaxValue, 0)), ["(2147483647, 0)", "[1, 1, 5, 5]"]),
        ["conv2d padding"] = (() => X(1, 2, 5, 5).Conv2d(X(4, 2, 3, 3), padding: (0, int.MaxValue)), ["(0, 2147483647)", "[1, 2, 5, 5]"]),
        ["global_avg_pool2d pixels"] = (() => X(1, 2, 3, 0).GlobalAvgPool2d(), ["[1, 2, 3, 0]", "no pixels"]),
        ["avg_pool2d"] = (() => X(1, 1, 2, 2).AvgPool2d((3, 3)), ["(3, 3)", "(2, 2)"]),
        ["global_avg_pool2d"] = (() => X(2, 3).GlobalAvgPool2d(), ["[2, 3]"]),
        ["log_softmax"] = (() => X(2, 3).LogSoftmax(2), ["[2, 3]", "dimension 2"]),
        ["cross_entropy"] = (() => X(2, 3).CrossEntropy(Integers(3)), ["[2, 3]", "[3]"]),
        ["cross_entropy empty"] = (() => X(0, 3).CrossEntropy(Integers(0)), ["[0, 3]", "at least one"]),
        ["cross_entropy labels"] = (() => X(1, 3).CrossEntropy(Tensor.From([3L], [1], Device.Reference)), ["label 3", "0 to 2"]),
        ["mse_loss"] = (() => X(2, 3).MseLoss(X(3)), ["[2, 3]", "[3]"]),
        ["dropout"] = (() => X(2).Dropout(1.5, new RandomStream(0)), ["1.5"]),
        ["from"] = (() => Tensor.From([1f, 2], [3]), ["2 values", "[3]"]),
        ["shape"] = (() => _ = new Shape(2, -3), ["[2, -3]"]),
        ["item"] = (() => X(2).Item(), ["[2]"]),
    };

    public static TheoryData<string> EveryRow => [.. Rows.Keys];

    [Theory, MemberData(nameof(EveryRow))]
    public void The_error_is_one_line_with_the_operator_and_the_shapes(string row)
    {
        var (call, parts) = Rows[row];
        string message = Assert.Throws<ShapeException>(call).Message;
        Assert.StartsWith($"[{row.Split(' ')[0]}] ", message);
        Assert.DoesNotContain('\n', message);
        Assert.All(parts, part => Assert.Contains(part, message));
    }

    [Fact]
    public void Operands_on_two_devices_are_refused()
    {
        string message = Assert.Throws<ShapeException>(() => X(2) + Tensor.Ones([2])).Message;
        Assert.StartsWith("[add] ", message);
        Assert.Contains("To(device)", message);
    }
}
