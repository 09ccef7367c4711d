using System.Text.Json;

namespace MiniDL.Diagnostics;

/// <summary>What is remembered of a tensor that will be recycled: range, mean and length, and the values where they are few.</summary>
/// <param name="Norm">√Σ x² of the finite values.</param>
/// <param name="Values">In logical order; null where there are more than <see cref="MaxValues"/>.</param>
internal sealed record TensorSummary(DType Type, Shape Shape, Layout Layout, ValueSummary Summary, double Norm, double[]? Values)
{
    /// <summary>As many as a person looks at one by one.</summary>
    public const int MaxValues = 64;

    /// <summary>Waits for the values.</summary>
    public static TensorSummary Of(Tensor x)
    {
        double[] values = x.ToArray<double>();
        double squares = 0;
        foreach (double value in values)
            if (double.IsFinite(value)) squares += value * value;
        return new TensorSummary(x.DType, x.Shape, x.Layout, ValueSummary.Of(values), Math.Sqrt(squares), values.Length <= MaxValues ? values : null);
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", Type.ToString().ToLowerInvariant());
        json.WriteStartArray("shape");
        foreach (int size in Shape.Sizes) json.WriteNumberValue(size);
        json.WriteEndArray();
        if (Layout == Layout.ChannelsLast) json.WriteString("layout", "channels last");
        foreach (var (name, value) in new[] { ("min", Summary.Smallest), ("max", Summary.Largest), ("mean", Summary.Mean), ("norm", Norm) })
        {
            json.WritePropertyName(name);
            WriteNumber(json, value, DType.F32);
        }
        if (Summary.NaNs + Summary.Infinities is > 0 and var notFinite) json.WriteNumber("notFinite", notFinite);
        if (Values is not null)
        {
            json.WriteStartArray("values");
            foreach (double value in Values) WriteNumber(json, value, Type);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    /// <summary>With as many digits as tell the number from its neighbours; what JSON has no number for is a text.</summary>
    private static void WriteNumber(Utf8JsonWriter json, double value, DType type)
    {
        if (double.IsNaN(value)) json.WriteStringValue("NaN");
        else if (double.IsInfinity(value)) json.WriteStringValue(value > 0 ? "Infinity" : "-Infinity");
        else if (type is DType.F32 or DType.BF16) json.WriteNumberValue((float)value);
        else json.WriteNumberValue(value);
    }
}
