namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// Sets every value to 0 with probability p and divides the others by 1 − p, which keeps the mean: for training only.
    /// The mask depends only on the stream and its position. Srivastava et al. 2014.
    /// </summary>
    /// <param name="p">The probability of 0, from 0 to 1.</param>
    /// <param name="random">Source of the mask.</param>
    public Tensor Dropout(double p, RandomStream random)
    {
        Check.Float("dropout", "x", this);
        Check.That(p is >= 0 and <= 1, "dropout", $"p {p} is a probability; use 0 to 1.");
        if (p == 0) return this;
        var mask = New(Shape, Device, Device.FloatType);
        Device.Backend.DropoutMask(mask, p, random);
        return this * mask.ToLayout(Layout).To(DType);
    }
}
