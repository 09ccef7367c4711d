using MiniDL.Backends;

namespace MiniDL;

/// <summary>Any elementwise function of one tensor: y = f(x), dx = dy · f′(x). The functions are in files of their own.</summary>
internal sealed class UnaryOp<TFunction>(TFunction f, Tensor x) : Operator(f.Name, x) where TFunction : struct, IUnaryFunction
{
    private Tensor? _y;

    public static Tensor Apply(TFunction f, Tensor x)
    {
        Check.Float(f.Name, "x", x);
        return new UnaryOp<TFunction>(f, x).Run();
    }

    internal override bool IsElementwise => true;

    protected override Saved BackwardReads => f.GradientReads;

    protected override Tensor Forward()
    {
        _y = Tensor.NewLike(x);
        Backend.Map(f, x, _y);
        return _y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (!d.Wanted(0, out var dx)) return;
        // A tensor that the function does not read may have been recycled or changed: the other one is passed in its place.
        var (from, result) = ((f.GradientReads & Saved.Input0) != 0 ? x : _y!, (f.GradientReads & Saved.Result) != 0 ? _y! : x);
        Backend.MapGradient(f, dy.ToLayout(x.Layout), from, result, dx);
    }
}
