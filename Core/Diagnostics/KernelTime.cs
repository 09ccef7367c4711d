namespace MiniDL.Diagnostics;

/// <summary>What one kernel takes in a step, all its launches together.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Launches">How often a step launches it.</param>
/// <param name="SinglyMicroseconds">Its time where every kernel runs alone, with an event before and after it (which adds about 1 µs).</param>
/// <param name="RecordedMicroseconds">
/// By how much the recorded step gets longer where every launch is doubled. Less than alone where other kernels run beside it.
/// </param>
public sealed record KernelTime(string Name, int Launches, double SinglyMicroseconds, double RecordedMicroseconds);
