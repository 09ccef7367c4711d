using MiniDL.Backends;

namespace MiniDL;

/// <summary>A backward that has begun before its gradient was complete.</summary>
/// <param name="Reader">Reads the gradient as it is computed.</param>
/// <param name="Gradients">What it writes, by input.</param>
internal sealed record BegunBackward(ImageGradient Reader, Tensor?[] Gradients);
