"""Prints the initializers of an ONNX model, with their external data, as JSON: type, shape, bytes."""
import json
import sys

import onnx

model = onnx.load(sys.argv[1])
onnx.checker.check_model(sys.argv[1])
tensors = {
    each.name: [each.data_type, list(each.dims), onnx.numpy_helper.to_array(each).tobytes().hex()]
    for each in model.graph.initializer
}
metadata = {each.key: each.value for each in model.metadata_props}
print(json.dumps({"version": onnx.__version__, "tensors": tensors, "metadata": metadata}))
