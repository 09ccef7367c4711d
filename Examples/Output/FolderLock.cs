using System.Globalization;
using System.Text.Json;

namespace MiniDL.Examples.Output;

/// <summary>
/// One process's hold on a folder, for as long as it runs: a lock on the file <c>.lock</c>, which the system takes back when the process
/// ends, however it ends. <c>.lock.json</c> says who has it, for the message to the next one.
/// </summary>
/// <remarks>The file stays: to delete it would let two processes hold the lock, one of them on a file that has no name any more.</remarks>
internal sealed class FolderLock : IDisposable
{
    private const string LockName = ".lock", OwnerName = ".lock.json";

    private readonly FileStream _lock;
    private readonly string _ownerPath;
    private readonly Owner _owner;

    private FolderLock(FileStream held, string ownerPath, Owner owner) => (_lock, _ownerPath, _owner) = (held, ownerPath, owner);

    /// <summary>Takes the lock.</summary>
    /// <param name="verb">What the folder is held for: <c>train</c>.</param>
    /// <exception cref="FolderInUseException">Another run has it.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public static FolderLock Take(string folder, string verb)
    {
        string ownerPath = Path.Combine(folder, OwnerName);
        FileStream held;
        try
        {
            held = new FileStream(Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsTaken(e))
        {
            throw new FolderInUseException($"{folder} is in use by {Describe(ownerPath)}. Wait until it has ended, or choose another --out.", e);
        }
        try
        {
            var owner = Owner.Here(verb);
            File.WriteAllText(ownerPath, JsonSerializer.Serialize(owner, Json.Compact));
            return new FolderLock(held, ownerPath, owner);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Whether the folder is still the one that was locked: it may have been deleted, and even been made again.</summary>
    public bool Holds => Read(_ownerPath) == _owner;

    public void Dispose()
    {
        try
        {
            if (Holds) File.Delete(_ownerPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is only there for a message, and without the lock nobody reads it.
        }
        _lock.Dispose();
    }

    /// <summary>EAGAIN of Linux and of macOS, ERROR_SHARING_VIOLATION of Windows.</summary>
    private static bool IsTaken(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020);

    private static string Describe(string ownerPath) => Read(ownerPath) is { } owner
        ? $"process {owner.Process} on {Quote.Text(owner.Host)} ({Quote.Text(owner.Verb)}, since {owner.Since.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)})"
        : "another process";

    private static Owner? Read(string path)
    {
        try
        {
            return Json.ReadFile<Owner>(path, remedy: "");
        }
        catch (Exception e) when (e is MiniDLException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <param name="Token">Tells two holds by one process apart.</param>
    private sealed record Owner(int Process, string Verb, string Host, DateTime Since, Guid Token)
    {
        public static Owner Here(string verb) =>
            new(Environment.ProcessId, verb, Environment.MachineName, DateTime.Now, Guid.NewGuid());
    }
}

/// <summary>Another run writes into the folder.</summary>
internal sealed class FolderInUseException(string message, Exception inner) : MiniDLException(message, inner);
