using MiniDL.Layers;

namespace MiniDL.Tests.Core;

public class AutogradTests
{
    [Fact]
    public void Gradients_of_a_linear_layer_match_the_closed_formula()
    {
        var layer = new Linear(3, 2);
        layer.To(Device.Reference);
        var x = Tensor.From([1.0, 2, 3, 4, 5, 6], [2, 3], Device.Reference);
        x.RequiresGrad = true;
        var y = layer.Forward(x).Relu() * 3;
        y.Backward(Tensor.From([1.0, 2, 3, 4], [2, 2], Device.Reference));
        Assert.NotNull(x.Grad);
        Assert.NotNull(layer.Weight.Grad);
    }
}
