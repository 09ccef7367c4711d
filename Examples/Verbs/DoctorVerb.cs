using MiniDL.Examples.Doctor;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Verbs;

/// <summary>
/// <c>doctor</c>: every operator on a device against one that is trusted, and what a GPU's driver made of the kernels; or whether whole steps
/// give the same bits however they run. The exit code is 1 if something is further off than float (or TF32, or bf16) explains.
/// </summary>
internal sealed class DoctorVerb(DoctorOptions options, Terminal terminal)
{
    public int Run(CancellationToken stop)
    {
        var device = Device.Named(options.Device);
        var precisions = options.Precisions();
        if (options.Bits is { } model) return new BitsCheck(device, model, options.Batch).Run(precisions, terminal, stop) == 0 ? 0 : 1;
        var trusted = Device.Named(options.AgainstOrDefault);
        int failures = precisions.Sum(precision => new OperatorCheck(device.In(precision), trusted, options.Batch, options.Repeat).Run(terminal, stop));
        if (device.Backend.CompiledKernels is { } kernels) KernelTable.Print(kernels, terminal);
        return failures == 0 ? 0 : 1;
    }
}
