namespace MiniDL.Tests.Layers;

/// <summary>The fused and the plain form of a norm take the same inputs, and refuse the others with one line each.</summary>
public class AcceptedInputTests
{
    private static readonly Shape[] Shapes =
    [
        [], [6], [1, 6], [2, 6], [0, 6], [6, 6], [2, 5], [2, 6, 1], [2, 6, 5], [2, 4, 5], [2, 0, 5], [6, 4, 5], [2, 6, 4, 5], [1, 6, 1, 1], [2, 6, 1, 1],
        [2, 6, 0, 5], [3, 6, 2, 2], [2, 6, 1, 2, 3], [2, 6, 1, 1, 1, 2], [6, 1, 2, 3],
    ];

    public static TheoryData<string, int> EveryNorm => NormCases.All;

    [Theory, MemberData(nameof(EveryNorm))]
    public void Both_forms_take_the_same_inputs(string name, int rank)
    {
        foreach (var device in new[] { Device.Cpu, Device.Reference })
            foreach (var shape in Shapes)
                foreach (bool training in new[] { true, false })
                    foreach (string kind in new[] { "float", "bytes", "integers", "residual", "residual of another shape", "integers as residual" })
                    {
                        string what = $"{device} {shape} {(training ? "training" : "evaluation")} {kind}";
                        var (fused, plain) = (Run(true), Run(false));
                        Assert.True(fused is null == plain is null, $"{what}: fused {(fused is null ? "refuses" : "takes")} what plain does not.");
                        if (fused is not null) NormCases.AssertClose(fused, plain!, 1e-5, what);

                        Tensor? Run(bool isFused)
                        {
                            var norm = NormCases.Create(name, rank, device);
                            (norm.Fused, _) = (isFused, norm.Train(training));
                            var x = kind switch
                            {
                                "bytes" => Tensor.Ones(shape, device, DType.U8),
                                "integers" => Tensor.Ones(shape, device, DType.I64),
                                _ => NormCases.Input(shape, device, seed: 1),
                            };
                            var residual = kind switch
                            {
                                "residual" => NormCases.Input(shape, device, seed: 2),
                                "residual of another shape" => NormCases.Input([2, .. shape.Sizes], device, seed: 2),
                                "integers as residual" => Tensor.Ones(shape, device, DType.I64),
                                _ => null,
                            };
                            try
                            {
                                return norm.Forward(x, residual, Activation.Relu);
                            }
                            catch (MiniDLException e)
                            {
                                Assert.DoesNotContain('\n', e.Message);
                                Assert.StartsWith("[", e.Message);
                                return null;
                            }
                            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
                            {
                                Assert.Fail($"{what}, {(isFused ? "fused" : "plain")}: {e.GetType().Name} {e.Message}");
                                throw;
                            }
                        }
                    }
    }
}
