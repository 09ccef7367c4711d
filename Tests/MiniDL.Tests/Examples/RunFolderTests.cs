using MiniDL.Examples.Output;

namespace MiniDL.Tests.Examples;

public class RunFolderTests
{
    [Fact]
    public void Runs_that_start_in_the_same_second_have_folders_of_their_own()
    {
        string verb = $"test{Guid.NewGuid():N}";
        string[] folders = [.. Enumerable.Range(0, 20).Select(_ => RunFolder.Create(null, verb).Path)];
        try
        {
            Assert.Equal(20, folders.Distinct().Count());
            Assert.All(folders, folder => Assert.Empty(Directory.GetFileSystemEntries(folder)));
        }
        finally
        {
            foreach (string folder in folders.Distinct()) Directory.Delete(folder, recursive: true);
        }
    }
}
