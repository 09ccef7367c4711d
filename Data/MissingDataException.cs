namespace MiniDL.Data;

/// <summary>The files of a dataset were not found; the message says where they were looked for and how to get them.</summary>
public sealed class MissingDataException(string message) : MiniDLException(message);
