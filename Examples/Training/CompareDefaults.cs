namespace MiniDL.Examples.Training;

/// <summary>
/// What <c>compare</c> starts from: small enough to end well within three minutes on two cores, hard enough that the errors are
/// neither near 0 nor near chance and that BN loses its lead at the smallest batch.
/// </summary>
internal static class CompareDefaults
{
    public static TrainSettings Settings { get; } =
        new() { Model = "resnet8", TrainImages = 2000, TestImages = 1000, Epochs = 8 };

    /// <summary>The limits on images are for the synthetic set; of a dataset that is named all images are used.</summary>
    public static TrainSettings For(string? dataset) =>
        dataset is null or "synthetic" ? Settings : Settings with { TrainImages = null, TestImages = null };
}
