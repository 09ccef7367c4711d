namespace MiniDL;

/// <summary>
/// An elementwise function of two tensors, with broadcasting; derived operators add the gradients. The result is channels last if an
/// operand of the same shape is; if the types differ, it has the wider one.
/// </summary>
internal abstract class BinaryOp<TFunction>(TFunction f, Tensor a, Tensor b) : Operator(f.Name, a, b)
    where TFunction : struct, IBinaryFunction
{
    internal override bool IsElementwise => true;

    protected Tensor A => a;

    protected Tensor B => b;

    protected override Tensor Forward() => Zip(f, a, b);

    public static Tensor Zip(TFunction f, Tensor a, Tensor b)
    {
        Check.Float(f.Name, "a", a);
        Check.Float(f.Name, "b", b);
        if (a.DType != b.DType) (a, b) = (a.ToFloat(), b.ToFloat());
        var shape = Shape.Broadcast(a.Shape, b.Shape, f.Name);
        bool channelsLast = IsChannelsLast(a, shape) || IsChannelsLast(b, shape);
        var c = Tensor.New(shape, a.Device, a.DType, channelsLast ? Layout.ChannelsLast : Layout.RowMajor);
        if (a.Shape == b.Shape && a.Layout == b.Layout)
        {
            a.Device.Backend.Zip(f, [c.Count], a, [1], b, [1], c);
            return c;
        }
        Span<int> sizes = stackalloc int[shape.Rank], aStrides = stackalloc int[shape.Rank], bStrides = stackalloc int[shape.Rank];
        shape.Sizes.CopyTo(sizes);
        BroadcastStrides(a, aStrides);
        BroadcastStrides(b, bStrides);
        if (channelsLast)
        {
            ChannelToLast(sizes);
            ChannelToLast(aStrides);
            ChannelToLast(bStrides);
        }
        a.Device.Backend.Zip(f, sizes, a, aStrides, b, bStrides, c);
        return c;
    }

    private static bool IsChannelsLast(Tensor x, Shape shape) => x.Layout == Layout.ChannelsLast && x.Shape == shape;

    /// <summary>The strides of x viewed in the larger shape: 0 where its values repeat.</summary>
    private static void BroadcastStrides(Tensor x, Span<int> strides)
    {
        strides.Clear();
        var own = strides[(strides.Length - x.Rank)..];
        x.Strides(own);
        for (int i = 0; i < own.Length; i++)
            if (x.Shape[i] == 1) own[i] = 0;
    }

    /// <summary>Reorders N, C, …spatial to N, …spatial, C.</summary>
    private static void ChannelToLast(Span<int> dims)
    {
        int channel = dims[1];
        dims[2..].CopyTo(dims[1..]);
        dims[^1] = channel;
    }
}
