namespace MiniDL.Tests.Core;

public sealed class QuoteTests
{
    [Theory]
    [InlineData("conv1.weight", "conv1.weight")]
    [InlineData("naïve 名前 😀", "naïve 名前 😀")]
    [InlineData("\u001b[31mred", "\\u001b[31mred")]
    [InlineData("a\nb\r\0\u007f\u0085\u009b", "a\\u000ab\\u000d\\u0000\\u007f\\u0085\\u009b")]
    [InlineData("\u202Eabc\u2069\u200F\uFEFF", "\\u202eabc\\u2069\\u200f\\ufeff")]
    [InlineData("\u2028\u2029", "\\u2028\\u2029")]
    [InlineData("\U000E0041", "\\udb40\\udc41")]
    public void What_a_terminal_would_act_on_is_shown_and_the_rest_stays(string text, string shown)
    {
        Assert.Equal(shown, Quote.Text(text));
        Assert.Equal(shown, Quote.Visible(text));
    }

    [Fact]
    public void Half_a_surrogate_pair_is_shown()
    {
        Assert.Equal("\\ud83d", Quote.Text("\ud83d"));
        Assert.Equal("a\\ude00b", Quote.Text("a\ude00b"));
    }

    [Theory]
    [InlineData('x', 100, 100), InlineData('x', 101, 100), InlineData('x', 1_000_000, 100)]
    [InlineData('\u001b', 16, 96), InlineData('\u001b', 17, 97), InlineData('\u001b', 1_000_000, 97)]
    public void Quoted_text_has_at_most_a_hundred_characters(char c, int count, int expected)
    {
        string quoted = Quote.Text(new string(c, count));
        Assert.Equal(expected, quoted.Length);
        Assert.Equal(count > 100 || c == '\u001b' && count > 16, quoted.EndsWith('…'));
    }

    [Fact]
    public void Of_a_list_ten_are_named_and_the_others_counted()
    {
        Assert.Equal("0, 1, 2, 3, 4, 5, 6, 7, 8, 9", Quote.List(Enumerable.Range(0, 10).Select(i => $"{i}")));
        Assert.Equal("0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 123 more", Quote.List(Enumerable.Range(0, 133).Select(i => $"{i}")));
        Assert.True(Quote.List(Enumerable.Repeat(new string('k', 1_000), 1_000)).Length < 1_100);
    }

    [Fact]
    public void A_line_has_no_line_ends_and_keeps_its_beginning_and_its_end()
    {
        Assert.Equal("a b \\u001b c", Quote.Line("a\nb \u001b c"));
        foreach (int length in new[] { 2_001, 3_999, 4_001, 10_000_000 })
        {
            string line = Quote.Line($"cannot be read: {new string('\u001b', length)} Delete it.");
            Assert.Equal(Quote.MaxLine, line.Length);
            Assert.StartsWith("cannot be read: ", line);
            Assert.EndsWith(" Delete it.", line);
            Assert.DoesNotContain('\u001b', line);
        }
    }
}
