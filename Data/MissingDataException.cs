namespace MiniDL.Data;

/// <summary>The files of a dataset are not where they were looked for; the message says where, and how to get them.</summary>
public sealed class MissingDataException(string message) : MiniDLException(message);
