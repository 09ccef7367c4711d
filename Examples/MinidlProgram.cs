using System.Runtime.InteropServices;

namespace MiniDL.Examples;

/// <summary>
/// The program <c>minidl</c>, to be called from one of yours: the same verbs and options, and the norms that yours has registered.
/// </summary>
/// <example><code>
/// NormFactory.Register("gn4", "groups of four channels", channels => new GroupNorm(channels / 4, channels));
/// return MinidlProgram.Run(["compare", "--norms", "bn,gn4"]);
/// </code></example>
public static class MinidlProgram
{
    /// <summary>The signal that a file would grow over the limit of the shell, <c>ulimit -f</c>; <see cref="PosixSignal"/> has no name for it.</summary>
    private const int FileSizeLimit = 25;

    /// <summary>Runs it. The first Ctrl-C ends it after the current step, with everything saved; a second one ends the process.</summary>
    /// <param name="args">As on the command line: <c>compare</c>, <c>--norms</c>, <c>bn,gn</c>.</param>
    /// <returns>The exit code: 0 done, 1 failed (one line on the error stream), 2 used wrongly, 130 stopped by Ctrl-C.</returns>
    public static int Run(string[] args)
    {
        using var stop = new CancellationTokenSource();
        int stoppedBy = 0;
        var signals = new List<PosixSignalRegistration>
        {
            Handle(PosixSignal.SIGINT, 2),
            Handle(PosixSignal.SIGTERM, 15),
        };
        // nohup makes a program ignore the hangup, and so it shall.
        if (!OperatingSystem.IsWindows() && !IgnoredSignals.Contains(1)) signals.Add(Handle(PosixSignal.SIGHUP, 1));
        // A file that grows over the limit is an error of the write, not the end of the program.
        if (!OperatingSystem.IsWindows())
            signals.Add(PosixSignalRegistration.Create((PosixSignal)FileSizeLimit, context => context.Cancel = true));

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
    }
}
