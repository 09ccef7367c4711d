using System.Numerics.Tensors;
using MiniDL.Memory;

namespace MiniDL;

/// <summary>
/// An array of numbers with a shape, on a device, and a node of the autograd graph. Operators are methods, one file each in
/// <c>Core/Ops</c>; they return new tensors and never change their operands.
/// </summary>
/// <remarks>
/// A tensor is a window (offset, shape, layout) into storage that may be shared: <see cref="Detach"/>, reshapes and the flat
/// buffers of parameters are windows into the same memory.
/// </remarks>
/// <example><code>
/// var x = Tensor.From([1f, 2f, 3f, 4f], [2, 2]);
/// x.RequiresGrad = true;
/// (x * x).Sum().Backward();
/// Console.WriteLine(x.Grad);
/// </code></example>
public sealed partial class Tensor
{
    private Storage _storage;
    private int _lease;
    private bool _requiresGrad;

    /// <summary>The leaf whose memory this tensor shares, if any. The leaf may later move away from it.</summary>
    private Tensor? _leaf;

    internal Tensor(Storage storage, int offset, Shape shape, Layout layout = Layout.RowMajor)
    {
        _storage = storage;
        _lease = storage.Lease;
        Offset = offset;
        Shape = shape;
        Layout = layout;
    }

    /// <summary>The sizes, in PyTorch's logical order.</summary>
    public Shape Shape { get; }

    /// <summary>The order of the values in storage.</summary>
    public Layout Layout { get; private set; }

    /// <summary>The type of the values.</summary>
    public DType DType => _storage.DType;

    /// <summary>Where the values are.</summary>
    public Device Device => _storage.Device;

    /// <summary>The number of dimensions.</summary>
    public int Rank => Shape.Rank;

    /// <summary>The number of values.</summary>
    public int Count => Shape.Count;

    /// <summary>The memory of its values.</summary>
    internal long Bytes => (long)Count * DType.Bytes();

    /// <summary>The position of the first value in the storage.</summary>
    internal int Offset { get; private set; }

    /// <summary>The operator that made this tensor, for error messages; null for tensors made from data.</summary>
    internal string? Origin { get; set; }

    /// <summary>
    /// Whether nobody but the one operator that reads it gets to see it: its memory is used again after that one's forward, or, if its backward
    /// reads it, after a backward pass that does not retain the graph.
    /// </summary>
    internal bool IsPrivate { get; set; }

    /// <summary>Why the memory was recycled and what to do, if the reason was not the end of a step scope; one or two whole sentences.</summary>
    internal string? WhyRecycled { get; set; }

    /// <summary>The storage, after checking that it has not been recycled.</summary>
    internal Storage Storage => _storage.Lease != _lease ? throw Recycled() : _leaf is null || _leaf._storage == _storage ? _storage : throw Left();

    /// <summary>
    /// Whether gradients are computed for this tensor. Set it on leaves (tensors made from data); the results of operators on such a
    /// tensor require gradients too.
    /// </summary>
    /// <exception cref="MiniDLException">It is set to false on the result of an operator, or to true on integers.</exception>
    public bool RequiresGrad
    {
        get => _requiresGrad || Producer is not null;
        set
        {
            if (Producer is not null && !value)
                throw new MiniDLException($"[autograd] {Description} is the result of {Producer.Name}; use Detach() for the same values without gradient.");
            if (value) Check.Float("autograd", "tensor", this);
            // Whatever it was computed from, it is now a variable in its own right.
            if (value) FromGradient = false;
            _requiresGrad = value;
        }
    }

    /// <summary>The values in storage order, for reading; valid as long as the tensor is.</summary>
    /// <exception cref="MiniDLException">The values are not float (see <see cref="Values{T}"/>), or the tensor was recycled.</exception>
    public ReadOnlySpan<float> Span => Raw<float>();

    /// <summary>The values in storage order, in their own type, for reading: float, double, long or byte.</summary>
    /// <exception cref="MiniDLException">The values are of another type, not in this process's memory, or the tensor was recycled.</exception>
    public ReadOnlySpan<T> Values<T>() where T : unmanaged => Raw<T>();

    /// <summary>
    /// The values in storage order, for writing. Handing out the span counts as an in-place change: graphs that were made with
    /// the old values and read them in backward can no longer run backward.
    /// </summary>
    /// <remarks>
    /// Later writes through a span that was taken before a forward pass go unnoticed: backward then computes with the new
    /// values. Take a new span for every change.
    /// </remarks>
    /// <exception cref="MiniDLException">The values are not float (see <see cref="MutableValues{T}"/>), or the tensor was recycled.</exception>
    /// <example><code>x.MutableSpan()[0] = 5;</code></example>
    public Span<float> MutableSpan() => MutableValues<float>();

    /// <summary><see cref="MutableSpan"/> in the tensor's own type: float, double, long or byte.</summary>
    /// <exception cref="MiniDLException">The values are of another type, not in this process's memory, or the tensor was recycled.</exception>
    public Span<T> MutableValues<T>() where T : unmanaged
    {
        var values = Raw<T>();
        Storage.Changes.Add();
        return values;
    }

    /// <summary>The values in storage order, for kernels: writing them is not counted as a change.</summary>
    internal Span<T> Raw<T>() where T : unmanaged =>
        Storage is HostStorage<T> host
            ? host.Span.Slice(Offset, Count)
            : throw new MiniDLException($"[tensor] {Description} holds {DType} on {Device}; it cannot be read as {typeof(T).Name} in place. "
                + "Use ToArray<T>(), which converts.");

    /// <summary>The strides of the logical dimensions, in values.</summary>
    internal void Strides(Span<int> strides)
    {
        int stride = 1;
        if (Layout == Layout.ChannelsLast)
        {
            strides[1] = 1;
            stride = Shape[1];
        }
        for (int dim = Rank - 1; dim >= 0; dim--)
        {
            if (Layout == Layout.ChannelsLast && dim == 1) continue;
            strides[dim] = stride;
            stride *= Shape[dim];
        }
    }

    /// <summary>The values as a strided span in logical order, for reading with System.Numerics.Tensors; shares the memory.</summary>
    public ReadOnlyTensorSpan<float> AsReadOnlyTensorSpan() => Strided(Raw<float>());

    /// <summary>The same for writing, which counts as an in-place change: see <see cref="MutableSpan"/>.</summary>
    public TensorSpan<float> AsTensorSpan() => Strided(MutableSpan());

    private TensorSpan<float> Strided(Span<float> values)
    {
        if (Rank == 0) return new TensorSpan<float>(values, [1], [0]);
        Span<int> strides = stackalloc int[Rank];
        Strides(strides);
        Span<nint> lengths = stackalloc nint[Rank], steps = stackalloc nint[Rank];
        for (int i = 0; i < Rank; i++) (lengths[i], steps[i]) = (Shape[i], Shape[i] <= 1 ? 0 : strides[i]);
        return new TensorSpan<float>(values, lengths, steps);
    }

    /// <summary>A copy of the values in logical order, converted to float.</summary>
    public float[] ToArray() => ToArray<float>();

    /// <summary>A copy of the values in logical order, converted to <typeparamref name="T"/> (float, double, long, int or byte).</summary>
    /// <exception cref="MiniDLException">T is another type, or an integer does not fit int.</exception>
    public T[] ToArray<T>() where T : unmanaged
    {
        if (typeof(T) == typeof(int)) return (T[])(object)Array.ConvertAll(ToArray<long>(), ToInt);
        _ = DTypes.Of<T>();
        using var noGrad = new NoGrad();
        var values = new T[Count];
        Device.Backend.Download<T>(ToLayout(Layout.RowMajor), values);
        return values;
    }

    private static int ToInt(long value) => (int)value == value
        ? (int)value
        : throw new MiniDLException(Check.Line("to_array", $"{value} does not fit int. Use ToArray<long>()."));

    /// <summary>
    /// <see cref="ToArray{T}"/> without waiting for a GPU: the program can give it more work before looking at the values.
    /// </summary>
    /// <returns>A function that waits for the values, as they are now.</returns>
    public Func<T[]> ToArrayLater<T>() where T : unmanaged
    {
        _ = DTypes.Of<T>();
        using var noGrad = new NoGrad();
        return Device.Backend.DownloadLater<T>(ToLayout(Layout.RowMajor));
    }

    /// <summary>The value of a tensor with a single value, such as a loss.</summary>
    /// <exception cref="ShapeException">There is not exactly one value.</exception>
    public float Item()
    {
        Check.That(Count == 1, "item", $"{Shape} has {Count} values, expected one. Reduce it first, or use ToArray().");
        Span<float> value = stackalloc float[1];
        Device.Backend.Download(this, value);
        return value[0];
    }

    /// <summary>The same values without their history: gradients stop here. Shares the memory.</summary>
    public Tensor Detach() => new(Storage, Offset, Shape, Layout) { Origin = Origin, _leaf = Leaf, WhyRecycled = WhyRecycled };

    /// <summary>The leaf whose memory a window into this tensor would share.</summary>
    internal Tensor? Leaf => _requiresGrad ? this : _leaf;

    /// <summary>A copy of the values in its own memory, without history.</summary>
    public Tensor Clone()
    {
        var copy = NewLike(this);
        copy.FromGradient = FromGradient;
        Device.Backend.Copy(this, copy);
        return copy;
    }

    /// <summary>
    /// Copies the values into another tensor in place, between any two devices: for the inputs of a <see cref="RecordedStep"/>.
    /// Graphs that were made with the destination's old values can no longer run backward.
    /// </summary>
    /// <exception cref="ShapeException">The shapes differ, or only one of the tensors holds integers.</exception>
    public void CopyTo(Tensor destination)
    {
        Check.That(Shape == destination.Shape, "copy_to", $"{Shape} does not fit into {destination.Shape}.");
        Check.That(DType == destination.DType || (DType.IsFloat() && destination.DType.IsFloat()), "copy_to",
            $"{DType} cannot be copied into {destination.DType}. Convert it with ToFloat()?");
        using var noGrad = new NoGrad();
        var here = ToLayout(destination.Layout);
        using var change = new InPlaceChange("copy_to", destination);
        if (destination.Device == Device) Device.Backend.Copy(DType.IsFloat() ? here.To(destination.DType) : here, destination);
        else if (DType == DType.I64) here.Upload<long>(destination);
        else if (DType == DType.U8) here.Upload<byte>(destination);
        else if (DType == DType.F32) here.Upload<float>(destination);
        else here.Upload<double>(destination);
    }

    /// <summary>Copies values between devices; both tensors have the same layout.</summary>
    private void Upload<T>(Tensor destination) where T : unmanaged
    {
        if (Storage is HostStorage<T>)
        {
            destination.Device.Backend.Upload<T>(Values<T>(), destination);
            return;
        }
        var values = new T[Count];
        Device.Backend.Download<T>(this, values);
        destination.Device.Backend.Upload<T>(values, destination);
    }

    /// <summary>Lets this tensor survive the end of the step scope in which it was made.</summary>
    public Tensor Keep()
    {
        Storage.Kept = true;
        return this;
    }

    /// <summary>
    /// Replaces the values in place, given in logical order. Graphs that were made with the old ones can no longer run backward.
    /// </summary>
    internal void Assign(ReadOnlySpan<double> values)
    {
        using var noGrad = new NoGrad();
        var given = From(values, Shape, Device).ConvertedTo(DType);
        using var change = new InPlaceChange("assign", this);
        Device.Backend.Copy(given, this);
    }

    private Tensor ConvertedTo(DType type)
    {
        if (type == DType) return this;
        var converted = New(Shape, Device, type);
        Device.Backend.Upload<double>(ToArray<double>(), converted);
        return converted;
    }

    /// <summary>
    /// Moves this tensor to another place that already holds its values: an optimizer's flat buffer, or another device.
    /// References to the tensor remain valid; graphs that were made before can no longer run backward.
    /// </summary>
    internal void MoveTo(Tensor place)
    {
        place.Storage.Changes.RaiseAbove(Storage.Changes.Version);
        (_storage, _lease, Offset, Layout) = (place._storage, place._lease, place.Offset, place.Layout);
    }

    /// <summary>Whether this tensor is at the same place in memory as the other.</summary>
    internal bool IsAt(Tensor place) => ReferenceEquals(_storage, place._storage) && Offset == place.Offset;

    private MiniDLException Left() => new(
        $"[tensor] {Description} shares memory that its parameter has left, when an optimizer gathered it or the model moved to another device. "
        + "Take it again: Detach(), or StateDict().");

    private MiniDLException Recycled() => new($"[scope] {Description} "
        + (WhyRecycled ?? "was recycled at the end of the step scope it was made in. Read it inside the scope, or call Keep() on it there."));
}
