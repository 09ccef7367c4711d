using MiniDL.Backends;

namespace MiniDL.Benchmarks;

/// <summary>The definitions as plain loops over float on one thread: what the kernels are measured against.</summary>
internal static class NaiveLoops
{
    /// <summary>c = a · b.</summary>
    public static void MatMul(float[] a, float[] b, float[] c, int rows, int inner, int columns)
    {
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
            {
                float sum = 0;
                for (int k = 0; k < inner; k++) sum += a[i * inner + k] * b[k * columns + j];
                c[i * columns + j] = sum;
            }
    }

    /// <summary>
    /// Visits every product of a convolution: the positions of the input's value, the weight and the output's value in their
    /// arrays; images are channels last, weights [K, C, R, S].
    /// </summary>
    private static void ForEachTap<TTap>(TTap tap, in Window2d g) where TTap : struct, ITap
    {
        for (int n = 0; n < g.Batch; n++)
            for (int p = 0; p < g.OutHeight; p++)
                for (int q = 0; q < g.OutWidth; q++)
                    for (int k = 0; k < g.OutChannels; k++)
                        for (int r = 0; r < g.KernelHeight; r++)
                            for (int s = 0; s < g.KernelWidth; s++)
                            {
                                int h = p * g.StrideHeight + r - g.PadHeight, w = q * g.StrideWidth + s - g.PadWidth;
                                if (h < 0 || h >= g.InHeight || w < 0 || w >= g.InWidth) continue;
                                for (int c = 0; c < g.InChannels; c++)
                                    tap.Multiply(((n * g.InHeight + h) * g.InWidth + w) * g.InChannels + c,
                                        ((k * g.InChannels + c) * g.KernelHeight + r) * g.KernelWidth + s,
                                        ((n * g.OutHeight + p) * g.OutWidth + q) * g.OutChannels + k);
                            }
    }

    /// <summary>y += x ∗ w.</summary>
    public static void Conv2d(float[] x, float[] w, float[] y, in Window2d g) => ForEachTap(new ForwardTap(x, w, y), g);

    /// <summary>dx += the transposed convolution of dy.</summary>
    public static void InputGradient(float[] dx, float[] w, float[] dy, in Window2d g) => ForEachTap(new InputTap(dx, w, dy), g);

    /// <summary>dw += the correlation of x with dy.</summary>
    public static void WeightGradient(float[] x, float[] dw, float[] dy, in Window2d g) => ForEachTap(new WeightTap(x, dw, dy), g);

    private interface ITap
    {
        void Multiply(int x, int w, int y);
    }

    private readonly struct ForwardTap(float[] x, float[] w, float[] y) : ITap
    {
        public void Multiply(int i, int j, int k) => y[k] += x[i] * w[j];
    }

    private readonly struct InputTap(float[] dx, float[] w, float[] dy) : ITap
    {
        public void Multiply(int i, int j, int k) => dx[i] += dy[k] * w[j];
    }

    private readonly struct WeightTap(float[] x, float[] dw, float[] dy) : ITap
    {
        public void Multiply(int i, int j, int k) => dw[j] += dy[k] * x[i];
    }
}
