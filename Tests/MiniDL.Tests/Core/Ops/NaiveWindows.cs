using MiniDL.Backends;

namespace MiniDL.Tests.Core.Ops;

/// <summary>Convolution and pooling by their definitions, with no regard for speed: arrays are row-major, padding is zeros.</summary>
internal static class NaiveWindows
{
    /// <summary>y[n, k, p, q] = bias[k] + Σ x[n, c, h, w] · weight[k, c, r, s], and the three gradients of Σ y · dy.</summary>
    public static (double[] Y, double[] Dx, double[] Dw, double[] Db) Convolution(double[] x, double[] weight, double[] bias, double[] dy,
        Window2d g)
    {
        var (y, dx, dw, db) = (new double[g.Output.Count], new double[x.Length], new double[weight.Length], new double[bias.Length]);
        for (int to = 0; to < y.Length; to++)
        {
            int k = to / g.OutPixels % g.OutChannels;
            y[to] = bias[k];
            db[k] += dy[to];
        }
        ForEachTap(g, (n, k, c, to, from, tap) =>
        {
            int w = (k * g.InChannels + c) * g.KernelHeight * g.KernelWidth + tap;
            y[to] += x[from] * weight[w];
            dx[from] += dy[to] * weight[w];
            dw[w] += dy[to] * x[from];
        });
        return (y, dx, dw, db);
    }

    /// <summary>y[n, c, p, q] = Σ x[n, c, h, w] / (R·S) over the window, and the gradient of Σ y · dy.</summary>
    public static (double[] Y, double[] Dx) Average(double[] x, double[] dy, Window2d g)
    {
        var (y, dx) = (new double[g.Output.Count], new double[x.Length]);
        double size = g.KernelHeight * g.KernelWidth;
        ForEachTap(g, (n, k, c, to, from, tap) =>
        {
            if (c != k) return;
            y[to] += x[from] / size;
            dx[from] += dy[to] / size;
        });
        return (y, dx);
    }

    /// <summary>The largest of each window, the first of several, and the gradient of Σ y · dy; every window must hold a pixel.</summary>
    public static (double[] Y, double[] Dx) Max(double[] x, double[] dy, Window2d g)
    {
        var (winners, dx) = (new int?[g.Output.Count], new double[x.Length]);
        ForEachTap(g, (n, k, c, to, from, tap) =>
        {
            if (c == k && (winners[to] is not { } winner || x[from] > x[winner])) winners[to] = from;
        });
        for (int to = 0; to < winners.Length; to++) dx[winners[to]!.Value] += dy[to];
        return ([.. winners.Select(from => x[from!.Value])], dx);
    }

    private static void ForEachTap(Window2d g, Action<int, int, int, int, int, int> tap)
    {
        for (int n = 0; n < g.Batch; n++)
            for (int k = 0; k < g.OutChannels; k++)
                for (int p = 0; p < g.OutHeight; p++)
                    for (int q = 0; q < g.OutWidth; q++)
                        for (int c = 0; c < g.InChannels; c++)
                            for (int r = 0; r < g.KernelHeight; r++)
                                for (int s = 0; s < g.KernelWidth; s++)
                                {
                                    int h = p * g.StrideHeight + r - g.PadHeight, w = q * g.StrideWidth + s - g.PadWidth;
                                    if (h < 0 || h >= g.InHeight || w < 0 || w >= g.InWidth) continue;
                                    tap(n, k, c, ((n * g.OutChannels + k) * g.OutHeight + p) * g.OutWidth + q,
                                        ((n * g.InChannels + c) * g.InHeight + h) * g.InWidth + w, r * g.KernelWidth + s);
                                }
    }
}
