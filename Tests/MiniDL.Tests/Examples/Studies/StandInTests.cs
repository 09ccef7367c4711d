using MiniDL.Examples.Output;
using MiniDL.Examples.Studies;

namespace MiniDL.Tests.Examples.Studies;

public sealed class StandInTests : IDisposable
{
    private readonly string _empty = Directory.CreateTempSubdirectory("minidl-tests-").FullName;
    private readonly StringWriter _output = new();

    public void Dispose()
    {
        _output.Dispose();
        Directory.Delete(_empty, recursive: true);
    }

    [Fact]
    public void What_stands_in_for_an_absent_dataset_is_announced_once_with_the_folder_where_it_is_not()
    {
        var context = new StudyContext(StudySize.Preset, 0, new Terminal(_output, _output, quiet: false), CancellationToken.None)
        {
            DataDirectory = _empty,
        };
        for (int i = 0; i < 2; i++) Assert.Equal("synthetic train", context.Load("mnist", 20, 10).Train.Name);
        context.Load("mnist", 30, 10);
        var standIn = Assert.Single(context.StandIns);
        Assert.Equal(("synthetic", "mnist"), (standIn.Used, standIn.Wanted));
        Assert.Equal($"stand-in data: synthetic images in place of MNIST, which is not in {_empty}; findings about images are inconclusive",
            _output.ToString().ReplaceLineEndings(" ").Replace("  ", " ", StringComparison.Ordinal).Trim());
        context.Load("cifar10", 20, 10);
        Assert.Equal(["mnist", "cifar10"], context.StandIns.Select(s => s.Wanted));
    }

    [Fact]
    public void A_dataset_that_was_asked_for_stands_in_for_nothing()
    {
        var context = new StudyContext(StudySize.Preset, 0, new Terminal(_output, _output, quiet: false), CancellationToken.None);
        context.Load("synthetic", 20, 10);
        Assert.Empty(context.StandIns);
        Assert.Equal("", _output.ToString());
    }

    [Theory]
    [InlineData("fashion-mnist", "images of Fashion-MNIST")]
    [InlineData("mnist", "images of MNIST")]
    [InlineData("mnist train", "images of MNIST")]
    [InlineData("synthetic test", "synthetic images")]
    [InlineData("synthetic", "synthetic images")]
    public void Texts_name_the_images_that_were_used(string dataset, string text) => Assert.Equal(text, StudyContext.ImagesOf(dataset));
}
