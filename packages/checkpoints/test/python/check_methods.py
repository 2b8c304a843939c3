"""Merges by their formulas, in numpy's float64.

check_methods.py FOLDER reads FOLDER/cases.json and FOLDER/inputs.bin, and writes
FOLDER/expected.bin. A case has the method's name and options, the tensor's name, and its number of
elements and of models. The inputs of a case are its models, then its base model if it has one.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def slerp(models, base, name, t):
    a, b = models
    lengths = np.sqrt(np.sum(a * a)) * np.sqrt(np.sum(b * b))
    if lengths == 0 or abs(np.sum(a * b) / lengths) > 0.9995:
        return (1 - t) * a + t * b
    angle = np.arccos(np.sum(a * b) / lengths)
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def weights_of(weights, models):
    return np.ones(len(models)) if weights is None else np.array(weights)


def task_arithmetic(models, base, name, lambda_=1, weights=None):
    deltas = np.array(models) - base
    return base + lambda_ * np.sum(weights_of(weights, models)[:, None] * deltas, axis=0)


def agreeing_mean(deltas, weights, elect):
    """The weighted mean of the deltas with the elected sign; 0 where there is none."""
    weighted = weights[:, None] * deltas
    votes = np.sum(weighted if elect == "sum" else np.sign(weighted), axis=0)
    agrees = (np.sign(weighted) == np.sign(votes)) & (weighted != 0)
    total = np.sum(np.abs(weights)[:, None] * agrees, axis=0)
    return np.sum(weighted * agrees, axis=0) / np.where(total == 0, 1, total)


def ties(models, base, name, density, elect, lambda_=1, weights=None):
    trimmed = []
    for model in models:
        delta = model - base
        kept = max(1, int(np.floor(density * delta.size)))
        threshold = np.sort(np.abs(delta))[-kept]
        trimmed.append(np.where(np.abs(delta) >= threshold, delta, 0))
    mean = agreeing_mean(np.array(trimmed), weights_of(weights, models), elect)
    return base + lambda_ * mean


def threefry(key, low, high):
    """Threefry-2x32, 20 rounds, of arrays of counters."""
    keys = [np.uint32(key[0]), np.uint32(key[1])]
    keys.append(np.uint32(0x1BD11BDA) ^ keys[0] ^ keys[1])
    a, b = low.astype(np.uint32) + keys[0], high.astype(np.uint32) + keys[1]
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            a = a + b
            b = ((b << np.uint32(rotation)) | (b >> np.uint32(32 - rotation))) ^ a
        a = a + keys[(group + 1) % 3]
        b = b + keys[(group + 2) % 3] + np.uint32(group + 1)
    return a, b


# A known answer of Random123, the authors' library: tests/kat_vectors, of the digits of pi.
PI = np.array([0x243F6A88], np.uint64), np.array([0x85A308D3], np.uint64)
assert [int(word[0]) for word in threefry((0x13198A2E, 0x03707344), *PI)] == [0xC4923A9C, 0x483DF7A0]


def encrypted(key, low, high):
    a, b = threefry(key, np.array([low], np.uint64), np.array([high], np.uint64))
    return int(a[0]), int(b[0])


def random_bits(seed, model, name, elements):
    units = np.frombuffer(name.encode("utf-16-le"), np.uint16).astype(int).tolist()
    key = encrypted((seed % 2**32, seed // 2**32), len(units), 0)
    units += [0] * (-len(units) % 4)
    for i in range(0, len(units), 4):
        first, second, third, fourth = units[i : i + 4]
        key = encrypted(key, first + (second << 16), third + (fourth << 16))
    key = encrypted(key, model, 0)
    pairs = np.arange((elements + 1) // 2, dtype=np.uint64)
    a, b = threefry(key, pairs % 2**32, pairs // 2**32)
    return np.stack([a, b], axis=1).reshape(-1)[:elements]


def dare(models, base, name, density, seed, elect=None, lambda_=1, weights=None):
    threshold = max(1, round(density * 2**31))
    dropped = []
    for index, model in enumerate(models):
        keeps = random_bits(seed, index, name, base.size) // 2 < threshold
        dropped.append(np.where(keeps, (model - base) / (threshold / 2**31), 0))
    weights, dropped = weights_of(weights, models), np.array(dropped)
    if elect is not None:
        return base + lambda_ * agreeing_mean(dropped, weights, elect)
    return base + lambda_ * np.sum(weights[:, None] * dropped, axis=0)


def model_stock(models, base, name):
    deltas = [model - base for model in models]
    count, cosines = len(models), []
    for i in range(count):
        for j in range(i):
            lengths = np.linalg.norm(deltas[i]) * np.linalg.norm(deltas[j])
            cosines.append(np.dot(deltas[i], deltas[j]) / lengths if lengths > 0 else 0)
    cosine = max(0, np.mean(cosines))
    t = count * cosine / (1 + (count - 1) * cosine)
    return t * np.mean(models, axis=0) + (1 - t) * base


METHODS = {
    "slerp": slerp,
    "task-arithmetic": task_arithmetic,
    "ties": ties,
    "dare": dare,
    "model-stock": model_stock,
}


def main(folder):
    values = np.fromfile(folder / "inputs.bin", np.float64)
    results, at = [], 0
    for case in json.loads((folder / "cases.json").read_text()):
        count = case["models"] + case["hasBase"]
        inputs = values[at : at + count * case["elements"]].reshape(count, case["elements"])
        at += inputs.size
        options = {("lambda_" if k == "lambda" else k): v for k, v in case["options"].items()}
        models, base = inputs[: case["models"]], inputs[-1] if case["hasBase"] else None
        results.append(METHODS[case["method"]](models, base, case["name"], **options))
    np.concatenate(results).tofile(folder / "expected.bin")
    print(f"numpy {np.__version__}: {len(results)} merges")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
