"""The other side of model-python.test.ts: the onnx package and Python's onnxruntime read and write the same models.

    check_onnx.py check FILE ORIGINAL INPUTS    FILE passes the checker, and differs from ORIGINAL at most in the values of
                                                float initializers and where they are stored; prints its outputs for
                                                INPUTS, JSON of name to [dtype, shape, values]
    check_onnx.py write FOLDER                  writes models whose data are stored in every way that onnx knows, and
                                                expected.json: path to the outputs for x = [[1, -2, 3]]
    check_onnx.py judge FILE                    FILE is a JSON list of files in base64; prints which of them protobuf parses
                                                as models
    check_onnx.py versions                      prints what it runs on

Needs numpy, onnx and onnxruntime.
"""

import base64
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

X = np.array([[1.0, -2.0, 3.0]], np.float32)
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)


def run(model, feeds):
    session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
    names = [output.name for output in session.get_outputs()]
    return {name: as_json(array) for name, array in zip(names, session.run(names, feeds))}


def as_json(array):
    return [str(array.dtype), list(array.shape), array.ravel().tolist()]


def stripped(path):
    """The model with its float initializers as zeros in raw data, all other data inside."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type in FLOATS:
            zeros = numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(tensor)), tensor.name)
            zeros.doc_string = tensor.doc_string
            zeros.metadata_props.extend(tensor.metadata_props)
            tensor.CopyFrom(zeros)
        tensor.ClearField('data_location')  # onnx.load says DEFAULT where it has read external data
    return model


def affine(dtype=TensorProto.FLOAT, typed=False):
    """y = cast(x) @ w + b; with `typed`, the data are not in raw_data."""
    kind = helper.tensor_dtype_to_np_dtype(dtype)
    w = np.arange(12, dtype=kind).reshape(3, 4) / 8
    b = np.array([1, 0.5, -0.25, 4], kind)

    def tensor(name, array):
        if not typed:
            return numpy_helper.from_array(array, name)
        # make_tensor wants float16 as values and stores its bits as integers.
        return helper.make_tensor(name, dtype, array.shape, array.ravel())

    graph = helper.make_graph(
        [
            helper.make_node('Cast', ['x'], ['c'], to=dtype),
            helper.make_node('MatMul', ['c', 'w'], ['h']),
            helper.make_node('Add', ['h', 'b'], ['s']),
            helper.make_node('Cast', ['s'], ['f'], to=TensorProto.FLOAT),
            helper.make_node('Reshape', ['f', 'shape'], ['y']),
        ],
        'affine',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, ['n', 3])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [4, 'n'])],
        [tensor('w', w), tensor('b', b), numpy_helper.from_array(np.array([4, -1]), 'shape')],
        doc_string='written by Python',
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], producer_name='check_onnx')
    model.ir_version = 8
    helper.set_model_props(model, {'key': 'value'})
    return model


def write(folder):
    dtypes = {'float32': TensorProto.FLOAT, 'float64': TensorProto.DOUBLE, 'float16': TensorProto.FLOAT16}
    expected = {}

    def save(name, model, **options):
        path = os.path.join(folder, f'{name}.onnx')
        # Before it is saved: ONNX Runtime does not read a shape from another file.
        expected[path] = run(model.SerializeToString(), {'x': X})
        onnx.save_model(model, path, **options)

    for name, dtype in dtypes.items():
        save(f'{name}-raw', affine(dtype))
        save(f'{name}-typed', affine(dtype, typed=True))
    external = {'save_as_external_data': True, 'size_threshold': 0}
    save('external-one', affine(), all_tensors_to_one_file=True, location='one.bin', **external)
    save('external-each', affine(), all_tensors_to_one_file=False, **external)
    save('external-attributes', affine(), convert_attribute=True, location='attributes.bin', **external)
    old = affine()
    old.ir_version = 3
    for tensor in old.graph.initializer:
        old.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    save('ir3', old)
    with open(os.path.join(folder, 'expected.json'), 'w') as file:
        json.dump(expected, file)


def is_model(data):
    try:
        onnx.ModelProto.FromString(data)
    except DecodeError:
        return False
    return True


def main(command, *args):
    if command == 'check':
        path, original, inputs = args
        onnx.checker.check_model(path, full_check=True)
        assert stripped(path) == stripped(original), f'{stripped(path)}\n!=\n{stripped(original)}'
        feeds = {
            name: np.array(values, dtype).reshape(shape) for name, (dtype, shape, values) in json.loads(inputs).items()
        }
        print(json.dumps(run(path, feeds)))
    elif command == 'judge':
        with open(args[0]) as file:
            print(json.dumps([is_model(base64.b64decode(text)) for text in json.load(file)]))
    elif command == 'versions':
        print(f'onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}, numpy {np.__version__}')
    elif command == 'write':
        write(*args)
    else:
        raise SystemExit(__doc__)


main(*sys.argv[1:])
