using MiniDL.Layers;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>Batch normalization that divides by n − 1 in training as it does in evaluation.</summary>
internal sealed class UnbiasedBatchNorm : Norm
{
    private readonly BatchNorm1d _norm;
    private readonly Parameter _weight, _bias;

    public UnbiasedBatchNorm(int features)
    {
        _norm = Register("norm", new BatchNorm1d(features, affine: false));
        _weight = RegisterParameter("weight", Tensor.Ones([features]));
        _bias = RegisterParameter("bias", Tensor.Zeros([features]));
    }

    protected override Tensor ForwardPlain(Tensor x)
    {
        var y = _norm.Forward(x);
        if (Training) y *= MathF.Sqrt((x.Shape[0] - 1f) / x.Shape[0]);
        return y * _weight.Value + _bias.Value;
    }
}
