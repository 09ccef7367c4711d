using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Golden;

/// <summary>One run of a case: on a device, its inputs in a layout, its norm fused or plain.</summary>
/// <param name="golden">The case.</param>
/// <param name="device">Where to run.</param>
/// <param name="layout">How inputs lie whose rank allows it.</param>
/// <param name="fused">Whether a norm is.</param>
/// <param name="rounded">Whether inputs and cotangent are rounded to what a bfloat16 holds.</param>
internal sealed class GoldenRun(GoldenCase golden, Device device, Layout layout, bool fused, bool rounded)
{
    /// <summary>PyTorch's functional names of weight normalization's parameters, and those of its modules.</summary>
    private static readonly Dictionary<string, string> ModuleNames = new()
    {
        ["weight_g"] = "parametrizations.weight.original0",
        ["weight_v"] = "parametrizations.weight.original1",
    };

    private readonly Dictionary<string, Tensor> _leaves = [], _given = [];
    private Module? _module;

    public GoldenCase Case => golden;

    /// <summary>Whether it makes a difference if the norm is fused.</summary>
    public bool HasNorm => _module is Norm;

    /// <summary>
    /// An input on the device, in the layout if its rank allows; a leaf that gets a gradient if the case has one. The operator gets it as
    /// the device stores images.
    /// </summary>
    public Tensor this[string input]
    {
        get
        {
            if (_given.TryGetValue(input, out var seen)) return seen;
            var leaf = _leaves[input] = Place(golden[$"in/{input}"]);
            leaf.RequiresGrad = golden.Grads.Contains(input);
            return _given[input] = rounded && leaf.DType == DType.F32 ? leaf.To(device.Backend.ActivationType) : leaf;
        }
    }

    /// <summary>All inputs, in the order of the case.</summary>
    public Tensor[] Inputs => [.. golden.Inputs.Select(name => this[name])];

    /// <summary>Gives the module the case's parameters and buffers and runs it on the input x.</summary>
    public Tensor Through(Module module)
    {
        _module = module.To(device);
        if (module is Norm norm) norm.Fused = fused;
        module.LoadStateDict(golden.All("param/").Concat(golden.All("buffer/")).ToDictionary(p => ModuleName(p.Key), p => p.Value));
        var parameters = module.NamedParameters().ToDictionary(p => p.Path, p => p.Parameter);
        foreach (string name in golden.Params) _leaves[name] = parameters[ModuleName(name)].Value;
        return module.Forward(this["x"]);
    }

    /// <summary>
    /// Runs the case forward and backward and compares everything with what PyTorch got. Rounded inputs have results of their own: then the
    /// Reference device says what these are, and PyTorch's are compared with unless they hang on the digits that are gone.
    /// </summary>
    public void Check(GoldenReport report, GoldenLimits limits)
    {
        var (outputs, gradients) = limits.For(golden);
        var exact = rounded ? new GoldenRun(golden, Device.Reference, Layout.RowMajor, fused: false, rounded).Results() : null;
        foreach (var (name, value) in Results())
        {
            var theirs = golden[name];
            double limit = name.StartsWith("grad/", StringComparison.Ordinal) ? gradients : outputs;
            if (exact is null || !GoldenLimits.HangsOnDigits(golden)) report.Compare(golden.Name, name, value, theirs, limit);
            if (exact is null) continue;
            double ofRounded = GoldenLimits.OfRounded(golden, IsStoredRounded(name, value));
            report.Compare(golden.Name, $"{name} of rounded inputs", value, exact[name]!, ofRounded);
        }
    }

    /// <summary>Whether a result went through memory in bfloat16; a leaf's gradient did if the operator's input did.</summary>
    private bool IsStoredRounded(string result, Tensor? value) =>
        result.StartsWith("grad/", StringComparison.Ordinal) && _given.TryGetValue(result[5..], out var input)
            ? input.DType == DType.BF16 : value?.DType == DType.BF16;

    /// <summary>The output, the gradients and what became of the buffers, by their names in the file.</summary>
    private Dictionary<string, Tensor?> Results()
    {
        var y = GoldenOperators.Run(this);
        y.Backward(Place(golden["cotangent"]));
        var results = new Dictionary<string, Tensor?> { ["out"] = y };
        foreach (string name in golden.Grads) results[$"grad/{name}"] = _leaves[name].Grad;
        foreach (string name in golden.Buffers) results[$"buffer_after/{name}"] = _module?.StateDict()[name];
        return results;
    }

    private Tensor Place(Tensor value)
    {
        var there = value.DType == DType.I64 ? Tensor.From(value.ToArray<long>(), value.Shape, device)
            : Tensor.From([.. value.ToArray<double>().Select(v => rounded ? Bfloat16.Round(v) : v)], value.Shape, device);
        return layout == Layout.ChannelsLast && GoldenTests.HasLayouts(there) ? there.ToLayout(layout) : there;
    }

    private static string ModuleName(string name) => ModuleNames.GetValueOrDefault(name, name);
}
