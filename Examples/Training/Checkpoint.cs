using System.Text.Json;
using MiniDL.Examples.Output;
using MiniDL.Layers;
using MiniDL.Serialization;

namespace MiniDL.Examples.Training;

/// <summary>
/// All that a run needs to go on exactly where it was: weights, buffers, momentum, position and random state, in one safetensors
/// file that is written to the side and renamed, so that a checkpoint is always whole.
/// </summary>
internal static class Checkpoint
{
    private const string Remedy = "Restore it from a copy. Without one, train starts anew with another --out, "
        + "and compare starts this run over once the file is deleted.";

    private const string Model = "model.", Optimizer = "optimizer.", Key = "minidl.training";

    /// <summary>What is not a tensor.</summary>
    /// <param name="Random">How far each dropout layer's random stream has come, by the layer's path.</param>
    public sealed record State(TrainSettings Settings, Position Position, Dictionary<string, ulong> Random);

    /// <summary>Writes where a run stands.</summary>
    /// <exception cref="MiniDLException">A value is not finite, or the file cannot be written.</exception>
    public static void Save(string path, Trainer trainer)
    {
        var tensors = new Dictionary<string, Tensor>();
        foreach (var (name, tensor) in trainer.Model.StateDict()) tensors.Add(Model + name, tensor);
        foreach (var (name, tensor) in trainer.Optimizer.StateDict()) tensors.Add(Optimizer + name, tensor);
        var random = Dropouts(trainer.Model).ToDictionary(d => d.Path, d => d.Layer.Random.Position);
        Refuse(path, tensors);
        string state = JsonSerializer.Serialize(new State(trainer.Settings, trainer.Position, random), Json.Compact);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        SafeTensors.Save(path, tensors, new Dictionary<string, string> { [Key] = state });
    }

    /// <summary>Writes the weights and buffers alone, for other programs to load.</summary>
    /// <exception cref="MiniDLException">A value is not finite, or the file cannot be written.</exception>
    public static void SaveModel(string path, Module model)
    {
        var state = model.StateDict();
        Refuse(path, state);
        SafeTensors.Save(path, state);
    }

    /// <summary>A run cannot go on from values that are not finite: what is there stays.</summary>
    private static void Refuse(string path, IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (Tensor.NotFinite(tensors).FirstOrDefault() is { } value)
            throw new MiniDLException(
                $"{path} was not written, since {value} is not finite: the run has diverged. An older checkpoint stays as it is.");
    }

    /// <summary>Brings a new trainer to where the checkpoint was written.</summary>
    /// <exception cref="MiniDLException">The checkpoint belongs to other settings, or is damaged.</exception>
    public static void Load(string path, Trainer trainer)
    {
        var file = LoadFile(path);
        var state = ReadState(path, file);
        if (Tensor.NotFinite(file.Tensors).FirstOrDefault() is { } value) throw Damaged(path, $"{value} is not finite");
        if (state.Settings != trainer.Settings)
            throw new MiniDLException(
                $"{path} was written by a run with other settings: {Json.Difference(state.Settings, trainer.Settings)}.");
        trainer.Model.LoadStateDict(Part(file, Model));
        trainer.Optimizer.LoadStateDict(Part(file, Optimizer));
        foreach (var (layer, dropout) in Dropouts(trainer.Model))
            dropout.Random.Position = state.Random.TryGetValue(layer, out ulong position)
                ? position
                : throw Damaged(path, $"it lacks the random state of {layer}");
        if (!trainer.CanStartAt(state.Position)) throw Damaged(path, "its position is not one of the run");
        trainer.Position = state.Position;
    }

    /// <summary>The state that a checkpoint holds beside its tensors.</summary>
    /// <exception cref="MiniDLException">The file is damaged or of another kind.</exception>
    public static State Read(string path) => ReadState(path, LoadFile(path));

    private static State ReadState(string path, SafeTensorsFile file) =>
        file.Metadata.TryGetValue(Key, out string? json)
            ? Json.Read<State>(json, $"{path}, metadata {Key}", Remedy)
            : throw new MiniDLException($"{path} holds no state of training; it was not written by train or compare.");

    private static SafeTensorsFile LoadFile(string path)
    {
        try
        {
            return SafeTensors.Load(path);
        }
        catch (MiniDLException e)
        {
            throw new MiniDLException($"{e.Message} {Remedy}", e);
        }
    }

    private static MiniDLException Damaged(string path, string what) => new($"{path} is damaged: {what}. {Remedy}");

    private static Dictionary<string, Tensor> Part(SafeTensorsFile file, string prefix) => file.Tensors
        .Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
        .ToDictionary(entry => entry.Key[prefix.Length..], entry => entry.Value);

    private static IEnumerable<(string Path, Dropout Layer)> Dropouts(Module model) =>
        model.NamedModules().Where(m => m.Module is Dropout).Select(m => (m.Path, (Dropout)m.Module));
}
