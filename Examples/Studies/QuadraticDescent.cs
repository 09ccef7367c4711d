namespace MiniDL.Examples.Studies;

/// <summary>
/// Gradient descent on <c>½ mean (w · x + b − y)²</c> for two features, in double: with θ = (w₁, w₂, b) and rows (x₁, x₂, 1)
/// the loss is <c>½ θᵀHθ − cᵀθ + const</c>, so a step costs nothing however many rows there are.
/// </summary>
internal sealed class QuadraticDescent
{
    private const int Size = 3;
    private const long MaxSimulated = 50_000_000;

    private readonly double[,] _hessian = new double[Size, Size];
    private readonly double[] _linear = new double[Size];

    private QuadraticDescent(string name, float[] features, double[] targets)
    {
        Name = name;
        for (int row = 0; row < targets.Length; row++)
        {
            ReadOnlySpan<double> x = [features[2 * row], features[2 * row + 1], 1];
            for (int i = 0; i < Size; i++)
            {
                _linear[i] += x[i] * targets[row] / targets.Length;
                for (int j = 0; j < Size; j++) _hessian[i, j] += x[i] * x[j] / targets.Length;
            }
        }
        Best = Solve(_hessian, _linear);
        double[] eigenvalues = Eigenvalues(_hessian);
        (Rate, Condition) = (1 / eigenvalues.Max(), eigenvalues.Max() / eigenvalues.Min());
    }

    /// <summary>A point of the path.</summary>
    /// <param name="Excess">Loss above the least, of what it was at the start.</param>
    public readonly record struct Point(long Step, double W1, double W2, double Excess);

    public string Name { get; }

    public double[] Best { get; }

    public double Rate { get; }

    /// <summary>κ, the ratio of the Hessian's largest to its smallest eigenvalue.</summary>
    public double Condition { get; }

    public long Steps { get; private set; }

    /// <summary>The start, steps 1, 2, 4, 8, …, and the last.</summary>
    public List<Point> Path { get; } = [];

    /// <summary>What theory allows: the slowest direction's excess shrinks by (1 − 1/κ)² a step.</summary>
    public double MaxSteps(double converged) => Condition / 2 * Math.Log(1 / converged);

    /// <summary>Descends from 0 until that fraction of the excess loss is left.</summary>
    public static QuadraticDescent Run(string name, float[] features, double[] targets, double converged, StudyContext context)
    {
        var descent = new QuadraticDescent(name, features, targets);
        var theta = new double[Size];
        double atStart = descent.Excess(theta);
        for (long step = 0; step <= MaxSimulated; step++)
        {
            double excess = descent.Excess(theta) / atStart;
            if ((step & (step - 1)) == 0 || excess <= converged) descent.Path.Add(new Point(step, theta[0], theta[1], excess));
            descent.Steps = step;
            if (excess <= converged) break;
            if (step % 100_000 == 0) context.Stop.ThrowIfCancellationRequested();
            descent.Step(theta);
        }
        return descent;
    }

    /// <summary>The square root of the excess loss at these weights with the best bias, of that at the start.</summary>
    public double RootExcess(double w1, double w2)
    {
        // The derivative by the bias is 0 there; the last row of H is (mean x₁, mean x₂, 1).
        double bias = _linear[2] - _hessian[2, 0] * w1 - _hessian[2, 1] * w2;
        return Math.Sqrt(Math.Max(0, Excess([w1, w2, bias]) / Excess([0, 0, _linear[2]])));
    }

    private void Step(double[] theta)
    {
        Span<double> gradient = stackalloc double[Size];
        for (int i = 0; i < Size; i++)
        {
            gradient[i] = -_linear[i];
            for (int j = 0; j < Size; j++) gradient[i] += _hessian[i, j] * theta[j];
        }
        for (int i = 0; i < Size; i++) theta[i] -= Rate * gradient[i];
    }

    /// <summary>½ (θ − θ*)ᵀ H (θ − θ*).</summary>
    private double Excess(ReadOnlySpan<double> theta)
    {
        double sum = 0;
        for (int i = 0; i < Size; i++)
            for (int j = 0; j < Size; j++) sum += (theta[i] - Best[i]) * _hessian[i, j] * (theta[j] - Best[j]) / 2;
        return sum;
    }

    /// <summary>x with Ax = b for a symmetric positive definite A, by Cramer's rule.</summary>
    private static double[] Solve(double[,] a, double[] b) =>
        [.. Enumerable.Range(0, Size).Select(column => Determinant(Replaced(a, column, b)) / Determinant(a))];

    private static double[,] Replaced(double[,] a, int column, double[] b)
    {
        var copy = (double[,])a.Clone();
        for (int row = 0; row < Size; row++) copy[row, column] = b[row];
        return copy;
    }

    private static double Determinant(double[,] a) =>
        a[0, 0] * (a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1])
        - a[0, 1] * (a[1, 0] * a[2, 2] - a[1, 2] * a[2, 0])
        + a[0, 2] * (a[1, 0] * a[2, 1] - a[1, 1] * a[2, 0]);

    /// <summary>Of a symmetric matrix, by Jacobi's rotations.</summary>
    private static double[] Eigenvalues(double[,] matrix)
    {
        var a = (double[,])matrix.Clone();
        for (int sweep = 0; sweep < 50; sweep++)
            for (int p = 0; p < Size; p++)
                for (int q = p + 1; q < Size; q++)
                    if (a[p, q] != 0) Rotate(a, p, q);
        return [a[0, 0], a[1, 1], a[2, 2]];
    }

    /// <summary>A ← RᵀAR with the rotation R in the plane (p, q) that makes a[p, q] zero.</summary>
    private static void Rotate(double[,] a, int p, int q)
    {
        double angle = 0.5 * Math.Atan2(2 * a[p, q], a[q, q] - a[p, p]);
        var (sine, cosine) = Math.SinCos(angle);
        for (int k = 0; k < Size; k++)
            (a[k, p], a[k, q]) = (cosine * a[k, p] - sine * a[k, q], sine * a[k, p] + cosine * a[k, q]);
        for (int k = 0; k < Size; k++)
            (a[p, k], a[q, k]) = (cosine * a[p, k] - sine * a[q, k], sine * a[p, k] + cosine * a[q, k]);
    }
}
