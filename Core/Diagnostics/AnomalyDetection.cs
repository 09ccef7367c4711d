using System.Numerics.Tensors;
using MiniDL.Memory;

namespace MiniDL.Diagnostics;

/// <summary>
/// Looks for the first value that is NaN or infinite. While it lives, every result and every gradient of this thread is looked at, and the
/// first operator that gives such a value throws an <see cref="AnomalyException"/>. The message names the operator and its module, the line
/// of the program that called its forward, the values that went in, and what happened: an overflow, a division by zero, or an operand that
/// came in that way, such as an image or a parameter. <see cref="Autograd.DetectAnomaly"/> begins it.
/// </summary>
/// <remarks>
/// <para>Every infinity counts, also one that is meant, such as −∞ in a mask: use a large finite number there while you look. What an
/// operator's backward computes on its way counts only if it shows in a gradient.</para>
/// <para>Convolutions that name no algorithm are computed by <see cref="ConvAlgorithm.Exact"/>, which carries NaN no further than their windows:
/// results differ from those of the fast one by rounding. Otherwise nothing changes, to the bit. Reading all values takes time, on a GPU
/// much of it; inside a step that a GPU records they cannot be read, which is refused.</para>
/// <para>Other threads are not looked at. A detection inside of another one takes its place until it ends.</para>
/// </remarks>
/// <example><code>
/// using (Autograd.DetectAnomaly()) Loss.CrossEntropy(model.Forward(images), labels).Backward();
/// </code>
/// A message:
/// <code>
/// [sqrt] norm: backward gave Infinity at [1] in the gradient of operand 0 [3], whose forward was called at Program.cs:12: the derivative of
/// sqrt at 0 is infinite. The gradient that came in [3]: 1 to 1, there 1; operand 0 [3]: 0 to 4, there 0; the result [3]: 0 to 2, there 0.
/// Add a small number to what the root is taken of, such as 1e-12.
/// </code></example>
public sealed class AnomalyDetection : IDisposable
{
    private readonly Observer _observer = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;

    internal AnomalyDetection() => _observer.Start();

    /// <summary>Ends it.</summary>
    /// <exception cref="MiniDLException">This is another thread than the one that it was begun on, as after an await.</exception>
    public void Dispose()
    {
        if (Environment.CurrentManagedThreadId != _thread)
            throw new MiniDLException(Check.Line("detect_anomaly", "the detection was begun on another thread, and holds there. Begin and end it on "
                + "one thread, with no await in between."));
        _observer.Dispose();
    }

    private sealed class Observer : EngineObserver
    {
        private Operator? _backward;
        private Tensor? _dy;
        private AnomalyCause? _inside;
        private int _pass;
        private bool _isLooking;

        public override ConvAlgorithm? Convolutions => ConvAlgorithm.Exact;

        /// <summary>Whether the operators that run now are parts of another one's backward.</summary>
        private bool IsInBackward => _backward is not null && _pass == Claim.Current;

        public override void Ran(Operator node, Tensor y, bool recorded)
        {
            if (_isLooking) return;
            if (recorded) node.CalledAt = CallSite.OfUser() ?? "";
            if (IsFinite(y)) return;
            if (IsInBackward) _inside ??= Look(() => AnomalyCause.Inside(node, y, CallSite.OfUser()));
            else throw Look(() => AnomalyMessage.OfForward(node, y, CallSite.OfUser()));
        }

        public override void StartingBackward(Operator node, Tensor dy)
        {
            (_backward, _dy, _pass, _inside) = (node, dy, Claim.Current, null);
            // Sums were looked at when they arrived.
            if (!IsFinite(dy)) throw Look(() => AnomalyMessage.OfHook(node, node.Result!, dy));
        }

        public override void RanBackward(Operator node, ReadOnlySpan<Tensor?> gradients)
        {
            for (int i = 0; i < gradients.Length; i++)
            {
                int input = i;
                // Some add to the sum of an input themselves.
                if ((gradients[i] ?? SumOf(node, i)) is { } gradient && !IsFinite(gradient))
                    throw Look(() => AnomalyMessage.OfBackward(node, _dy!, input, gradient, _inside));
            }
            (_backward, _dy, _inside) = (null, null, null);
        }

        public override void Arrived(Tensor x, Tensor sum)
        {
            if (IsFinite(sum)) return;
            throw Look(() => _pass == Claim.Current ? AnomalyMessage.OfSum(x, sum) : AnomalyMessage.OfCotangent(x, sum));
        }

        public override void Finished(Tensor leaf, Tensor gradient)
        {
            if (!IsFinite(gradient)) throw Look(() => AnomalyMessage.OfHook(null, leaf, gradient));
        }

        private static Tensor? SumOf(Operator node, int input) => node.Wants(input) ? node.Inputs[input]?.Producer?.PendingGradient : null;

        /// <summary>Reads values, with operators that are nobody's anomaly.</summary>
        private T Look<T>(Func<T> describe)
        {
            _isLooking = true;
            try
            {
                using var noGrad = new NoGrad();
                using var scope = Scope.Step();
                return describe();
            }
            finally
            {
                _isLooking = false;
            }
        }

        private static bool IsFinite(Tensor x)
        {
            if (!x.DType.IsFloat() || x.Count == 0) return true;
            if (x.Device.Backend.IsRecording)
                throw new MiniDLException(Check.Line("detect_anomaly", $"{x.Description} is computed inside a recorded step, where values cannot be "
                    + "read. Run the step itself while you look for NaN, rather than what Device.Record made of it."));
            return x.DType == DType.F64 ? AreFinite<double>(x) : AreFinite<float>(x);
        }

        /// <summary>In the order of the storage: where the first one is matters only once there is one.</summary>
        private static bool AreFinite<T>(Tensor x) where T : unmanaged, System.Numerics.INumberBase<T>
        {
            if (x.Storage is HostStorage<T>) return TensorPrimitives.IsFiniteAll<T>(x.Values<T>());
            var values = new T[x.Count];
            x.Device.Backend.Download<T>(new Tensor(x.Storage, x.Offset, [x.Count]), values);
            return TensorPrimitives.IsFiniteAll<T>(values);
        }
    }
}

/// <summary>A value became NaN or infinite while an <see cref="AnomalyDetection"/> looked.</summary>
/// <example><code>
/// try
/// {
///     using (Autograd.DetectAnomaly()) Loss.CrossEntropy(model.Forward(images), labels).Backward();
/// }
/// catch (AnomalyException e)
/// {
///     Console.Error.WriteLine(e.Message);
/// }
/// </code></example>
public sealed class AnomalyException(string message) : MiniDLException(message)
{
    /// <summary>Whether it came in with an input, so that nothing in the model is to blame.</summary>
    internal bool IsOfInput { get; init; }
}
