namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>Spreads a sample's statistics, [groups], to one value per channel.</summary>
internal static class Statistics
{
    public static void Means(Tensor mean, int sample, in NormGeometry g, Span<float> perChannel)
    {
        var means = mean.Span.Slice(sample * g.Groups, g.Groups);
        for (int group = 0; group < means.Length; group++) Group(perChannel, group, g).Fill(means[group]);
    }

    /// <summary>1 / √(variance + eps).</summary>
    public static void InverseStds(Tensor variance, double eps, int sample, in NormGeometry g, Span<float> perChannel)
    {
        var variances = variance.Span.Slice(sample * g.Groups, g.Groups);
        for (int group = 0; group < variances.Length; group++) Group(perChannel, group, g).Fill(InverseStd(variances[group], eps));
    }

    public static float InverseStd(float variance, double eps) => (float)(1 / Math.Sqrt(variance + eps));

    private static Span<float> Group(Span<float> perChannel, int group, in NormGeometry g) =>
        perChannel.Slice(group * g.ChannelsPerGroup, g.ChannelsPerGroup);
}
