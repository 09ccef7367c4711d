using System.Text.Json;
using MiniDL.Examples.Output;
using MiniDL.Layers;
using MiniDL.Serialization;

namespace MiniDL.Examples.Training;

/// <summary>
/// All that a run needs to go on exactly where it was: weights, buffers, momentum, position, random state and the rows of its finished
/// epochs, in one safetensors file that is written to the side and renamed, so that a checkpoint is always whole, and that carries a hash of
/// all its bytes. What does not belong into one is refused, since it may be something that does under a damaged name.
/// </summary>
internal static class Checkpoint
{
    private const string Remedy = "Restore it from a copy, if there is one.";

    private const string Model = "model.", Optimizer = "optimizer.", Key = "minidl.training";

    /// <summary>What is not a tensor. The last two are null in files of earlier versions.</summary>
    /// <param name="Random">How far each dropout layer's random stream has come, by the layer's path.</param>
    /// <param name="Epochs">The finished epochs.</param>
    /// <param name="OptimizerTensors">How many tensors the optimizer has.</param>
    public sealed record State(TrainSettings Settings, Position Position, Dictionary<string, ulong> Random,
        IReadOnlyList<EpochRecord>? Epochs = null, int? OptimizerTensors = null);

    /// <summary>Writes where a run stands.</summary>
    /// <param name="epochs">Those that it has finished, where they are to be found again in the checkpoint.</param>
    /// <param name="beforeRename">As in <see cref="AtomicFile.Write"/>.</param>
    /// <exception cref="MiniDLException">A value is not finite, or the file cannot be written.</exception>
    public static void Save(string path, Trainer trainer, IReadOnlyList<EpochRecord>? epochs = null, FileLayer? files = null,
        Action? beforeRename = null)
    {
        var tensors = new Dictionary<string, Tensor>();
        var optimizer = trainer.Optimizer.StateDict();
        foreach (var (name, tensor) in trainer.Model.StateDict()) tensors.Add(Model + name, tensor);
        foreach (var (name, tensor) in optimizer) tensors.Add(Optimizer + name, tensor);
        var random = Dropouts(trainer.Model).ToDictionary(d => d.Path, d => d.Layer.Random.Position);
        Refuse(path, tensors);
        var state = new State(trainer.Settings, trainer.Position, random, epochs, optimizer.Count);
        string json = JsonSerializer.Serialize(state, Json.Compact);
        AtomicFile.Write(path, stream => SafeTensors.Write(stream, tensors, new Dictionary<string, string> { [Key] = json }),
            files, beforeRename);
    }

    /// <summary>Writes the weights and buffers alone, for other programs to load.</summary>
    /// <exception cref="MiniDLException">A value is not finite, or the file cannot be written.</exception>
    public static void SaveModel(string path, Module model, FileLayer? files = null)
    {
        var state = model.StateDict();
        Refuse(path, state);
        AtomicFile.Write(path, stream => SafeTensors.Write(stream, state), files);
    }

    /// <summary>A run cannot go on from values that are not finite: what is there stays.</summary>
    private static void Refuse(string path, IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (Tensor.NotFinite(tensors).FirstOrDefault() is { } value)
            throw new MiniDLException(
                $"{path} was not written, since {value} is not finite: the run has diverged. An older checkpoint stays as it is.");
    }

    /// <summary>Brings a new trainer, which may train for more epochs, to where the checkpoint was written.</summary>
    /// <param name="remedy">Says what to do about a damaged one, in a sentence.</param>
    /// <exception cref="MiniDLException">The checkpoint belongs to other settings, or is damaged.</exception>
    public static State Load(string path, Trainer trainer, Func<string>? remedy = null)
    {
        var file = LoadFile(path, remedy);
        var state = ReadState(path, file, remedy);
        var optimizer = Part(file, Optimizer);
        Check();
        trainer.Model.LoadStateDict(Part(file, Model));
        trainer.Optimizer.LoadStateDict(optimizer);
        foreach (var (layer, dropout) in Dropouts(trainer.Model)) dropout.Random.Position = state.Random[layer];
        trainer.Position = state.Position;
        return state;

        void Check()
        {
            if (Tensor.NotFinite(file.Tensors).FirstOrDefault() is { } value) throw Damaged($"{value} is not finite");
            if (state.Settings with { Epochs = trainer.Settings.Epochs } is var settings && settings != trainer.Settings)
                throw new MiniDLException(
                    $"{path} was written by a run with other settings: {Json.Difference(settings, trainer.Settings)}.");
            int slots = trainer.Model.Parameters().Count();
            // Versions that did not say how many there are trained every parameter with momentum.
            int expected = state.OptimizerTensors ?? (trainer.Settings.Momentum > 0 && state.Position.HasBegun ? slots : 0);
            if (optimizer.Count != expected) throw Damaged($"it has {optimizer.Count} tensors of the optimizer, expected {expected}");
            if (Dropouts(trainer.Model).FirstOrDefault(d => !state.Random.ContainsKey(d.Path)) is { Path: { } layer })
                throw Damaged($"it lacks the random state of {layer}");
            if (!trainer.CanStartAt(state.Position)) throw Damaged("its position is not one of the run");
        }

        MiniDLException Damaged(string what) => Checkpoint.Damaged(path, what, remedy);
    }

    /// <summary>The state that a checkpoint holds beside its tensors.</summary>
    /// <exception cref="MiniDLException">The file is damaged or of another kind.</exception>
    public static State Read(string path, Func<string>? remedy = null) => ReadState(path, LoadFile(path, remedy), remedy);

    private static State ReadState(string path, SafeTensorsFile file, Func<string>? remedy)
    {
        if (!file.Metadata.TryGetValue(Key, out string? json))
            throw new MiniDLException($"{path} holds no state of training; it was not written by train or compare.");
        if (file.Metadata.Keys.FirstOrDefault(key => key != Key) is { } text)
            throw Damaged(path, $"its metadata have a text {text}, which is no part of a checkpoint", remedy);
        if (file.Tensors.Keys.FirstOrDefault(name => !IsPart(name)) is { } tensor)
            throw Damaged(path, $"it has a tensor {tensor}, which is no part of a checkpoint", remedy);
        try
        {
            return Json.Read<State>(json, $"{path}, metadata {Key}", remedy: "");
        }
        catch (MiniDLException e)
        {
            throw new MiniDLException($"{e.Message.TrimEnd()} {Advice(remedy)}", e);
        }

        static bool IsPart(string name) =>
            name.StartsWith(Model, StringComparison.Ordinal) || name.StartsWith(Optimizer, StringComparison.Ordinal);
    }

    private static SafeTensorsFile LoadFile(string path, Func<string>? remedy)
    {
        try
        {
            return SafeTensors.Load(path);
        }
        catch (MiniDLException e)
        {
            throw new MiniDLException($"{e.Message} {Advice(remedy)}", e);
        }
    }

    private static MiniDLException Damaged(string path, string what, Func<string>? remedy) =>
        new($"{path} is damaged: {what}. {Advice(remedy)}");

    private static string Advice(Func<string>? remedy) => remedy?.Invoke() ?? Remedy;

    private static Dictionary<string, Tensor> Part(SafeTensorsFile file, string prefix) => file.Tensors
        .Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
        .ToDictionary(entry => entry.Key[prefix.Length..], entry => entry.Value);

    private static IEnumerable<(string Path, Dropout Layer)> Dropouts(Module model) =>
        model.NamedModules().Where(m => m.Module is Dropout).Select(m => (m.Path, (Dropout)m.Module));
}
