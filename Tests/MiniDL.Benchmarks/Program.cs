using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using MiniDL.Benchmarks;

// dotnet run -c Release --project Tests/MiniDL.Benchmarks -- --filter '*Conv2d*'
// Short runs in this process by default; with --job (medium, long, …) processes of their own.
IConfig config = args.Contains("--job") ? Config.Columns : Config.Short;
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
