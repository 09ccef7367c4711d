namespace MiniDL.Data;

/// <summary>The files of a dataset were not found; the message says where they were looked for and how to get them.</summary>
/// <example><code>
/// try
/// {
///     Mnist.Load("data");
/// }
/// catch (MissingDataException e)
/// {
///     Console.Error.WriteLine(e.Message);      // where to get the files
/// }
/// </code></example>
public sealed class MissingDataException(string message) : MiniDLException(message);
