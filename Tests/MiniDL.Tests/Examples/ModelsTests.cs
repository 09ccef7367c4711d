using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Tests.Examples;

public class ModelsTests
{
    [Fact]
    public void The_number_in_a_VGGs_name_is_its_depth()
    {
        var net = Assert.IsType<Vgg>(Models.Create("vgg11", NormFactory.Named("bn"), new RandomStream(0), [1, 16, 16], classes: 7));
        Assert.Equal(11, net.Layers.Count);
        Assert.Equal([64, 1, 3, 3], ((Conv2d)net.Layers[0]).Weight.Shape.Sizes);
        Assert.Equal([7, 512], ((Linear)net.Layers[10]).Weight.Shape.Sizes);
    }
}
