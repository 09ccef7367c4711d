using System.Formats.Tar;
using MiniDL.Data.Files;
using MiniDL.Examples;
using MiniDL.Serialization;
using MiniDL.Tests.Data;

namespace MiniDL.Fuzz;

/// <summary>Good files: what short runs of the program leave, and archives in every format of tar.</summary>
internal sealed class Samples
{
    private readonly string _folder;

    public Samples(string folder)
    {
        _folder = folder;
        const string small = "--model mlp --train-images 20 --test-images 10 --epochs 2 --quiet";
        Run($"train {small} --batch-size 10 --out {Path.Combine(folder, "train")}");
        Run($"compare {small} --norms bn,gn --batch-sizes 10,5 --out {Path.Combine(folder, "compare")}");
    }

    public static IReadOnlyList<string> Schedules { get; } =
        ["none", "cosine", "step:0.5,0.8", "step:0.25,0.5,0.75*0.2", "warmup:0.05,cosine", "warmup:0.1,warmup:0.2,step:0.5*1e-3", "warmup:0.1"];

    public static IReadOnlyList<string> Arguments { get; } =
    [
        "--lr 0.1 --epochs 3 --batch-size 32 --seed 7", "--model resnet20 --norm gn --groups 4", "--schedule step:0.5,0.8 --momentum 0.9",
        "--data-dir data --dataset cifar10 --train-images 100", "--threads 2 --quiet --out runs/x", "--weight-decay 1e-4 --device cpu --precision fp32",
    ];

    /// <summary>The real checkpoint but for its large tensors, which only take time, and one with all types.</summary>
    public IReadOnlyList<byte[]> Tensors => [.. Checkpoints, Saved(new Dictionary<string, Tensor>
    {
        ["bytes"] = Tensor.From(new byte[] { 1, 2, 255 }, [3]),
        ["labels"] = Tensor.From(new[] { long.MinValue, 7 }, [2, 1]),
        ["doubles"] = Tensor.From([0.5, 1e300], [2], Device.Reference),
        ["empty"] = Tensor.Zeros([0, 4]),
        ["naïve \"name\""] = Tensor.Ones([1]),
    }, new Dictionary<string, string> { ["format"] = "pt", ["note"] = "ü\n\"" })];

    public IReadOnlyList<byte[]> Checkpoints
    {
        get
        {
            var file = SafeTensors.Load(Path.Combine(_folder, "train/checkpoint/last.safetensors"));
            return [Saved(file.Tensors.Where(t => t.Value.Count < 100).ToDictionary(), file.Metadata)];
        }
    }

    public byte[] File(string name) => System.IO.File.ReadAllBytes(Path.Combine(_folder, name));

    /// <summary>Archives, not compressed, with the files of a set.</summary>
    public static IEnumerable<byte[]> Tars(ImageSet set)
    {
        foreach (var format in new[] { TarEntryFormat.Ustar, TarEntryFormat.Pax, TarEntryFormat.Gnu, TarEntryFormat.V7 })
        {
            using var bytes = new MemoryStream();
            using (var tar = new TarWriter(bytes, format, leaveOpen: true))
            {
                string folder = format is TarEntryFormat.V7 ? "cifar/" : $"{new string('d', 120)}/";
                tar.WriteEntry(Entry(format, folder, TarEntryType.Directory, null));
                foreach (var file in set.Files)
                {
                    var type = format == TarEntryFormat.V7 ? TarEntryType.V7RegularFile : TarEntryType.RegularFile;
                    tar.WriteEntry(Entry(format, folder + file.Name, type, TinySets.Content(set, file)));
                }
            }
            yield return bytes.ToArray();
        }
    }

    private static TarEntry Entry(TarEntryFormat format, string name, TarEntryType type, byte[]? content)
    {
        TarEntry entry = format switch
        {
            TarEntryFormat.Ustar => new UstarTarEntry(type, name),
            TarEntryFormat.Pax => new PaxTarEntry(type, name),
            TarEntryFormat.Gnu => new GnuTarEntry(type, name),
            _ => new V7TarEntry(type, name),
        };
        if (content is not null) entry.DataStream = new MemoryStream(content);
        return entry;
    }

    private byte[] Saved(IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        string path = Path.Combine(_folder, "sample.safetensors");
        SafeTensors.Save(path, tensors, metadata);
        return System.IO.File.ReadAllBytes(path);
    }

    private static void Run(string arguments)
    {
        using var error = new StringWriter();
        if (CommandLineProgram.Run(arguments.Split(' '), TextWriter.Null, error) != 0)
            throw new InvalidOperationException($"{arguments} failed: {error}");
    }
}
