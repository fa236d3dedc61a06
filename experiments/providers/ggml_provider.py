# SPDX-License-Identifier: GPL-3.0-or-later
"""References by ggml's operator flash_attn_ext on its CPU back end, as llama.cpp runs it.

    ggml-f16  ggml-f32          the type of K and V that ggml is given; Q is always f32, as the operator wants it

ggml comes from the PyPI package libggml-python, which holds the shared libraries and no binding: this is one, by ctypes.

What the operator does (ggml-cpu/ops.cpp).  With K and V in f16 and fewer than 64 queries it rounds Q to f16, sums the
scores in f32 and accumulates O in f16; with 64 queries or more a tiled kernel with f32 accumulators runs instead.  With
K and V in f32 everything is f32.  Its result is laid out [batch][query][head][dim]; it is put back in order here.
The mask is f16, one row a query, padded with -inf to multiples of 64 both ways (older versions insist, newer do not).
"""
import ctypes
import importlib.metadata
import importlib.util
import pathlib
import sys

import numpy as np

sys.dont_write_bytecode = True                  # this folder may be a source tree or an installed one
import provider_common as common

TYPES = {"ggml-f32": np.float32, "ggml-f16": np.float16}
GGML_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1}        # GGML_TYPE_F32, GGML_TYPE_F16
FEATURES = "sse3 ssse3 avx avx2 avx_vnni bmi2 f16c fma avx512 avx512_vbmi avx512_vnni avx512_bf16 amx_int8 " \
           "neon arm_fma fp16_va dotprod matmul_int8 sve sme riscv_v vsx vxe wasm_simd llamafile".split()
PAD = 64
THREADS = 1
WORK = 64 << 20                # bytes for graph and tiles: far more than they need, and only touched where needed


class InitParams(ctypes.Structure):
    _fields_ = [("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]


class Ggml:
    """The dozen functions of ggml that are needed."""

    def __init__(self):
        spec = importlib.util.find_spec("libggml")
        if spec is None:
            raise ModuleNotFoundError("No module named 'libggml' (PyPI: libggml-python)")
        folder = pathlib.Path(spec.submodule_search_locations[0]) / "lib64"
        base, cpu = (ctypes.CDLL(str(folder / f"libggml-{part}.so")) for part in ("base", "cpu"))
        self.libraries = base, cpu
        pointer, integer, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
        bind = self.bind
        self.init = bind(base.ggml_init, pointer, InitParams)
        self.free = bind(base.ggml_free, None, pointer)
        self.new_tensor = bind(base.ggml_new_tensor_4d, pointer, pointer, ctypes.c_int, integer, integer, integer, integer)
        self.data = bind(base.ggml_get_data, pointer, pointer)
        self.flash = bind(base.ggml_flash_attn_ext, pointer, *[pointer] * 5, real, real, real)
        self.new_graph = bind(base.ggml_new_graph, pointer, pointer)
        self.expand = bind(base.ggml_build_forward_expand, None, pointer, pointer)
        self.compute = bind(cpu.ggml_graph_compute_with_ctx, ctypes.c_int, pointer, pointer, ctypes.c_int)
        self.version = bind(base.ggml_version, ctypes.c_char_p)().decode()
        self.commit = bind(base.ggml_commit, ctypes.c_char_p)().decode()
        bind(cpu.ggml_cpu_init, None)()
        has = [(name, getattr(cpu, f"ggml_cpu_has_{name}", None)) for name in FEATURES]
        self.isa = " ".join(name for name, f in has if f and bind(f, ctypes.c_int)())

    @staticmethod
    def bind(function, result, *arguments):
        function.restype, function.argtypes = result, arguments
        return function

    def tensor(self, context, x):
        """A copy of x in ggml's memory; ggml counts axes from the innermost."""
        t, x = self.new_tensor(context, GGML_TYPES[x.dtype], *x.shape[::-1]), np.ascontiguousarray(x)
        ctypes.memmove(self.data(t), x.ctypes.data, x.nbytes)
        return t

    def attend(self, q, k, v, mask, scale, max_bias, softcap):
        """[batch][query][head][dim] in f32."""
        held = sum(x.nbytes for x in (q, k, v)) + (0 if mask is None else mask.nbytes)
        held += q.shape[0] * q.shape[1] * q.shape[2] * v.shape[3] * 4
        context = self.init(InitParams(held + WORK, None, False))
        if not context:
            raise MemoryError("ggml_init")
        try:
            inputs = [self.tensor(context, x) for x in (q, k, v)]
            inputs.append(None if mask is None else self.tensor(context, mask))
            result = self.flash(context, *inputs, scale, max_bias, softcap)
            graph = self.new_graph(context)
            self.expand(graph, result)
            if self.compute(context, graph, THREADS) != 0:
                raise RuntimeError("ggml_graph_compute_with_ctx failed")
            shape = (q.shape[0], q.shape[2], q.shape[1], v.shape[3])
            numbers = ctypes.cast(self.data(result), ctypes.POINTER(ctypes.c_float))
            return np.ctypeslib.as_array(numbers, shape).copy()
        finally:
            self.free(context)


def padded_mask(case):
    """f16 [batch or 1][head or 1][query][key] or None.  With ALiBi ggml multiplies it by the slope: it is the distance."""
    visible, mask = case.positional(), case.mask
    if visible is None and mask is None and not case.alibi:
        return None
    add = case.distance()[None, None] * (1.0 if case.alibi else 0.0)
    if mask is not None and mask.dtype != bool:
        if case.alibi and np.any(mask[np.isfinite(mask)]):
            raise common.Unavailable("ggml multiplies the mask by the slope: it cannot have both")
        add = add + mask.astype(np.float64)
    elif mask is not None:
        add = np.where(mask, add, -np.inf)
    if visible is not None:
        add = np.where(visible, add, -np.inf)
    rows, columns = (-(-n // PAD) * PAD for n in add.shape[2:])
    full = np.full(add.shape[:2] + (rows, columns), -np.inf, np.float16)
    full[:, :, :add.shape[2], :add.shape[3]] = add
    return full


def compute_with(ggml):
    def compute(case, provider):
        if 0 in case.q.shape or 0 in case.k.shape:
            raise common.Unavailable("ggml has no tensors without elements")
        kind = TYPES[provider]
        out = ggml.attend(case.q.astype(np.float32), case.k.astype(kind), case.v.astype(kind), padded_mask(case), case.scale,
                          8.0 if case.alibi else 0.0, case.softcap)
        more = {"backend": "flash_attn_ext, CPU", "dtype": f"q f32, k v {np.dtype(kind).name}, out f32", "gqa": "built in"}
        return more, (out.transpose(0, 2, 1, 3), "f32"), None
    return compute


if __name__ == "__main__":
    library = Ggml()
    common.serve(compute_with(library), {"version": library.version, "git": library.commit, "threads": THREADS,
                                         "package": "libggml-python " + importlib.metadata.version("libggml-python"),
                                         "cpu_capability": library.isa})
