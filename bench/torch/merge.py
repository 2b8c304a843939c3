"""Means of safetensors files as Python users make them, timed on request.

The first line of output is torch's version. Then each line of input asks for one sample, as JSON:
work, paths of the inputs, path of the output, repeats. The answer is the CPU time of all threads in
nanoseconds.
"""

import json
import sys
import time

import numpy
import safetensors.numpy
import safetensors.torch
import torch
from safetensors import safe_open


def file_by_file(inputs, output):
    """average_checkpoints of timm: sums in float64, results in float32."""
    sums = {}
    for path in inputs:
        for name, value in safetensors.torch.load_file(path).items():
            if name in sums:
                sums[name] += value.to(dtype=torch.float64)
            else:
                sums[name] = value.clone().to(dtype=torch.float64)
    limits = torch.finfo(torch.float32)
    for value in sums.values():
        value.div_(len(inputs))
    means = {
        name: value.clamp(limits.min, limits.max).to(dtype=torch.float32)
        for name, value in sums.items()
    }
    safetensors.torch.save_file(means, output)


def lazily(inputs, output):
    """The linear merge of mergekit: tensor by tensor, in the dtype of the files."""
    files = [safe_open(path, framework="pt") for path in inputs]
    weights = torch.ones(len(files))
    means = {}
    for name in files[0].keys():
        tensors = torch.stack([file.get_tensor(name) for file in files])
        scale = weights.to(tensors.dtype).reshape(-1, *[1] * (tensors.dim() - 1))
        means[name] = (scale * tensors).sum(dim=0) / scale.sum(dim=0)
    safetensors.torch.save_file(means, output)


def numpy_file_by_file(inputs, output):
    """Sums in float64, results in the dtype of the files."""
    sums = {}
    dtypes = {}
    for path in inputs:
        for name, value in safetensors.numpy.load_file(path).items():
            if name in sums:
                sums[name] += value
            else:
                sums[name] = value.astype(numpy.float64)
                dtypes[name] = value.dtype
    means = {name: (value / len(inputs)).astype(dtypes[name]) for name, value in sums.items()}
    safetensors.numpy.save_file(means, output)


WORKS = {f.__name__: f for f in (file_by_file, lazily, numpy_file_by_file)}

print(torch.__version__, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    work = WORKS[request["work"]]
    start = time.process_time_ns()
    for _ in range(request["repeats"]):
        work(request["inputs"], request["output"])
    print(time.process_time_ns() - start, flush=True)
