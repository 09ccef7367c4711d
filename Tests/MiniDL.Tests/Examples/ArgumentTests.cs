namespace MiniDL.Tests.Examples;

public sealed class ArgumentTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("", "train, compare, study, bench, doctor, data")]
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
    public void Wrong_usage_is_one_line_that_names_the_problem_and_exit_code_2(string arguments, string named)
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
    [InlineData("train --norm gn --groups 7 --out @out", "16 channels")]
    [InlineData("compare --norms bn,gn --groups 7 --out @out", "16 channels")]
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
