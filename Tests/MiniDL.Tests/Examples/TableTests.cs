using System.Diagnostics;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Tests.Examples;

/// <summary>Tables and settings that were edited, damaged or made by something else.</summary>
public sealed class TableTests : IDisposable
{
    private const string Epoch = "1,10,2.5,90,2.4,89.5,0.1,1.5,100";
    private const string Run = "bn,8,0,1,2.5,90,2.4,89.5,1.5,2.1,80,2.2,81,0.1,0.2,0.3";
    private const string Layer = "bn,8,0,1,blocks.0.norm1,BatchNorm2d,0.1,0.2,0.3";
    private const string Evaluation = "bn,8,0,1,2,3,4,5,6";

    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-tables-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Path(string name) => System.IO.Path.Combine(_folder, name);

    private static object[] Parse(string path) => System.IO.Path.GetFileName(path) switch
    {
        "metrics.csv" => [.. CsvFile.Read(path, new MetricsFile(hasValidation: false).Header).Select(new MetricsFile(hasValidation: false).Parse)],
        "runs.csv" => [.. CsvFile.Read(path, ComparedEpoch.Header).Select(ComparedEpoch.Parse)],
        "layers.csv" => [.. CsvFile.Read(path, ComparedLayer.Header).Select(ComparedLayer.Parse)],
        _ => [.. CsvFile.Read(path, ComparedEvaluation.Header).Select(ComparedEvaluation.Parse)],
    };

    private string Write(string name, params string[] rows)
    {
        string header = name switch
        {
            "metrics.csv" => new MetricsFile(hasValidation: false).Header,
            "runs.csv" => ComparedEpoch.Header,
            "layers.csv" => ComparedLayer.Header,
            _ => ComparedEvaluation.Header,
        };
        File.WriteAllText(Path(name), string.Concat(rows.Prepend(header).Select(row => row + "\n")));
        return Path(name);
    }

    public static TheoryData<string, string> Tables => new()
    {
        { "metrics.csv", Epoch }, { "runs.csv", Run }, { "layers.csv", Layer }, { "evaluation.csv", Evaluation },
    };

    [Theory, MemberData(nameof(Tables))]
    public void Whatever_is_put_into_a_cell_is_refused_or_a_finite_number_or_a_name(string name, string good)
    {
        Assert.Single(Parse(Write(name, good)));
        string[] bad = ["1e400", "-1e400", "Infinity", "-Infinity", "∞", "x", "0x10", "1 ", " 1", "99999999999999999999999", "[bold]", "a/b", "..\0", "é"];
        string[] cells = good.Split(',');
        for (int column = 0; column < cells.Length; column++)
            foreach (string cell in bad.Concat(OutsideInput.Names.Where(text => !text.Contains('\n') && text.Length < 10_000)))
            {
                // The name x is as good as another one, and so many digits are a finite double.
                bool isName = !char.IsAsciiDigit(cells[column][0]);
                if (isName && cell is "x" or "Infinity" or "-Infinity" or "1e400" or "-1e400" or "0x10" or "99999999999999999999999") continue;
                if (cell.StartsWith("999") && !IsWhole(name, column)) continue;
                string path = Write(name, good, string.Join(',', cells.Index().Select(c => c.Index == column ? cell : c.Item)));
                string message = OutsideInput.ErrorOf(() => Parse(path));
                Assert.Contains($"{name}, line 3, column ", message);
            }
    }

    private static bool IsWhole(string name, int column) => name == "metrics.csv" ? column < 2 : column is 1 or 2 || name != "evaluation.csv" && column == 3;

    [Fact]
    public void Only_the_losses_and_errors_of_a_run_may_be_nan()
    {
        string[] cells = Run.Split(',');
        for (int column = 0; column < cells.Length; column++)
        {
            string path = Write("runs.csv", string.Join(',', cells.Index().Select(c => c.Index == column ? "NaN" : c.Item)));
            if (column is 0 or (>= 4 and <= 7)) Parse(path);
            else OutsideInput.ErrorOf(() => Parse(path));
        }
        Assert.True(((ComparedEpoch)Parse(Write("runs.csv", "bn,8,0,1,NaN,NaN,NaN,NaN,0,,,,,,,"))[0]).Diverged);
    }

    [Fact]
    public void Long_lines_and_large_files_take_the_memory_of_the_file()
    {
        foreach (string text in new[] { new string('x', 20_000_000), new string('\0', 20_000_000),
            new string('\n', 20_000_000), new MetricsFile(hasValidation: false).Header + new string('\n', 20_000_000) + "x\n", new MetricsFile(hasValidation: false).Header + "\n" + new string('1', 20_000_000) + "\n",
            new MetricsFile(hasValidation: false).Header + "\n1" + new string(',', 8) + new string('1', 20_000_000) + "\n" })
        {
            File.WriteAllText(Path("metrics.csv"), text);
            OutsideInput.AssertMemory(text.Length, () => Parse(Path("metrics.csv")));
            OutsideInput.ErrorOf(() => Parse(Path("metrics.csv")));
        }
        Write("metrics.csv", [.. Enumerable.Repeat(Epoch.Replace("2.5", "2.5000001"), 100_000)]);
        OutsideInput.AssertMemory(new FileInfo(Path("metrics.csv")).Length, () => CsvFile.Read(Path("metrics.csv"), new MetricsFile(hasValidation: false).Header));
        Assert.Equal(100_000, Parse(Path("metrics.csv")).Length);
    }

    [Fact]
    public void A_row_that_was_not_written_to_its_end_is_left_out()
    {
        string path = Write("metrics.csv", Epoch, Epoch);
        File.AppendAllText(path, Epoch);
        Assert.Equal(2, Parse(path).Length);
        File.WriteAllText(path, new MetricsFile(hasValidation: false).Header);
        Assert.Contains("does not begin with the columns", OutsideInput.ErrorOf(() => Parse(path)));
    }

    [Theory]
    [InlineData("\"learning_rate\":1e400"), InlineData("\"learning_rate\":-1e999"), InlineData("\"momentum\":1e400"), InlineData("\"weight_decay\":1e400")]
    [InlineData("\"epochs\":2147483648"), InlineData("\"epochs\":1e2"), InlineData("\"seed\":-1"), InlineData("\"seed\":18446744073709551616")]
    [InlineData("\"epochs\":1,\"epochs\":2"), InlineData("\"model\":\"\\ud800\""), InlineData("\"learning_rate\":\"NaN\""), InlineData("\"learning_rate\":NaN")]
    public void Settings_that_cannot_be_held_are_refused_with_their_place(string setting)
    {
        File.WriteAllText(Path("config.json"), $"{{\n{setting}\n}}");
        string message = OutsideInput.ErrorOf(() => Json.ReadFile<TrainSettings>(Path("config.json"), "Restore it."));
        Assert.Contains("config.json, line 2, column ", message);
        Assert.Contains("(at $.", message);
        Assert.EndsWith(" Restore it.", message);
        Assert.DoesNotContain("MiniDL.", message);
        Assert.Equal(message, OutsideInput.ErrorOf(() => Json.Read<TrainSettings>($"{{\n{setting}\n}}", Path("config.json"), "Restore it.")));
    }

    [Fact]
    public void What_messages_quote_of_settings_is_short_and_visible()
    {
        foreach (string name in OutsideInput.Names)
        {
            string text = System.Text.Json.JsonSerializer.Serialize(name);
            OutsideInput.ErrorOf(() => Json.Read<TrainSettings>($"{{{text}:}}", "config.json", "Restore it."));
            OutsideInput.ErrorOf(() => Json.Read<TrainSettings>($"{{\"position\":{{{text}:{{\"x\":1,\"x\":2}}}},\"epochs\":{text}}}", name.Length > 100 ? "c" : name, "Restore it."));
            foreach (var settings in new[] { new TrainSettings { Model = name }, new TrainSettings { Norm = name }, new TrainSettings { Dataset = name },
                new TrainSettings { Schedule = name }, new TrainSettings { Device = name }, new TrainSettings { Precision = name } })
            {
                OutsideInput.ErrorOf(() => settings.Checked());
                OutsideInput.AssertMessage(Json.Difference(settings, new TrainSettings()));
            }
        }
    }

    [Fact]
    public void Settings_are_read_from_files_of_a_reasonable_size_alone()
    {
        File.WriteAllText(Path("config.json"), "\uFEFF{\"epochs\":3}");
        Assert.Equal(3, Json.ReadFile<TrainSettings>(Path("config.json"), "").Epochs);
        using (var file = File.Create(Path("config.json"))) file.SetLength(1L << 40);
        Assert.Contains("has 1099511627776 bytes", OutsideInput.ErrorOf(() => Json.ReadFile<TrainSettings>(Path("config.json"), "Restore it.")));
        if (OperatingSystem.IsWindows()) return;
        File.CreateSymbolicLink(Path("zero"), "/dev/zero");
        using (var mkfifo = Process.Start("mkfifo", Path("pipe"))) mkfifo.WaitForExit();
        foreach (string path in new[] { Path("zero"), Path("pipe") })
        {
            OutsideInput.ErrorOf(() => Json.ReadFile<TrainSettings>(path, "Restore it."));
            OutsideInput.ErrorOf(() => CsvFile.Read(path, new MetricsFile(hasValidation: false).Header));
            Assert.Equal("", CsvFile.FirstLine(path));
        }
    }
}
