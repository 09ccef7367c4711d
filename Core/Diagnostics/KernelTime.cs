namespace MiniDL.Diagnostics;

/// <summary>The time of one kernel in a step, over all its launches.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Launches">How often a step launches it.</param>
/// <param name="SinglyMicroseconds">Its time if every kernel runs alone, between two events (which add about 1 µs per launch).</param>
/// <param name="RecordedMicroseconds">
/// By how much the recorded step gets longer if every launch is doubled. Less than alone if other kernels run concurrently.
/// </param>
/// <example><code>
/// var profile = KernelProfile.Of(Device.Cuda, () => [model.Forward(images)]);
/// foreach (var kernel in profile.Kernels) Console.WriteLine($"{kernel.Name}: {kernel.RecordedMicroseconds:F1} µs");
/// </code></example>
public sealed record KernelTime(string Name, int Launches, double SinglyMicroseconds, double RecordedMicroseconds);
