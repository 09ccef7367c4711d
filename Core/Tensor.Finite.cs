using System.Globalization;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Looks for values that are NaN or infinite.</summary>
    /// <returns>The first one and its index, as in <c>NaN at [2, 5]</c>; null if all are finite, and for integers.</returns>
    public string? FirstNotFinite()
    {
        if (!DType.IsFloat()) return null;
        double[] values = ToArray<double>();
        int index = Array.FindIndex(values, value => !double.IsFinite(value));
        if (index < 0) return null;
        return string.Create(CultureInfo.InvariantCulture, $"{values[index]} at [{string.Join(", ", Shape.PlaceOf(index))}]");
    }

    /// <summary>The named tensors that are not finite, formatted for an error: <c>fc.weight (NaN at [2, 5])</c>.</summary>
    public static IEnumerable<string> NotFinite(IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        foreach (var (name, tensor) in tensors)
            if (tensor.FirstNotFinite() is { } what) yield return $"{Quote.Text(name)} ({what})";
    }
}
