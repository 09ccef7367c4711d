namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>The loops over one run of values that share a statistic; values past the last full register are processed one by one.</summary>
internal static unsafe class RowKernels<V> where V : unmanaged, ISimd<V>
{
    /// <summary>Σ (x − centre) and Σ (x − centre)², in two registers each, so that additions do not wait for one another.</summary>
    public static (float Sum, float Squares) CentredSums(float* x, int count, float centre)
    {
        V c = V.All(centre), s0 = V.All(0), s1 = s0, q0 = s0, q1 = s0;
        int i = 0;
        for (; i + 2 * V.Count <= count; i += 2 * V.Count)
        {
            V x0 = V.Load(x + i) - c, x1 = V.Load(x + i + V.Count) - c;
            (s0, s1) = (s0 + x0, s1 + x1);
            (q0, q1) = (V.MultiplyAdd(x0, x0, q0), V.MultiplyAdd(x1, x1, q1));
        }
        float sum = V.Sum(s0 + s1), squares = V.Sum(q0 + q1);
        for (; i < count; i++)
        {
            float centred = x[i] - centre;
            sum += centred;
            squares = V.MultiplyAdd(centred, centred, squares);
        }
        return (sum, squares);
    }

    /// <summary>y = act((x − mean)·invstd·weight + bias + residual); weight, bias and residual may be null.</summary>
    public static void Normalize(float* x, int count, float mean, float invstd, float* weight, float* bias, float* residual, bool relu, float* y)
    {
        V m = V.All(mean), s = V.All(invstd);
        int i = 0;
        for (; i + V.Count <= count; i += V.Count)
        {
            V value = (V.Load(x + i) - m) * s;
            if (weight != null) value *= V.Load(weight + i);
            if (bias != null) value += V.Load(bias + i);
            if (residual != null) value += V.Load(residual + i);
            (relu ? V.Relu(value) : value).Store(y + i);
        }
        for (; i < count; i++)
        {
            float value = (x[i] - mean) * invstd;
            if (weight != null) value *= weight[i];
            if (bias != null) value += bias[i];
            if (residual != null) value += residual[i];
            y[i] = relu && value < 0 ? 0 : value;
        }
    }

    /// <summary>
    /// With g = dy where y &gt; 0 (everywhere if y is null): passed = g, dbias += g, dweight += g·x̂, and
    /// dx = (ĝ − mean(ĝ) − x̂·mean(ĝ·x̂))·invstd with ĝ = g·weight, or ĝ·invstd if the statistics are constant. dx and passed may be null.
    /// </summary>
    public static void Gradient(float* dy, float* y, float* x, int count, float mean, float invstd, float* weight, bool constant,
        float* dx, float* passed, float* dbias, float* dweight)
    {
        V m = V.All(mean), scale = V.All(invstd), s = V.All(0), p = s;
        int vectors = count - count % V.Count;
        for (int i = 0; i < vectors; i += V.Count)
        {
            V g = Masked(dy + i, y == null ? null : y + i), normalized = (V.Load(x + i) - m) * scale;
            if (passed != null) g.Store(passed + i);
            (V.Load(dbias + i) + g).Store(dbias + i);
            V.MultiplyAdd(g, normalized, V.Load(dweight + i)).Store(dweight + i);
            if (weight != null) g *= V.Load(weight + i);
            s += g;
            p = V.MultiplyAdd(g, normalized, p);
        }
        float sum = V.Sum(s), product = V.Sum(p);
        for (int i = vectors; i < count; i++)
        {
            float g = y == null || y[i] > 0 ? dy[i] : 0, normalized = (x[i] - mean) * invstd;
            if (passed != null) passed[i] = g;
            dbias[i] += g;
            dweight[i] = V.MultiplyAdd(g, normalized, dweight[i]);
            if (weight != null) g *= weight[i];
            sum += g;
            product = V.MultiplyAdd(g, normalized, product);
        }
        if (dx == null) return;
        (sum, product) = constant ? (0, 0) : (sum / count, product / count);
        V gradientMean = V.All(sum), productMean = V.All(product);
        for (int i = 0; i < vectors; i += V.Count)
        {
            V g = Masked(dy + i, y == null ? null : y + i), normalized = (V.Load(x + i) - m) * scale;
            if (weight != null) g *= V.Load(weight + i);
            ((g - gradientMean - normalized * productMean) * scale).Store(dx + i);
        }
        for (int i = vectors; i < count; i++)
        {
            float g = y == null || y[i] > 0 ? dy[i] : 0, normalized = (x[i] - mean) * invstd;
            if (weight != null) g *= weight[i];
            dx[i] = (g - sum - normalized * product) * invstd;
        }
    }

    private static V Masked(float* dy, float* y) => y == null ? V.Load(dy) : V.WherePositive(V.Load(y), V.Load(dy));
}
