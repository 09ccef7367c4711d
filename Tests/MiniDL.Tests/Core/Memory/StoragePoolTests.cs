using MiniDL.Memory;

namespace MiniDL.Tests.Core;

/// <summary>A pool gives out used storage of the same size, or larger storage for a large request.</summary>
public class StoragePoolTests
{
    private readonly StoragePool _pool = new((_, capacity) => new HostStorage<float>(Device.Cpu, capacity));

    [Fact]
    public void A_smaller_batch_uses_the_memory_of_a_larger_one()
    {
        Storage large = Rent(1 << 20), larger = Rent(1 << 21);
        _pool.Return(larger);
        _pool.Return(large);
        Assert.Same(large, Rent(1 << 18));
        Assert.Same(larger, Rent(1 << 18));
        long created = _pool.CreatedBytes;
        Assert.Equal(1 << 18, Rent(1 << 18).Capacity);
        Assert.Equal(created + (4 << 18), _pool.CreatedBytes);
    }

    [Fact]
    public void The_same_size_comes_first_and_small_requests_take_no_large_storage()
    {
        Storage large = Rent(1 << 20), same = Rent(1 << 18);
        _pool.Return(large);
        _pool.Return(same);
        Assert.Same(same, Rent(1 << 18));
        Assert.NotSame(large, Rent(100));
        Assert.NotSame(large, Rent(1 << 16));
        Assert.NotSame(large, _pool.Rent(DType.F64, 1 << 20));
        Assert.Same(large, Rent(1 << 20));
    }

    private Storage Rent(int count) => _pool.Rent(DType.F32, count);
}
