# SPDX-License-Identifier: GPL-3.0-or-later
"""A contestant of `segattn bench`: ggml's operator flash_attn_ext on its CPU back end, with a pool of threads as llama.cpp has.

Q is f32, as the operator wants it; K and V in the format and the order of the case, the token-major ones as permuted views.
"""
import ctypes

import bench_common as common

GRAPH = 64 << 20               # bytes for graph and descriptors


def start(_, threads):
    import numpy as np
    from ggml_provider import Ggml, InitParams
    ggml = Ggml()
    base, cpu = ggml.libraries
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    backend = ggml.bind(cpu.ggml_backend_cpu_init, pointer)()
    ggml.bind(cpu.ggml_backend_cpu_set_n_threads, None, pointer, integer)(backend, threads)
    settings = ctypes.create_string_buffer(4096)        # struct ggml_threadpool_params, of which only ggml knows the size
    ggml.bind(base.ggml_threadpool_params_init, None, pointer, integer)(settings, threads)
    pool = ggml.bind(cpu.ggml_threadpool_new, pointer, pointer)(settings)
    ggml.bind(cpu.ggml_backend_cpu_set_threadpool, None, pointer, pointer)(backend, pool)
    compute = ggml.bind(base.ggml_backend_graph_compute, integer, pointer, pointer)
    permute = ggml.bind(base.ggml_permute, pointer, pointer, pointer, *[integer] * 4)
    types = {"f32": 0, "f16": 1, "q4_0": 2, "q5_0": 6, "q8_0": 8, "bf16": 30}       # enum ggml_type

    def prepare(case):
        case.among(types, "flash_attn_ext")
        held = case.bytes() * 2 + 4 * case.q.size * 2 + 2 * case.queries * (case.keys + 64) * case.causal
        memory = np.empty(held + GRAPH, np.uint8)       # numpy asks for huge pages
        context = ggml.init(InitParams(memory.nbytes, memory.ctypes.data, False))
        if not context:
            raise MemoryError("ggml_init")

        def tensor(x, kind, shape=None):        # ggml counts axes from the innermost, and elements, not bytes of blocks
            shape = shape or x.shape
            t = ggml.new_tensor(context, kind, *shape[::-1], *[1] * (4 - len(shape)))
            ctypes.memmove(ggml.data(t), x.ctypes.data, x.nbytes)
            return t
        q = tensor(common.widen(case.q), types["f32"])
        k, v = (tensor(x, types[case.format], x.shape[:2] + (case.dim,)) for x in (case.k, case.v))
        if case.token_major:
            k, v = (permute(context, t, 0, 2, 1, 3) for t in (k, v))
        case.k = case.v = None                  # ggml has its own copy
        mask = None
        if case.causal:
            rows = -(-case.queries // 64) * 64
            mask = tensor(np.where(np.tri(rows, case.keys, dtype=bool), np.float16(0), np.float16(-np.inf)), types["f16"])
        result = ggml.flash(context, q, k, v, mask, case.dim ** -0.5, 0.0, 0.0)
        graph = ggml.new_graph(context)
        ggml.expand(graph, result)
        numbers = ctypes.cast(ggml.data(result), ctypes.POINTER(ctypes.c_float))

        class Held:                             # frees the context with the last reference
            def __init__(self):
                self.memory = memory

            def __del__(self):
                ggml.free(context)
        keep = Held()

        def call():
            if compute(backend, graph) != 0:
                raise RuntimeError("ggml_backend_graph_compute failed", keep)
        return call, lambda: np.ctypeslib.as_array(numbers, (case.queries, case.q_heads, case.dim)).swapaxes(0, 1)

    return f"{ggml.version} ({ggml.commit})", ggml.isa, prepare


if __name__ == "__main__":
    common.serve(start)
