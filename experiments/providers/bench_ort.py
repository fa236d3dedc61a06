# SPDX-License-Identifier: GPL-3.0-or-later
"""A contestant of `segattn bench`: attention operators of ONNX Runtime's CPU provider, each a model of one node.

    mha         com.microsoft MultiHeadAttention
    gqa         com.microsoft GroupQueryAttention: always causal; one query extends a cache that lies in place
    attention   ONNX Attention (opset 23); com.microsoft Attention holds the projections too and is another thing

What is new with the call (q, and in prefill K and V too) goes in the order that the operator does best with, before the clock
starts; a cache lies in the order of the case, and one whose order an operator does not take is a case that it cannot do.
Inputs and outputs are bound once; a call allocates and copies nothing that the operator does not want itself.
"""
import bench_common as common


def model(onnx, op, domain, version, inputs, outputs, attributes):
    """Bytes of a model of one node; inputs and outputs are (name, numpy array or None for an absent input)."""
    from onnx import TensorProto, helper
    kinds = {"float64": TensorProto.DOUBLE, "float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16,
             "int32": TensorProto.INT32}

    def info(name, x):
        return helper.make_tensor_value_info(name, kinds[str(x.dtype)], x.shape)

    node = helper.make_node(op, [name if x is not None else "" for name, x in inputs], [name for name, _ in outputs],
                            domain=domain, **attributes)
    graph = helper.make_graph([node], "bench", [info(n, x) for n, x in inputs if x is not None],
                              [info(n, x) for n, x in outputs])
    opsets = [helper.make_opsetid("", 23)] + ([helper.make_opsetid(domain, version)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def flat(x, np):
    """[head][position][dim] to [1][position][heads dim]."""
    return np.ascontiguousarray(x.swapaxes(0, 1)).reshape(1, x.shape[1], -1)


def mha(case, np):
    """q [1][queries][heads dim]; K and V the same, in which its fast kernel runs, or a cache [1][heads][keys][dim]."""
    if case.q_heads != case.kv_heads:
        raise common.Unable("MultiHeadAttention has no groups of heads")
    if case.token_major:
        k, v = (x.reshape(1, case.keys, -1) for x in (case.k, case.v))
    else:
        k, v = (x[None] if case.queries == 1 else flat(x, np) for x in (case.k, case.v))
    q = flat(case.q, np)
    return "MultiHeadAttention", "com.microsoft", [("q", q), ("k", k), ("v", v)], [("out", np.empty_like(q))], \
        {"num_heads": case.q_heads, "unidirectional": int(case.causal)}


def gqa(case, np):
    if not case.causal and case.queries != 1:
        raise common.Unable("GroupQueryAttention is always causal")
    if case.token_major:
        raise common.Unable("GroupQueryAttention keeps its cache head-major")
    new = case.queries
    q, k, v = flat(case.q, np), flat(case.k[:, -new:], np), flat(case.v[:, -new:], np)
    cache = case.k[None], case.v[None]          # the rest of it is the past; the new keys are written where they are already
    length = np.array([case.keys - 1], np.int32), np.array(case.keys, np.int32)
    return "GroupQueryAttention", "com.microsoft", \
        [("q", q), ("k", k), ("v", v), ("past_k", cache[0]), ("past_v", cache[1]), ("last", length[0]), ("total", length[1])], \
        [("out", np.empty_like(q)), ("present_k", cache[0]), ("present_v", cache[1])], \
        {"num_heads": case.q_heads, "kv_num_heads": case.kv_heads}


def attention(case, np):
    if case.token_major and case.queries != 1:
        raise common.Unable("one layout for q, K and V")
    q, k, v = ((x.reshape(1, x.shape[0], -1) if case.token_major else x[None]) for x in (case.q, case.k, case.v))
    if case.token_major:
        q = case.q.reshape(1, 1, -1)
    heads = {"q_num_heads": case.q_heads, "kv_num_heads": case.kv_heads} if case.token_major else {}
    return ("Attention", "", [("q", q), ("k", k), ("v", v)], [("out", np.empty_like(q))],
            {"is_causal": int(case.causal), **heads})


def start(variant, threads):
    import numpy as np
    import onnx
    import onnxruntime as ort
    kind = {"mha": mha, "gqa": gqa, "attention": attention}[variant]

    def prepare(case):
        case.among(("f64", "f32", "f16"), "the CPU provider's attention")
        if case.format == "f64" and kind is not attention:
            raise common.Unable("the operators of com.microsoft have no f64")
        op, domain, inputs, outputs, attributes = kind(case, np)
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
        session = ort.InferenceSession(model(onnx, op, domain, 1, inputs, outputs, attributes), options,
                                       providers=["CPUExecutionProvider"])
        binding, values = session.io_binding(), {}
        for name, x in inputs + outputs:        # arrays that are shared, a cache before and after, are bound as one value
            if x is not None and id(x) not in values:
                values[id(x)] = ort.OrtValue.ortvalue_from_numpy(x)
        for name, x in inputs:
            if x is not None:
                binding.bind_ortvalue_input(name, values[id(x)])
        for name, x in outputs:
            binding.bind_ortvalue_output(name, values[id(x)])
        out = values[id(outputs[0][1])]

        def output():
            x = out.numpy()
            return x[0] if x.ndim == 4 else x.reshape(case.queries, case.q_heads, case.dim).swapaxes(0, 1)
        kept = inputs, outputs                  # the values lie in these arrays
        return lambda: (kept, session.run_with_iobinding(binding))[1], output

    return ort.__version__, "by MLAS, chosen at run time", prepare


if __name__ == "__main__":
    common.serve(start)
