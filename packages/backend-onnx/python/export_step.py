"""Exports PyTorch models for training with @polyak/backend-onnx.

    pip install torch==2.13.0 onnx==1.23.1 onnxscript==0.7.2 onnxruntime==1.30.0

`export_step` writes one step of SGD as a graph for `trainStepOptimizer`, and `export_model` the model with its
weights for `loadOnnxModel`. See docs/guides/train-in-onnx-runtime.md.
"""

import copy
import itertools

import numpy as np
import onnx
import onnxruntime
import torch
from torch._decomp import get_decompositions
from torch.export import Dim, default_decompositions
from torch.func import functional_call, grad_and_value
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


def export_step(module, loss, batch, path, *, momentum=0.9, weight_decay=0.0, nesterov=False):
    """Writes one step of torch.optim.SGD as a graph: forward pass, loss, backward pass and update.

    module: in training mode; it stays as it is. Parts in evaluation mode stay so in the graph.
    loss: called as `loss(module, **batch)`; returns a scalar.
    batch: example tensors by name. The first axis is the batch, of any size in the graph.

    Inputs: `lr`, the trained parameters and the buffers that a step changes by their names, a
    `NAME.momentum_buffer` for each parameter, and the batch. Outputs: `loss`, and `NAME_new` for all inputs but `lr`
    and the batch. Everything else is constant. Random numbers (dropout) and buffers that are replaced by assignment
    are refused. The file is compared with torch.optim.SGD and not written if it differs.
    """
    if not module.training:
        raise ValueError("export_step: the module is in evaluation mode. Call train() first.")
    weights = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    state = changed_buffers(module, loss, batch)
    velocities = {f"{name}.momentum_buffer": torch.zeros_like(w) for name, w in weights.items()} if momentum else {}
    inputs = {"lr": torch.tensor(0.1), **weights, **state, **velocities, **batch}
    kept = [*weights, *state, *velocities]
    if len(inputs) != 1 + len(kept) + len(batch):
        raise ValueError(f"export_step: two inputs have the same name: {', '.join(['lr', *kept, *batch])}.")
    part = Loss(module, loss)

    def step(*tensors):
        values = dict(zip(inputs, tensors))

        def loss_of(parameters):
            buffers = {name: values[name].clone() for name in state}
            replaced = {f"module.{name}": tensor for name, tensor in (parameters | buffers).items()}
            return functional_call(part, replaced, kwargs={name: values[name] for name in batch}), buffers

        of_weights = grad_and_value(loss_of, has_aux=True)
        gradients, (value, moved) = of_weights({name: values[name] for name in weights})
        for name, gradient in gradients.items():
            change = gradient + weight_decay * values[name] if weight_decay else gradient
            if momentum:
                velocity = f"{name}.momentum_buffer"
                moved[velocity] = momentum * values[velocity] + change
                change = change + momentum * moved[velocity] if nesterov else moved[velocity]
            moved[name] = values[name] - values["lr"] * change
        return (value, *(moved[name] for name in kept))

    # A batch size that no other axis has, so that the tracer does not take one for the other.
    extents = {extent for tensor in inputs.values() for extent in tensor.shape}
    size = next(n for n in itertools.count(101) if n not in extents)
    traced = {**inputs, **{name: t[torch.arange(size) % len(t)] for name, t in batch.items()}}
    examples = tuple(traced.values())
    with sdpa_kernel(SDPBackend.MATH):  # attention by operators that are exported
        graph = make_fx(step, DECOMPOSITIONS, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*examples)
    axis = Dim("batch")
    shapes = tuple({0: axis} if name in batch else None for name in inputs)
    program = torch.onnx.export(
        torch.export.export(graph, examples, dynamic_shapes=shapes), dynamic_shapes=shapes, dynamo=True, verbose=False,
        external_data=False, input_names=list(inputs), output_names=["loss", *(f"{name}_new" for name in kept)],
    )  # fmt: skip
    model = without_metadata(program.model_proto)
    sgd = dict(momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
    compare(model, module, loss, inputs, batch, sgd)
    onnx.save(model, path)


def export_model(module, inputs, path, *, output_names):
    """Writes the model in evaluation mode with its weights, none of them folded or merged.

    inputs: example tensors by the names of forward's arguments. The first axis is the batch, of any size.
    """
    axis = Dim("batch")
    program = torch.onnx.export(
        copy.deepcopy(module).eval(), kwargs=inputs, dynamo=True, verbose=False, optimize=False, external_data=False,
        input_names=list(inputs), output_names=output_names, dynamic_shapes={name: {0: axis} for name in inputs},
    )  # fmt: skip
    onnx.save(without_metadata(program.model_proto), path)


class Loss(torch.nn.Module):
    """The loss as the forward of a module, for functional_call."""

    def __init__(self, module, loss):
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self, **batch):
        return self.loss(self.module, **batch)


class RandomOperators(TorchDispatchMode):
    """Collects the operators that draw random numbers."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        if torch.Tag.nondeterministic_seeded in operator.tags:
            self.found.add(str(operator))
        return operator(*args, **(kwargs or {}))


def changed_buffers(module, loss, batch):
    """Tries a forward pass. Returns the buffers that it changes, such as running statistics, with their old values."""
    tried = copy.deepcopy(module)
    before = dict(tried.named_buffers())
    with RandomOperators() as random, sdpa_kernel(SDPBackend.MATH):
        loss(tried, **batch)
    kinds = {name: m for name, m in module.named_modules() if m.training}
    if random.found:
        dropouts = [name for name, m in kinds.items() if isinstance(m, _DropoutNd) and m.p > 0]
        raise ValueError(f"export_step: random numbers are not supported ({', '.join(sorted(random.found))}). "
                         f"Dropout layers: {', '.join(dropouts) or 'none'}. Remove them, or call eval().")  # fmt: skip
    for name, layer in kinds.items():
        if isinstance(layer, _NormBase) and layer.track_running_stats and layer.momentum is None:
            raise ValueError(f'export_step: "{name}" averages all batches (momentum=None). Give it a momentum.')
    replaced = [name for name, buffer in tried.named_buffers() if buffer is not before[name]]
    if replaced:
        raise ValueError(f"export_step: forward replaces the buffers {', '.join(replaced)}. Change them by copy_().")
    return {name: buffer for name, buffer in module.named_buffers() if not torch.equal(buffer, before[name])}


def without_metadata(model):
    """Without the source paths that PyTorch writes into each node."""
    del model.metadata_props[:], model.graph.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer, *model.graph.node]:
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def compare(model, module, loss, inputs, batch, sgd):
    """Raises unless two steps in ONNX Runtime are those of torch.optim.SGD."""
    trained = copy.deepcopy(module)
    tensors = {**dict(trained.named_parameters()), **dict(trained.named_buffers())}
    optimizer = torch.optim.SGD(trained.parameters(), lr=inputs["lr"].item(), **sgd)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    values = {name: tensor.detach().numpy().copy() for name, tensor in {**tensors, **inputs}.items()}
    fed = {name: values[name] for name in inputs}
    for _ in range(2):
        optimizer.zero_grad()
        expected = {"loss": loss(trained, **batch), **tensors}
        expected["loss"].backward()
        optimizer.step()
        found = {name.removesuffix("_new"): value for name, value in zip(outputs, session.run(outputs, fed))}
        fed |= {name: found[name] for name in found.keys() & fed.keys()}
        for name, tensor in expected.items():
            tensor = tensor.detach().numpy()
            if name not in found:
                if not np.array_equal(values[name], tensor, equal_nan=tensor.dtype.kind == "f"):
                    raise ValueError(f'export_step: a step changes "{name}", which is constant in the graph.')
                continue
            error = np.abs(found[name] - tensor).max() / max(1e-3, np.abs(tensor).max())
            if not error < 1e-4:
                raise ValueError(f'export_step: PyTorch exports a wrong graph: "{name}" differs by {error:.1e}.')


def convolution_backward(dy, x, w, _, stride, padding, dilation, transposed, __, groups, wanted):
    """The gradients of a convolution are convolutions. PyTorch does not export convolution_backward."""
    if transposed:
        raise ValueError("export_step: transposed convolutions are not supported.")
    axes = range(len(stride))
    rest = [x.shape[2 + i] - (dy.shape[2 + i] - 1) * stride[i] + 2 * padding[i] - dilation[i] * (w.shape[2 + i] - 1) - 1
            for i in axes]  # fmt: skip
    dx = aten.convolution(dy, w, None, stride, padding, dilation, True, rest, groups) if wanted[0] else None
    # Samples take the place of channels: [n, groups * c, …] becomes [c, groups * n, …].
    grouped = x.reshape(x.shape[0], groups, w.shape[1], *x.shape[2:]).transpose(0, 2).flatten(1, 2)
    none = [0 for _ in axes]
    dw = aten.convolution(grouped, dy.transpose(0, 1), None, dilation, padding, stride, False, none, groups)
    dw = dw.transpose(0, 1)[(slice(None), slice(None), *(slice(extent) for extent in w.shape[2:]))]
    return dx, dw, dy.sum([0, *(2 + i for i in axes)]) if wanted[2] else None


def max_pool2d_backward(dy, x, kernel, stride, padding, dilation, ceil, indices):
    """Each gradient goes to where the maximum was found."""
    zeros = torch.zeros_like(x).flatten(-2)
    return zeros.scatter_add(-1, indices.flatten(-2), dy.flatten(-2)).reshape(x.shape)


# Operators are taken apart before the export. PyTorch 2.13 translates whole batch norm and cross-entropy with wrong
# second outputs, which only the backward pass reads.
DECOMPOSITIONS = {
    **default_decompositions(),
    **get_decompositions([aten._native_batch_norm_legit, aten.native_batch_norm]),
    aten.convolution_backward.default: convolution_backward,
    aten.max_pool2d_with_indices_backward.default: max_pool2d_backward,
    aten.empty_permuted.default: lambda size, order, **options: aten.empty.memory_format(size, **options),
}
