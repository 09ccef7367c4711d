namespace MiniDL.Backends;

/// <summary>
/// How to pick, augment and normalize a batch on a device that holds all images: the i-th image of the batch is example
/// order[cursor + i], where the cursor counts examples.
/// </summary>
/// <param name="Pixels">U8, every example [C, H, W].</param>
/// <param name="Labels">I64, one per example.</param>
/// <param name="Order">I64, the examples in the order of the epoch.</param>
/// <param name="Table">[C, 256], the normalized value of every byte.</param>
/// <param name="Seed">The seed of the augmentation's random stream.</param>
/// <param name="Pad">The most pixels that an image may be shifted by.</param>
/// <param name="Flip">Whether images may be mirrored.</param>
/// <param name="Augment">Whether images are changed at all.</param>
/// <param name="Cursor">Called in every step, and again before each repetition of a recorded one.</param>
/// <param name="Stream">The number of the augmentation's random stream; called likewise.</param>
internal readonly record struct GatheredBatch(Tensor Pixels, Tensor Labels, Tensor Order, Tensor Table,
    ulong Seed, int Pad, bool Flip, bool Augment, Func<ulong> Cursor, Func<ulong> Stream);
