namespace MiniDL.Tests.Core;

/// <summary>Alone, because the pools they watch are shared by all tests.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class MemoryCollection
{
    public const string Name = "memory";
}

/// <summary>Memory over 1,000 training steps of a small network.</summary>
[Collection(MemoryCollection.Name)]
public class MemoryTests
{
    private readonly Tensor _first = Weight([64, 32], 1), _second = Weight([10, 64], 2);
    private readonly Tensor _images = Tensor.Normal([32, 32], new RandomStream(3));
    private readonly Tensor _labels = Tensor.From(Enumerable.Range(0, 32).Select(i => i % 10L).ToArray(), [32]);

    private static Tensor Weight(Shape shape, ulong seed)
    {
        var weight = Tensor.Normal(shape, new RandomStream(seed), std: 0.1);
        weight.RequiresGrad = true;
        return weight;
    }

    private float Step()
    {
        _first.ZeroGrad();
        _second.ZeroGrad();
        var hidden = _images.Linear(_first);
        hidden = (hidden / (hidden.Square().Mean([1], keepDim: true) + 1e-5).Sqrt()).Relu();
        var loss = (hidden + hidden.Tanh()).Linear(_second).CrossEntropy(_labels);
        loss.Backward();
        foreach (var weight in (Tensor[])[_first, _second])
            Device.Cpu.Backend.SgdStep(weight, weight.Grad!, null, first: false, new(() => 0.1f, 0, 0, 0, Nesterov: false));
        return loss.Item();
    }

    [Fact]
    public void With_a_scope_no_storage_is_created_after_the_first_steps_and_few_objects()
    {
        float loss = ScopedStep();
        for (int i = 0; i < 10; i++) ScopedStep();
        long created = Device.Cpu.Backend.CreatedStorageBytes, objects = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) ScopedStep();
        Assert.Equal(created, Device.Cpu.Backend.CreatedStorageBytes);
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - objects) / 1000, 0, 64 * 1024);
        Assert.InRange(ScopedStep(), 0, 0.5 * loss);

        float ScopedStep()
        {
            using var scope = Scope.Step();
            return Step();
        }
    }

    [Fact]
    public void Without_a_scope_the_garbage_collector_keeps_memory_flat()
    {
        for (int i = 0; i < 100; i++) Step();
        long before = GC.GetTotalMemory(forceFullCollection: true), peak = 0;
        for (int i = 0; i < 1000; i++)
        {
            Step();
            peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false));
        }
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 1 << 20);
        Assert.InRange(peak - before, long.MinValue, 256 << 20);
    }

    [Fact]
    public void Steps_with_and_without_a_scope_give_the_same_losses()
    {
        var other = new MemoryTests();
        for (int i = 0; i < 20; i++)
        {
            using var scope = Scope.Step();
            float scoped = Step();
            using var suspended = Scope.Suspend();
            Assert.Equal(other.Step(), scoped);
        }
    }
}
