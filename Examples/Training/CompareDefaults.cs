namespace MiniDL.Examples.Training;

/// <summary>
/// What <c>compare</c> starts from: small enough to end within three minutes on two cores, hard enough that the errors are
/// neither near 0 nor near chance.
/// </summary>
internal static class CompareDefaults
{
    public static TrainSettings Settings { get; } = new() { Model = "resnet8", TrainImages = 1000, TestImages = 1000, Epochs = 8 };
}
