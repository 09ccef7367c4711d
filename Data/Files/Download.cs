using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using MiniDL.Serialization;

namespace MiniDL.Data.Files;

/// <summary>
/// Downloads a published file. The bytes go into <c>name.part</c>, from which a later attempt, or the next mirror, resumes; the file
/// gets its final name only once its checksum is right.
/// </summary>
internal sealed class Download
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly RemoteFile _file;
    private readonly IProgress<DataProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly FileStream _part;

    private Download(RemoteFile file, FileStream part, IProgress<DataProgress>? progress, CancellationToken cancellation) =>
        (_file, _part, _progress, _cancellation) = (file, part, progress, cancellation);

    /// <summary>Downloads a file into a folder, from the first mirror that delivers all of it.</summary>
    /// <exception cref="MiniDLException">No mirror did, or the file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; what has arrived is kept.</exception>
    public static void Fetch(ImageSet set, RemoteFile file, string folder, IReadOnlyList<string> mirrors,
        IProgress<DataProgress>? progress, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, file.Name), partial = path + ".part";
        try
        {
            Directory.CreateDirectory(folder);
            List<string> failures;
            using (var part = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
            {
                failures = new Download(file, part, progress, cancellation).FromMirrors(mirrors).GetAwaiter().GetResult();
            }
            if (failures.Count == 0) File.Move(partial, path, overwrite: true);
            else if (new FileInfo(partial).Length == 0) File.Delete(partial);
            if (failures.Count > 0)
                throw set.Error($"{file.Name} could not be downloaded. {string.Join("; ", failures)}. Try again "
                    + $"(what has arrived is kept and continued), or get {Quote.Visible(path)} some other way.");
        }
        catch (Exception e) when (FileLayer.IsFailure(e))
        {
            throw set.Error($"{Quote.Visible(partial)} cannot be written: {Quote.Line(e.Message)} Is another download running, or the disk full?", e);
        }
    }

    /// <summary>Downloads from the mirrors in turn; returns why each failed, or nothing once the file is there.</summary>
    private async Task<List<string>> FromMirrors(IReadOnlyList<string> mirrors)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = Patience }) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("MiniDL", "0.1"));
        var failures = new List<string>();
        if (_part.Length == _file.Bytes && await IsOfficial()) return failures;
        foreach (string mirror in mirrors)
        {
            string? failure = await FromMirror(client, mirror.TrimEnd('/') + "/" + _file.Name);
            if (failure is null) return [];
            failures.Add($"{Quote.Text(mirror)}: {Quote.Line(failure).TrimEnd('.')}");
        }
        return failures;
    }

    private async Task<string?> FromMirror(HttpClient client, string address)
    {
        try
        {
            bool continued = await Transfer(client, address);
            if (await IsOfficial()) return null;
            _part.SetLength(0);
            // The part that was resumed may have been bad from the start: try once more from the beginning.
            if (!continued) return "its checksum is not the official one";
            await Transfer(client, address);
            if (await IsOfficial()) return null;
            _part.SetLength(0);
            return "its checksum is not the official one";
        }
        catch (Exception e) when (e is HttpRequestException or UriFormatException or InvalidOperationException)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!_cancellation.IsCancellationRequested)
        {
            return $"nothing came for {Patience.TotalSeconds:F0} seconds";
        }
    }

    /// <summary>Downloads what is missing; returns whether it resumed an earlier attempt.</summary>
    private async Task<bool> Transfer(HttpClient client, string address)
    {
        using var watch = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        watch.CancelAfter(Patience);
        long start = _part.Length < _file.Bytes ? _part.Length : 0;
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (start > 0) request.Headers.Range = new RangeHeaderValue(start, null);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, watch.Token);
        if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.PartialContent))
            throw new HttpRequestException($"{(int)response.StatusCode} {Quote.Text(response.ReasonPhrase)}");
        // A server may ignore the range and send the whole file.
        bool continued = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == start;
        if (!continued) start = 0;
        if (response.Content.Headers.ContentLength is { } length && start + length != _file.Bytes)
            throw new HttpRequestException($"offers {start + length} bytes, the official file has {_file.Bytes}");
        _part.SetLength(start);
        _part.Position = start;
        await Copy(await response.Content.ReadAsStreamAsync(watch.Token), watch);
        return continued && start > 0;
    }

    private async Task Copy(Stream body, CancellationTokenSource watch)
    {
        const int reportEvery = 1 << 20;
        byte[] buffer = new byte[1 << 16];
        for (long reported = 0; _part.Position < _file.Bytes;)
        {
            watch.CancelAfter(Patience);
            int count = await Receive(body, buffer, watch.Token);
            if (count == 0) throw new HttpRequestException($"ended after {_part.Position} of {_file.Bytes} bytes");
            _part.Write(buffer, 0, (int)Math.Min(count, _file.Bytes - _part.Position));
            if (_part.Position - reported < reportEvery && _part.Position < _file.Bytes) continue;
            reported = _part.Position;
            _progress?.Report(new DataProgress($"download {_file.Name}", _part.Position, _file.Bytes));
        }
    }

    /// <summary>Reads from the network, so that its failures can be told apart from those of the disk.</summary>
    private static async Task<int> Receive(Stream body, byte[] buffer, CancellationToken token)
    {
        try
        {
            return await body.ReadAsync(buffer, token);
        }
        catch (IOException e)
        {
            throw new HttpRequestException(e.Message, e);
        }
    }

    private async Task<bool> IsOfficial()
    {
        _part.Position = 0;
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(_part, _cancellation)) == _file.Sha256;
    }
}
