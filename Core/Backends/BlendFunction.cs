namespace MiniDL.Backends;

/// <summary>c = keep · a + take · b.</summary>
internal readonly struct BlendFunction(double keep, double take) : IBinaryFunction
{
    public string Name => "blend";

    public (double, double) Parameters => (keep, take);

    public double Value(double a, double b) => keep * a + take * b;

    public void Values(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c)
    {
        for (int i = 0; i < c.Length; i++) c[i] = (float)(keep * a[i] + take * b[i]);
    }

    public void Values(ReadOnlySpan<float> a, float b, Span<float> c)
    {
        for (int i = 0; i < c.Length; i++) c[i] = (float)(keep * a[i] + take * b);
    }

    public void Values(float a, ReadOnlySpan<float> b, Span<float> c)
    {
        for (int i = 0; i < c.Length; i++) c[i] = (float)(keep * a + take * b[i]);
    }
}
