using MiniDL.Backends.Cuda;

namespace MiniDL.Ptx.Tests;

/// <summary>The shipped PTX, against what a driver and a GPU accept. Needs neither.</summary>
public class PtxLintTests
{
    [Fact]
    public void Modules_are_for_the_oldest_gpu_and_of_the_version_that_the_oldest_driver_reads() =>
        Assert.All(PtxModule.All, module => Assert.Equal(("sm_80", "7.8"), (module.Target, module.Version)));

    [Fact]
    public void Every_instruction_is_one_that_the_target_has_with_operands_of_its_types()
    {
        // This also keeps out additions and products that do not say how they are rounded, of which the assembler may make one fma or not,
        // by its version and the GPU; calls; and loads and stores that find out at run time which memory their address is in. Local memory, where
        // arrays lie whose address is taken, is refused by the parser as unknown.
        var problems = from kernel in PtxModule.AllKernels
                       from instruction in kernel.Instructions
                       let problem = PtxInstructionSet.Problem(instruction, kernel)
                       where problem is not null
                       select $"{kernel}, {instruction} {problem}";
        Assert.Empty(problems.Take(20));
    }

    [Theory]
    [InlineData("mov.u32 %r1, %tid.x;", null)]
    [InlineData("ld.global.cg.v2.f32 {%f1,%f2}, [%rd1+8];", null)]
    [InlineData("{ .reg .b32 tmp; mov.b64 {tmp, %r1}, %rd1; }", null)]
    [InlineData("ld.global.u8 %rs1, [%rd1];", null)]                    // a register wider than the value
    [InlineData("ld.f32 %f1, [%rd1];", "not on the list")]              // which memory?
    [InlineData("call foo;", "not on the list")]
    [InlineData("griddepcontrol.wait;", "not on the list")]
    [InlineData("add.rn.f32 %f1, %f2, %r1;", null)]                     // registers of bits take part in everything
    [InlineData("add.f32 %f1, %f2, %f3;", "not on the list")]           // the assembler may make it an fma, or not
    [InlineData("cvt.rna.tf32.f32 %rd1, %f2, %f3;", "other types")]
    [InlineData("add.rn.f32 %f1, %f2, %s1;", "other types")]
    [InlineData("add.rn.f32 %f1, %f2, %fd1;", "other types")]
    [InlineData("membar.gl 0;", "other types")]
    [InlineData("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1,%f2,%f3,%f4}, {%r1,%r2,%r3,%r4}, {%r1}, {%f1,%f2,%f3,%f4};",
        "other types")]
    public void The_list_tells_right_from_wrong(string statement, string? problem)
    {
        const string registers = ".reg .b16 %rs<9>; .reg .b32 %r<9>; .reg .b64 %rd<9>; .reg .f32 %f<9>; .reg .f64 %fd<9>; .reg .s32 %s<9>;";
        string text = ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k(\n.param .align 8 .b8 k_param_0[8]\n)\n"
            + $".maxntid 32, 1, 1\n{{ {registers}\n{statement}\nret; }}";
        var kernel = PtxParser.Parse("test", text).Kernels[0];
        string? found = PtxInstructionSet.Problem(kernel.Instructions[0], kernel);
        if (problem is null) Assert.Null(found);
        else Assert.Contains(problem, found);
    }

    [Fact]
    public void Every_kernel_says_how_large_its_blocks_are() =>
        Assert.All(PtxModule.AllKernels, kernel => Assert.InRange(kernel.MaxThreads, 32, 1024));

    [Fact]
    public void Parameters_are_read_inside_of_them_at_multiples_of_what_is_read()
    {
        const int maxBytes = 4096;
        foreach (var kernel in PtxModule.AllKernels)
        {
            Assert.InRange(kernel.ParameterBytes, 1, maxBytes);
            foreach (var load in kernel.Instructions.Where(i => i.Opcode.StartsWith("ld.param.", StringComparison.Ordinal)))
            {
                var (address, values) = (load.Operands[1], load.Operands[0].Parts?.Count ?? 1);
                int bytes = values * new PtxRegister("", load.Opcode.Split('.')[^1]).Bytes;
                if (address.Register >= 0) continue;  // an array among them: known when the kernel runs
                Assert.Equal(kernel.ParameterName, address.Name);
                Assert.True(address.Value % bytes == 0 && address.Value + bytes <= kernel.ParameterBytes, $"{kernel}, {load}");
            }
        }
    }

    [Fact]
    public void Names_are_no_words_of_the_language()
    {
        // "All instruction keywords are reserved tokens in PTX", ISA section 4.3.
        string[] reserved =
        [
            "abs", "add", "and", "atom", "bar", "bra", "call", "copysign", "cos", "cvt", "div", "ex2", "exit", "fence", "fma", "ld", "lg2",
            "mad", "max", "min", "mma", "mov", "mul", "neg", "not", "or", "rcp", "red", "rem", "ret", "rsqrt", "set", "shl", "shr", "sin",
            "sqrt", "st", "sub", "tanh", "trap", "vote", "xor",
        ];
        var variables = PtxModule.All.SelectMany(m => m.Shared).Select(v => v.Name);
        Assert.Empty(PtxModule.AllKernels.Select(k => k.Name).Concat(variables).Intersect(reserved));
    }

    [Fact]
    public void Shared_memory_fits_the_oldest_gpu()
    {
        const int maxKilobytes = 163;
        var asked = Kernels.All.ToDictionary(k => k.Name, k => k.SharedBytes);
        Assert.All(PtxModule.AllKernels, kernel =>
        {
            int declared = kernel.SharedInUse.Sum(v => (v.Bytes + 15) / 16 * 16), dynamic = asked[kernel.Name];
            // Without asking for more a block has 48 KB; what a launch asks for comes on top of what is declared.
            Assert.InRange(declared, 0, 48 << 10);
            Assert.InRange(declared + dynamic, 0, maxKilobytes << 10);
            Assert.Equal(dynamic > 0, kernel.SharedInUse.Any(v => v.Bytes == 0));
            Assert.All(kernel.SharedInUse, v => Assert.Equal(16, v.Alignment));
            // Choosing a kernel by the shared memory that the GPU has looks at the dynamic part alone.
            if (dynamic > 0) Assert.Equal(0, declared);
        });
    }

    [Fact]
    public void Kernels_with_more_shared_memory_than_small_gpus_have_are_chosen_by_what_there_is()
    {
        const int minOfAnyGpu = 99 << 10;
        var large = Kernels.All.Where(k => k.SharedBytes > minOfAnyGpu).Select(k => k.Name);
        Assert.Empty(large.Except(TensorCoreConvolution.Kernels.Select(k => k.Name)));
    }
}
