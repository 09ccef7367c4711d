using System.Buffers.Binary;
using System.Runtime.InteropServices;
using MiniDL.Backends;

namespace MiniDL.Serialization;

/// <summary>The content of a safetensors file.</summary>
/// <param name="Tensors">The tensors by name, in the order of the file's header.</param>
/// <param name="Metadata">Free text by key; empty if there is none.</param>
/// <param name="IsVerified">Whether the file has a checksum of all its bytes, which was correct: MiniDL writes one into every file.</param>
/// <example><code>var (tensors, metadata, isVerified) = SafeTensors.Load("model.safetensors");</code></example>
public sealed record SafeTensorsFile(
    IReadOnlyDictionary<string, Tensor> Tensors, IReadOnlyDictionary<string, string> Metadata, bool IsVerified = false);

/// <summary>
/// Named tensors in a file, in the safetensors format, which PyTorch's tools read and write: the length of the header (8 bytes,
/// little-endian), the header (JSON: dtype, shape and place of every tensor), then the values in row-major logical order.
/// https://github.com/huggingface/safetensors. The types F32, F64, BF16, I64 and U8 are supported. Files written here contain a SHA-256 of
/// all their bytes (metadata <c>minidl.sha256</c>), which is checked on reading; files without one can be read too.
/// </summary>
/// <example><code>
/// SafeTensors.Save("model.safetensors", model.StateDict());
/// model.LoadStateDict(SafeTensors.Load("model.safetensors").Tensors);
/// </code></example>
public static class SafeTensors
{
    private const int PieceValues = 1 << 16;

    /// <summary>Writes tensors into a file, completely or not at all (<see cref="AtomicFile"/>).</summary>
    /// <param name="path">The file; an old one is replaced.</param>
    /// <param name="tensors">The tensors by name; each is stored in its own type and logical order, from any device.</param>
    /// <param name="metadata">Free text by key.</param>
    /// <exception cref="MiniDLException">The file cannot be written.</exception>
    public static void Save(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    /// <summary>Writes the bytes of a file.</summary>
    /// <inheritdoc cref="Save"/>
    /// <param name="stream">The stream to write to.</param>
    public static void Write(
        Stream stream, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        // Wide types first: every tensor is then aligned for its type, as readers that map the file expect.
        var ordered = tensors.OrderByDescending(t => t.Value.DType.Bytes()).ToArray();
        var texts = new OrderedDictionary<string, string>(metadata ?? new Dictionary<string, string>())
        {
            [SafeTensorsChecksum.Key] = SafeTensorsChecksum.Zeros,
        };
        byte[] header = SafeTensorsHeader.Write(ordered, texts), length = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        void WriteAll(Stream to)
        {
            foreach (var (_, tensor) in ordered) WriteValues(to, tensor);
        }
        SafeTensorsChecksum.Complete(length, header, WriteAll);
        stream.Write(length);
        stream.Write(header);
        WriteAll(stream);
    }

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where to put the tensors; the CPU by default. Floating-point values become the device's type.</param>
    /// <exception cref="MiniDLException">The file is missing, truncated, inconsistent, damaged, or holds other types.</exception>
    public static SafeTensorsFile Load(string path, Device? device = null)
    {
        try
        {
            using var stream = InputFile.Open(path);
            var header = SafeTensorsHeader.Read(path, stream);
            var metadata = header.Metadata.Where(text => text.Key != SafeTensorsChecksum.Key).ToDictionary();
            bool hasChecksum = metadata.Count < header.Metadata.Count;
            if (hasChecksum && !SafeTensorsChecksum.Holds(stream, (int)(header.DataStart - sizeof(long))))
                throw new MiniDLException($"[load] {path} is damaged: its bytes are not those that were written, by their SHA-256. "
                    + "Restore it from a copy. (A program that changes such a file must leave out the text minidl.sha256.)");
            var tensors = new OrderedDictionary<string, Tensor>();
            foreach (var entry in header.Entries)
            {
                stream.Position = header.DataStart + entry.Begin;
                tensors.Add(entry.Name, ReadNamed(path, stream, entry, device ?? Device.Cpu));
            }
            return new SafeTensorsFile(tensors, metadata, IsVerified: hasChecksum);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MiniDLException($"[load] {Quote.Visible(path)} cannot be read: {Quote.Line(e.Message)}", e);
        }
    }

    private static void WriteValues(Stream stream, Tensor tensor)
    {
        switch (tensor.DType)
        {
            case DType.F32: Write(tensor.ToArray<float>()); break;
            case DType.F64: Write(tensor.ToArray<double>()); break;
            case DType.I64: Write(tensor.ToArray<long>()); break;
            case DType.BF16:
                byte[] halves = new byte[tensor.Count * DType.BF16.Bytes()];
                HostValues.Convert<float>(tensor.ToArray(), DType.BF16, halves);
                stream.Write(halves);
                break;
            default: Write(tensor.ToArray<byte>()); break;
        }

        void Write<T>(T[] values) where T : unmanaged => stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private static Tensor ReadNamed(string path, Stream stream, SafeTensorsEntry entry, Device device)
    {
        try
        {
            return ReadValues(stream, entry, device);
        }
        catch (MiniDLException e)
        {
            throw new MiniDLException($"[load] {Quote.Visible(path)}, tensor {Quote.Text(entry.Name)}: {e.Message}", e);
        }
    }

    private static Tensor ReadValues(Stream stream, SafeTensorsEntry entry, Device device)
    {
        return entry.Type switch
        {
            DType.F32 => Read<float>(),
            DType.F64 => Read<double>(),
            DType.I64 => Read<long>(),
            DType.BF16 => Read<float>(),
            _ => Read<byte>(),
        };

        Tensor Read<T>() where T : unmanaged
        {
            // A GPU receives its values in one go; on a host they go into the tensor piece by piece, without a second copy of all of them.
            int count = entry.Shape.Count, most = device.Backend is HostBackend ? Math.Min(count, PieceValues) : count;
            var values = new T[most];
            byte[] halves = entry.Type == DType.BF16 ? new byte[most * entry.Type.Bytes()] : [];
            if (most == count) return Tensor.From(Next(most), entry.Shape, device).Keep();
            var tensor = Tensor.New(entry.Shape, device, entry.Type.IsFloat() ? device.FloatType : entry.Type).Keep();
            for (int start = 0; start < count; start += most)
            {
                var piece = Next(Math.Min(most, count - start));
                if (typeof(T) == typeof(double)) Tensor.CheckFits(MemoryMarshal.Cast<T, double>(piece), device, start);
                device.Backend.Upload(piece, tensor.Window(start, [piece.Length]));
            }
            return tensor;

            ReadOnlySpan<T> Next(int length)
            {
                var next = values.AsSpan(0, length);
                stream.ReadExactly(halves.Length > 0 ? halves.AsSpan(0, length * entry.Type.Bytes()) : MemoryMarshal.AsBytes(next));
                if (halves.Length > 0) HostValues.Convert(halves.AsSpan(0, length * entry.Type.Bytes()), entry.Type, next);
                return next;
            }
        }
    }
}
