# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture files: real attention inputs, as a model computed them, in HDF5.

Every layer is a group `layerNN` with four f32 data sets

    q    [head][query][channel]     as the attention takes it: after RoPE, before the scale
    k    [kv_head][key][channel]    after RoPE
    v    [kv_head][key][channel]
    out  [head][query][channel]     softmax(scale q.k + mask) v, as the f32 model computed it; may be absent

Query head h reads KV head h // (heads // KV heads).  A query at q_positions[i] sees exactly the keys with
kv_positions[j] <= q_positions[i] if `causal`, all of them otherwise.  There may be fewer queries than keys (the last
ones), so a mask has to be built from the positions.
"""
import hashlib
import platform

import h5py
import numpy as np
import torch

AXES = {"q": ("head", "query", "channel"), "k": ("kv_head", "key", "channel"),
        "v": ("kv_head", "key", "channel"), "out": ("head", "query", "channel")}


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def write_capture(path, attributes, token_ids, text, layers, queries, causal, scale, names=tuple(AXES)):
    """layers: {number: {"q", "k", "v", "out"}}, f32 [head][position][channel], of which `names` are written; keeps the last
    `queries` of q and out."""
    keys = len(token_ids)
    with h5py.File(path, "w") as f:
        f.attrs.update(attributes, torch_version=str(torch.__version__), numpy_version=np.__version__,
                       platform=f"{platform.system()} {platform.machine()}, CPU, 1 thread", causal=causal,
                       scale=np.float64(scale), layers=np.array(sorted(layers), np.int32))
        f.create_dataset("token_ids", data=np.asarray(token_ids, np.int32))
        f.create_dataset("text", data=text, dtype=h5py.string_dtype("utf-8"))
        f.create_dataset("kv_positions", data=np.arange(keys, dtype=np.int32))
        f.create_dataset("q_positions", data=np.arange(keys - queries, keys, dtype=np.int32))
        for number in sorted(layers):
            write_layer(f.create_group(f"layer{number:02d}"), number, layers[number], queries, causal, scale, names)


def write_layer(group, number, tensors, queries, causal, scale, names):
    group.attrs.update(layer=number, scale=np.float64(scale), causal=causal, n_heads=tensors["q"].shape[0],
                       n_kv_heads=tensors["k"].shape[0], head_dim=tensors["q"].shape[2])
    for name in names:
        axes = AXES[name]
        x = tensors[name].numpy()
        x = np.ascontiguousarray(x[:, -queries:] if name in ("q", "out") else x, np.float32)
        d = group.create_dataset(name, data=x, chunks=(1,) + x.shape[1:], compression="gzip", compression_opts=9,
                                 shuffle=True)
        d.attrs["axes"] = list(axes)
        for dim, label in zip(d.dims, axes):
            dim.label = label


def sink_share(q, k, scale, skip=64):
    """Mean softmax mass on token 0 by head, under a causal mask; without the first `skip` queries, which see few keys."""
    n, group = q.shape[1], q.shape[0] // k.shape[0]
    scores = (q.double() @ k.double().repeat_interleave(group, 0).transpose(1, 2)) * scale
    scores = scores.masked_fill(~torch.ones(n, n, dtype=torch.bool).tril(), -torch.inf)
    return torch.softmax(scores, -1)[:, skip:, 0].mean(-1)
