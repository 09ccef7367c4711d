namespace MiniDL.Examples.Training;

/// <summary>Devices and precisions by the names that options have for them.</summary>
internal static class DeviceChoice
{
    /// <summary>fp32, tf32 and bf16.</summary>
    public static string[] Precisions { get; } = [.. Enum.GetValues<Precision>().Select(NameOf)];

    /// <summary>Why a precision is refused for other devices.</summary>
    public static string HoldsForOthers { get; } =
        $"holds for --device {string.Join(" or ", DeviceKind.All.Where(kind => kind.HasPrecisions))} alone; leave it out.";

    /// <summary>Whether the precision of a device can be chosen.</summary>
    public static bool HasPrecisions(string device) => DeviceKind.Named(device).HasPrecisions;

    public static string NameOf(Precision precision) => precision.ToString().ToLowerInvariant();

    /// <summary>The precision of a name that has been checked.</summary>
    public static Precision Precision(string name) => Enum.Parse<Precision>(name, ignoreCase: true);

    /// <summary>The device of a name, in the precision where that can be chosen.</summary>
    /// <exception cref="MiniDLException">This machine has none.</exception>
    public static Device Open(string name, string precision)
    {
        var device = Device.Named(name);
        return device.Kind.HasPrecisions ? device.In(Precision(precision)) : device;
    }
}
