// What happens in 2 + 3: from the operator in your program down to the vector instruction.
//   dotnet run Examples/Tour/04-under-the-hood.cs
// Lines that begin with ~ depend on the machine. Keep the files open that the comments name: together they have few lines.
#:project ../../Core/MiniDL.Core.csproj

using System.Diagnostics;
using System.Numerics;
using System.Runtime.Intrinsics;
using MiniDL;

Console.WriteLine("1. Five calls");
var two = Tensor.Scalar(2);
var three = Tensor.Scalar(3);
two.RequiresGrad = true;
var sum = two + three;
Console.WriteLine($"2 + 3 = {sum.Item()}");
// We cannot step inside a call from here, but an error can: a stack trace is a photograph of the way down. Two shapes that do not fit
// fail at the last moment before the numbers are touched. Read it from below:
//   Tensor.op_Addition   Core/Ops/Add.cs                 `+` of C#: makes an AddOp of its two operands, and runs it
//   Operator.Run         Core/Autograd/Operator.cs       the same for all operators: measures, watches, and remembers for backward
//   BinaryOp.Forward     Core/Elementwise/BinaryOp.cs    the same for all functions of two tensors; goes on to its method Zip:
//   BinaryOp.Zip                                         types, shapes, memory for the result
//   Shape.Broadcast      Core/Shapes/Shape.cs            which shape the result has, or that there is none
try
{
    _ = Tensor.Zeros([2]) + Tensor.Zeros([3]);
}
catch (ShapeException e)
{
    foreach (var frame in new StackTrace(e).GetFrames().Select(DiagnosticMethodInfo.Create).OfType<DiagnosticMethodInfo>())
        if (frame.DeclaringAssemblyName.StartsWith("MiniDL.Core", StringComparison.Ordinal))
            Console.WriteLine($"  {frame.DeclaringTypeName.Replace("MiniDL.", "")}.{frame.Name}");
}

Console.WriteLine("\n2. What Run has remembered");
// `two` requires a gradient, so the result keeps the operator that made it, and that its operands. This is the whole graph: no list of
// operations is kept anywhere else. Without RequiresGrad nothing is kept, and the operator is garbage as soon as Run returns.
var producer = sum.Producer!;
Console.WriteLine($"producer of the sum: {producer.Name} of {producer.Inputs[0]!.Item()} and {producer.Inputs[1]!.Item()}");
Console.WriteLine($"producer of 3 + 3:   {(three + three).Producer?.Name ?? "nothing, as no operand requires a gradient"}");

Console.WriteLine("\n3. The primitive");
// BinaryOp.Zip ends with Backend.Zip(f, …, a, …, b, …, c), "c[i] = f(a[i], b[i])", where f is AddFunction of Core/Ops/Add.cs. An operator
// knows derivatives and no devices; a primitive knows one device and no derivatives. Each device has its own Zip:
//   Core/Backends/Reference/ReferenceBackend.cs           a naive loop in double precision, which defines what is right
//   Core/Backends/Cpu/CpuBackend.Elementwise.cs           pieces for several threads, each done by Core/Elementwise/ElementwiseLoop.cs
foreach (var device in (Device[])[Device.Reference, Device.Cpu])
    Console.WriteLine($"{device.Name,-10} {(Tensor.Scalar(2, device) + Tensor.Scalar(3, device)).Description}");
Console.WriteLine($"~ the CPU's backend on this machine is {Device.Cpu.Backend}");

Console.WriteLine("\n4. The instruction");
// ElementwiseLoop works on FloatLanes (Core/Elementwise/FloatLanes.cs), eight floats side by side in one register. AddFunction says only
// `a + b`; it is a struct, so the compiler makes a loop for it alone, in which `a + b` is one instruction, vaddps on Intel and AMD.
// Even our single 2 + 3 is done that way, with seven lanes that nobody looks at. This is what the loop does with it:
var lanes = Vector256.Create(2f, 1, 1, 1, 1, 1, 1, 1) + Vector256.Create(3f, 1, 1, 1, 1, 1, 1, 1);
Console.WriteLine($"eight sums at once: {lanes}, of which one is ours");
Console.WriteLine($"~ registers of 128 bits {Vector128.IsHardwareAccelerated}, 256 bits {Vector256.IsHardwareAccelerated}, "
    + $"512 bits {Vector512.IsHardwareAccelerated}; Vector<float> has {Vector<float>.Count} floats");
// To see the instruction itself, ask .NET's compiler for the code that it has made for the loop:
//   DOTNET_TieredCompilation=0 DOTNET_JitDisasm='*ElementwiseLoop:Run*' dotnet run Examples/Tour/04-under-the-hood.cs
// (The first setting asks for optimized code at once; short methods are then merged with their callers, and part 1 shows fewer.)
// On a processor with AVX, this is all that is left of the five calls, the struct and the interfaces:
//   vmovups  ymm0, ymmword ptr [rsi+4*rax]        load eight floats of a
//   vmovups  ymm1, ymmword ptr [rbx+4*rax]        load eight floats of b
//   vaddps   ymm0, ymm0, ymm1                     add them: 2 + 3
//   vmovups  ymmword ptr [r15+4*rax], ymm0        store eight floats of c
//   add      r12d, 8                              go on to the next eight,
//   cmp      r12d, edi
//   jle      …                                    unless these were the last

Console.WriteLine("\n5. What the way down costs");
// For one value, nearly all the time passes above the instruction. That is why frameworks work on whole tensors: for a million values
// the way down is the same, and its cost disappears beside the sums themselves, which are then limited by memory, not by arithmetic.
foreach (int count in (int[])[1, 1_000_000])
{
    var (x, y) = (Tensor.Ones([count]), Tensor.Ones([count]));
    double best = double.MaxValue;
    for (int trial = 0; trial < 30; trial++)
    {
        using var scope = Scope.Step();                 // recycles the results, so that we do not measure the making of memory
        const int repeats = 20;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++) _ = x + y;
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalNanoseconds / repeats / count);
    }
    Console.WriteLine($"~ tensors of {count,9:N0} values: {best,7:F2} ns for each value");
}
