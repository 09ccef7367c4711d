using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>An axis of epochs, with ticks at whole ones.</summary>
internal static class EpochAxis
{
    private const int MaxTicks = 10;

    /// <param name="epochs">The last one; the first is 1.</param>
    public static Axis To(int epochs)
    {
        int every = (epochs - 1) / MaxTicks + 1;
        return new Axis("epoch")
        {
            Ticks = Axis.TicksAt(Enumerable.Range(1, epochs).Where(epoch => epoch % every == 0).Select(epoch => (double)epoch)),
        };
    }
}
