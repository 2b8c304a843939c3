"""The other side of python.test.ts: the reference implementation reads and writes the same tensors.

    check_safetensors.py read FILE     FILE, written by Polyak, holds EXPECTED
    check_safetensors.py write FILE    writes EXPECTED
    check_safetensors.py odd FILE      writes a tensor of each dtype that safetensors has, also of those without arrays
    check_safetensors.py list FILE     prints the header of FILE as the reference reads it
    check_safetensors.py state FILE    FILE, written by toSafetensors, is readable from Python
    check_safetensors.py judge FILE    FILE is a JSON list of files in base64; prints what the reference reads in each,
                                       null where it refuses

Needs numpy and safetensors; with torch also present, bfloat16 is read by torch too.
"""

import base64
import json
import struct
import sys

import numpy as np
import safetensors
from safetensors import SafetensorError, deserialize, safe_open

INF, NAN = np.inf, np.nan
# The values as Python sees them; python.test.ts has them as JavaScript does. bfloat16 is held as float32.
EXPECTED = {
    'float64': np.array([0.0, -0.0, 1.5, -2.25, INF, -INF, NAN, 5e-324, 1.7976931348623157e308], np.float64),
    'float32': np.array([0.0, -0.0, 1.5, -2.25, INF, -INF, NAN, 2.0**-149, 3.4028234663852886e38], np.float32),
    'float16': np.array([0.0, -0.0, 1.5, -2.25, INF, -INF, NAN, 2.0**-24, 65504.0], np.float16),
    'bfloat16': np.array([0.0, -0.0, 1.5, -2.25, INF, -INF, NAN, 2.0**-133, 3.3895313892515355e38], np.float32),
    'int64': np.array([-(2**63), -1, 2**63 - 1], np.int64),
    'int32': np.array([-(2**31), -1, 2**31 - 1], np.int32),
    'int16': np.array([-(2**15), -1, 2**15 - 1], np.int16),
    'int8': np.array([-(2**7), -1, 2**7 - 1], np.int8),
    'uint64': np.array([0, 1, 2**64 - 1], np.uint64),
    'uint32': np.array([0, 1, 2**32 - 1], np.uint32),
    'uint16': np.array([0, 1, 2**16 - 1], np.uint16),
    'uint8': np.array([0, 1, 2**8 - 1], np.uint8),
    'bool': np.array([True, False, True]),
    'scalar': np.array(3.141592653589793, np.float64),
    'matrix': np.arange(6, dtype=np.float32).reshape(2, 3),
    'empty': np.zeros((2, 0, 3), np.int32),
    '10': np.array([1], np.uint8),
    '9': np.array([2], np.uint8),
    '__proto__': np.array([3], np.uint8),
    '\ue000 "\\/\n': np.array([4], np.uint8),
    '\U0001f600': np.array([5], np.uint8),
}
METADATA = {'format': 'np \u2028 "\\/\n'}
NUMPY = {'F64': 'f8', 'F32': 'f4', 'F16': 'f2', 'I64': 'i8', 'I32': 'i4', 'I16': 'i2', 'I8': 'i1',
         'U64': 'u8', 'U32': 'u4', 'U16': 'u2', 'U8': 'u1', 'BOOL': '?'}  # fmt: skip

# Every dtype of safetensors 0.8 with the bytes of an element, or of two for float4.
SIZES = {array.dtype.name: array.dtype.itemsize for array in EXPECTED.values()} | {
    'bfloat16': 2, 'complex64': 8, 'float8_e4m3fn': 1, 'float8_e4m3fnuz': 1, 'float8_e5m2': 1, 'float8_e5m2fnuz': 1,
    'float8_e8m0fnu': 1, 'float4_e2m1fn_x2': 1,
}  # fmt: skip


def bfloat16_bits(array):
    return (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.uint16)


def from_raw(dtype, shape, data):
    if dtype == 'BF16':
        return (np.frombuffer(data, '<u2').astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, np.dtype(NUMPY[dtype]).newbyteorder('<')).reshape(shape)


def assert_same(name, found, expected):
    assert found.dtype == expected.dtype, f'{name}: dtype {found.dtype}, expected {expected.dtype}'
    assert found.shape == expected.shape, f'{name}: shape {found.shape}, expected {expected.shape}'
    assert found.tobytes() == expected.tobytes(), f'{name}: {found}, expected {expected}'


def read(path):
    with open(path, 'rb') as file:
        content = file.read()
    raw = dict(deserialize(content))
    assert raw.keys() == EXPECTED.keys(), raw.keys() ^ EXPECTED.keys()
    for name, expected in EXPECTED.items():
        assert_same(name, from_raw(raw[name]['dtype'], raw[name]['shape'], raw[name]['data']), expected)
    with safe_open(path, framework='np') as opened:
        assert opened.metadata() == METADATA, opened.metadata()
        for name, expected in EXPECTED.items():
            if name != 'bfloat16':
                assert_same(name, opened.get_tensor(name), expected)
    check_alignment(content)
    print(f'safetensors {safetensors.__version__} agrees, numpy {np.__version__}, {check_torch(path)}')


def check_alignment(content):
    (length,) = struct.unpack('<Q', content[:8])
    header = json.loads(content[8 : 8 + length])
    for name, info in header.items():
        if name != '__metadata__':
            size = 2 if info['dtype'] == 'BF16' else np.dtype(NUMPY[info['dtype']]).itemsize
            assert (8 + length + info['data_offsets'][0]) % size == 0, f'{name} is not aligned'


def check_torch(path):
    try:
        import torch
    except ImportError:
        return 'no torch here'
    with safe_open(path, framework='pt') as opened:
        found = opened.get_tensor('bfloat16')
    assert found.dtype == torch.bfloat16, found.dtype
    assert_same('bfloat16 in torch', found.float().numpy(), EXPECTED['bfloat16'])
    return f'torch {torch.__version__}'


def serialized(arrays, metadata):
    """Raw, for numpy lacks dtypes: from safetensors 0.8 on as a TensorSpec, before as a dict."""
    tensors = {}
    for name, (dtype, array) in arrays.items():
        if hasattr(safetensors, 'TensorSpec'):
            place = {'data_ptr': array.ctypes.data, 'data_len': array.nbytes}
            tensors[name] = safetensors.TensorSpec(dtype=dtype, shape=array.shape, **place)
        else:
            tensors[name] = {'dtype': dtype, 'shape': array.shape, 'data': array.tobytes()}
    return safetensors.serialize(tensors, metadata=metadata)


def write(path):
    arrays = {name: (array.dtype.name, array) for name, array in EXPECTED.items()}
    arrays['bfloat16'] = ('bfloat16', bfloat16_bits(EXPECTED['bfloat16']))
    with open(path, 'wb') as file:
        file.write(serialized(arrays, METADATA))


def odd(path):
    arrays = {name: (name, np.frombuffer(b'01234567'[:size], f'V{size}')) for name, size in SIZES.items()}
    with open(path, 'wb') as file:
        file.write(serialized(arrays, None))


def list_(path):
    with open(path, 'rb') as file:
        tensors = deserialize(file.read())
    print(json.dumps({name: [t['dtype'], t['shape'], bytes(t['data']).decode('latin1')] for name, t in tensors}))


def state(path):
    with safe_open(path, framework='np') as opened:
        assert_same('weight', opened.get_tensor('swaState/conv1.weight'), np.array([[1, 2], [3, 4]], np.float32))
        assert_same('kernel', opened.get_tensor('swaState/conv2d/kernel'), np.array([0.5], np.float64))
        polyak = json.loads(opened.metadata()['polyak'])
    assert polyak['version'] == 1
    assert polyak['state']['paramGroups'] == [{'nAvg': 3, 'lr': 0.1, 'loss': {'$number': 'NaN'}}]
    assert polyak['state']['swaState']['conv1.weight'] == {'$tensor': 'swaState/conv1.weight'}
    print('Python agrees')


def judge(path):
    with open(path, encoding='utf-8') as file:
        files = [base64.b64decode(line) for line in json.load(file)]
    print(json.dumps([verdict(content) for content in files]))


def verdict(content):
    try:
        tensors = deserialize(content)
    except SafetensorError:
        return None
    return {name: [t['dtype'], t['shape'], base64.b64encode(bytes(t['data'])).decode()] for name, t in tensors}


if __name__ == '__main__':
    {'read': read, 'write': write, 'odd': odd, 'list': list_, 'state': state, 'judge': judge}[sys.argv[1]](sys.argv[2])
