using System.Globalization;
using System.Text.RegularExpressions;

namespace MiniDL.Ptx.Tests;

/// <summary>Takes apart PTX as clang writes it. What it does not know it refuses, with the line.</summary>
internal static partial class PtxParser
{
    /// <exception cref="FormatException">Something is not as clang writes it.</exception>
    public static PtxModule Parse(string name, string text)
    {
        // Comments become blanks, so that places in the text stay the same.
        text = Comment().Replace(text, m => new string(' ', m.Length));
        var (outside, bodies) = (text, new List<(Match Head, int Start, int End)>());
        foreach (Match head in EntryHead().Matches(text))
        {
            int start = head.Index + head.Length, end = EndOfBody(text, start);
            bodies.Add((head, start, end));
            outside = outside[..head.Index] + new string(' ', end + 1 - head.Index) + outside[(end + 1)..];
        }
        var version = Version().Match(outside);
        var target = Target().Match(outside);
        var shared = SharedVariable().Matches(outside).Select(Variable).ToList();
        string rest = outside.Replace(version.Value, "").Replace(target.Value, "").Replace(".address_size 64", "");
        rest = SharedVariable().Replace(rest, "");
        if (rest.Trim().Length > 0) throw new FormatException($"{name}: nothing known about {rest.Trim()}");
        var module = new PtxModule(name, version.Groups[1].Value, target.Groups[1].Value, shared);
        var lines = new LineNumbers(text);
        return module with { Kernels = [.. bodies.Select(b => Kernel(module, b.Head, new PtxBody(text, b.Start, b.End, lines)))] };
    }

    private static PtxKernel Kernel(PtxModule module, Match head, PtxBody body)
    {
        body.Parse();
        return new(module, head.Groups["name"].Value, head.Groups["parameter"].Value, int.Parse(head.Groups["bytes"].Value),
            head.Groups["directives"].Value.Trim(), body.Registers, body.Shared, body.Instructions, body.Labels);
    }

    /// <summary>A shared array from its declaration.</summary>
    public static PtxVariable Variable(Match declaration)
    {
        string type = declaration.Groups["type"].Value, count = declaration.Groups["count"].Value;
        int bytes = int.Parse(type.AsSpan(1)) / 8;
        int values = declaration.Groups["array"].Success ? count.Length > 0 ? int.Parse(count) : 0 : 1;
        return new(declaration.Groups["name"].Value, bytes * values, int.Parse(declaration.Groups["align"].Value));
    }

    private static int EndOfBody(string text, int start)
    {
        for (int at = start, depth = 1; at < text.Length; at++)
        {
            depth += text[at] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth == 0) return at;
        }
        throw new FormatException("a kernel without an end");
    }

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\.version ([\d.]+)")]
    private static partial Regex Version();

    [GeneratedRegex(@"\.target (\w+)")]
    private static partial Regex Target();

    [GeneratedRegex(@"\.visible \.entry (?<name>\w+)\(\s*\.param \.align \d+ \.b8 (?<parameter>\w+)\[(?<bytes>\d+)\]\s*\)"
        + @"(?<directives>[^{]*)\{")]
    private static partial Regex EntryHead();

    [GeneratedRegex(@"(\.extern )?\.shared \.align (?<align>\d+) \.(?<type>[busf]\d+) (?<name>[\w$]+)(?<array>\[(?<count>\d*)\])?;")]
    public static partial Regex SharedVariable();
}

/// <summary>Which line a place in a text is on.</summary>
internal sealed class LineNumbers(string text)
{
    private readonly int[] _starts = [0, .. Enumerable.Range(0, text.Length).Where(i => text[i] == '\n').Select(i => i + 1)];

    public int Of(int place)
    {
        int found = Array.BinarySearch(_starts, place);
        return found >= 0 ? found + 1 : ~found;
    }
}

/// <summary>The body of a kernel: statements that end with a semicolon, labels, and blocks with registers of their own.</summary>
internal sealed class PtxBody(string text, int start, int end, LineNumbers lines)
{
    private readonly Stack<Dictionary<string, int>> _scopes = new([[]]);

    public List<PtxRegister> Registers { get; } = [];

    public List<PtxVariable> Shared { get; } = [];

    public List<PtxInstruction> Instructions { get; } = [];

    public Dictionary<string, int> Labels { get; } = [];

    public void Parse()
    {
        for (int at = start; ;)
        {
            while (at < end && char.IsWhiteSpace(text[at])) at++;
            if (at == end) return;
            if (text[at] == '{') { _scopes.Push([]); at++; }
            else if (text[at] == '}') { _scopes.Pop(); at++; }
            else if (LabelAt(at) is { } label) { Labels.Add(label, Instructions.Count); at += label.Length + 1; }
            else
            {
                int stop = text.IndexOf(';', at, end - at);
                if (stop < 0) throw Unknown(at, text[at..end]);
                Statement(at, text[at..stop]);
                at = stop + 1;
            }
        }
    }

    private string? LabelAt(int at)
    {
        int stop = at;
        while (char.IsLetterOrDigit(text[stop]) || text[stop] is '_' or '$') stop++;
        return stop > at && text[stop] == ':' ? text[at..stop] : null;
    }

    private void Statement(int at, string statement)
    {
        if (statement.StartsWith(".reg ", StringComparison.Ordinal)) Declare(statement[5..]);
        else if (statement.StartsWith(".shared ", StringComparison.Ordinal))
            Shared.Add(PtxParser.Variable(PtxParser.SharedVariable().Match(statement + ";")));
        else if (statement[0] == '.') { if (statement != ".pragma \"nounroll\"") throw Unknown(at, statement); }
        else Instructions.Add(Instruction(at, statement));
    }

    /// <summary>.b32 %r&lt;9&gt; for nine registers, or .b32 name, ….</summary>
    private void Declare(string declaration)
    {
        string[] words = declaration.Split([' ', '\t', ','], StringSplitOptions.RemoveEmptyEntries);
        string type = words[0][1..];
        foreach (string name in words.Skip(1))
        {
            int open = name.IndexOf('<');
            int count = open < 0 ? 1 : int.Parse(name.AsSpan(open + 1, name.Length - open - 2));
            for (int i = 0; i < count; i++)
            {
                string one = open < 0 ? name : $"{name[..open]}{i}";
                _scopes.Peek()[one] = Registers.Count;
                Registers.Add(new(one, type));
            }
        }
    }

    private PtxInstruction Instruction(int at, string statement)
    {
        int guard = -1, blank;
        bool negated = false;
        if (statement[0] == '@')
        {
            blank = statement.IndexOf(' ');
            negated = statement[1] == '!';
            guard = Register(statement[(negated ? 2 : 1)..blank]) ?? throw Unknown(at, statement);
            statement = statement[blank..].TrimStart();
        }
        blank = statement.AsSpan().IndexOfAny(" \t\n");
        string opcode = blank < 0 ? statement : statement[..blank], operands = blank < 0 ? "" : statement[blank..];
        return new(opcode, [.. Split(operands).Select(o => Operand(at, o))], guard, negated, lines.Of(at));
    }

    /// <summary>At the commas that are not inside of brackets.</summary>
    private static IEnumerable<string> Split(string operands)
    {
        int from = 0, depth = 0;
        for (int i = 0; i < operands.Length; i++)
        {
            depth += operands[i] switch { '{' or '[' => 1, '}' or ']' => -1, _ => 0 };
            if (operands[i] != ',' || depth > 0) continue;
            yield return operands[from..i].Trim();
            from = i + 1;
        }
        if (operands[from..].Trim() is { Length: > 0 } last) yield return last;
    }

    private PtxOperand Operand(int at, string operand)
    {
        switch (operand[0])
        {
            case '{':
                return new(OperandKind.Vector, Parts: [.. Split(operand[1..^1]).Select(part => Operand(at, part))]);
            case '[':
                string[] sum = operand[1..^1].Split('+');
                long offset = sum.Length > 1 ? long.Parse(sum[1], CultureInfo.InvariantCulture) : 0;
                return Register(sum[0]) is { } register0 ? new(OperandKind.Address, register0, Value: offset)
                    : new(OperandKind.Address, Name: sum[0], Value: offset);
            case >= '0' and <= '9' or '-':
                return new(OperandKind.Immediate, Value: Number(operand));
            default:
                if (Register(operand) is { } register) return new(OperandKind.Register, register);
                if (operand[0] == '%' && operand is not ("%tid.x" or "%ctaid.x" or "%ntid.x" or "%nctaid.x")) throw Unknown(at, operand);
                return new(OperandKind.Name, Name: operand);
        }
    }

    private static long Number(string text) => text.Length > 1 && text[0] == '0' && text[1] is 'f' or 'd' or 'x'
        ? long.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : long.Parse(text, CultureInfo.InvariantCulture);

    private int? Register(string name)
    {
        foreach (var scope in _scopes)
            if (scope.TryGetValue(name, out int register)) return register;
        return null;
    }

    private FormatException Unknown(int at, string what) => new($"line {lines.Of(at)}: {what.Trim()}");
}
