using MiniDL.Tests.Core.Backends;

namespace MiniDL.Tests.Examples;

// Counts the storage of the whole process, so nothing may run beside it.
[Collection(ThreadCounts.Collection)]
public sealed class PoolTrimTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("compare --train-images 20 --test-images 10 --epochs 1 --norms bn --batch-sizes 20", "--out @a", "--seeds 2 --out @b")]
    [InlineData("bench --model resnet8 --batch-sizes 8 --steps 1 --warm-up 0", "--norms bn", "--norms bn,ln")]
    public void Every_run_starts_with_an_empty_pool(string arguments, string once, string twice)
    {
        long one = Created($"{arguments} {once}"), two = Created($"{arguments} {twice}");
        Assert.InRange(two, 1.5 * one, 2.5 * one);
    }

    private long Created(string arguments)
    {
        var backend = Device.Cpu.Backend;
        backend.TrimPool();
        long before = backend.CreatedStorageBytes;
        Assert.Equal(0, _minidl.Run(arguments));
        return backend.CreatedStorageBytes - before;
    }
}
