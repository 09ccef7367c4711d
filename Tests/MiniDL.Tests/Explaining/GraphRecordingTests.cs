using System.Text.Json;
using System.Text.Json.Nodes;
using MiniDL.Diagnostics;
using MiniDL.Explaining;
using MiniDL.Layers;

namespace MiniDL.Tests.Explaining;

/// <summary>What a recording says is what the engine has: held against a twin of the net whose tensors retain their gradients.</summary>
public class GraphRecordingTests
{
    private static readonly Tensor Points = Tensor.From([-1f, -1, -1, 1, 1, -1, 1, 1], [4, 2]);
    private static readonly Tensor Labels = Tensor.From<long>([0, 1, 1, 0], [4]);

    internal static (Mlp Net, Func<Tensor> Loss) TwoLayers()
    {
        var net = new Mlp([2, 4, 2], NormFactory.Named("bn"), new RandomStream(7));
        return (net, () => Loss.CrossEntropy(net.Forward(Points), Labels));
    }

    /// <summary>Values and gradients of all operators, in running order, without a recording.</summary>
    internal static (Tensor Value, Tensor Gradient)[] Engine(Tensor loss)
    {
        var operators = GraphListing.Of(loss).Nodes.Where(node => node.Operator is not null).Select(node => node.Tensor.RetainGrad()).ToArray();
        loss.Backward();
        return [.. operators.Select(x => (x, x.Grad!))];
    }

    internal static JsonNode Json(GraphRecording recording)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) recording.WriteJson(writer);
        return JsonNode.Parse(stream.ToArray())!;
    }

    private static float[] Values(JsonNode? summary) => [.. summary!["values"]!.AsArray().Select(value => (float)value!)];

    [Fact]
    public void Values_and_gradients_are_those_of_the_engine()
    {
        var json = Json(Autograd.Record(TwoLayers().Loss));
        var (twin, loss) = TwoLayers();
        var engine = Engine(loss());
        Assert.Equal(engine.Length, (int)json["operators"]!);
        for (int i = 0; i < engine.Length; i++)
        {
            Assert.Equal(engine[i].Value.ToArray<float>(), Values(json["nodes"]![i]!["value"]));
            var step = json["events"]!.AsArray().Single(e => (int?)e!["node"] == i)!;
            Assert.Equal(engine[i].Gradient.ToArray<float>(), Values(step["cotangent"]));
        }
        var leaves = json["events"]!.AsArray().Where(e => e!["leaf"] is not null).ToDictionary(e => Name(json, (int)e!["node"]!), e => Values(e!["cotangent"]));
        Assert.Equal(twin.NamedParameters().Select(p => p.Path).Order(), leaves.Keys.Order());
        foreach (var (path, parameter) in twin.NamedParameters()) Assert.Equal(parameter.Grad!.ToArray<float>(), leaves[path]);
    }

    private static string Name(JsonNode json, int node) => $"{json["nodes"]![node]!["module"]}.{json["nodes"]![node]!["name"]}";

    [Fact]
    public void Where_two_paths_meet_the_sum_is_that_of_what_arrived()
    {
        var x = Tensor.From([1f, 2, 3], [3]);
        x.RequiresGrad = true;
        // d(x² + 3x)/dx = 2x + 3
        var json = Json(Autograd.Record(() => (x.Square() + x * 3).Sum()));
        var arrived = json["events"]!.AsArray().SelectMany(e => e!["gradients"]!.AsArray()).Where(g => (int)g!["to"]! == 4).ToArray();
        Assert.Equal(2, arrived.Length);
        Assert.Equal([[3, 3, 3], [2, 4, 6]], arrived.Select(g => Values(g!["value"])));
        Assert.Equal([5, 7, 9], Values(arrived[1]!["sum"]));
        Assert.Equal([5, 7, 9], Values(json["events"]!.AsArray()[^1]!["cotangent"]));
    }

    [Fact]
    public void A_gradient_that_an_operator_adds_to_a_sum_in_place_is_shown_as_the_sum()
    {
        var random = new RandomStream(3);
        var block = new BasicBlock(16, 16, NormFactory.Named("bn"), random);
        var images = Tensor.Normal([1, 16, 4, 4], random);
        images.RequiresGrad = true;
        var weights = Tensor.Normal([1, 16, 4, 4], random);
        Tensor Output() => (block.Forward(images.ToLayout(Layout.ChannelsLast)) * weights).Sum();
        var json = Json(Autograd.Record(Output));
        images.ZeroGrad();
        var engine = Engine(Output());
        var sums = json["events"]!.AsArray().SelectMany(e => e!["gradients"]!.AsArray()).Where(g => (int)g!["to"]! == 0).ToArray();
        Assert.Equal(2, sums.Length);
        Assert.Null(sums[1]!["value"]);
        Assert.Equal(engine[0].Gradient.ToArray<float>().Max(), (float)sums[1]!["sum"]!["max"]!);
    }

    [Fact]
    public void The_graph_gives_back_what_it_holds_operator_by_operator()
    {
        var json = Json(Autograd.Record(TwoLayers().Loss));
        // linear [4, 4], normalize [4, 4] with mean and variance [4] each, linear [4, 2], the loss and its log-probabilities [4, 2].
        Assert.Equal(4 * (16 + 16 + 4 + 4 + 8 + 1 + 8), (long)json["graphBytes"]!);
        long[] held = [.. json["events"]!.AsArray().Select(e => (long)e!["graphBytes"]!)];
        Assert.Equal(held.OrderDescending(), held);
        Assert.Equal(0, held[^1]);
        Assert.All(json["events"]!.AsArray().Where(e => e!["leaf"] is not null), e => Assert.Equal(0, (long)e!["gradientBytes"]!));
    }

    [Fact]
    public void A_recorded_step_leaves_the_same_bits_as_one_that_is_not()
    {
        var (recorded, loss) = TwoLayers();
        Autograd.Record(loss);
        var (plain, plainLoss) = TwoLayers();
        plainLoss().Backward();
        foreach (var (a, b) in recorded.Parameters().Zip(plain.Parameters())) Assert.Equal(b.Grad!.ToArray<float>(), a.Grad!.ToArray<float>());
        foreach (var (a, b) in recorded.NamedBuffers().Zip(plain.NamedBuffers()))
            Assert.Equal(b.Buffer.Value.ToArray<float>(), a.Buffer.Value.ToArray<float>());
    }

    [Fact]
    public void The_graph_is_printed_a_line_for_each_operator()
    {
        var x = Tensor.From([1f, 2, 3], [3]);
        x.RequiresGrad = true;
        using var text = new StringWriter();
        (x.Square() + x * 3).Sum().PrintGraph(text);
        Assert.Equal("""
               operator  result  from      saved      module
            1  square    [3]     leaf [3]  operand 0
            2  mul       [3]     leaf [3]
            3  add       [3]     1, 2
            4  sum       []      3
            4 operators; saved for backward, not counting leaves: 0 B

            """.ReplaceLineEndings("\n"), text.ToString());
    }

    [Fact]
    public void What_has_no_graph_says_why()
    {
        Assert.Equal("[graph] f32[3] on cpu has no graph: nothing that leads to it requires gradients, or it was made under NoGrad.",
            Assert.Throws<MiniDLException>(() => Tensor.Ones([3]).PrintGraph()).Message);
        var loss = TwoLayers().Loss();
        loss.Backward();
        Assert.EndsWith("a backward pass has freed it. Look before Backward(), or keep it with retainGraph: true.",
            Assert.Throws<MiniDLException>(() => loss.PrintGraph()).Message);
    }

    [Fact]
    public void Every_operator_has_a_formula_and_a_source_to_show()
    {
        var operators = typeof(Operator).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Operator)) && !type.IsAbstract)
            .Select(type => type.Name).Except(["FreedOperator", "UnaryOp`1", nameof(Conv2dNormalizeOp)]).ToArray();
        Assert.True(operators.Length > 20, $"{operators.Length} operators");
        string[] functions = ["abs", "exp", "leaky_relu", "log", "relu", "sigmoid", "sqrt", "square", "tanh"];
        Assert.All([.. operators, .. functions], name => Assert.Contains("=", OperatorSource.All[name].Formula, StringComparison.Ordinal));
        Assert.All(OperatorSource.All.Values, source => Assert.StartsWith("internal ", source.Code.Split('\n').First(line => !line.StartsWith("///", StringComparison.Ordinal)), StringComparison.Ordinal));
    }
}
