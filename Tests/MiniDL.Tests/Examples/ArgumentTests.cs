using System.Globalization;
using System.Reflection;
using CommandLine;
using MiniDL.Examples;

namespace MiniDL.Tests.Examples;

public sealed class ArgumentTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("", "train, compare, study, bench, explain, doctor, data")]
    [InlineData("trian", "'trian'")]
    [InlineData("train --epoch 3", "'epoch'")]
    [InlineData("train --epochs three", "--epochs")]
    [InlineData("train --batch-size abc", "--batch-size abc is not a whole number")]
    [InlineData("train --batch-size=abc", "--batch-size=abc is not a whole number")]
    [InlineData("train --seed -1", "--seed -1 is not a whole number from 0")]
    [InlineData("train --epochs 99999999999", "--epochs 99999999999 is not a whole number up to 2147483647")]
    [InlineData("train --lr fast", "--lr fast is not a number")]
    [InlineData("train --epoch 3", "Try 'dotnet run -c Release --project Examples -- train --help'")]
    [InlineData("train --epochs", "--epochs needs a value")]
    [InlineData("train --out --augment", "--out needs a value")]
    [InlineData("train --epochs 0", "--epochs 0")]
    [InlineData("train --epochs 1 2", "'2'")]
    [InlineData("train --model resnet21", "resnet20")]
    [InlineData("train --norm batch", "bn, gn")]
    [InlineData("train --dataset imagenet", "cifar10")]
    [InlineData("train --device tpu", "cpu")]
    [InlineData("train --lr -1", "--lr")]
    [InlineData("train --lr NaN", "--lr")]
    [InlineData("train --momentum 1", "--momentum")]
    [InlineData("train --schedule stairs", "cosine")]
    [InlineData("train --threads 0", "--threads")]
    [InlineData("train --checkpoint-every 0", "--checkpoint-every")]
    [InlineData("compare --batch-sizes 2,four", "'four'")]
    [InlineData("compare --batch-sizes ,", "--batch-sizes")]
    [InlineData("compare --norms bn,xx", "xx")]
    [InlineData("compare --seeds 0", "--seeds")]
    [InlineData("compare --base-lr 0", "--base-lr")]
    [InlineData("bench --steps 0", "--steps")]
    [InlineData("bench --model vgg99", "resnet20")]
    [InlineData("data imagenet", "cifar10")]
    [InlineData("train --lr 1e300", "--lr 1E+300")]
    [InlineData("train --lr 1e-60", "--lr 1E-60")]
    [InlineData("train --weight-decay 1e300", "--weight-decay 1E+300")]
    [InlineData("compare --base-lr 1e40", "--base-lr")]
    [InlineData("train --out=", "--out needs a value")]
    [InlineData("train --augment=yes", "switches such as --quiet take no value")]
    [InlineData("help trian", "'trian'")]
    [InlineData("--epochs 3", "VERB --epochs")]
    [InlineData("data --dataset mnist", "data DATASET")]
    public void Wrong_usage_is_one_line_that_names_the_problem_and_exit_code_2(string arguments, string named)
    {
        Assert.Equal(2, _minidl.Run(arguments));
        AssertOneLine(named);
    }

    /// <summary>Every option of every verb whose value is a number, whatever its type: a new one is here by itself.</summary>
    public static TheoryData<string, string, bool> NumberOptions
    {
        get
        {
            var all = new TheoryData<string, string, bool>();
            foreach (var verb in typeof(CommandLineProgram).Assembly.GetTypes())
                if (verb.GetCustomAttribute<VerbAttribute>() is { } name)
                    foreach (var property in verb.GetProperties())
                        if (property.GetCustomAttribute<OptionAttribute>() is { } option
                            && (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) is { IsPrimitive: true } type && type != typeof(bool))
                            all.Add(name.Name, "--" + option.LongName, type != typeof(double) && type != typeof(float));
            return all;
        }
    }

    [Fact]
    public void There_are_number_options_of_both_kinds_in_every_verb_that_is_known_to_have_them()
    {
        var found = NumberOptions.Select(row => ((string)row[0], (string)row[1], (bool)row[2])).ToArray();
        Assert.Contains(("train", "--lr", false), found);
        Assert.Contains(("train", "--validation", true), found);
        Assert.Contains(("compare", "--base-lr", false), found);
        Assert.Contains(("bench", "--warm-up", false), found);
        Assert.Contains(("data", "--seed", true), found);
        Assert.Contains(("doctor", "--batch", true), found);
        Assert.Contains(("study", "--threads", true), found);
    }

    [Theory, MemberData(nameof(NumberOptions))]
    public void No_number_option_takes_a_decimal_comma_or_a_thousands_separator(string verb, string option, bool whole)
    {
        (string Text, string? Remedy)[] wrong =
        [
            ("0,05", whole ? null : "use 0.05"), ("0,0001", whole ? null : "use 0.0001"), ("1,000", whole ? "use 1000" : "use 1000, or 1.000 for a fraction"),
            ("1,000,000", "use 1000000"), ("1.000,5", whole ? null : "use 1000.5"), ("1,000.5", whole ? null : "use 1000.5"), ("12,5", whole ? null : "use 12.5"),
            ("1 000", "use 1000"), ("1_000", "use 1000"), ("+3", "use 3"), ("3,", null), (",5", whole ? null : "use .5"), ("0x10", null), ("(3)", null),
            ("$3", null), ("3e", null), ("NaN", null), ("Infinity", null), ("∞", null), ("3 ", "use 3"), ("٣", null),
        ];
        foreach (var (text, remedy) in wrong)
            foreach (string[] value in new[] { new[] { option, text }, [$"{option}={text}"] })
            {
                Assert.Equal(2, _minidl.Run([verb, .. value]));
                AssertOneLine($"error: {string.Join(' ', value)} is not ");
                if (remedy is not null) AssertOneLine($": {remedy}. Try");
            }
    }

    [Fact]
    public void Numbers_are_read_alike_whatever_the_culture_of_the_machine()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            // German numbers have a decimal comma; under the invariant globalization mode of this program it is made by hand.
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = ",", NumberGroupSeparator = "." } };
            Assert.Equal(0, _minidl.Run("train --model mlp --train-images 20 --test-images 10 --epochs 1 --batch-size 10 --lr 0.05 --momentum 5e-1 --out @run"));
            Assert.Contains("\"learning_rate\": 0.05,", _minidl.Read("run/config.json"), StringComparison.Ordinal);
            Assert.Contains("\"momentum\": 0.5,", _minidl.Read("run/config.json"), StringComparison.Ordinal);
            Assert.Equal(2, _minidl.Run("train --lr 0,05"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData("compare --batch-sizes 1,000", "'000'")]
    [InlineData("compare --batch-sizes 16,032", "'032'")]
    [InlineData("bench --batch-sizes 2,0,5", "'0'")]
    [InlineData("train --schedule step:0,5", "milestone 0 must")]
    [InlineData("train --schedule step:0.5,0.8*0,2", "step:0.5,0.8*0.2 for another factor")]
    [InlineData("train --schedule warmup:0,05,cosine", "with a point before its decimals: 0.5")]
    public void Lists_take_no_decimal_commas_either(string arguments, string named)
    {
        Assert.Equal(2, _minidl.Run(arguments));
        AssertOneLine(named);
    }

    [Theory]
    [InlineData("train", "--out")]
    [InlineData("train", "--resume")]
    [InlineData("train", "--data-dir")]
    [InlineData("compare", "--out")]
    [InlineData("data", "--out")]
    public void An_empty_folder_name_is_wrong_usage(string verb, string option)
    {
        foreach (string folder in new[] { "", " " })
        {
            Assert.Equal(2, _minidl.Run([verb, option, folder]));
            AssertOneLine($"{option} is empty");
        }
    }

    [Theory]
    [InlineData("train --train-images 50 --batch-size 51 --out @out", "batches of 50 or fewer")]
    [InlineData("compare --train-images 50 --batch-sizes 2,51 --out @out", "51")]
    [InlineData("train --dataset cifar10 --data-dir @nothing --out @out", "--download")]
    [InlineData("train --train-images 50 --batch-size 10 --epochs 2147483647 --out @out", "429496729 epochs or fewer")]
    [InlineData("train --resume @out", "no run to go on with")]
    public void What_cannot_be_done_is_one_line_exit_code_1_and_writes_nothing(string arguments, string named)
    {
        Assert.Equal(1, _minidl.Run(arguments));
        AssertOneLine(named);
        Assert.False(Directory.Exists(_minidl.Folder("out")));
    }

    [Theory]
    [InlineData("train --batch-size 10")]
    [InlineData("compare --batch-sizes 10")]
    public void An_output_folder_that_cannot_be_written_is_one_line(string verb)
    {
        File.WriteAllText(_minidl.Folder("file"), "");
        Assert.Equal(1, _minidl.Run($"{verb} --model resnet8 --train-images 50 --test-images 10 --out @file/below"));
        AssertOneLine("--out");
    }

    [Theory]
    [InlineData("--help", "usage: dotnet run -c Release --project Examples -- VERB")]
    [InlineData("-h", "VERB --help explains")]
    [InlineData("train -h", "images in a step")]
    [InlineData("help", "VERB --help explains")]
    [InlineData("bench --help", "one norm and one batch size a call")]
    [InlineData("bench --help", "there is no\n--seed, --data-dir or --out")]
    [InlineData("data --help", "there is no --device")]
    [InlineData("train --help", "--batch-size N          images in a step (default: 128)")]
    [InlineData("compare --help", "vgg19 or mlp (default: resnet8)")]
    [InlineData("bench --help", "--steps N               steps to time, after the warm-up; the median counts (default: 15)")]
    [InlineData("data --help", "-- data [DATASET] [options]")]
    [InlineData("--version", "minidl ")]
    public void Help_goes_to_the_output_and_succeeds(string arguments, string contains)
    {
        Assert.Equal(0, _minidl.Run(arguments));
        Assert.Contains(contains, _minidl.Output, StringComparison.Ordinal);
        Assert.Empty(_minidl.Error);
    }

    private void AssertOneLine(string named)
    {
        Assert.StartsWith("error: ", _minidl.Error, StringComparison.Ordinal);
        Assert.Contains(named, _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
        Assert.DoesNotContain("   at ", _minidl.Error, StringComparison.Ordinal);
    }
}
