using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>What is still done when something has failed.</summary>
internal static class FirstError
{
    /// <summary>Tries something; should it fail, the error before it remains the one that is reported.</summary>
    public static void AfterIt(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is MiniDLException || FileLayer.IsFailure(e))
        {
            // A full disk, say, fails again and again.
        }
    }
}
