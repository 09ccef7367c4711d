using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MiniDL.Tests.Examples.Reports;

/// <summary>
/// A page in headless Chromium, driven through its DevTools protocol: what the page logs and asks the network for is recorded,
/// expressions are evaluated in it, the mouse is moved, and it is photographed.
/// </summary>
public sealed class Browser : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _patience = new(Patience);
    private readonly List<string> _errors = [], _requests = [];
    private int _lastId;
    private bool _loaded;

    private Browser(Process process, string profile) => (_process, _profile) = (process, profile);

    /// <summary>The program, by the environment variable CHROMIUM or on the path; null where there is none.</summary>
    public static string? Program { get; } = Environment.GetEnvironmentVariable("CHROMIUM") is { Length: > 0 } named
        ? named
        : ProgramOnPath.Find("chromium", "chromium-browser", "google-chrome");

    /// <summary>Errors and warnings of the console, uncaught exceptions, and what could not be loaded.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>Everything that was asked for but the page itself: a self-contained page asks for nothing.</summary>
    public IReadOnlyList<string> Requests => _requests;

    /// <summary>Opens a file and waits until it is loaded.</summary>
    /// <param name="dark">Whether the system prefers dark pages.</param>
    public static async Task<Browser> Open(string path, bool dark = false, int width = 1000, int height = 1400)
    {
        string profile = Directory.CreateTempSubdirectory("minidl-chromium-").FullName;
        string[] arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--remote-debugging-port=0", $"--user-data-dir={profile}", "about:blank"];
        var start = new ProcessStartInfo(Program!, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        var process = Process.Start(start)!;
        var browser = new Browser(process, profile);
        try
        {
            await browser.Connect();
            await browser.PreferDark(dark);
            await browser.Call("Emulation.setDeviceMetricsOverride",
                new() { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = width < 600 });
            await browser.Load(new Uri(Path.GetFullPath(path)).AbsoluteUri);
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>Changes what the system prefers while the page is open.</summary>
    public Task PreferDark(bool dark) => Call("Emulation.setEmulatedMedia", new()
    {
        ["features"] = new JsonArray(
            new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" },
            new JsonObject { ["name"] = "hover", ["value"] = "hover" }),
    });

    /// <summary>The value of an expression, read from JSON.</summary>
    public async Task<T> Evaluate<T>(string expression)
    {
        var answer = await Call("Runtime.evaluate", new() { ["expression"] = expression, ["returnByValue"] = true });
        Assert.True(answer["exceptionDetails"] is null, $"{expression}: {answer["exceptionDetails"]}");
        return answer["result"]!["value"].Deserialize<T>()!;
    }

    /// <summary>Waits until an expression is true.</summary>
    public async Task Until(string expression)
    {
        while (!await Evaluate<bool>(expression)) await Task.Delay(50, _patience.Token);
    }

    /// <summary>The points of a series as the plotting library has them; null where there is a gap.</summary>
    public async Task<(double?[] X, double?[] Y)> Points(string chart, string series)
    {
        string trace = $"document.getElementById('{chart}').data.find(t => t.meta.kind === 'series' && t.name === '{series}')";
        return (await Evaluate<double?[]>($"{trace}.x"), await Evaluate<double?[]>($"{trace}.y"));
    }

    /// <summary>Moves the mouse to the middle of the first element of a selector, and presses it there if asked to.</summary>
    public async Task Point(string selector, bool click = false)
    {
        double[] at = await Evaluate<double[]>($$"""
            (() => { const e = document.querySelector('{{selector}}'); e.scrollIntoView({ block: 'center' });
            const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()
            """);
        foreach (string kind in click ? new[] { "mouseMoved", "mousePressed", "mouseReleased" } : ["mouseMoved"])
            await Call("Input.dispatchMouseEvent", new()
            {
                ["type"] = kind,
                ["x"] = at[0],
                ["y"] = at[1],
                ["button"] = kind == "mouseMoved" ? "none" : "left",
                ["clickCount"] = kind == "mouseMoved" ? 0 : 1,
            });
    }

    /// <summary>A PNG of what the window shows, or of the whole page.</summary>
    public async Task<byte[]> Screenshot(bool whole = false)
    {
        var answer = await Call("Page.captureScreenshot", new() { ["captureBeyondViewport"] = whole });
        return Convert.FromBase64String((string)answer["data"]!);
    }

    private async Task Connect()
    {
        const string mark = "DevTools listening on ";
        string? line;
        do line = await _process.StandardError.ReadLineAsync(_patience.Token);
        while (line is not null && !line.StartsWith(mark, StringComparison.Ordinal));
        Assert.True(line is not null, $"{Program} ended before it listened.");
        // What it writes later must not fill the pipes.
        _ = _process.StandardError.BaseStream.CopyToAsync(Stream.Null);
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        using var http = new HttpClient();
        string list = await http.GetStringAsync($"http://{new Uri(line![mark.Length..]).Authority}/json/list", _patience.Token);
        var page = JsonNode.Parse(list)!.AsArray().First(target => (string)target!["type"]! == "page")!;
        await _socket.ConnectAsync(new Uri((string)page["webSocketDebuggerUrl"]!), _patience.Token);
    }

    private async Task Load(string address)
    {
        foreach (string domain in new[] { "Page", "Runtime", "Log", "Network" }) await Call($"{domain}.enable");
        await Call("Page.navigate", new() { ["url"] = address });
        while (!_loaded) Note(await Receive());
        _requests.Remove(address);
    }

    /// <summary>Calls a method of the protocol; events that arrive before its answer are noted.</summary>
    private async Task<JsonNode> Call(string method, JsonObject? parameters = null)
    {
        int id = ++_lastId;
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? [] };
        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, true, _patience.Token);
        while (true)
        {
            var answer = await Receive();
            if ((int?)answer["id"] != id) Note(answer);
            else return answer["result"] ?? throw new InvalidOperationException($"{method}: {answer["error"]}");
        }
    }

    private async Task<JsonNode> Receive()
    {
        using var message = new MemoryStream();
        var buffer = new byte[1 << 16];
        while (true)
        {
            var part = await _socket.ReceiveAsync(buffer.AsMemory(), _patience.Token);
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage) return JsonNode.Parse(message.ToArray())!;
        }
    }

    private void Note(JsonNode message)
    {
        var parameters = message["params"];
        switch ((string?)message["method"])
        {
            case "Page.loadEventFired":
                _loaded = true;
                break;
            case "Runtime.exceptionThrown":
                var details = parameters!["exceptionDetails"]!;
                _errors.Add($"{details["exception"]?["description"] ?? details["text"]}");
                break;
            case "Runtime.consoleAPICalled" when (string)parameters!["type"]! is "error" or "warning" or "assert":
                _errors.Add(string.Join(" ", parameters["args"]!.AsArray().Select(a => $"{a!["value"] ?? a["description"]}")));
                break;
            case "Log.entryAdded" when (string)parameters!["entry"]!["level"]! is "error" or "warning":
                _errors.Add((string)parameters["entry"]!["text"]!);
                break;
            case "Network.requestWillBeSent" when (string)parameters!["request"]!["url"]! is var url
                    && !url.StartsWith("data:", StringComparison.Ordinal) && !url.StartsWith("blob:", StringComparison.Ordinal):
                _requests.Add(url);
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _patience.Dispose();
        Directory.Delete(_profile, recursive: true);
    }
}

/// <summary>A test that needs Chromium; where there is none it is skipped, and the report of the tests says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserFactAttribute : FactAttribute
{
    /// <summary>Why it is skipped.</summary>
    public const string Missing = "there is no Chromium; install one, or name it by the environment variable CHROMIUM";

    public BrowserFactAttribute()
    {
        if (Browser.Program is null) Skip = Missing;
    }
}
