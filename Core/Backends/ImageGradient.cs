namespace MiniDL.Backends;

/// <summary>
/// The gradient of a normalization that has begun before its dy is complete: it reads dy image by image as a convolution computes it, from the
/// cache. After the last image comes <see cref="Complete"/>.
/// </summary>
internal abstract class ImageGradient
{
    /// <summary>Reads the gradients of images; for different images on any threads.</summary>
    public abstract void Add(int first, int end);

    /// <summary>Writes what is left of the gradients.</summary>
    public abstract void Complete();
}
