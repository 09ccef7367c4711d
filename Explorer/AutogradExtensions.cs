using MiniDL.Explaining;

namespace MiniDL;

/// <summary>What this library adds to <see cref="Autograd"/>.</summary>
public static class AutogradExtensions
{
    extension(Autograd)
    {
        /// <summary>
        /// Runs a loss and its backward pass, and writes a page that shows the graph and steps through backward, with the numbers that the
        /// engine had. Gradients are added up in leaves as by <see cref="Tensor.Backward"/>.
        /// </summary>
        /// <param name="loss">The forward pass; it is called once.</param>
        /// <param name="path">The HTML file to write; it needs no other.</param>
        /// <exception cref="MiniDLException">The loss has no graph, or has more than one value.</exception>
        /// <example><code>Autograd.Explain(() => Loss.CrossEntropy(model.Forward(x), labels), "explain.html");</code></example>
        public static void Explain(Func<Tensor> loss, string path)
        {
            var recording = Autograd.Record(loss);
            using var file = File.Create(path);
            ExplorerPage.Write(recording, file, subtitle: $"{recording.Operators} operators");
        }
    }
}
