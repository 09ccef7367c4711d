using System.Xml.Linq;
using MiniDL.Data;
using MiniDL.Explaining;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Guides;

/// <summary>The examples in the libraries' documentation.</summary>
public class ExamplesInDocsTests
{
    /// <summary>What examples may use without saying where it is from.</summary>
    private const string Variables = """
        static readonly RandomStream random = new(0);
        static readonly Device device = Device.Cpu;
        static readonly Tensor x = Learned(Tensor.Ones([4, 3])), weight = Tensor.Ones([2, 3]), loss = x.Sum();
        static readonly Tensor images = Tensor.Normal([4, 3, 8, 8], random), labels = Tensor.From([0L, 1L, 1L, 0L], [4]);
        static readonly NormFactory norm = NormFactory.Named("bn");
        static readonly Net model = new();
        static readonly Linear layer = new(3, 2);
        static readonly Conv2d conv = new(3, 8, 3);
        static readonly Sgd sgd = new(model.Parameters(), 0.1f);
        static readonly float[] features = new float[16], trainFeatures = new float[16], testFeatures = new float[16];
        static readonly long[] classes = new long[4], trainLabels = new long[4], testLabels = new long[4];
        static readonly ImageDataset data = SyntheticImages.Draw("synthetic", seed: 0, count: 4);
        static readonly DataLoader loader = new(data, 2, random);
        static Tensor Learned(Tensor x) { x.RequiresGrad = true; return x; }
        sealed class Net : Module
        {
            readonly ResNet _ofImages;
            readonly Mlp _ofFeatures;
            public Net()
            {
                _ofImages = Register("images", new ResNet(8, norm, random));
                _ofFeatures = Register("features", new Mlp([3, 8, 2], norm, random));
            }
            protected override Tensor ForwardCore(Tensor x) => x.Rank == 4 ? _ofImages.Forward(x) : _ofFeatures.Forward(x);
        }
        """;

    /// <summary>What is in examples that are compiled only: they need a GPU, write files, or change the process.</summary>
    private static readonly string[] NotHere =
        ["Cuda", "ownload", ".safetensors\"", ".html\"", ".bin\"", ".json\"", "\"data\"", "CpuThreads.Count", "NormFactory.Register"];

    private static readonly Type[] OneOfEachLibrary = [typeof(Tensor), typeof(Module), typeof(Optimizer), typeof(Dataset), typeof(ExplorerPage)];

    /// <summary>The first code of an example; what follows it is what it prints.</summary>
    private static readonly List<(string Member, string Code)> Examples =
        [.. OneOfEachLibrary.SelectMany(type => Documentation(type.Assembly.Location))];

    [Fact]
    public void Every_public_type_has_an_example_or_a_tour()
    {
        string tours = string.Concat(Directory.EnumerateFiles(Path.Combine(Gpu.Root(), "Examples", "Tour"), "*.cs").Select(File.ReadAllText));
        var types = OneOfEachLibrary.SelectMany(type => type.Assembly.GetExportedTypes()).Where(type => !type.IsNested).ToList();
        Assert.True(types.Count > 100, $"{types.Count} types");
        var without = types.Where(type => !Examples.Any(example => IsOf(type, example.Member)))
            .Where(type => !tours.Contains($"new {type.Name}(", StringComparison.Ordinal));
        Assert.Empty(without.Select(type => type.FullName));
    }

    [Fact]
    public void Examples_compile_and_run()
    {
        Assert.True(Examples.Count > 100, $"{Examples.Count} examples");
        var runs = Snippets.Compile([.. Examples.Select(example => new Snippet(example.Member, 1, example.Code))], Variables);
        for (int i = 0; i < runs.Count; i++)
        {
            var (member, code) = Examples[i];
            if (NotHere.Any(word => code.Contains(word, StringComparison.Ordinal))) continue;
            var (_, message) = runs[i]();
            Assert.True(message is null, $"{member}: {code}\n{message}");
        }
    }

    /// <summary>Whether a member, <c>T:MiniDL.Shape</c> or <c>P:MiniDL.Shape.Rank</c>, is this type or one of its own.</summary>
    private static bool IsOf(Type type, string member) =>
        member[2..] == type.FullName || member[2..].StartsWith(type.FullName + ".", StringComparison.Ordinal);

    private static IEnumerable<(string Member, string Code)> Documentation(string assembly) =>
        from member in XDocument.Load(Path.ChangeExtension(assembly, ".xml")).Descendants("member")
        from example in member.Elements("example")
        from code in example.Elements("code").Take(1)
        select (member.Attribute("name")!.Value, code.Value);
}
