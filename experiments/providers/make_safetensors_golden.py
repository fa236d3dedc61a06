# SPDX-License-Identifier: GPL-3.0-or-later
"""A golden safetensors file, written by the package safetensors, and its tensors' values; tests/right-safetensors reads them.

    python make_safetensors_golden.py FOLDER      (the repository's is tests/data/safetensors)

    tensors.safetensors     every type that segattn takes, and some that it does not, with __metadata__
    NAME.f64                the values of the tensor NAME as numpy and ml_dtypes have them, little-endian f64

The tensors f64 f32 f16 bf16 f8e4m3 f8e5m2 have 256 elements [2][4][32], those of fp8 all 256 codes, the 16-bit ones infinities,
NaN and subnormals among others.  The package itself is asked whether each reads back to the bytes that it was given.
"""
import pathlib
import sys

import ml_dtypes
import numpy as np
from safetensors import deserialize
from safetensors.numpy import save

SHAPE = (2, 4, 32)
NARROW = {"f16": (np.float16, np.uint16), "bf16": (ml_dtypes.bfloat16, np.uint16),
          "f8e4m3": (ml_dtypes.float8_e4m3fn, np.uint8), "f8e5m2": (ml_dtypes.float8_e5m2, np.uint8)}


def golden(random):
    """The tensors of which the values are recorded."""
    tensors = {"f64": random.standard_normal(SHAPE), "f32": random.standard_normal(SHAPE).astype(np.float32)}
    for name, (kind, code) in NARROW.items():
        codes = np.arange(256) if code is np.uint8 else random.integers(0, 1 << 16, 256)
        if code is np.uint16:
            special = [0, 0x8000, 1, 0x8001, 0x7f80, 0xff80, 0x7fc0, 0x7c00, 0xfc00, 0x7e00, 0x7bff, 0x0080, 0x0400]
            codes[:len(special)] = special
        tensors[name] = codes.astype(code).view(kind).reshape(SHAPE)
    return tensors


def others(random):
    return {"mask": random.integers(0, 2, (3, 5)).astype(bool),
            "four axes": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4),
            "layers.0/self_attn:q \u00e9\"\\\n.safetensors:/x": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
            "empty": np.zeros((2, 0, 4), np.float32), "scalar": np.array(1, np.float32), "vector": np.zeros(5, np.float32),
            "i32": np.zeros((1, 2, 3), np.int32), "u8": np.zeros((1, 2, 3), np.uint8)}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_safetensors_golden.py FOLDER")
    where, random = pathlib.Path(sys.argv[1]), np.random.default_rng(1)
    recorded, rest = golden(random), others(random)
    data = save({**recorded, **rest}, metadata={"made by": "experiments/providers/make_safetensors_golden.py"})
    for name, tensor in deserialize(data):
        x = {**recorded, **rest}[name]
        assert bytes(tensor["data"]) == x.tobytes() and tuple(tensor["shape"]) == x.shape, name
    (where / "tensors.safetensors").write_bytes(data)
    with np.errstate(invalid="ignore"):
        for name, x in recorded.items():
            x.astype("<f8").tofile(where / f"{name}.f64")
