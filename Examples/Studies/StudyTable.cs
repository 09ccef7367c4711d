using MiniDL.Examples.Studies.HowBatchNormHelps;
using MiniDL.Examples.Studies.NormsInTraining;

namespace MiniDL.Examples.Studies;

/// <summary>The studies that the command line knows.</summary>
internal static class StudyTable
{
    /// <summary>In the order in which they are listed: from what needs no training to what needs much.</summary>
    public static IReadOnlyList<Study> All { get; } =
    [
        new DeepMlpStudy(),
        new InvarianceStudy(),
        new FeatureScalingStudy(),
        new PlacementStudy(),
        new VggStudy(),
        new NoisyBatchNormStudy(),
        new IcsStudy(),
        new LandscapeStudy(),
        new LpNormStudy(),
        new SigmoidMnistStudy(),
        new SmallBatchStudy(),
        new LearningRateStudy(),
        new GroupsStudy(),
        new WeightNormStudy(),
        new TrainEvalGapStudy(),
    ];

    public static string Names => string.Join(", ", All.Select(study => study.Name));

    public static Study? Find(string name) => All.FirstOrDefault(study => study.Name == name);
}
