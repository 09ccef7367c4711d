using System.Diagnostics.CodeAnalysis;
using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// The gradients in flight during a backward pass: for every tensor, the sum of those that have arrived. Their memory is recycled within
/// the pass, while it is still in the cache. Every place where a gradient waits counts as a holder of its storage: a sum with a single
/// holder grows in place, and storage without holders goes back to the pool.
/// </summary>
/// <param name="targets">Where the sums of leaves are kept in a pass to given targets; null if they are kept in the leaves.</param>
internal sealed class GradientSums(Dictionary<Tensor, Tensor?>? targets)
{
    private readonly List<Tensor> _leaves = [];

    /// <summary>The leaves that have received gradients, in order of arrival.</summary>
    public IReadOnlyList<Tensor> Leaves => _leaves;

    /// <summary>Adds an operator's gradients to the sums of its inputs; null where it gives an input none.</summary>
    public void Add(ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<Tensor?> gradients)
    {
        // All are held before the first is added: an operator may give the same tensor to several inputs.
        foreach (var gradient in gradients)
            if (gradient is not null) Hold(gradient);
        for (int i = 0; i < gradients.Length; i++)
            if (gradients[i] is { } gradient) AddHeld(inputs[i]!, gradient);
    }

    /// <summary>Adds a gradient to the sum of a tensor.</summary>
    public void Add(Tensor x, Tensor gradient) => AddHeld(x, Hold(gradient));

    /// <summary>Takes the complete sum of a tensor; false if no gradient has arrived. Call <see cref="Done"/> after using it.</summary>
    public bool TryTake(Tensor x, [NotNullWhen(true)] out Tensor? sum)
    {
        sum = this[x];
        if (x.Producer is not null || targets is null) this[x] = null;
        return sum is not null;
    }

    /// <summary>Replaces a gradient that was taken with another one.</summary>
    public Tensor Replace(Tensor old, Tensor replacement)
    {
        if (ReferenceEquals(old, replacement)) return old;
        Hold(replacement);
        Done(old);
        return replacement;
    }

    /// <summary>Releases a gradient to the user: the engine will not reuse its memory.</summary>
    public Tensor HandOut(Tensor gradient)
    {
        gradient.Storage.Gradient.BornIn = 0;
        return gradient;
    }

    /// <summary>Ends the use of a gradient that was taken.</summary>
    public void Done(Tensor gradient)
    {
        var storage = gradient.Storage;
        if (--storage.Gradient.Holds != 0 || !IsOurs(storage)) return;
        EngineObserver.Active?.Recycled(gradient);
        storage.Device.Backend.Pool.Return(storage);
    }

    /// <summary>Whether a gradient of the running pass may be changed in place: the engine made it, and it has a single holder.</summary>
    public static bool MayChange(Tensor gradient) => gradient.Storage is { Gradient.Holds: 1 } storage && IsOurs(storage);

    /// <summary>Makes memory that is no longer needed for anything else that of a gradient of the running pass.</summary>
    public static void TakeOver(Tensor gradient) => gradient.Storage.Gradient.BornIn = Claim.Current;

    /// <summary>Whether the storage was leased for a gradient of this pass and nobody else keeps it.</summary>
    private static bool IsOurs(Memory.Storage storage) => storage.Gradient.BornIn == Claim.Current && !storage.Kept;

    private static Tensor Hold(Tensor gradient)
    {
        gradient.Storage.Gradient.Holds++;
        return gradient;
    }

    private void AddHeld(Tensor x, Tensor gradient)
    {
        var sofar = this[x];
        if (sofar is null && x.Producer is null) _leaves.Add(x);
        if (sofar is not null)
        {
            // In place if the sum so far has no other holder, else into new memory.
            var sum = MayChange(sofar) ? sofar : sofar.Clone();
            using (Profiler.Time("autograd", "sum", operations: 0, x.Producer?.Module, Direction.Backward)) x.Device.Backend.AddInto(sum, gradient);
            Done(gradient);
            gradient = Replace(sofar, sum);
        }
        this[x] = gradient;
        EngineObserver.Active?.Arrived(x, gradient);
    }

    /// <summary>The sum of a tensor so far, kept at the operator that made it, at the leaf, or among the targets.</summary>
    private Tensor? this[Tensor x]
    {
        get => x.Producer is { } producer ? producer.PendingGradient : targets is null ? x.PendingGradient : targets[x];
        set
        {
            if (x.Producer is { } producer) producer.PendingGradient = value;
            else if (targets is null) x.PendingGradient = value;
            else targets[x] = value;
        }
    }
}

/// <summary>A backward pass's notes about a storage.</summary>
internal struct GradientUse
{
    /// <summary>How many gradients in flight use this storage.</summary>
    public int Holds;

    /// <summary>The backward pass during which this lease began, 0 if none: only such storage may be reused before the pass ends.</summary>
    public int BornIn;
}

/// <summary>Space for the gradients of an operator's inputs, for operators with few inputs.</summary>
[System.Runtime.CompilerServices.InlineArray(Length)]
internal struct GradientSlots
{
    public const int Length = 8;

    private Tensor? _first;
}
