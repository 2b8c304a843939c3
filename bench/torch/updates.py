"""Updates as PyTorch users make them, timed on request.

The first line of output is torch's version. Then each line of input asks for one sample, as JSON:
work, lengths of the tensors, threads, repeats. The answer is the CPU time of all threads in
nanoseconds.
"""

import json
import sys
import time

import torch
from torch.optim.swa_utils import AveragedModel

WEIGHT = 1 / 4096


class Weights(torch.nn.Module):
    """A model that is nothing but its weights, around `value`."""

    def __init__(self, lengths, value):
        super().__init__()
        self.params = torch.nn.ParameterList(
            torch.nn.Parameter(value * (0.995 + 0.01 * torch.rand(length))) for length in lengths
        )


def foreach_lerp(lengths):
    averages = [p.data for p in Weights(lengths, 1).parameters()]
    live = [p.data for p in Weights(lengths, 2).parameters()]
    return lambda: torch._foreach_lerp_(averages, live, WEIGHT)


def averaged_model(lengths):
    model = Weights(lengths, 1)
    averaged = AveragedModel(model)
    averaged.update_parameters(model)
    return lambda: averaged.update_parameters(model)


def torchcontrib(lengths):
    """The loop of torchcontrib.optim.SWA.update_swa_group."""
    group = {"params": list(Weights(lengths, 2).parameters()), "n_avg": 1}
    state = {p: {"swa_buffer": p.data.clone()} for p in group["params"]}

    def update_swa_group():
        for p in group["params"]:
            buf = state[p]["swa_buffer"]
            virtual_decay = 1 / float(group["n_avg"] + 1)
            diff = (p.data - buf) * virtual_decay
            buf.add_(diff)
        group["n_avg"] += 1

    return update_swa_group


WORKS = {f.__name__: f for f in (foreach_lerp, averaged_model, torchcontrib)}

print(torch.__version__, flush=True)
prepared = None
for line in sys.stdin:
    request = json.loads(line)
    key = (request["work"], request["lengths"])
    if prepared != key:
        operation = None  # frees the last one's tensors
        operation = WORKS[request["work"]](request["lengths"])
        prepared = key
    torch.set_num_threads(request["threads"])
    start = time.process_time_ns()
    for _ in range(request["repeats"]):
        operation()
    print(time.process_time_ns() - start, flush=True)
