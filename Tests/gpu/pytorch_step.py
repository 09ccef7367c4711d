#!/usr/bin/env python3
"""PyTorch's time for the training step that `minidl bench --device cuda` measures, as one CUDA graph: ResNet-20 (He et al. 2016, option A),
cross-entropy, SGD with momentum and weight decay. One JSON line for each norm, batch size and way of running.

    python3 pytorch_step.py [--norms bn,gn] [--batch-sizes 2,8,32,128,512] [--ways tf32,tf32-cl,bf16-cl]

A way is a precision, fp32, tf32 or bf16 (autocast), with -cl for the channels-last layout. The median of ten measurements of ten replays."""
import argparse, json, statistics, torch
import torch.nn as nn, torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, norm, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = norm(outputs), norm(outputs)
        self.grow = outputs - inputs

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.grow:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.grow // 2, self.grow // 2))
        return F.relu(y + x)


class ResNet20(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 16, 3, 1, 1, bias=False), norm(16)
        widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        self.blocks = nn.Sequential(*[Block(norm, a, b, 1 if a == b else 2) for a, b in zip(widths, widths[1:])])
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(self.blocks(F.relu(self.norm(self.conv(x)))).mean((2, 3)))


def milliseconds(norm, batch, way):
    torch.manual_seed(0)
    precision, last = way.split("-")[0], way.endswith("-cl")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision != "fp32"
    layout = torch.channels_last if last else torch.contiguous_format
    model = ResNet20(nn.BatchNorm2d if norm == "bn" else lambda c: nn.GroupNorm(8, c)).cuda().to(memory_format=layout)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True)
    images = torch.randn(batch, 3, 32, 32, device="cuda").to(memory_format=layout)
    labels = torch.arange(batch, device="cuda") % 10

    def step():
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16", cache_enabled=False):
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        sgd.step()
        sgd.zero_grad(set_to_none=True)

    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3): step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph): step()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    times = []
    for _ in range(13):
        begin.record()
        for _ in range(10): graph.replay()
        end.record(); torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / 10)
    return statistics.median(times[3:])


options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--norms", default="bn,gn")
options.add_argument("--batch-sizes", default="2,8,32,128,512")
options.add_argument("--ways", default="tf32,tf32-cl,bf16-cl")
options = options.parse_args()
torch.backends.cudnn.benchmark = True
for norm in options.norms.split(","):
    for batch in map(int, options.batch_sizes.split(",")):
        for way in options.ways.split(","):
            print(json.dumps({"framework": "pytorch " + torch.__version__, "hardware": torch.cuda.get_device_name(), "norm": norm,
                              "batch": batch, "way": way, "train_ms": round(milliseconds(norm, batch, way), 3)}), flush=True)
