# SPDX-License-Identifier: GPL-3.0-or-later
"""What every provider of references shares: the protocol, the case file, the answer file.

Protocol.  A provider reads one JSON object a line on standard input,

    {"file": CASE_FILE, "case": ID, "provider": NAME, "output": ANSWER_FILE}

writes ANSWER_FILE whole (a temporary in the same folder, renamed) and answers with one line on standard output,

    {"case": ID, "provider": NAME, "status": "done" | "unavailable" | "error", "reason": TEXT}

`unavailable` means that the library has no kernel for the case, in its own words where it gives any; the answer
file then has available = 0 and the reason.  `error` means that nothing was written.  End of input ends the program.

Values are never rounded on the way, except to the type that the provider's name asks for, once and to nearest even.
"""
import contextlib
import json
import os
import signal
import sys

import h5py
import numpy as np


class Unavailable(Exception):
    """The library has no kernel for this case."""


# ---- number formats ----

F8E4M3 = np.array([np.nan if code & 127 == 127 else (-1.0) ** (code >> 7) * np.ldexp(*(
    (1 + (code & 7) / 8, (code >> 3 & 15) - 7) if code & 120 else ((code & 7) / 8, -6))) for code in range(256)], np.float32)
IQ4_NL = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
BLOCKS = {"q8_0": 34, "q4_0": 18, "q4_1": 20, "q5_0": 22, "q5_1": 24, "iq4_nl": 18}     # bytes of 32 elements


def decode_blocks(name, bits):
    """ggml's blocks [...][bytes] to [...][elements]: f32, or f64 where f32 does not hold the values (q4_1, q5_1)."""
    block = bits.reshape(*bits.shape[:-1], -1, BLOCKS[name])
    shifted, five = name in ("q4_1", "q5_1"), name in ("q5_0", "q5_1")
    halves = np.ascontiguousarray(block[..., :4 if shifted else 2]).view("<f2").astype(np.float64)
    rest = block[..., 4 if shifted else 2:]
    if name == "q8_0":
        code = rest.view(np.int8).astype(np.int64)
    else:
        pairs = rest[..., 4 if five else 0:]
        code = np.concatenate([pairs & 15, pairs >> 4], -1).astype(np.int64)
        if five:
            code += 16 * np.unpackbits(rest[..., :4], axis=-1, bitorder="little")
        code = IQ4_NL[code] if name == "iq4_nl" else code - {"q4_0": 8, "q5_0": 16}.get(name, 0)
    value = halves[..., :1] * code + (halves[..., 1:] if shifted else -0.0)
    return value.reshape(*bits.shape[:-1], -1).astype(np.float64 if shifted else np.float32)


def decode(dataset):
    """The values of a stored tensor as numpy numbers: f64, f32, f16 as they are, bool as bool; bf16, fp8 and blocks
    exactly, in f16, f32 or f64."""
    bits, name = dataset[()], text(dataset.attrs["format"])
    if name in BLOCKS:
        return decode_blocks(name, bits)
    if name == "f8e4m3":
        return F8E4M3[bits]
    if name == "f8e5m2":
        return (bits.astype(np.uint16) << 8).view(np.float16)
    if name == "f16":
        return bits.view(np.float16)
    if name == "bf16":
        return (bits.astype(np.uint32) << 16).view(np.float32)
    if name == "bool":
        return bits != 0
    return bits.astype({"f64": np.float64, "f32": np.float32}[name], copy=False)


def to_f32_odd(x):
    """f64 to f32, rounded to odd: the next rounding, to 16 bits, then gives what one rounding from f64 would
    (Boldo and Melquiond 2008)."""
    near = x.astype(np.float32)
    bits = near.view(np.uint32).copy()
    inexact = np.isfinite(x) & (near.astype(np.float64) != x)
    away = inexact & (np.abs(near.astype(np.float64)) > np.abs(x))
    bits[away] -= 1                             # towards zero; an overflow becomes the largest number
    bits[inexact] |= 1
    return bits.view(np.float32)


def to_bf16_bits(x):
    """Any values to bf16 bits, to nearest even."""
    f32 = to_f32_odd(x) if x.dtype == np.float64 else x.astype(np.float32)
    bits = f32.view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(f32), np.uint16(0x7FC0), rounded)


# ---- the case ----

def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


class Case:
    """Inputs [batch][head][position][dim] and what the problem says of them."""

    def __init__(self, path, case_id):
        with h5py.File(path, "r") as f:
            group = f["cases"][case_id]
            settings = {name: text(value) for name, value in group.attrs.items()
                        if isinstance(value, (bytes, str, int, float, np.generic))}
            inputs = group["inputs"]
            q_start = inputs.attrs.get("q_start")
            self.q, self.k, self.v = (decode(inputs[name]) for name in "qkv")
            self.mask = decode(inputs["mask"]) if "mask" in inputs else None
        queries, keys = self.q.shape[2], self.k.shape[2]
        if self.mask is not None:
            self.mask = self.mask[:, :, :queries, :keys]    # it may be padded
        self.inputs_digest = settings["inputs_digest"]
        self.scale = number(settings, "scale", 1 / np.sqrt(np.float64(self.q.shape[3])))
        self.softcap = number(settings, "softcap", 0.0)
        self.causal, self.alibi = flag(settings, "causal"), flag(settings, "alibi")
        self.window = int(number(settings, "window", 0))
        # the absolute position of every query and every key
        self.q_positions = int(keys - queries if q_start is None else q_start) + np.arange(queries)
        self.k_positions = np.arange(keys)

    @property
    def group_size(self):
        return self.q.shape[1] // self.k.shape[1]

    def distance(self):
        return self.k_positions[None, :] - self.q_positions[:, None]

    def positional(self):
        """True where causality and window let the query see the key, [query][key]; None where they say nothing."""
        if not self.causal and not self.window:
            return None
        distance, visible = self.distance(), np.ones((len(self.q_positions), len(self.k_positions)), bool)
        if self.causal:
            visible &= distance <= 0
        if self.window:
            visible &= np.abs(distance) < self.window
        return visible

    def slopes(self):
        """ALiBi slopes (Press, Smith, Lewis 2022), for any number of heads."""
        heads = self.q.shape[1]
        power = 1 << (heads.bit_length() - 1)
        first = [2.0 ** (-8.0 * (h + 1) / power) for h in range(power)]
        more = [2.0 ** (-4.0 * (2 * h + 1) / power) for h in range(heads - power)]
        return np.array(first + more)


def number(settings, name, default):
    """A setting that may be absent or say `default`, `none`, `off`."""
    try:
        return float(settings[name])
    except (KeyError, ValueError):
        return default


def flag(settings, name):
    return settings.get(name, "").lower() in ("true", "yes", "on", "1")


# ---- the answer ----

@contextlib.contextmanager
def whole_file(path):
    """An HDF5 file that appears whole or not at all; an interruption leaves no temporary."""
    temporary = f"{path}.tmp-{os.getpid()}"
    try:
        with h5py.File(temporary, "w") as f:
            yield f
        with open(temporary, "rb") as f:
            os.fsync(f.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def write_answer(path, case, attributes, out=None, lse=None, reason=""):
    """out (values, format name) and lse [batch][head][query][dim], as store_reference_read wants them."""
    with whole_file(path) as f:
        f.attrs.update(attributes, available=np.int64(out is not None), reason=reason, source="computed",
                       inputs_digest=case.inputs_digest)
        for name, pair in (("out", out), ("lse", lse)):
            if pair is not None:
                values, format_name = pair
                d = f.create_dataset(name, data=np.ascontiguousarray(values), compression="gzip",
                                     compression_opts=6, shuffle=True, fletcher32=True)
                d.attrs["format"] = format_name
                d.attrs["axes"] = "batch,head,query,dim_v" if name == "out" else "batch,head,query"


# ---- the loop ----

def serve(compute, attributes):
    """compute (case, provider name) -> (more attributes, out, lse).  Raises Unavailable where there is no kernel."""
    def stop(*_):
        raise SystemExit(130)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape")
    os.dup2(2, 1)                               # what a library prints must not look like an answer
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        status, reason = "done", ""
        try:
            answer(job, compute, attributes)
        except Unavailable as e:
            status, reason = "unavailable", str(e)
        except Exception as e:                  # one case that fails must not take the others with it
            status, reason = "error", f"{type(e).__name__}: {e}"
        print(json.dumps({"case": job["case"], "provider": job["provider"], "status": status, "reason": reason},
                         ensure_ascii=False), file=answers, flush=True)


def answer(job, compute, attributes):
    case = Case(job["file"], job["case"])
    attributes = dict(attributes, provider=job["provider"], numpy=np.__version__)
    try:
        more, out, lse = compute(case, job["provider"])
    except Unavailable as e:
        write_answer(job["output"], case, attributes, reason=str(e))
        raise
    write_answer(job["output"], case, dict(attributes, **more), out, lse)
