using System.Runtime.InteropServices;
using MiniDL.Examples;

const int fileSizeLimit = 25;

using var stop = new CancellationTokenSource();
int stoppedBy = 0;
var signals = new List<PosixSignalRegistration>
{
    Handle(PosixSignal.SIGINT, 2),
    Handle(PosixSignal.SIGTERM, 15),
};
// nohup makes a program ignore the hangup, and so it shall.
if (!OperatingSystem.IsWindows() && !IgnoredSignals.Contains(1)) signals.Add(Handle(PosixSignal.SIGHUP, 1));
// A file that grows over a limit (ulimit -f) is an error of the write, not the end of the program.
if (!OperatingSystem.IsWindows())
    signals.Add(PosixSignalRegistration.Create((PosixSignal)fileSizeLimit, context => context.Cancel = true));

Console.SetOut(new StandardStream(Console.Out, mayBeLost: false));
Console.SetError(new StandardStream(Console.Error, mayBeLost: true));
int code = CommandLineProgram.Run(args, Console.Out, Console.Error, stop.Token);
// Not disposed: a signal that is just being handled would then end the program.
GC.KeepAlive(signals);
// As a shell has it: 130 after Ctrl-C, 143 after SIGTERM, 129 after a hangup.
return code == ExitCodes.Stopped && stoppedBy != 0 ? 128 + stoppedBy : code;

// The first signal asks the program to end after the current step; a second one ends it at once.
PosixSignalRegistration Handle(PosixSignal signal, int number) => PosixSignalRegistration.Create(signal, context =>
{
    context.Cancel = !stop.IsCancellationRequested;
    if (context.Cancel) stoppedBy = number;
    stop.Cancel();
});
