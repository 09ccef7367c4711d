namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>Takes images as soon as a convolution has computed them; called on any thread.</summary>
/// <param name="first">The first image.</param>
/// <param name="end">The one after the last.</param>
/// <param name="values">The values of the first, valid until this returns; those of the others follow.</param>
internal unsafe delegate void ImagesReader(int first, int end, float* values);
