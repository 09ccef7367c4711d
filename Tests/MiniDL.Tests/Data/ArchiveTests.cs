using System.Buffers.Binary;
using System.Formats.Tar;
using System.Text;
using MiniDL.Data;
using MiniDL.Data.Files;

namespace MiniDL.Tests.Data;

/// <summary>Archives from outside: every format that is in use, and what can be wrong with a header.</summary>
public sealed class ArchiveTests : IDisposable
{
    private const string Name = "cifar-10-binary.tar.gz";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string ErrorOf(byte[] tar)
    {
        byte[] archive = TinySets.Gzip(tar);
        _folder.Write(Name, archive);
        OutsideInput.AssertMemory(archive.Length, Load);
        string message = OutsideInput.ErrorOf(Load);
        Assert.Contains(_folder[Name], message);
        Assert.Contains("Delete it and download it again.", message);
        return message;
    }

    private void Load() => ImageFiles.Load(TinySets.Cifar, new DatasetOptions { DataDirectory = _folder.Path }, default);

    [Theory]
    [InlineData(TarEntryFormat.V7, 20), InlineData(TarEntryFormat.Ustar, 120)]
    [InlineData(TarEntryFormat.Pax, 300), InlineData(TarEntryFormat.Gnu, 300)]
    public void Archives_of_every_format_and_with_long_names_are_read(TarEntryFormat format, int folder)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, format, leaveOpen: true))
            foreach (var file in TinySets.Cifar.Files)
            {
                string name = $"{new string('d', folder)}/{file.Name}";
                TarEntry entry = format switch
                {
                    TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name),
                    TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, name),
                    _ => new GnuTarEntry(TarEntryType.RegularFile, name),
                };
                entry.DataStream = new MemoryStream(TinySets.Content(TinySets.Cifar, file));
                tar.WriteEntry(entry);
            }
        _folder.Write(Name, TinySets.Gzip(bytes.ToArray()));
        var train = ImageFiles.Load(TinySets.Cifar, new DatasetOptions { DataDirectory = _folder.Path }, default).Train;
        Assert.Equal(Enumerable.Range(0, 50).Select(i => (long)i % 10), Enumerable.Range(0, 50).Select(train.Label));
    }

    [Fact]
    public void Folders_links_and_unknown_entries_are_passed_over()
    {
        var file = TinySets.Cifar.Files[0];
        byte[] content = TinySets.Content(TinySets.Cifar, file);
        List<byte> tar = [];
        foreach (char type in "123456") tar.AddRange(Header($"e{type}", type, Octal(1_000_000)));
        foreach (char type in "VgK") tar.AddRange([.. Header("e", type, Octal(700)), .. new byte[1024]]);
        foreach (var f in TinySets.Cifar.Files)
            tar.AddRange([.. Header(f.Name, '0', Octal(content.Length)), .. TinySets.Content(TinySets.Cifar, f), .. new byte[-content.Length & 511]]);
        _folder.Write(Name, TinySets.Gzip([.. tar]));
        Load();
    }

    [Theory]
    [InlineData('x'), InlineData('L'), InlineData('K'), InlineData('g'), InlineData('S'), InlineData('0'), InlineData('D'), InlineData('M')]
    public void An_announced_size_is_not_believed(char type)
    {
        foreach (long size in new[] { 1L << 24, 1L << 31, 1L << 33, 1L << 35 })
            ErrorOf(Header("data_batch_1.bin", type, Octal(size)));
        foreach (long size in new[] { 1L << 31, 1L << 48, long.MaxValue, long.MinValue, -1 })
            ErrorOf(Header("data_batch_1.bin", type, Binary(size)));
    }

    [Fact]
    public void Seventy_bytes_do_not_become_two_gigabytes()
    {
        byte[] archive = TinySets.Gzip(Header("PaxHeader", 'x', Octal(1L << 31)));
        Assert.InRange(archive.Length, 1, 120);
        _folder.Write(Name, archive);
        OutsideInput.AssertMemory(archive.Length, Load);
        Assert.Contains("announces a text of 2147483648 bytes", OutsideInput.ErrorOf(Load));
    }

    public static TheoryData<string> PaxRecords =>
    [
        "10 size=-1\n", "99 size=1\n", "size=1\n", "-5 size=1\n", "0 size=1\n", "24 size=99999999999999999999\n", "12 size=1e9\n",
        "99999999999999999999 path=x\n", " ", "\0\0\0", "27 size=9223372036854775807\n", "19 size=2147483648\n",
    ];

    [Theory, MemberData(nameof(PaxRecords))]
    public void A_pax_header_that_lies_is_refused(string records)
    {
        byte[] text = new byte[512];
        int length = Encoding.ASCII.GetBytes(records, text);
        ErrorOf([.. Header("PaxHeader", 'x', Octal(length)), .. text, .. Header("data_batch_1.bin", '0', Octal(10)), .. new byte[512]]);
    }

    [Fact]
    public void A_path_in_a_message_is_short_and_visible()
    {
        foreach (string name in OutsideInput.Names)
        {
            byte[] path = Encoding.UTF8.GetBytes($"../{name}");
            byte[] padded = [.. path, .. new byte[-path.Length & 511]];
            ErrorOf([.. Header("././@LongLink", 'L', Octal(path.Length)), .. padded, .. Header("x", '0', Octal(1)), .. new byte[512]]);
        }
    }

    [Fact]
    public void A_damaged_checksum_is_a_damaged_archive()
    {
        byte[] header = Header("data_batch_1.bin", '0', Octal(10));
        header[0] ^= 1;
        Assert.Contains("a header of its entries is damaged", ErrorOf([.. header, .. new byte[1024]]));
    }

    [Fact]
    public void An_announced_size_that_is_not_the_files_is_named_with_both_numbers()
    {
        string message = ErrorOf([.. Header("data_batch_1.bin", '0', Octal(77)), .. new byte[1024]]);
        Assert.Contains("data_batch_1.bin is truncated: it has 77 bytes, expected 30730", message);
    }

    [Fact]
    public void Files_of_the_real_size_that_are_not_there_take_no_memory()
    {
        byte[] tar = [.. Header("data_batch_1.bin", '0', Octal(30_730_000)), .. new byte[100_000]];
        byte[] archive = TinySets.Gzip(tar);
        _folder.Write(Name, archive);
        var real = () => { ImageFiles.Load(Cifar10.Set, new DatasetOptions { DataDirectory = _folder.Path }, default); };
        OutsideInput.AssertMemory(tar.Length, real);
        Assert.Contains("data_batch_1.bin is truncated: it has 100000 bytes, expected 30730000", OutsideInput.ErrorOf(real));
    }

    private static byte[] Octal(long number) => Encoding.ASCII.GetBytes(Convert.ToString(number, 8).PadLeft(11, '0') + "\0");

    /// <summary>GNU's form for large numbers, which has room for nonsense.</summary>
    private static byte[] Binary(long number)
    {
        byte[] field = [0x80, .. new byte[11]];
        if (number < 0) field.AsSpan(0, 4).Fill(0xff);
        BinaryPrimitives.WriteInt64BigEndian(field.AsSpan(4), number);
        return field;
    }

    private static byte[] Header(string name, char type, byte[] size)
    {
        byte[] header = new byte[512];
        Encoding.ASCII.GetBytes(name, header);
        size.CopyTo(header, 124);
        header[156] = (byte)type;
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        header.AsSpan(148, 8).Fill((byte)' ');
        Encoding.ASCII.GetBytes(Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        return header;
    }
}
