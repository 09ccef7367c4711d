using MiniDL.Backends.Cuda;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>Values on their way to a GPU, through its kernels and back.</summary>
public class CudaDeviceTests
{
    [GpuFact]
    public void Values_come_back_as_they_were_sent()
    {
        foreach (int count in new[] { 0, 1, 7, 1000, 70_000 })
        {
            float[] values = [.. Enumerable.Range(0, count).Select(i => i * 0.5f - 3)];
            Assert.Equal(values, Tensor.From(values, [count], Gpu.Device).ToArray());
            long[] integers = [.. Enumerable.Range(0, count).Select(i => i * 5_000_000_000L)];
            Assert.Equal(integers, Tensor.From(integers, [count], Gpu.Device).ToArray<long>());
            byte[] bytes = [.. Enumerable.Range(0, count).Select(i => (byte)i)];
            Assert.Equal(bytes, Tensor.From(bytes, [count], Gpu.Device).ToArray<byte>());
        }
    }

    [GpuFact]
    public void Many_values_pass_in_pieces_through_small_buffers()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        Tensor.Ones([1], device).ToArray();
        long before = fake.Get("host_bytes");
        ((CudaBackend)device.Backend).Stream.Staging.PieceBytes = 10_000;
        foreach (int count in new[] { 2499, 2500, 2501, 33_333 })
        {
            float[] values = [.. Enumerable.Range(0, count).Select(i => i * 0.5f - 3)];
            Assert.Equal(values, Tensor.From(values, [count], device).ToArray());
            long[] integers = [.. Enumerable.Range(0, count).Select(i => i * 5_000_000_000L)];
            Assert.Equal(integers, Tensor.From(integers, [count], device).ToArray<long>());
            byte[] bytes = [.. Enumerable.Range(0, count).Select(i => (byte)i)];
            Assert.Equal(bytes, Tensor.From(bytes, [count], device).ToArray<byte>());
        }
        Assert.InRange(fake.Get("host_bytes") - before, 1, 5 * 16_384);
    }

    [GpuFact]
    public void More_values_than_kernels_can_count_are_refused()
    {
        foreach (var device in new[] { Gpu.Device, Device.Cpu })
        {
            string message = Assert.Throws<MiniDLException>(() => Tensor.New([int.MaxValue - 100], device, DType.U8)).Message;
            Assert.StartsWith("[tensor] 2,147,483,547 values are more than a tensor can have", message);
        }
    }

    [GpuFact]
    public void Many_uploads_in_a_row_do_not_overtake_each_other()
    {
        Tensor[] all = [.. Enumerable.Range(0, 40).Select(i => Tensor.From([(float)i, i + 1], [2], Gpu.Device))];
        for (int i = 0; i < all.Length; i++) Assert.Equal([i, i + 1], all[i].ToArray());
    }

    [GpuFact]
    public void Both_layouts_hold_the_same_values()
    {
        float[] values = [.. Enumerable.Range(0, 2 * 3 * 4 * 5).Select(i => (float)i)];
        var x = Tensor.From(values, [2, 3, 4, 5], Gpu.Device);
        Assert.Equal(values, x.ToLayout(Layout.ChannelsLast).ToArray());
        Assert.Equal(x.ToLayout(Layout.ChannelsLast).To(Device.Cpu).Span, Tensor.From(values, x.Shape).ToLayout(Layout.ChannelsLast).Span);
    }

    [GpuFact]
    public void Elementwise_operators_and_their_gradients_run()
    {
        var x = Tensor.From([-2f, -0.5f, 0.25f, 3], [4], Gpu.Device);
        x.RequiresGrad = true;
        (x.Relu() * x + 1).Sum().Backward();
        Assert.Equal([0, 0, 0.5f, 6], x.Grad!.ToArray());
    }

    [GpuFact]
    public void Memory_of_a_forgotten_tensor_serves_the_next_one()
    {
        var memory = Gpu.Stream.Memory;
        long Forget(int count)
        {
            for (int i = 0; i < count; i++) Tensor.Zeros([123_457], Gpu.Device);
            return memory.HeldBytes;
        }
        Forget(1);
        for (int round = 0; round < 20; round++)
        {
            Forget(10);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        long before = memory.HeldBytes;
        for (int round = 0; round < 20; round++)
        {
            Forget(10);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.InRange(memory.HeldBytes, 0, before + 10 * 4 * 140_000);
    }

    [GpuFact]
    public void Dropout_draws_the_same_mask_as_on_the_cpu_and_moves_the_stream_as_far()
    {
        RandomStream here = new RandomStream(7).Fork("dropout", 3), there = new RandomStream(7).Fork("dropout", 3);
        (here.Position, there.Position) = (5, 5);
        for (int i = 0; i < 3; i++)
            Assert.Equal(Tensor.Ones([3, 67]).Dropout(0.3, here).ToArray(), Tensor.Ones([3, 67], Gpu.Device).Dropout(0.3, there).ToArray());
        Assert.Equal(here.Position, there.Position);
    }

    [GpuFact]
    public void Labels_that_are_no_class_are_refused_without_and_with_a_look_at_the_device()
    {
        var logits = Tensor.Zeros([2, 3], Gpu.Device);
        Assert.Contains("label 3", Assert.Throws<ShapeException>(() => logits.CrossEntropy(Tensor.From([0L, 3], [2], Gpu.Device))).Message);
        var rows = Tensor.From([0L, 2, -1, 1], [4], Gpu.Device);
        Assert.Equal(Math.Log(3), logits.CrossEntropy(rows.Slice(0, 0, 2)).Item(), 1e-6);
        Assert.Contains("label -1", Assert.Throws<ShapeException>(() => logits.CrossEntropy(rows.Slice(0, 2, 4))).Message);
    }

    [GpuFact]
    public void A_function_without_a_kernel_is_named()
    {
        string message = Assert.Throws<MiniDLException>(() => UnaryOp<Swish>.Apply(default, Tensor.Ones([2], Gpu.Device))).Message;
        Assert.Contains("map_swish", message);
        Assert.Contains("To(Device.Cpu)", message);
    }

    private readonly struct Swish : IUnaryFunction
    {
        public string Name => "swish";

        public R Value<R>(R x) where R : struct, IReal<R> => x / (R.Of(1) + R.Exp(-x));

        public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => throw new NotSupportedException();
    }
}
