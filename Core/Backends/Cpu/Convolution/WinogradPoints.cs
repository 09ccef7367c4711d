namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Winograd's minimal filtering F(4×4, 3×3) (Lavin and Gray 2016): 4 × 4 outputs of a 3 × 3 convolution are
/// <c>Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A</c>, 36 products instead of 144. Each of the linear maps transforms six (or four, or three) values at a time,
/// first along the columns and then along the rows, or the other way round; a lane is a channel.
/// </summary>
/// <remarks>
/// Polynomials are evaluated at 0, ±3/4, ±3/2 and ∞. The usual points 0, ±1, ±2, ∞ need fewer multiplications but double the
/// error; with these points the relative error of a layer of 16 to 64 channels is 5·10⁻⁷ to 9·10⁻⁷ for centred values, about twice
/// that of the direct sum.
/// <para>
/// The 36 points are stored row by row, the rows in the order 0, ∞, A, −A, B, −B and in each row the columns in the order 0, A, −A, B, −B, ∞.
/// So rows that are computed together are stored together: three groups of two, <see cref="GroupPoints"/> points each.
/// </para>
/// </remarks>
internal static class WinogradPoints
{
    /// <summary>The sizes, in one dimension, of a tile's output, the kernel and a tile's input.</summary>
    public const int Outputs = 4, Kernel = 3, Inputs = Outputs + Kernel - 1;

    /// <summary>Products per tile, for each pair of channels.</summary>
    public const int Count = Inputs * Inputs;

    /// <summary>The rows of points that a transform makes together, and their points.</summary>
    public const int Groups = 3, GroupRows = 2, GroupPoints = GroupRows * Inputs;

    /// <summary>The points of evaluation ±A and ±B, and their powers.</summary>
    public const float A = 0.75f, A2 = A * A, A3 = A * A * A, B = 1.5f, B2 = B * B, B3 = B * B * B;

    /// <summary>The divisors of Lagrange interpolation at 0, ±A and ±B.</summary>
    public const float Scale0 = 1 / (A2 * B2), ScaleA = 1 / (2 * A2 * (A2 - B2)), ScaleB = 1 / (2 * B2 * (B2 - A2));
}
