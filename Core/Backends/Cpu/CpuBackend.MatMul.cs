namespace MiniDL.Backends.Cpu;

internal sealed partial class CpuBackend<V>
{
    internal override void MatMul(Tensor a, Tensor b, Tensor c, int rows, int inner, int columns, bool transposeA = false, bool transposeB = false)
    {
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
            {
                float sum = 0;
                for (int k = 0; k < inner; k++)
                    sum += F(a)[transposeA ? k * rows + i : i * inner + k] * F(b)[transposeB ? j * inner + k : k * columns + j];
                F(c)[i * columns + j] = sum;
            }
    }
}
