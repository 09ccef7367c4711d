using MiniDL.Examples.Output;

namespace MiniDL.Tests.Examples;

public class RunFolderTests
{
    [Fact]
    public void Runs_that_start_in_the_same_second_have_folders_of_their_own()
    {
        string verb = $"test{Guid.NewGuid():N}";
        RunFolder[] folders = [.. Enumerable.Range(0, 20).Select(_ => RunFolder.Create(null, verb))];
        try
        {
            Assert.Equal(20, folders.Select(folder => folder.Path).Distinct().Count());
        }
        finally
        {
            foreach (var folder in folders)
            {
                folder.Dispose();
                Directory.Delete(folder.Path, recursive: true);
            }
        }
    }
}
