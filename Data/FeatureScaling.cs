namespace MiniDL.Data;

/// <summary>
/// Brings each feature (column) of tabular data to a common scale: <c>y = (x − Offset) / Divisor</c>. It is fitted to the training
/// data and then applied to training and test data alike. A feature that is constant in the training data becomes 0 there.
/// </summary>
/// <example><code>
/// var scaling = FeatureScaling.Standardize(trainFeatures, features: 4);
/// var train = new ArrayDataset(scaling.Transform(trainFeatures), [4], trainLabels);
/// var test = new ArrayDataset(scaling.Transform(testFeatures), [4], testLabels);
/// </code></example>
public sealed class FeatureScaling
{
    private readonly double[] _offset;
    private readonly double[] _divisor;

    private FeatureScaling(ReadOnlySpan<float> x, int features, Func<Column, (double Offset, double Divisor)> rule)
    {
        if (features < 1 || x.Length == 0 || x.Length % features != 0)
            throw new MiniDLException($"[feature_scaling] {x.Length} values do not divide into rows of {features} features. "
                + "Give the values row by row, and at least one row.");
        (_offset, _divisor) = (new double[features], new double[features]);
        for (int feature = 0; feature < features; feature++)
        {
            (_offset[feature], double divisor) = rule(new Column(x, feature, features));
            _divisor[feature] = divisor > 0 ? divisor : 1;
        }
    }

    /// <summary>What is subtracted from each feature.</summary>
    public IReadOnlyList<double> Offset => _offset;

    /// <summary>What each feature is divided by; 1 for a constant feature.</summary>
    public IReadOnlyList<double> Divisor => _divisor;

    /// <summary>Min-max scaling, <c>(x − min) / (max − min)</c>: the training data ends up in [0, 1].</summary>
    /// <param name="x">Training data, row by row.</param>
    /// <param name="features">The number of columns.</param>
    /// <exception cref="MiniDLException">The values do not fill whole rows, are not finite, or there are none.</exception>
    public static FeatureScaling MinMax(ReadOnlySpan<float> x, int features = 1) =>
        new(x, features, column => (column.Min, column.Max - column.Min));

    /// <summary>Mean normalization, <c>(x − mean) / (max − min)</c>: the training data has mean 0 and lies in (−1, 1).</summary>
    /// <inheritdoc cref="MinMax"/>
    public static FeatureScaling MeanNormalization(ReadOnlySpan<float> x, int features = 1) =>
        new(x, features, column => (column.Mean, column.Max - column.Min));

    /// <summary>
    /// Standardization (z-score), <c>(x − mean) / std</c>: mean 0, standard deviation 1. The variance is the biased one, divided by n.
    /// </summary>
    /// <inheritdoc cref="MinMax"/>
    public static FeatureScaling Standardize(ReadOnlySpan<float> x, int features = 1) =>
        new(x, features, column => (column.Mean, column.Std));

    /// <summary>The scaled values, row by row.</summary>
    /// <exception cref="MiniDLException">The values do not fill whole rows.</exception>
    public float[] Transform(ReadOnlySpan<float> x) => Map(x, (value, offset, divisor) => (value - offset) / divisor);

    /// <summary>Undoes <see cref="Transform"/>: the original values for these scaled ones.</summary>
    /// <exception cref="MiniDLException">The values do not fill whole rows.</exception>
    public float[] Inverse(ReadOnlySpan<float> y) => Map(y, (value, offset, divisor) => value * divisor + offset);

    private float[] Map(ReadOnlySpan<float> x, Func<double, double, double, double> formula)
    {
        if (x.Length % _offset.Length != 0)
            throw new MiniDLException($"[feature_scaling] {x.Length} values do not divide into rows of {_offset.Length} features, "
                + "for which it was fitted.");
        var y = new float[x.Length];
        for (int i = 0; i < x.Length; i++) y[i] = (float)formula(x[i], _offset[i % _offset.Length], _divisor[i % _offset.Length]);
        return y;
    }

    /// <summary>The statistics of one column; the deviation is computed from centred values, so a large mean costs no digits.</summary>
    private sealed class Column
    {
        public Column(ReadOnlySpan<float> x, int feature, int features)
        {
            int rows = x.Length / features;
            double sum = 0, squares = 0;
            for (int i = feature; i < x.Length; i += features)
            {
                if (!float.IsFinite(x[i]))
                    throw new MiniDLException($"[feature_scaling] row {i / features}, feature {feature} is {x[i]}; "
                        + "fill it in or leave the row out.");
                (Min, Max, sum) = (Math.Min(Min, x[i]), Math.Max(Max, x[i]), sum + x[i]);
            }
            Mean = sum / rows;
            for (int i = feature; i < x.Length; i += features) squares += (x[i] - Mean) * (x[i] - Mean);
            Std = Min < Max ? Math.Sqrt(squares / rows) : 0;
        }

        public double Min { get; } = double.PositiveInfinity;
        public double Max { get; } = double.NegativeInfinity;
        public double Mean { get; }
        public double Std { get; }
    }
}
