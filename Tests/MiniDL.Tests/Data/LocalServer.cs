using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MiniDL.Tests.Data;

/// <summary>What the server answers to a request for the bytes from a position on.</summary>
/// <param name="Promised">The length it announces; more than it sends when the connection breaks.</param>
internal sealed record Answer(int Status, byte[] Body, long? From = null, int? Promised = null);

/// <summary>A web server on the loopback that answers one request a connection and keeps a record of them.</summary>
internal sealed class LocalServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<string, long?, Answer> _answer;

    public LocalServer(Func<string, long?, Answer> answer)
    {
        _answer = answer;
        _listener.Start();
        new Thread(Serve) { IsBackground = true }.Start();
    }

    /// <summary>Path and first byte asked for, of every request.</summary>
    public List<(string Path, long? From)> Requests { get; } = [];

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public void Dispose() => _listener.Stop();

    /// <summary>A server that has one file and, if it can, sends the rest of it.</summary>
    public static Answer Send(byte[] file, long? from, bool ranges = true) => ranges && from is { } start
        ? new Answer(206, file[(int)start..], start)
        : new Answer(200, file);

    private void Serve()
    {
        try
        {
            while (true)
            {
                using var client = _listener.AcceptTcpClient();
                using var stream = client.GetStream();
                Reply(stream);
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The listener was stopped.
        }
    }

    private void Reply(NetworkStream stream)
    {
        try
        {
            var reader = new StreamReader(stream, Encoding.ASCII);
            if (reader.ReadLine() is not { } request) return;
            string path = request.Split(' ')[1];
            long? from = null;
            while (reader.ReadLine() is { Length: > 0 } header)
                if (header.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase)) from = long.Parse(header[13..].TrimEnd('-'));
            lock (Requests) Requests.Add((path, from));
            var answer = _answer(path, from);
            int length = answer.Promised ?? answer.Body.Length;
            string range = answer.From is { } start ? $"Content-Range: bytes {start}-{start + length - 1}/{start + length}\r\n" : "";
            stream.Write(Encoding.ASCII.GetBytes(
                $"HTTP/1.1 {answer.Status} Answer\r\nContent-Length: {length}\r\n{range}Connection: close\r\n\r\n"));
            stream.Write(answer.Body);
        }
        catch (IOException)
        {
            // The client went away.
        }
    }
}
