using System.Diagnostics;
using System.Globalization;
using System.Text;
using MiniDL.Memory;

namespace MiniDL;

[DebuggerDisplay("{DebuggerText,nq}")]
public sealed partial class Tensor
{
    /// <summary>If there are more values than this, only the first and last of each dimension are shown, as in NumPy.</summary>
    private const int MaxShown = 1000, Edge = 3;

    /// <summary>Type, shape, device, and the operator that made it: <c>f32[8, 16] on cpu from conv2d</c>.</summary>
    public string Description =>
        $"{DType.ToString().ToLowerInvariant()}{Shape} on {_storage.Device}{(Origin is null ? "" : $" from {Origin}")}";

    /// <summary>
    /// <see cref="Description"/> and the values, in logical order, as NumPy shows them; if there are more than 1,000, only the first and last
    /// three of each dimension. On a GPU this waits for the values.
    /// </summary>
    /// <returns>
    /// <code>
    /// f32[2, 3] on cpu from mul
    /// [[  1, 2.5,   3]
    ///  [ -4,   5,  10]]
    /// </code>
    /// </returns>
    public override string ToString()
    {
        if (_storage.Lease != _lease) return $"{Description}, recycled";
        try
        {
            using var noGrad = new NoGrad();
            using var scope = Scope.Step();
            return $"{Description}{(Rank < 2 ? ": " : "\n")}{Values(Shape.Sizes.ToArray())}";
        }
        // Inside a step that is being recorded there are no values yet.
        catch (MiniDLException)
        {
            return Description;
        }
    }

    /// <summary>One line, with values only if they are available without waiting.</summary>
    private string DebuggerText
    {
        get
        {
            const int most = 8;
            if (_storage.Lease != _lease) return $"{Description}, recycled";
            if (!IsOnHost) return Description;
            var first = Layout == Layout.RowMajor ? new Tensor(_storage, Offset, [Math.Min(Count, most)]) : this;
            var values = first.ToArray<double>().Take(most).Select(Text);
            return $"{Description}: {string.Join(", ", values)}{(Count > most ? ", …" : "")}";
        }
    }

    private bool IsOnHost => _storage is HostStorage<float> or HostStorage<double> or HostStorage<long> or HostStorage<byte>;

    private string Values(int[] sizes)
    {
        bool whole = Count <= MaxShown;
        var shown = whole ? this : Edges();
        string[] cells = [.. shown.ToArray<double>().Select(Text)];
        if (Rank == 0) return cells[0];
        int width = cells.Select(cell => cell.Length).DefaultIfEmpty().Max(), next = 0;
        var text = new StringBuilder();
        Write(0);
        return text.ToString();

        void Write(int dim)
        {
            text.Append('[');
            int size = shown.Shape[dim];
            bool last = dim == Rank - 1;
            for (int i = 0; i < size; i++)
            {
                if (i > 0) text.Append(last ? ", " : new string('\n', Rank - 1 - dim) + new string(' ', dim + 1));
                if (size < sizes[dim] && i == Edge) text.Append(last ? "…, " : "…" + new string('\n', Rank - 1 - dim) + new string(' ', dim + 1));
                if (last) text.Append(cells[next++].PadLeft(Rank == 1 ? 0 : width));
                else Write(dim + 1);
            }
            text.Append(']');
        }
    }

    /// <summary>The first and last indices of every dimension that is longer than both together.</summary>
    private Tensor Edges()
    {
        // A GPU's values are fetched first: inside a recorded step that throws, before any kernel is recorded for them.
        var x = IsOnHost ? Detach() : Detach().To(Device.Cpu);
        for (int dim = 0; dim < Rank; dim++)
            if (Shape[dim] > 2 * Edge) x = Concat([x.Slice(dim, 0, Edge), x.Slice(dim, Shape[dim] - Edge)], dim);
        return x;
    }

    private string Text(double value) => double.IsInfinity(value) ? value > 0 ? "inf" : "-inf"
        : double.IsNaN(value) ? "nan" : value.ToString(DType.IsFloat() ? "G6" : "F0", CultureInfo.InvariantCulture);
}
