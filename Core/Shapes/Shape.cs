using System.Collections;
using System.Runtime.CompilerServices;

namespace MiniDL;

/// <summary>
/// The sizes of a tensor's dimensions, outermost first, in PyTorch's logical order (N, C, …spatial). <c>[]</c> is a scalar:
/// one value. Written as a collection expression: <c>Shape s = [8, 3, 32, 32]</c>.
/// </summary>
/// <example><code>
/// Shape shape = [8, 3, 32, 32];
/// Console.WriteLine($"{shape.Rank} dimensions, {shape.Count} values, {shape[1]} channels");
/// </code></example>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<int>
{
    private readonly int[]? _sizes;

    /// <summary>Makes a shape from its sizes.</summary>
    /// <exception cref="ShapeException">A size is negative, or there are more values than fit one array (2³¹ − 1).</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        long count = 1;
        foreach (int size in sizes)
        {
            if (size < 0) throw new ShapeException($"[shape] [{string.Join(", ", sizes.ToArray())}] has a negative size.");
            count = Math.Min(count * size, long.MaxValue >> 32);
        }
        if (count > Array.MaxLength)
            throw new ShapeException($"[shape] [{string.Join(", ", sizes.ToArray())}] has more than {Array.MaxLength} values; split it.");
        _sizes = sizes.ToArray();
        Count = (int)count;
    }

    /// <summary>The shape with these sizes; called by collection expressions.</summary>
    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    /// <summary>The scalar shape <c>[]</c>.</summary>
    public static Shape Scalar { get; } = new([]);

    private readonly int _count;

    /// <summary>The number of values: the product of the sizes, 1 for a scalar.</summary>
    public int Count { get => _sizes is null ? 1 : _count; private init => _count = value; }

    /// <summary>The number of dimensions.</summary>
    public int Rank => Sizes.Length;

    /// <summary>
    /// The same as <see cref="Rank"/>: what C# takes for the length in <c>shape[^1]</c> and <c>[batch, .. shape]</c>, where it would
    /// otherwise take <see cref="Count"/>.
    /// </summary>
    public int Length => Rank;

    /// <summary>The sizes, outermost first.</summary>
    public ReadOnlySpan<int> Sizes => _sizes;

    /// <summary>The size of one dimension; negative indices count from the end, as in <c>shape[-1]</c>.</summary>
    public int this[int dim] => Sizes[dim < 0 ? dim + Rank : dim];

    /// <summary>The indices of a value, by its number in logical order.</summary>
    internal int[] PlaceOf(int index)
    {
        var place = new int[Rank];
        for (int dim = Rank - 1, rest = index; dim >= 0; rest /= Math.Max(1, Sizes[dim]), dim--) place[dim] = rest % Math.Max(1, Sizes[dim]);
        return place;
    }

    /// <summary>Converts a dimension that may count from the end (−1 is the last) into one from 0 to rank − 1.</summary>
    /// <exception cref="ShapeException">There is no such dimension.</exception>
    public int Dimension(int dim, string operation)
    {
        if (Rank == 0)
            throw new ShapeException(Check.Line(operation, $"dimension {dim} does not exist in {this}: a scalar has no dimensions. Reshape it to [1]?"));
        if (dim < -Rank || dim >= Rank)
            throw new ShapeException(Check.Line(operation, $"dimension {dim} does not exist in {this}; use {-Rank} to {Rank - 1}."));
        return dim < 0 ? dim + Rank : dim;
    }

    /// <summary>The product of the sizes from <paramref name="start"/> up to, but not including, <paramref name="end"/>.</summary>
    public int Product(int start, int end)
    {
        int product = 1;
        for (int i = start; i < end; i++) product *= Sizes[i];
        return product;
    }

    /// <summary>This shape with one size replaced.</summary>
    public Shape With(int dim, int size)
    {
        int[] sizes = Sizes.ToArray();
        sizes[dim] = size;
        return new Shape(sizes);
    }

    /// <summary>
    /// The shape to which two operands broadcast: aligned at the last dimension, sizes must be equal, or one of them 1 or missing.
    /// </summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Shape Broadcast(Shape a, Shape b, string operation)
    {
        if (a == b) return a;
        int rank = Math.Max(a.Rank, b.Rank);
        Span<int> sizes = stackalloc int[rank];
        for (int i = 1; i <= rank; i++)
        {
            int p = i <= a.Rank ? a[-i] : 1, q = i <= b.Rank ? b[-i] : 1;
            if (p != q && p != 1 && q != 1)
                throw new ShapeException(Check.Line(operation,
                    $"a {a} and b {b} do not broadcast: dimension {rank - i} has {p} against {q}; sizes must be equal or 1."));
            sizes[^i] = p == 1 ? q : p;
        }
        return new Shape(sizes);
    }

    /// <summary>Whether rank and sizes are equal.</summary>
    public bool Equals(Shape other) => ReferenceEquals(_sizes, other._sizes) || Sizes.SequenceEqual(other.Sizes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int size in Sizes) hash.Add(size);
        return hash.ToHashCode();
    }

    /// <summary>Whether rank and sizes are equal.</summary>
    public static bool operator ==(Shape a, Shape b) => a.Equals(b);

    /// <summary>Whether rank or a size differs.</summary>
    public static bool operator !=(Shape a, Shape b) => !a.Equals(b);

    /// <summary>The shape as PyTorch prints it: <c>[8, 3, 32, 32]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", _sizes ?? [])}]";

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)(_sizes ?? [])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
