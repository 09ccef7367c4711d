namespace MiniDL;

/// <summary>c = keep · a + take · b.</summary>
internal readonly struct BlendFunction(double keep, double take) : IBinaryFunction
{
    public string Name => "blend";

    public (double, double) Parameters => (keep, take);

    public bool InDouble => true;

    public R Value<R>(R a, R b) where R : struct, IReal<R> => R.Of(keep) * a + R.Of(take) * b;
}
