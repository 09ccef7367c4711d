using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// The loops over one chunk of [positions, channels] values. A chunk is processed stripe by stripe, four registers wide: the
/// parameters or sums of a stripe's lanes stay in registers while the loop goes down the rows of the chunk. All kernels do a few
/// operations per value and run at the speed of the second-level cache, or of memory if the chunk has to come from there.
/// </summary>
/// <remarks>Values past the last full stripe, fewer than <see cref="ChannelChunks.Stripe"/>, are processed one by one.</remarks>
internal static unsafe class ChannelKernels<V> where V : unmanaged, ISimd<V>
{
    private static int Stripe => 4 * V.Count;

    /// <summary>Per lane: sum = Σ x, as a sum of sums over 32 rows each, which limits the rounding error.</summary>
    public static void Sums(float* x, int count, float* sum, int lanes)
    {
        for (int lane = 0; lane < lanes; lane += Stripe)
        {
            V t0 = V.All(0), t1 = t0, t2 = t0, t3 = t0;
            for (int block = lane; block + Stripe <= count; block += 32 * lanes)
            {
                V s0 = V.All(0), s1 = s0, s2 = s0, s3 = s0;
                int end = Math.Min(count, block + 32 * lanes);
                for (int i = block; i + Stripe <= end; i += lanes)
                {
                    (s0, s1) = (s0 + V.Load(x + i), s1 + V.Load(x + i + V.Count));
                    (s2, s3) = (s2 + V.Load(x + i + 2 * V.Count), s3 + V.Load(x + i + 3 * V.Count));
                }
                (t0, t1, t2, t3) = (t0 + s0, t1 + s1, t2 + s2, t3 + s3);
            }
            Store(sum + lane, t0, t1, t2, t3);
        }
        for (int i = count - count % Stripe; i < count; i++) sum[i % lanes] += x[i];
    }

    /// <summary>Per lane: sum = Σ (x − centre), squares = Σ (x − centre)².</summary>
    public static void CentredSums(float* x, int count, float* centre, float* sum, float* squares, int lanes)
    {
        for (int lane = 0; lane < lanes; lane += Stripe)
        {
            V c0 = V.Load(centre + lane), c1 = V.Load(centre + lane + V.Count);
            V c2 = V.Load(centre + lane + 2 * V.Count), c3 = V.Load(centre + lane + 3 * V.Count);
            V s0 = V.All(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
            for (int i = lane; i + Stripe <= count; i += lanes)
            {
                V x0 = V.Load(x + i) - c0, x1 = V.Load(x + i + V.Count) - c1;
                V x2 = V.Load(x + i + 2 * V.Count) - c2, x3 = V.Load(x + i + 3 * V.Count) - c3;
                (s0, s1, s2, s3) = (s0 + x0, s1 + x1, s2 + x2, s3 + x3);
                q0 = V.MultiplyAdd(x0, x0, q0);
                q1 = V.MultiplyAdd(x1, x1, q1);
                q2 = V.MultiplyAdd(x2, x2, q2);
                q3 = V.MultiplyAdd(x3, x3, q3);
            }
            Store(sum + lane, s0, s1, s2, s3);
            Store(squares + lane, q0, q1, q2, q3);
        }
        for (int i = count - count % Stripe; i < count; i++)
        {
            float centred = x[i] - centre[i % lanes];
            sum[i % lanes] += centred;
            squares[i % lanes] = V.MultiplyAdd(centred, centred, squares[i % lanes]);
        }
    }

    /// <summary>y = act((x − mean)·scale + shift + residual), the parameters per lane; the residual may be null.</summary>
    public static void Normalize(float* x, int count, float* mean, float* scale, float* shift, float* residual, bool relu, float* y, int lanes)
    {
        for (int lane = 0; lane < lanes; lane += Stripe)
        {
            V m0 = V.Load(mean + lane), m1 = V.Load(mean + lane + V.Count);
            V m2 = V.Load(mean + lane + 2 * V.Count), m3 = V.Load(mean + lane + 3 * V.Count);
            V a0 = V.Load(scale + lane), a1 = V.Load(scale + lane + V.Count);
            V a2 = V.Load(scale + lane + 2 * V.Count), a3 = V.Load(scale + lane + 3 * V.Count);
            V b0 = V.Load(shift + lane), b1 = V.Load(shift + lane + V.Count);
            V b2 = V.Load(shift + lane + 2 * V.Count), b3 = V.Load(shift + lane + 3 * V.Count);
            for (int i = lane; i + Stripe <= count; i += lanes)
            {
                V y0 = V.MultiplyAdd(V.Load(x + i) - m0, a0, b0), y1 = V.MultiplyAdd(V.Load(x + i + V.Count) - m1, a1, b1);
                V y2 = V.MultiplyAdd(V.Load(x + i + 2 * V.Count) - m2, a2, b2), y3 = V.MultiplyAdd(V.Load(x + i + 3 * V.Count) - m3, a3, b3);
                if (residual != null)
                {
                    (y0, y1) = (y0 + V.Load(residual + i), y1 + V.Load(residual + i + V.Count));
                    (y2, y3) = (y2 + V.Load(residual + i + 2 * V.Count), y3 + V.Load(residual + i + 3 * V.Count));
                }
                if (relu) (y0, y1, y2, y3) = (V.Relu(y0), V.Relu(y1), V.Relu(y2), V.Relu(y3));
                Store(y + i, y0, y1, y2, y3);
            }
        }
        for (int i = count - count % Stripe; i < count; i++)
        {
            float value = V.MultiplyAdd(x[i] - mean[i % lanes], scale[i % lanes], shift[i % lanes]);
            if (residual != null) value += residual[i];
            y[i] = relu && value < 0 ? 0 : value;
        }
    }

    /// <summary>
    /// With g = dy where the activation passed its input, per lane: sum = Σ g, product = Σ g·(x − mean). Also writes g to passed, unless that
    /// is null. It passed its input where y &gt; 0; if y is null, where (x − mean)·scale + bias &gt; 0, which is as <see cref="Normalize"/> computes it; if
    /// scale is null too, everywhere.
    /// </summary>
    public static void GradientSums(float* dy, float* y, float* x, int count, float* mean, float* scale, float* bias, float* passed,
        float* sum, float* product, int lanes)
    {
        for (int lane = 0; lane < lanes; lane += Stripe)
        {
            V m0 = V.Load(mean + lane), m1 = V.Load(mean + lane + V.Count);
            V m2 = V.Load(mean + lane + 2 * V.Count), m3 = V.Load(mean + lane + 3 * V.Count);
            V s0 = V.All(0), s1 = s0, s2 = s0, s3 = s0, p0 = s0, p1 = s0, p2 = s0, p3 = s0;
            for (int i = lane; i + Stripe <= count; i += lanes)
            {
                V g0 = V.Load(dy + i), g1 = V.Load(dy + i + V.Count), g2 = V.Load(dy + i + 2 * V.Count), g3 = V.Load(dy + i + 3 * V.Count);
                V x0 = V.Load(x + i) - m0, x1 = V.Load(x + i + V.Count) - m1;
                V x2 = V.Load(x + i + 2 * V.Count) - m2, x3 = V.Load(x + i + 3 * V.Count) - m3;
                if (y != null) Mask(y + i, ref g0, ref g1, ref g2, ref g3);
                else if (scale != null) Mask(x0, x1, x2, x3, scale + lane, bias + lane, ref g0, ref g1, ref g2, ref g3);
                if (passed != null) Store(passed + i, g0, g1, g2, g3);
                (s0, s1, s2, s3) = (s0 + g0, s1 + g1, s2 + g2, s3 + g3);
                p0 = V.MultiplyAdd(g0, x0, p0);
                p1 = V.MultiplyAdd(g1, x1, p1);
                p2 = V.MultiplyAdd(g2, x2, p2);
                p3 = V.MultiplyAdd(g3, x3, p3);
            }
            Store(sum + lane, s0, s1, s2, s3);
            Store(product + lane, p0, p1, p2, p3);
        }
        for (int i = count - count % Stripe; i < count; i++)
        {
            float centred = x[i] - mean[i % lanes], g = Passes(y, centred, scale, bias, i, lanes) ? dy[i] : 0;
            if (passed != null) passed[i] = g;
            sum[i % lanes] += g;
            product[i % lanes] = V.MultiplyAdd(g, centred, product[i % lanes]);
        }
    }

    /// <summary>
    /// With g as in <see cref="GradientSums"/>: dx = g·scale + (x − mean)·slope + shift, the parameters per lane. A null bias stands for its
    /// null scale.
    /// </summary>
    public static void Gradient(float* dy, float* y, float* x, int count, float* mean, float* scale, float* bias, float* slope, float* shift,
        float* dx, int lanes)
    {
        for (int lane = 0; lane < lanes; lane += Stripe)
        {
            V m0 = V.Load(mean + lane), m1 = V.Load(mean + lane + V.Count);
            V m2 = V.Load(mean + lane + 2 * V.Count), m3 = V.Load(mean + lane + 3 * V.Count);
            V a0 = V.Load(scale + lane), a1 = V.Load(scale + lane + V.Count);
            V a2 = V.Load(scale + lane + 2 * V.Count), a3 = V.Load(scale + lane + 3 * V.Count);
            V k0 = V.Load(slope + lane), k1 = V.Load(slope + lane + V.Count);
            V k2 = V.Load(slope + lane + 2 * V.Count), k3 = V.Load(slope + lane + 3 * V.Count);
            V b0 = V.Load(shift + lane), b1 = V.Load(shift + lane + V.Count);
            V b2 = V.Load(shift + lane + 2 * V.Count), b3 = V.Load(shift + lane + 3 * V.Count);
            for (int i = lane; i + Stripe <= count; i += lanes)
            {
                V g0 = V.Load(dy + i), g1 = V.Load(dy + i + V.Count), g2 = V.Load(dy + i + 2 * V.Count), g3 = V.Load(dy + i + 3 * V.Count);
                V x0 = V.Load(x + i) - m0, x1 = V.Load(x + i + V.Count) - m1;
                V x2 = V.Load(x + i + 2 * V.Count) - m2, x3 = V.Load(x + i + 3 * V.Count) - m3;
                if (y != null) Mask(y + i, ref g0, ref g1, ref g2, ref g3);
                else if (bias != null) Mask(x0, x1, x2, x3, scale + lane, bias + lane, ref g0, ref g1, ref g2, ref g3);
                g0 = V.MultiplyAdd(g0, a0, V.MultiplyAdd(x0, k0, b0));
                g1 = V.MultiplyAdd(g1, a1, V.MultiplyAdd(x1, k1, b1));
                g2 = V.MultiplyAdd(g2, a2, V.MultiplyAdd(x2, k2, b2));
                g3 = V.MultiplyAdd(g3, a3, V.MultiplyAdd(x3, k3, b3));
                Store(dx + i, g0, g1, g2, g3);
            }
        }
        for (int i = count - count % Stripe; i < count; i++)
        {
            float centred = x[i] - mean[i % lanes], g = Passes(y, centred, bias == null ? null : scale, bias, i, lanes) ? dy[i] : 0;
            dx[i] = V.MultiplyAdd(g, scale[i % lanes], V.MultiplyAdd(centred, slope[i % lanes], shift[i % lanes]));
        }
    }

    /// <summary>Keeps the gradients where y &gt; 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mask(float* y, ref V g0, ref V g1, ref V g2, ref V g3)
    {
        (g0, g1) = (V.WherePositive(V.Load(y), g0), V.WherePositive(V.Load(y + V.Count), g1));
        (g2, g3) = (V.WherePositive(V.Load(y + 2 * V.Count), g2), V.WherePositive(V.Load(y + 3 * V.Count), g3));
    }

    /// <summary>Keeps the gradients where the normalized values are positive, given x − mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mask(V x0, V x1, V x2, V x3, float* scale, float* bias, ref V g0, ref V g1, ref V g2, ref V g3)
    {
        g0 = V.WherePositive(V.MultiplyAdd(x0, V.Load(scale), V.Load(bias)), g0);
        g1 = V.WherePositive(V.MultiplyAdd(x1, V.Load(scale + V.Count), V.Load(bias + V.Count)), g1);
        g2 = V.WherePositive(V.MultiplyAdd(x2, V.Load(scale + 2 * V.Count), V.Load(bias + 2 * V.Count)), g2);
        g3 = V.WherePositive(V.MultiplyAdd(x3, V.Load(scale + 3 * V.Count), V.Load(bias + 3 * V.Count)), g3);
    }

    private static bool Passes(float* y, float centred, float* scale, float* bias, int i, int lanes) =>
        y != null ? y[i] > 0 : scale == null || V.MultiplyAdd(centred, scale[i % lanes], bias[i % lanes]) > 0;

    private static void Store(float* to, V v0, V v1, V v2, V v3)
    {
        v0.Store(to);
        v1.Store(to + V.Count);
        v2.Store(to + 2 * V.Count);
        v3.Store(to + 3 * V.Count);
    }
}
