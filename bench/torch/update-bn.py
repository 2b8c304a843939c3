"""PyTorch's update_bn on the network of examples/mnist, timed on request.

The first line of output is torch's version. The first line of input is JSON: the weights by the
names of the ONNX model, as flat lists, and the numbers of batches and of images in each. Then each
line of input is a number of repeats. The answer is the CPU time of all threads in nanoseconds.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.optim.swa_utils import update_bn


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8, eps=1e-3)
        self.conv2 = nn.Conv2d(8, 16, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(16, eps=1e-3)
        self.dense1 = nn.Linear(400, 32)
        self.dense2 = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        x = torch.max_pool2d(torch.relu(self.bn2(self.conv2(x))), 2)
        return self.dense2(torch.relu(self.dense1(x.flatten(1))))


def take(model, weights):
    state = model.state_dict()
    for name, values in weights.items():
        tensor = torch.tensor(values, dtype=torch.float32)
        own = state[name]
        # Dense weights are [inputs, outputs] in the ONNX model.
        is_dense = name.startswith("dense") and own.dim() == 2
        own.copy_(tensor.reshape(own.shape[::-1]).T if is_dense else tensor.reshape(own.shape))


print(torch.__version__, flush=True)
setup = json.loads(sys.stdin.readline())
model = Digits()
take(model, setup["weights"])
batches = [torch.rand(setup["images"], 1, 28, 28) for _ in range(setup["batches"])]
for line in sys.stdin:
    start = time.process_time_ns()
    for _ in range(int(line)):
        update_bn(batches, model)
    print(time.process_time_ns() - start, flush=True)
