using MiniDL.Optim;

namespace MiniDL.Tests.Optim;

public class ScheduleTests
{
    [Theory]
    [InlineData("none", 0.7, 1)]
    [InlineData("step:0.5,0.8", 0, 1)]
    [InlineData("step:0.5,0.8", 0.4999, 1)]
    [InlineData("step:0.5,0.8", 0.5, 0.1)]
    [InlineData("step:0.5,0.8", 0.8, 0.01)]
    [InlineData("step:0.3*0.2", 0.9, 0.2)]
    [InlineData("cosine", 0, 1)]
    [InlineData("cosine", 1.0 / 3, 0.75)]
    [InlineData("cosine", 1, 0)]
    [InlineData("warmup:0.1", 0, 0.1)]
    [InlineData("warmup:0.1", 0.05, 0.55)]
    [InlineData("warmup:0.1", 0.1, 1)]
    [InlineData("warmup:0.1", 0.5, 1)]
    [InlineData("warmup:0.25,cosine", 0.125, 0.529066871440604)]
    [InlineData("warmup:0.25,cosine", 0.5, 0.5)]
    [InlineData("warmup:0.05,step:0.5,0.8", 0.025, 0.55)]
    [InlineData("warmup:0.05,step:0.5,0.8", 0.8, 0.01)]
    public void Factor_at_a_moment(string schedule, double progress, double factor) =>
        Assert.Equal(factor, Schedule.Parse(schedule).Factor(progress), 1e-12);

    [Fact]
    public void Milestones_are_met_exactly_when_progress_is_a_quotient_of_integers()
    {
        var schedule = Schedule.Parse("step:0.1,0.3,0.7,0.8");
        for (int epochs = 10; epochs <= 1000; epochs += 10)
            foreach (int tenths in new[] { 1, 3, 7, 8 })
                Assert.True(schedule.Factor((double)(epochs / 10 * tenths) / epochs)
                    < 0.9 * schedule.Factor((epochs / 10 * tenths - 1.0) / epochs));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("cosine")]
    [InlineData("step:0.5,0.8")]
    [InlineData("step:0.3,0.6*0.2")]
    [InlineData("warmup:0.05,step:0.5,0.8")]
    [InlineData("warmup:0.05,cosine")]
    public void Text_goes_both_ways(string text)
    {
        Assert.Equal(text, Schedule.Parse(text).ToString());
        Assert.Equal(Schedule.Parse(text), Schedule.Parse(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("linear")]
    [InlineData("none:1")]
    [InlineData("step")]
    [InlineData("step:")]
    [InlineData("step:0.5,half")]
    [InlineData("step:+0.5")]
    [InlineData("step: 0.5")]
    [InlineData("step:0.5*0,2")]
    [InlineData("warmup")]
    [InlineData("warmup:0.1,linear")]
    public void Other_text_is_an_error_that_lists_the_forms(string text)
    {
        var error = Assert.Throws<MiniDLException>(() => Schedule.Parse(text));
        Assert.Contains("step:0.5,0.8", error.Message);
        Assert.Contains("warmup:0.05,cosine", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("step:0.5,0.5", "must increase")]
    [InlineData("step:0.8,0.5", "must increase")]
    [InlineData("step:1.5", "between 0 and 1")]
    [InlineData("step:0,5", "with a point before its decimals: 0.5")]
    [InlineData("step:0.5,0,8", "with a point before its decimals: 0.5")]
    [InlineData("warmup:0,05,cosine", "with a point before its decimals: 0.5")]
    [InlineData("step:nan", "between 0 and 1")]
    [InlineData("step:0.5*0", "must be positive")]
    [InlineData("warmup:0,cosine", "between 0 and 1")]
    public void Numbers_out_of_range_are_errors(string text, string rule) =>
        Assert.Contains(rule, Assert.Throws<MiniDLException>(() => Schedule.Parse(text)).Message);
}
