"""Whole merges of safetensors files against their formulas, in numpy's float64.

check_files.py FOLDER reads FOLDER/merges.json: for each merge its output, inputs, base, weights or
method and options. It prints for each the largest error in units of the last place (ulp) of the
output's dtype. Files are read here byte by byte, and opened by the safetensors package.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open

import check_methods as formulas

METHODS = {
    "slerp": formulas.slerp,
    "task-arithmetic": formulas.task_arithmetic,
    "ties": formulas.ties,
    "dare": formulas.dare,
    "model-stock": formulas.model_stock,
}
# Bits of the fraction, the least exponent.
FORMATS = {"F64": (52, -1022), "F32": (23, -126), "F16": (10, -14), "BF16": (7, -126)}


def elements(dtype, data):
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").astype("<f8")
    return np.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).astype("<f8")


def read(path):
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length :]
    with safe_open(path, "np") as file:
        assert sorted(file.keys()) == sorted(header)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], elements(entry["dtype"], body[begin:end]))
    return tensors


def ulp(dtype, values):
    fraction, least = FORMATS[dtype]
    _, exponent = np.frexp(np.abs(values))
    return np.ldexp(1.0, np.maximum(exponent - 1, least) - fraction)


def expected(merge, models, base, name):
    if "weights" in merge:
        return sum(w * m for w, m in zip(merge["weights"], models))
    options = {("lambda_" if k == "lambda" else k): v for k, v in merge["options"].items()}
    return METHODS[merge["method"]](models, base, name, **options)


def main(folder):
    for merge in json.loads((folder / "merges.json").read_text()):
        inputs = [read(folder / path) for path in merge["inputs"]]
        base = read(folder / merge["base"]) if "base" in merge else None
        worst = 0.0
        for name, (dtype, found) in read(folder / merge["output"]).items():
            models = [tensors[name][1] for tensors in inputs]
            wanted = expected(merge, models, base and base[name][1], name)
            assert found.size == wanted.size > 0
            worst = max(worst, float(np.max(np.abs(found - wanted) / ulp(dtype, wanted))))
        print(worst)


main(Path(sys.argv[1]))
