using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MiniDL.Backends.Cuda;

// The structures that kernels take by value, field for field as in the .cu files: addresses first, then 8-byte, then 4-byte values.
// 0 means that an operand is absent.

/// <summary>Sizes or strides of up to eight dimensions.</summary>
[InlineArray(MaxCount)]
internal struct Dimensions
{
    public const int MaxCount = 8;

    private int _first;
}

/// <summary>Words passed to a kernel by value.</summary>
[InlineArray(MaxCount)]
internal struct Words
{
    public const int MaxCount = 32;

    private ulong _first;
}

// The fields are written here and read only on the device.
#pragma warning disable CS0649, IDE0052
[StructLayout(LayoutKind.Sequential)]
internal struct FillArguments { public ulong Y, Bits; public int Count; }

[StructLayout(LayoutKind.Sequential)]
internal struct ConvertArguments { public ulong X, Y; public int Count; }

[StructLayout(LayoutKind.Sequential)]
internal struct StridedArguments
{
    public ulong X, Y;
    public int Count, Rank;
    public Dimensions Sizes, XStrides, YStrides;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MapArguments { public ulong X, Y; public int Count; public float Parameter; }

[StructLayout(LayoutKind.Sequential)]
internal struct MapGradientArguments { public ulong Dy, X, Y, Dx; public int Count; public float Parameter; }

[StructLayout(LayoutKind.Sequential)]
internal struct ZipArguments
{
    public ulong A, B, C;
    public int Count, Rank;
    public float Keep, Take;
    public Dimensions Sizes, AStrides, BStrides;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AffineArguments { public ulong X, Y; public int Count; public float Scale, Shift; }

[StructLayout(LayoutKind.Sequential)]
internal struct DropoutArguments { public ulong Y, Position, Seed, Stream, Start; public double P; public int Count; public float Kept; }

[StructLayout(LayoutKind.Sequential)]
internal struct StoreArguments { public ulong Y; public int Count, Unused; public Words Values; }

[StructLayout(LayoutKind.Sequential)]
internal struct SumArguments { public ulong X, Y; public int Outer, Reduced, Inner, Chunks; }

[StructLayout(LayoutKind.Sequential)]
internal struct MaxArguments { public ulong X, Y, Index; public int Outer, Reduced, Inner; }

[StructLayout(LayoutKind.Sequential)]
internal struct MaxGradientArguments { public ulong Dy, Index, Dx; public int Outer, Reduced, Inner; }

[StructLayout(LayoutKind.Sequential)]
internal struct MatMulArguments { public ulong A, B, C; public int Rows, Inner, Columns, ARow, AInner, BInner, BColumn; }

[StructLayout(LayoutKind.Sequential)]
internal struct ConvolutionArguments
{
    public ulong X, Weight, Bias, Y, Mean, Variance, Partials, Tickets;
    public KernelWindow Window;
    public int Chunks, Add;
}

[StructLayout(LayoutKind.Sequential)]
internal struct PoolArguments { public ulong X, Y, Index; public KernelWindow Window; }

[StructLayout(LayoutKind.Sequential)]
internal struct MomentsArguments { public ulong X, Mean, Variance, Partials, Tickets; public NormGeometry Geometry; public int Chunks; }

[StructLayout(LayoutKind.Sequential)]
internal struct NormalizeArguments
{
    public ulong X, Mean, Variance, Weight, Bias, Residual, Y;
    public NormGeometry Geometry;
    public float Eps;
    public int Relu;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NormalizeGradientArguments
{
    public ulong Dy, X, Y, Mean, Variance, Weight, Bias, Dx, Dweight, Dbias, Dresidual, Partials, Sums, Tickets;
    public NormGeometry Geometry;
    public int Chunks;
    public float Eps;
    public int Relu, Constant;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SoftmaxArguments { public ulong X, Y; public int Rows, Columns; }

[StructLayout(LayoutKind.Sequential)]
internal struct SoftmaxGradientArguments { public ulong Dy, Y, Dx; public int Rows, Columns; }

[StructLayout(LayoutKind.Sequential)]
internal struct LikelihoodArguments { public ulong LogProbabilities, Labels, Loss; public int Rows, Columns; }

[StructLayout(LayoutKind.Sequential)]
internal struct CrossEntropyArguments { public ulong Dloss, LogProbabilities, Labels, Dx; public int Rows, Columns; }

[StructLayout(LayoutKind.Sequential)]
internal struct SgdArguments
{
    public ulong Parameter, Gradient, Velocity, Rate;
    public int Count;
    public float LearningRate, Momentum, Dampening, WeightDecay;
    public int First, Nesterov;
}

[StructLayout(LayoutKind.Sequential)]
internal struct RunningArguments
{
    public ulong RunningMean, RunningSpread, Batches, Mean, Spread;
    public int Samples, Channels;
    public float Keep, TakeMean, TakeSpread;
}

[StructLayout(LayoutKind.Sequential)]
internal struct GatherArguments
{
    public ulong Images, Labels, Order, Cursor, Stream, Table, X, Y, Seed;
    public int Batch, Channels, Height, Width, Pad, Flip, Augment;
}
#pragma warning restore CS0649, IDE0052

/// <summary>The thirteen sizes of a <see cref="Window2d"/>, in the kernels' format.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelWindow
{
    public int Batch, InChannels, InHeight, InWidth, OutChannels, OutHeight, OutWidth, KernelHeight, KernelWidth;
    public int StrideHeight, StrideWidth, PadHeight, PadWidth;

    public static implicit operator KernelWindow(in Window2d g) => new()
    {
        Batch = g.Batch,
        InChannels = g.InChannels,
        InHeight = g.InHeight,
        InWidth = g.InWidth,
        OutChannels = g.OutChannels,
        OutHeight = g.OutHeight,
        OutWidth = g.OutWidth,
        KernelHeight = g.KernelHeight,
        KernelWidth = g.KernelWidth,
        StrideHeight = g.StrideHeight,
        StrideWidth = g.StrideWidth,
        PadHeight = g.PadHeight,
        PadWidth = g.PadWidth,
    };
}
