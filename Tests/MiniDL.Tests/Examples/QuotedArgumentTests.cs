using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Examples;

/// <summary>Whatever stands on a command line or in the name of a file: the terminal gets it in a form that does nothing.</summary>
public sealed class QuotedArgumentTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    public static TheoryData<string> Calls =>
    [
        "*", "train *", "train --*", "train --* x", "train --model *", "train --norm *", "train --dataset *", "train --schedule *", "train --device *",
        "train --precision *", "train --lr *", "train --epochs *", "train --epochs=*", "train --seed *", "train --schedule step:*",
        "train --schedule warmup:0.5,*", "train --threads *", "train --resume *", "train --dataset cifar10 --data-dir *",
        "compare --norms *", "compare --epochs 0 --norms bn,*", "compare --batch-sizes *", "compare --epochs 0 --batch-sizes 2,*", "compare --base-lr *",
        "study *", "study deep-mlp --device *", "study deep-mlp --precision *", "bench --model *", "bench --norms *", "bench --device *",
        "bench --batch-sizes *", "doctor --device *", "doctor --precision *", "doctor *", "data *", "data mnist --data-dir *",
    ];

    [Theory, MemberData(nameof(Calls))]
    public void An_argument_in_a_message_is_short_and_visible(string call)
    {
        foreach (string name in OutsideInput.Names)
        {
            Assert.InRange(_minidl.Run([.. call.Split(' ').Select(part => part.Replace("*", name))]), 1, 2);
            Assert.StartsWith("error: ", _minidl.Error);
            Assert.EndsWith("\n", _minidl.Error);
            string message = OutsideInput.AssertMessage(_minidl.Error["error: ".Length..^1]);
            Assert.DoesNotContain("bug", message);
            bool isPath = call.Contains("-dir") || call.Contains("--resume");
            if (!isPath && name.Length > 1_000) Assert.InRange(message.Length, 1, 700);
        }
    }

    [Fact]
    public void A_name_in_the_libraries_messages_is_short_and_visible()
    {
        foreach (string name in OutsideInput.Names)
        {
            OutsideInput.ErrorOf(() => Datasets.Load(name));
            OutsideInput.ErrorOf(() => NormFactory.Named(name));
            OutsideInput.ErrorOf(() => Schedule.Parse(name));
            OutsideInput.ErrorOf(() => Schedule.Parse($"step:{name}"));
            OutsideInput.ErrorOf(() => Device.Named(name));
        }
        OutsideInput.ErrorOf(() => Schedule.Parse("step:0." + string.Join(",0.", Enumerable.Range(100, 200).Reverse())));
    }

    [Fact]
    public void Warm_ups_in_one_another_do_not_exhaust_the_stack() => Assert.Contains("more than 1000 characters",
        OutsideInput.ErrorOf(() => Schedule.Parse(string.Concat(Enumerable.Repeat("warmup:0.1,", 100_000)) + "none")));

    [Fact]
    public void Lines_for_the_terminal_do_nothing_there()
    {
        using var output = new StringWriter();
        var terminal = new Terminal(output, TextWriter.Null, quiet: false);
        terminal.Line("model \u001b[31m in a\u202eb\u009b");
        Assert.Equal("model \\u001b[31m in a\\u202eb\\u009b\n", output.ToString());
    }

    [Fact]
    public void The_name_of_a_folder_reaches_the_terminal_visibly()
    {
        string folder = _minidl.Folder("a\u001b[31mb");
        Assert.Equal(0, _minidl.Run(["train", "--model", "mlp", "--train-images", "20", "--test-images", "10", "--epochs", "1", "--batch-size", "10",
            "--out", folder]));
        Assert.DoesNotContain('\u001b', _minidl.Output);
        Assert.Contains("a\\u001b[31mb", _minidl.Output);
        Assert.True(Directory.Exists(folder));
    }
}
