using System.Text;
using MiniDL.Serialization;

namespace MiniDL.Examples;

/// <summary>One of the console's streams, with an error that says so when it cannot be written: it is closed, or goes to a full disk.</summary>
/// <param name="mayBeLost">For the error stream: there is no other place to say that it cannot be written.</param>
internal sealed class StandardStream(TextWriter inner, bool mayBeLost) : TextWriter
{
    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Try(() => inner.Write(value));

    public override void Write(string? value) => Try(() => inner.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

    public override void Flush() => Try(inner.Flush);

    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (FileLayer.IsFailure(e) || e is ObjectDisposedException)
        {
            if (!mayBeLost)
                throw new MiniDLException($"the standard output cannot be written: {FileLayer.Reason(e)} Is it closed, or its disk full?", e);
        }
    }
}
