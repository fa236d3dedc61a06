# SPDX-License-Identifier: GPL-3.0-or-later
"""References by PyTorch's own torch.nn.functional.scaled_dot_product_attention, on the CPU.

    torch-{math,flash}-{f64,f32,f16,bf16}[-repeat]

math and flash select the back end; the type is what the stored inputs are converted to; -repeat repeats the KV heads
beforehand instead of enable_gqa=True.  Causality, windows and masks become one explicit mask, built from absolute
positions: is_causal aligns to the top left corner, which is wrong as soon as there are more keys than queries.

The back end that really ran is read from PyTorch's profiler, around the very call whose output is kept.  lse comes
from the flash kernel itself (aten::_scaled_dot_product_flash_attention_for_cpu), and is kept only if that call gives
the same bits of `out`.  One thread: PyTorch's matrix products may differ between numbers of threads.
"""
import os
import re
import sys
import warnings

sys.dont_write_bytecode = True                  # this folder may be a source tree or an installed one
os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # the profiler writes to standard error otherwise

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

import provider_common as common

BACKENDS = {"math": (SDPBackend.MATH, "aten::_scaled_dot_product_attention_math"),
            "flash": (SDPBackend.FLASH_ATTENTION, "aten::_scaled_dot_product_flash_attention_for_cpu")}
DTYPES = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
NAME = re.compile(r"torch-(math|flash)-(f64|f32|f16|bf16)(-repeat)?")


def to_torch(x, dtype):
    """Rounded once: PyTorch's own conversion from f64 to 16 bits goes through f32."""
    if dtype == "f16":
        return torch.from_numpy(x.astype(np.float16))
    if dtype == "bf16":
        return torch.from_numpy(common.to_bf16_bits(x).view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x.astype({"f64": np.float64, "f32": np.float32}[dtype]))


def from_torch(x):
    if x.dtype == torch.float16:
        return x.view(torch.int16).numpy().view(np.uint16), "f16"
    if x.dtype == torch.bfloat16:
        return x.view(torch.int16).numpy().view(np.uint16), "bf16"
    return x.numpy(), {torch.float64: "f64", torch.float32: "f32"}[x.dtype]


def explicit_mask(case, dtype):
    """(attn_mask, what it is): boolean where nothing is added to a score, otherwise additive in the type of q."""
    visible, mask = case.positional(), case.mask
    if not case.alibi and (mask is None or mask.dtype == bool):
        if mask is not None:
            visible = mask if visible is None else mask & visible
        return (None, "none") if visible is None else (torch.from_numpy(visible), "boolean")
    add = np.zeros((1, 1, len(case.q_positions), len(case.k_positions)))
    if case.alibi:
        add = add + case.slopes()[None, :, None, None] * case.distance()
    if mask is not None:
        add = add + (np.where(mask, 0.0, -np.inf) if mask.dtype == bool else mask.astype(np.float64))
    if visible is not None:
        add = np.where(visible, add, -np.inf)
    return to_torch(add, dtype), f"additive {dtype}"


def profiled(call):
    """The result of call () and the names of the PyTorch functions that it ran."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        result = call()
    return result, {event.key for event in profile.key_averages()}


def attend(backend, q, k, v, mask, scale, gqa):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            with sdpa_kernel(BACKENDS[backend][0]):
                return profiled(lambda: scaled_dot_product_attention(q, k, v, mask, scale=scale, enable_gqa=gqa))
        except RuntimeError as e:
            words = [str(w.message).split(" (Triggered internally")[0] for w in said]
            raise common.Unavailable(" ".join(["torch:", str(e)] + words)) from None


def flash_lse(q, k, v, mask, scale, out):
    """lse of the flash kernel, if it is the same computation as `out`."""
    if mask is not None and mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=q.dtype).masked_fill(~mask, -torch.inf)
    if mask is not None:
        mask = mask.expand(torch.broadcast_shapes(mask.shape, q.shape[:1] + (1,) + mask.shape[-2:]))
    again, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, attn_mask=mask, scale=scale)
    return from_torch(lse.contiguous()) if torch.equal(again, out) else None


def compute(case, provider):
    backend, dtype, repeat = NAME.fullmatch(provider).groups()
    if case.softcap:
        raise common.Unavailable("scaled_dot_product_attention has no softcap")
    q, k, v = (to_torch(x, dtype) for x in (case.q, case.k, case.v))
    mask, mask_kind = explicit_mask(case, dtype)
    if repeat:
        k, v = (x.repeat_interleave(case.group_size, 1) for x in (k, v))
    gqa = q.shape[1] != k.shape[1]
    out, ran = attend(backend, q, k, v, mask, case.scale, gqa)
    if BACKENDS[backend][1] not in ran:
        raise common.Unavailable(f"torch ran {sorted(n for n in ran if 'attention' in n)} instead of {backend}")
    lse = flash_lse(q, k, v, mask, case.scale, out) if backend == "flash" else None
    more = {"backend": BACKENDS[backend][1], "backend_seen_by": "torch.profiler", "dtype": str(out.dtype), "mask": mask_kind,
            "gqa": "repeat_interleave" if repeat else "enable_gqa" if gqa else "none"}
    return more, from_torch(out.contiguous()), lse


if __name__ == "__main__":
    torch.set_num_threads(1)
    common.serve(compute, {"version": str(torch.__version__), "git": torch.version.git_version,
                           "threads": torch.get_num_threads(),
                           "cpu_capability": torch.backends.cpu.get_cpu_capability()})
