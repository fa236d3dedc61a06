# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden bytes of the storage formats, as real ggml, ml_dtypes and numpy give them; tests/right-blocks and right-fp8 read them.

    python make_formats_golden.py FOLDER          (the repository's is tests/data)

    blocks.f32      f32 inputs, BLOCKS x 32;     NAME.blocks    their bytes by ggml's quantize_row_NAME_ref
    NAME.any        DECODED blocks of any bytes; NAME.f32       what ggml's dequantize_row_NAME makes of them
    floats.f64      f64 inputs;                  NAME.codes     their codes by numpy (f16) and ml_dtypes (bf16, f8e4m3, f8e5m2)
    NAME.f64        all 256 codes of f8e4m3 and f8e5m2 decoded by ml_dtypes

ml_dtypes rounds f64 to f32 and then again; so it is given the f64 rounded to f32.

All numbers are little-endian.  Where ggml is undefined nothing is recorded: no block has elements that are not finite, or only
elements below 1e-30, and none overflows iq4_nl's sums of cubes.  For blocks below 1e-15 iq4_nl's codes are what the block
before left behind; level 1 (code 8) is recorded there.  ggml comes from the PyPI package libggml-python, by ctypes.  Where the
package gguf is there, its quantisers, which are written independently in numpy, are compared with ggml (it has none for
iq4_nl, and the sign of a zero scale differs).
"""
import ctypes
import importlib.util
import pathlib
import sys

import ml_dtypes
import numpy as np

BLOCKS, DECODED, SIZE, FLOATS = 256, 64, 32, 4096
BYTES = {"q8_0": 34, "q4_0": 18, "q4_1": 20, "q5_0": 22, "q5_1": 24, "iq4_nl": 18}
FLOAT_TYPES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f8e4m3": ml_dtypes.float8_e4m3fn,
               "f8e5m2": ml_dtypes.float8_e5m2}


def ggml_base():
    spec = importlib.util.find_spec("libggml")
    if spec is None:
        sys.exit("No module named 'libggml' (PyPI: libggml-python)")
    return ctypes.CDLL(str(pathlib.Path(spec.submodule_search_locations[0]) / "lib64" / "libggml-base.so"))


def pointer(x):
    return ctypes.c_void_p(x.ctypes.data)


def inputs(random):
    """Blocks of every size that a scale may have, of few values, with ties and outliers."""
    x = random.standard_normal((BLOCKS, SIZE))
    x[32:96] *= 10.0 ** random.uniform(-12, 12, (64, 1))        # scales that are subnormal, zero and infinite
    x[96:128] = np.round(x[96:128] * 4) / 4                     # ties
    x[128:144] = np.abs(x[128:144]) + 3                         # of one sign
    x[144:160, ::7] *= 100                                      # outliers
    x[160] = 0
    x[161] = -0.0
    x[162] = 1.5
    x[163] = -1.5
    x[164, 1:] = 0
    x[165] *= 1e-20
    x[166] *= 1e10
    x[167] = np.arange(32) - 16                                 # every code
    x[168] = np.arange(32) / 31
    x[169] = (np.arange(32) - 16) * 0.5
    x[170:180] = np.sign(x[170:180])                            # the largest magnitude with both signs
    x[180:190] = np.round(x[180:190] * 80) * 0.25               # halves of q8_0's steps, with 63.5 as the largest
    x[180:190] = np.clip(x[180:190], -63.5, 63.5)
    x[180:190, 5] = 63.5
    return x.astype(np.float32)


def blocks(folder, base, random):
    x = inputs(random)
    x.tofile(folder / "blocks.f32")
    for name, size in BYTES.items():
        to = np.zeros((BLOCKS, size), np.uint8)
        getattr(base, f"quantize_row_{name}_ref")(pointer(x), pointer(to), ctypes.c_int64(x.size))
        if name == "iq4_nl":
            to[np.abs(x).max(1) < 1e-15, 2:] = 0x88
        to.tofile(folder / f"{name}.blocks")
        agree(name, x, to)
        some = random.integers(0, 256, (DECODED, size), np.uint8)
        values = np.zeros((DECODED, SIZE), np.float32)
        getattr(base, f"dequantize_row_{name}")(pointer(some), pointer(values), ctypes.c_int64(values.size))
        some.tofile(folder / f"{name}.any")
        values.tofile(folder / f"{name}.f32")


def agree(name, x, to):
    try:
        import gguf
        other = gguf.quants.quantize(x, gguf.GGMLQuantizationType[name.upper()])
    except (ImportError, NotImplementedError):
        return
    differ = np.flatnonzero((other.reshape(to.shape) != to).any(1))
    print(f"{name}: gguf gives other bytes in {len(differ)} of {BLOCKS} blocks: {differ[:20]}")


def floats(folder, random):
    """f64 values near every kind of tie of every format, and any."""
    x = random.standard_normal(FLOATS) * 2.0 ** random.integers(-30, 20, FLOATS)
    for i, bits in enumerate((10, 7, 3, 2)):                    # ties, and one f64 or f32 step beside them
        part = slice(256 + 512 * i, 768 + 512 * i)
        m, e = np.frexp(x[part])
        x[part] = np.ldexp((np.floor(m * 2 ** (bits + 1)) + 0.5) / 2 ** (bits + 1), np.clip(e, -16, 17))
        x[part][1::4] = np.nextafter(x[part][1::4], np.inf)
        x[part][2::4] = np.nextafter(x[part][2::4], -np.inf)
        x[part][3::4] *= 1 + 2.0 ** -24
    special = [0, -0.0, np.inf, -np.inf, np.nan, 448, 464, 464.0001, 480, 57344, 61440, 61439.99, 65504, 65520, 65519.99, 1e300,
               5e-324, 2.0 ** -9, 2.0 ** -10, 2.0 ** -10 * (1 + 2.0 ** -52), 2.0 ** -16, 2.0 ** -17,
               2.0 ** -17 * (1 + 2.0 ** -40)]
    x[:len(special)] = special
    x[64:64 + len(special)] = np.negative(special)
    x.astype("<f8").tofile(folder / "floats.f64")
    with np.errstate(over="ignore"):
        for name, kind in FLOAT_TYPES.items():
            codes = (x if name == "f16" else x.astype(np.float32)).astype(kind)
            codes.view(np.uint16 if codes.itemsize == 2 else np.uint8).tofile(folder / f"{name}.codes")
            if codes.itemsize == 1:
                np.arange(256, dtype=np.uint8).view(kind).astype("<f8").tofile(folder / f"{name}.f64")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_formats_golden.py FOLDER")
    where = pathlib.Path(sys.argv[1])
    blocks(where, ggml_base(), np.random.default_rng(1))
    floats(where, np.random.default_rng(2))
