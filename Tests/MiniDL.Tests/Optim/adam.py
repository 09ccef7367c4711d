#!/usr/bin/env python3
"""Makes adam.safetensors: parameters and state after each of twelve steps of PyTorch's Adam and AdamW, in double precision.

    python3 adam.py adam.safetensors        # Debian's python3-torch 1.13.1 made the file that is here

Two parameters; the second has no gradient in the first two steps, so that their counts differ. The rate is halved after step 6."""
import json, struct, sys, torch

CASES = {
    "adam": (torch.optim.Adam, dict(lr=0.05)),
    "adam_decay": (torch.optim.Adam, dict(lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
    "adamw": (torch.optim.AdamW, dict(lr=0.05, weight_decay=0.1)),
    "clipped": (torch.optim.Adam, dict(lr=0.05)),
}
STEPS, SHAPES = 12, [(3, 5), (4,)]
torch.set_default_dtype(torch.float64)
tensors = {}
generator = torch.Generator().manual_seed(1)
values = [torch.randn(shape, generator=generator) for shape in SHAPES]
gradients = [[torch.randn(shape, generator=generator) * 10.0 ** (step % 3 - 1) for shape in SHAPES] for step in range(STEPS)]
for number, value in enumerate(values):
    tensors[f"start.{number}"] = value
    for step in range(STEPS): tensors[f"gradient.{step}.{number}"] = gradients[step][number]
for name, (kind, settings) in CASES.items():
    parameters = [torch.nn.Parameter(value.clone()) for value in values]
    optimizer = kind(parameters, **settings)
    for step in range(STEPS):
        if step == 6:
            for group in optimizer.param_groups: group["lr"] /= 2
        for number, parameter in enumerate(parameters):
            parameter.grad = None if number == 1 and step < 2 else gradients[step][number].clone()
        if name == "clipped": tensors[f"{name}.norm.{step}"] = torch.nn.utils.clip_grad_norm_(parameters, 1.5).reshape(1)
        optimizer.step()
        for number, parameter in enumerate(parameters): tensors[f"{name}.{step}.{number}"] = parameter.detach().clone()
    for number, parameter in enumerate(parameters):
        state = optimizer.state[parameter]
        for key in ("exp_avg", "exp_avg_sq"): tensors[f"{name}.state.{number}.{key}"] = state[key]
        tensors[f"{name}.state.{number}.step"] = torch.as_tensor(state["step"], dtype=torch.float64).reshape(())
header, data = {}, b""
for name, tensor in tensors.items():
    raw = tensor.contiguous().numpy().tobytes()
    header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + data)
