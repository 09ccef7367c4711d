namespace MiniDL.Backends;

/// <summary>
/// How a batch is picked, augmented and normalized on a device that has all images: the i-th image of the batch is example
/// order[cursor + i], where the cursor counts examples.
/// </summary>
/// <param name="Pixels">U8, every example [C, H, W].</param>
/// <param name="Labels">I64, of every example.</param>
/// <param name="Order">I64, the examples in the order of the epoch.</param>
/// <param name="Table">[C, 256], the normalized value of every byte.</param>
/// <param name="Seed">Of the augmentation's random stream.</param>
/// <param name="Pad">Pixels that an image may be moved by.</param>
/// <param name="Flip">Whether images may be mirrored.</param>
/// <param name="Augment">Whether images are changed at all.</param>
/// <param name="Cursor">Is asked in every step, also where a recorded one is repeated.</param>
/// <param name="Stream">The number of the augmentation's random stream, asked likewise.</param>
internal readonly record struct GatheredBatch(Tensor Pixels, Tensor Labels, Tensor Order, Tensor Table,
    ulong Seed, int Pad, bool Flip, bool Augment, Func<ulong> Cursor, Func<ulong> Stream);
