using MiniDL.Layers;

namespace MiniDL.Tests.Golden;

/// <summary>One run of a case: on a device, its inputs in a layout, its norm fused or plain.</summary>
internal sealed class GoldenRun(GoldenCase golden, Device device, Layout layout, bool fused)
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
    /// An input on the device, in the layout if its rank allows; a leaf that gets a gradient if the case has one. Where images are
    /// stored in bf16 it is given so, unless rounding it changes more than digits: statistics that hang on the last of them, and
    /// which of several near values is the largest.
    /// </summary>
    public Tensor this[string input]
    {
        get
        {
            if (_given.TryGetValue(input, out var seen)) return seen;
            var leaf = _leaves[input] = Place(golden[$"in/{input}"]);
            leaf.RequiresGrad = golden.Grads.Contains(input);
            bool rounded = leaf.DType.IsFloat() && !GoldenLimits.IsHard(golden) && golden.Op != "max_pool2d";
            return _given[input] = rounded ? leaf.To(device.Backend.ActivationType) : leaf;
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

    /// <summary>Runs the case forward and backward and compares everything with what PyTorch got.</summary>
    public void Check(GoldenReport report, GoldenLimits limits)
    {
        var (outputs, gradients) = limits.For(golden);
        var y = GoldenOperators.Run(this);
        report.Compare(golden.Name, "out", y, golden["out"], outputs);
        y.Backward(Place(golden["cotangent"]));
        foreach (string name in golden.Grads)
            report.Compare(golden.Name, $"grad/{name}", _leaves[name].Grad, golden[$"grad/{name}"], gradients);
        foreach (string name in golden.Buffers)
            report.Compare(golden.Name, $"buffer_after/{name}", _module?.StateDict()[name], golden[$"buffer_after/{name}"], outputs);
    }

    private Tensor Place(Tensor value)
    {
        var there = value.DType == DType.I64 ? Tensor.From(value.ToArray<long>(), value.Shape, device)
            : Tensor.From(value.ToArray<double>(), value.Shape, device);
        return layout == Layout.ChannelsLast && GoldenTests.HasLayouts(there) ? there.ToLayout(layout) : there;
    }

    private static string ModuleName(string name) => ModuleNames.GetValueOrDefault(name, name);
}
