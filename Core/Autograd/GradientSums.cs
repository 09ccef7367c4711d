using System.Diagnostics.CodeAnalysis;
using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// The gradients on their way through a backward pass: for every tensor the sum of those that have arrived. Memory of gradients is recycled
/// within the pass, while it is still in the cache: everything that a gradient waits in holds it; a sum grows in place where nothing else
/// holds it, and what nothing holds any more goes back to the pool.
/// </summary>
/// <param name="targets">Where the sums of leaves are in a pass towards targets; null where the leaves have them.</param>
internal sealed class GradientSums(Dictionary<Tensor, Tensor?>? targets)
{
    private readonly List<Tensor> _leaves = [];

    /// <summary>Leaves that gradients have arrived at, in that order.</summary>
    public IReadOnlyList<Tensor> Leaves => _leaves;

    /// <summary>Adds what an operator gives to the sums of its inputs; null for those that it gives nothing.</summary>
    public void Add(ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<Tensor?> gradients)
    {
        // All are held before the first is passed on: an operator may give one tensor to several inputs.
        foreach (var gradient in gradients)
            if (gradient is not null) Hold(gradient);
        for (int i = 0; i < gradients.Length; i++)
            if (gradients[i] is { } gradient) AddHeld(inputs[i]!, gradient);
    }

    /// <summary>Adds a gradient to the sum of a tensor.</summary>
    public void Add(Tensor x, Tensor gradient) => AddHeld(x, Hold(gradient));

    /// <summary>The sum of a tensor, which is complete; false where nothing has arrived. <see cref="Done"/> ends its use.</summary>
    public bool TryTake(Tensor x, [NotNullWhen(true)] out Tensor? sum)
    {
        sum = this[x];
        if (x.Producer is not null || targets is null) this[x] = null;
        return sum is not null;
    }

    /// <summary>Puts another gradient in the place of one that was taken.</summary>
    public Tensor Replace(Tensor old, Tensor replacement)
    {
        if (ReferenceEquals(old, replacement)) return old;
        Hold(replacement);
        Done(old);
        return replacement;
    }

    /// <summary>A gradient that goes to the user belongs to the engine no longer.</summary>
    public Tensor HandOut(Tensor gradient)
    {
        gradient.Storage.Gradient.BornIn = 0;
        return gradient;
    }

    /// <summary>Ends the use of a gradient that was taken.</summary>
    public void Done(Tensor gradient)
    {
        var storage = gradient.Storage;
        if (--storage.Gradient.Holds == 0 && IsOurs(storage)) storage.Device.Backend.Pool.Return(storage);
    }

    /// <summary>Whether a gradient of the running pass was made by the engine and only one place looks at it.</summary>
    public static bool MayChange(Tensor gradient) => gradient.Storage is { Gradient.Holds: 1 } storage && IsOurs(storage);

    /// <summary>Whether the storage was taken for a gradient of this pass and belongs to nobody else.</summary>
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
            // In place where nobody else looks at the sum so far; else into new memory.
            var sum = MayChange(sofar) ? sofar : sofar.Clone();
            using (Profiler.Time("autograd", "sum")) x.Device.Backend.AddInto(sum, gradient);
            Done(gradient);
            gradient = Replace(sofar, sum);
        }
        this[x] = gradient;
    }

    /// <summary>Where the sum of a tensor waits: at the operator that made it, at the leaf, or among the targets.</summary>
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

/// <summary>What a backward pass notes about a storage.</summary>
internal struct GradientUse
{
    /// <summary>How many gradients on their way through a backward pass look into the storage.</summary>
    public int Holds;

    /// <summary>The backward pass that took this lease, 0 outside of one: only such storage may be reused before the pass ends.</summary>
    public int BornIn;
}

/// <summary>Room for the gradients of an operator's inputs, where they are few.</summary>
[System.Runtime.CompilerServices.InlineArray(Length)]
internal struct GradientSlots
{
    public const int Length = 8;

    private Tensor? _first;
}
