using MiniDL.Layers;
using MiniDL.Tests.Examples.Reports;

namespace MiniDL.Tests.Explaining;

/// <summary>The page in a browser: what it shows at each step is what the engine had.</summary>
public sealed class ExplorerPageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-explain-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string PageOf(Func<Tensor> loss)
    {
        string path = Path.Combine(_folder, "explain.html");
        Autograd.Explain(loss, path);
        return path;
    }

    private static async Task<Browser> Open(string page, bool dark = false, int width = 1400)
    {
        var browser = await Browser.Open(page, dark, width);
        await browser.Until("document.body.dataset.ready === 'yes'");
        return browser;
    }

    /// <summary>The numbers of a part of the panel, with all their digits.</summary>
    private static async Task<double[][]> Numbers(Browser browser, string role) => await browser.Evaluate<double[][]>(
        $"[...document.querySelectorAll('#panel [data-role={role}]')].map(box => [...box.querySelectorAll('td')].map(cell => +cell.dataset.value))");

    private static double[] Of(Tensor x) => [.. x.ToArray<float>().Select(value => double.Parse($"{value:R}", System.Globalization.CultureInfo.InvariantCulture))];

    [BrowserFact]
    public async Task Stepping_through_backward_shows_the_numbers_of_the_engine()
    {
        var (net, loss) = GraphRecordingTests.TwoLayers();
        await using var browser = await Open(PageOf(loss));
        net.ZeroGrad();
        // The batch norm's running statistics have moved; its output and gradients in training mode do not depend on them.
        var root = loss();
        var engine = GraphRecordingTests.Engine(root);

        await browser.Point("#next", click: true);
        Assert.Contains("The gradient of the loss with respect to itself is 1.", await browser.Evaluate<string>("document.getElementById('said').textContent"));
        for (int i = engine.Length - 1; i >= 0; i--)
        {
            await browser.Point("#next", click: true);
            string current = await browser.Evaluate<string>("document.querySelector('.item.current').dataset.id");
            Assert.Equal($"node:{i}", current);
            Assert.Equal([Of(engine[i].Value)], await Numbers(browser, "value"));
            Assert.Equal([Of(engine[i].Gradient)], await Numbers(browser, "cotangent"));
            await TextsAreTheNumbersRounded(browser);
        }
        string[] shown = await browser.Evaluate<string[]>("[...document.querySelectorAll('#panel .product')].map(p => `${p.dataset.sum} ${p.dataset.result}`)");
        Assert.Equal(4 * 2 + 4, shown.Length);
        Assert.All(shown, line => Assert.Equal(double.Parse(line.Split(' ')[0]), double.Parse(line.Split(' ')[1]), 1e-6));

        foreach (var _ in net.Parameters())
        {
            await browser.Point("#next", click: true);
            string heading = await browser.Evaluate<string>("document.querySelector('#panel dl').textContent");
            string name = await browser.Evaluate<string>("document.querySelector('#panel h2').textContent");
            var parameter = net.NamedParameters().Single(p => p.Path.EndsWith("." + name, StringComparison.Ordinal)
                && heading.Contains(p.Path[..p.Path.LastIndexOf('.')], StringComparison.Ordinal)).Parameter;
            Assert.Equal([Of(parameter.Grad!)], await Numbers(browser, "cotangent"));
        }
        Assert.Contains("The graph holds 0 B", await browser.Evaluate<string>("document.getElementById('memory').textContent"));
        Assert.Empty(browser.Errors);
        Assert.Empty(browser.Requests);
    }

    /// <summary>Four digits, more where they are shown as a power of ten.</summary>
    private static async Task TextsAreTheNumbersRounded(Browser browser)
    {
        double[][] cells = await browser.Evaluate<double[][]>("[...document.querySelectorAll('#panel td')].map(cell => [+cell.textContent, +cell.dataset.value])");
        Assert.NotEmpty(cells);
        Assert.All(cells, cell => Assert.Equal(cell[1], cell[0], Math.Abs(cell[1]) * 0.005));
    }

    [BrowserFact]
    public async Task Products_add_up_to_the_gradients_that_they_explain()
    {
        var (net, loss) = GraphRecordingTests.TwoLayers();
        foreach (var (_, module) in net.NamedModules())
            if (module is Norm norm) norm.Fused = false;
        await using var browser = await Open(PageOf(() => loss() * 2));
        HashSet<string> explained = [];
        for (int step = 1; step <= await browser.Evaluate<int>("steps.count"); step++)
        {
            await browser.Evaluate<bool>($"main.go({step}); true");
            string[] lines = await browser.Evaluate<string[]>("[...document.querySelectorAll('#panel .product')].map(p => `${p.dataset.sum} ${p.dataset.result}`)");
            Assert.All(lines, line => Assert.Equal(double.Parse(line.Split(' ')[1]), double.Parse(line.Split(' ')[0]), 2e-6));
            if (lines.Length > 0) explained.Add(await browser.Evaluate<string>("document.querySelector('#panel h2').textContent"));
        }
        Assert.Equal(["add", "cross_entropy", "div", "linear", "mean", "mul", "relu", "sqrt", "square", "sub"], explained.Order());
        Assert.Empty(browser.Errors);
    }

    [BrowserFact]
    public async Task A_residual_net_begins_with_its_blocks_and_a_block_opens()
    {
        var random = new RandomStream(1);
        var net = new ResNet(20, NormFactory.Named("bn"), random);
        var images = Tensor.Normal([2, 3, 8, 8], random);
        await using var browser = await Open(PageOf(() => Loss.CrossEntropy(net.Forward(images), Tensor.From<long>([1, 2], [2]))));
        const string blocks = "[...document.querySelectorAll('.item.box')].filter(b => b.dataset.id.startsWith('box:blocks.')).length";
        Assert.Equal(9, await browser.Evaluate<int>(blocks));
        Assert.Equal(2, await browser.Evaluate<int>("document.querySelectorAll('.item.operator').length"));

        await browser.Point("[data-id=\"box:blocks.4\"]", click: true);
        await browser.Until("document.querySelectorAll('.item.box').length > 12");
        string[] inside = await browser.Evaluate<string[]>("[...document.querySelectorAll('.item.box')].map(b => b.dataset.id).filter(id => id.startsWith('box:blocks.4.'))");
        Assert.Equal(["box:blocks.4.conv1", "box:blocks.4.norm1", "box:blocks.4.conv2", "box:blocks.4.norm2"], inside.OrderBy(id => id[^1]).ThenBy(id => id));

        // Keys alone: on to the next item, and back to close the block.
        await browser.Evaluate<bool>("document.querySelector('.head[aria-label*=\"blocks.4\"]').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))");
        await browser.Until($"{blocks} === 9");
        Assert.Empty(browser.Errors);
    }

    [BrowserFact]
    public async Task Names_and_texts_of_a_user_s_net_are_shown_as_they_are()
    {
        var x = Tensor.Ones([2]);
        x.RequiresGrad = true;
        await using var browser = await Open(PageOf(() => new Odd(x).Run().Sum()), width: 400);
        Assert.Contains("</script><b>odd", await browser.Evaluate<string>("document.querySelector('.item.operator .name').textContent"));
        Assert.True(await browser.Evaluate<bool>("document.documentElement.scrollWidth <= 400"));
        Assert.Empty(browser.Errors);
    }

    private sealed class Odd(Tensor x) : Operator("</script><b>odd", x)
    {
        protected override Tensor Forward() => x * 2;

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * 2;
    }

    [AxeTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Axe_finds_no_violation(bool dark)
    {
        await using var browser = await Open(PageOf(GraphRecordingTests.TwoLayers().Loss), dark);
        await browser.Point("#next", click: true);
        await browser.Point("#next", click: true);
        await browser.Evaluate<bool>(File.ReadAllText(AxeTheoryAttribute.Axe!) + ";true");
        await browser.Evaluate<bool>("axe.run().then(result => { window.found = result.violations; }); true");
        await browser.Until("window.found !== undefined");
        string[] violations = await browser.Evaluate<string[]>("found.map(v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + n.failureSummary).join('; '))");
        Assert.Empty(violations);
    }
}

/// <summary>A test that needs Chromium, and axe-core's script, which AXE_CORE names; where one is absent it is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AxeTheoryAttribute : TheoryAttribute
{
    public AxeTheoryAttribute()
    {
        if (Browser.Program is null) Skip = BrowserFactAttribute.Missing;
        else if (!File.Exists(Axe)) Skip = "axe-core, which looks for what hinders people with disabilities, is not a part of the project: npm pack axe-core, and name its "
            + "axe.min.js by the environment variable AXE_CORE, as .ci/run does";
    }

    public static string? Axe { get; } = Environment.GetEnvironmentVariable("AXE_CORE");
}
