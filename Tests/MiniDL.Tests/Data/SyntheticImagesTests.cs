using MiniDL.Data;

namespace MiniDL.Tests.Data;

public class SyntheticImagesTests
{
    [Fact]
    public void An_image_depends_on_seed_set_and_index_only()
    {
        var (few, many) = (SyntheticImages.Draw("a", 1, 20), SyntheticImages.Draw("a", 1, 100));
        Assert.Equal(few.Pixels(19), many.Pixels(19));
        Assert.False(few.Pixels(3).SequenceEqual(many.Pixels(13)));
        Assert.False(few.Pixels(3).SequenceEqual(SyntheticImages.Draw("a", 2, 20).Pixels(3)));
        var (train, test) = SyntheticImages.Load(seed: 1, trainImages: 20, testImages: 20);
        Assert.False(((ImageDataset)train).Pixels(3).SequenceEqual(((ImageDataset)test).Pixels(3)));
    }

    [Fact]
    public void Classes_are_balanced_and_have_names()
    {
        var (train, test) = Datasets.Load("synthetic");
        Assert.Equal((4_000, 1_000, 10), (train.Count, test.Count, train.Classes));
        Assert.Equal(10, train.ClassNames.Distinct().Count());
        Assert.All(Enumerable.Range(0, 4_000).CountBy(train.Label), labels => Assert.Equal(400, labels.Value));
        Assert.Equal((30, 20), Sizes(Datasets.Load("synthetic", new DatasetOptions { TrainImages = 30, TestImages = 20 })));
        Assert.Throws<MiniDLException>(() => Datasets.Load("synthetic", new DatasetOptions { TrainImages = 0 }));

        static (int, int) Sizes(DataSplit data) => (data.Train.Count, data.Test.Count);
    }

    [Fact]
    public void Inputs_are_normalized_to_about_mean_zero_and_deviation_one()
    {
        var data = SyntheticImages.Draw("statistics", 5, 500);
        var x = new float[3072];
        double sum = 0, squares = 0;
        for (int i = 0; i < data.Count; i++)
        {
            data.Read(i, x);
            foreach (float value in x) (sum, squares) = (sum + value, squares + value * value);
        }
        double mean = sum / (500 * 3072), variance = squares / (500 * 3072) - mean * mean;
        Assert.InRange(mean, -0.1, 0.1);
        Assert.InRange(Math.Sqrt(variance), 0.9, 1.1);
    }

    [Fact]
    public void The_mean_images_of_the_classes_do_not_tell_them_apart()
    {
        // The best linear rule of equal covariance compares with the classes' means; on fresh images it is hardly better than chance, 90 %.
        var (train, test) = (SyntheticImages.Draw("linear train", 7, 4_000), SyntheticImages.Draw("linear test", 7, 1_000));
        var means = new double[10, 3072];
        var x = new float[3072];
        for (int i = 0; i < train.Count; i++)
        {
            train.Read(i, x);
            for (int j = 0; j < x.Length; j++) means[train.Label(i), j] += x[j] / 400;
        }
        int errors = Enumerable.Range(0, test.Count).Count(i => Nearest(i) != test.Label(i));
        Assert.InRange(errors / 10.0, 80, 95);

        int Nearest(int index)
        {
            test.Read(index, x);
            return Enumerable.Range(0, 10).MinBy(
                label => x.Select((value, j) => (value - means[label, j]) * (value - means[label, j])).Sum());
        }
    }
}
