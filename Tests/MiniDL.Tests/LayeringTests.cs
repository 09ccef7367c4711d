using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace MiniDL.Tests;

/// <summary>Who may know whom: what a device can do is asked of the device, so that another kind needs no change outside Core.</summary>
public class LayeringTests
{
    [Theory]
    [InlineData("MiniDL.Layers")]
    [InlineData("MiniDL.Optim")]
    [InlineData("MiniDL.Data")]
    [InlineData("minidl")]
    public void Only_Core_knows_the_backends_of_devices(string assembly)
    {
        string[] backends = ["MiniDL.Backends.Cpu", "MiniDL.Backends.Cuda", "MiniDL.Backends.Reference"];
        Assert.DoesNotContain(TypesUsedBy(assembly), type => backends.Any(backend => type.StartsWith(backend + ".", StringComparison.Ordinal))
            // Settings of the process, such as how many threads it has, which stand beside the backend that uses them.
            && type is not "MiniDL.Backends.Cpu.Workers");
    }

    private static IEnumerable<string> TypesUsedBy(string assembly)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly + ".dll")));
        var metadata = file.GetMetadataReader();
        Assert.NotEmpty(metadata.TypeReferences);
        return [.. metadata.TypeReferences.Select(metadata.GetTypeReference)
            .Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}")];
    }
}
