using System.Runtime.InteropServices;
using MiniDL.Examples;

using var stop = new CancellationTokenSource();

// The first Ctrl-C (or SIGTERM) asks the program to end after the current step; a second one ends it at once.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

return CommandLineProgram.Run(args, Console.Out, Console.Error, stop.Token);
