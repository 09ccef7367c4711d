namespace MiniDL.Backends.Cuda;

/// <summary>
/// The 3×3 convolutions of images with three channels, with padding 1 and stride 1: in float, in tiles of 8 × 32 output pixels × 16
/// output channels.
/// </summary>
internal static class ImageConvolution
{
    public const int ChannelsOut = 16;

    private const int TileHeight = 8, TileWidth = 32;

    public static bool Fits(in Window2d g) => g is { InChannels: 3, KernelHeight: 3, KernelWidth: 3, PadHeight: 1, PadWidth: 1 }
        && g is { StrideHeight: 1, StrideWidth: 1 } && g.OutChannels % ChannelsOut == 0;

    /// <summary>The number of tiles of a batch.</summary>
    public static int Tiles(in Window2d g) =>
        g.Batch * ((g.OutHeight + TileHeight - 1) / TileHeight) * ((g.OutWidth + TileWidth - 1) / TileWidth);
}
