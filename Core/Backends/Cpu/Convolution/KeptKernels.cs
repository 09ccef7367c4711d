using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Transformed weights that are kept from one evaluation to the next: with few images it takes longer to transform the weights than to use
/// them. They are used again only if weights and scales are the same, value by value, as those that they were made from.
/// </summary>
internal sealed unsafe class KeptKernels<V> where V : unmanaged, ISimd<V>
{
    /// <summary>Larger layers are not kept: their transformed weights are four times as large and take long to compare.</summary>
    private const int MaxWeights = 9 * 128 * 128;

    /// <summary>With more images, transforming the weights takes less than 1 % of an evaluation of ResNet-20, which is not worth the memory.</summary>
    private const int MaxImages = 31;

    /// <summary>By storage and the weight's offset in it: the parameters of a model may share one.</summary>
    private readonly ConditionalWeakTable<Storage, ConcurrentDictionary<int, Kept>> _kept = [];

    /// <summary>The kernel of these weights, kept or new.</summary>
    /// <param name="scale">[K], or null for 1.</param>
    public WinogradKernel<V> Of(Tensor weight, float* weights, float* scale, in Window2d g)
    {
        var scales = new ReadOnlySpan<float>(scale, scale == null ? 0 : g.OutChannels);
        var values = weight.Raw<float>();
        var ofStorage = _kept.GetOrCreateValue(weight.Storage);
        if (ofStorage.TryGetValue(weight.Offset, out var kept) && kept.IsOf(values, scales)) return kept.Kernel;
        if (values.Length > MaxWeights || g.Batch > MaxImages) return WinogradKernel<V>.Of(weights, scale, g);
        kept = new Kept(values, scales, WinogradKernel<V>.Size(g), g, weights, scale);
        ofStorage[weight.Offset] = kept;
        return kept.Kernel;
    }

    /// <summary>What a kernel was made from, and its memory.</summary>
    private sealed class Kept
    {
        private readonly float[] _weights, _scales, _memory;

        public Kept(ReadOnlySpan<float> values, ReadOnlySpan<float> scales, int size, in Window2d g, float* weights, float* scale)
        {
            (_weights, _scales) = (values.ToArray(), scales.ToArray());
            _memory = GC.AllocateUninitializedArray<float>(size + 16, pinned: true);
            // On a 64-byte boundary; pinned, and as long-lived as the kernel.
            var first = ((nuint)Unsafe.AsPointer(ref _memory[0]) + 63) & ~(nuint)63;
            Kernel = WinogradKernel<V>.Of(weights, scale, g, (float*)first);
        }

        public WinogradKernel<V> Kernel { get; }

        public bool IsOf(ReadOnlySpan<float> weights, ReadOnlySpan<float> scales) => Bits(weights).SequenceEqual(Bits(_weights)) && Bits(scales).SequenceEqual(Bits(_scales));

        private static ReadOnlySpan<int> Bits(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, int>(values);
    }
}
