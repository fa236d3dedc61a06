# SPDX-License-Identifier: GPL-3.0-or-later
"""What the contestants of `segattn bench` in Python share: the protocol (src/bench_peer.c states it) and the inputs.

A contestant is a program `bench_X.py VARIANT THREADS`.  It times each call itself, around the call alone, with its inputs
prepared and its output left where the library puts it.  Huge pages are asked for by numpy, as the program does for its own.
"""
import os
import sys
import time

sys.dont_write_bytecode = True                  # this folder may be a source tree or an installed one


BLOCKS = {"q8_0": 34, "q5_0": 22, "q4_0": 18}  # bytes of 32 elements


class Unable(Exception):
    """The library has no kernel for this case."""


class Case:
    """q [q_heads][queries][dim]; k and v [kv_heads][keys][dim], or [keys][kv_heads][dim] when token_major: raw numpy, bf16 as
    u16, fp8 and blocks as bytes, of which the last axis is then made."""

    def __init__(self, words):
        self.work, self.q_format, parts, layout = words[:4]
        self.token_major, self.causal = layout == "token", words[4] == "1"
        self.q_heads, self.kv_heads, self.dim, self.queries, self.segments = map(int, words[5:10])
        self.folder = words[11]         # words[10]: segattn's arithmetic, f32 or f64 for all others
        if self.work != "attend" or self.segments != 1 or "+" in parts:
            raise Unable("attention in one call, of keys in one tensor only")
        self.format, self.keys = parts.split(":")[0], int(parts.split(":")[1])
        if self.causal and self.queries != self.keys:
            raise Unable("causal with as many queries as keys only")
        self.q = self.read("q", (self.q_heads, self.queries), self.q_format)
        kv = (self.keys, self.kv_heads) if self.token_major else (self.kv_heads, self.keys)
        self.k, self.v = self.read("k", kv, self.format), self.read("v", kv, self.format)

    def read(self, name, shape, form):
        """The elements of a file, repeated to fill the tensor."""
        import numpy as np
        kind = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": np.uint16}.get(form, np.uint8)
        shape += (self.dim // 32 * BLOCKS[form] if form in BLOCKS else self.dim,)
        x, whole = np.fromfile(os.path.join(self.folder, name), kind), np.empty(shape, kind)
        flat = whole.reshape(-1)
        for at in range(0, flat.size, x.size):
            flat[at:at + x.size] = x[:flat.size - at]
        return whole

    def heads_first(self, x):
        """A view of k or v as [kv_heads][keys][dim]."""
        return x.swapaxes(0, 1) if self.token_major else x

    def among(self, formats, who):
        if self.format not in formats:
            raise Unable(f"{who} has no {self.format}")

    def bytes(self):
        return self.q.nbytes + self.k.nbytes + self.v.nbytes


def widen(x):
    """Raw numbers of any format to f32, exact."""
    import numpy as np
    return (x.astype(np.uint32) << 16).view(np.float32) if x.dtype == np.uint16 else x.astype(np.float32)


def times(call, n):
    taken = []
    for _ in range(n):
        start = time.perf_counter_ns()
        call()
        taken.append(time.perf_counter_ns() - start)
    return taken


def answer(words, held, prepare):
    """held: [case, call, output].  call () is one call; output () gives [q_heads][queries][dim], which is written as f32
    (f64)."""
    if words[0] == "case":
        held[:] = []
        case = Case(" ".join(words[1:]).split(" ", 11))
        call, output = prepare(case)
        first = times(call, 1)                  # what a library refuses it refuses now
        held[:] = [case, call, output]
        return f"ready\t{first[0] * 1e-9:.9e}"
    elif words[0] == "run":
        return "times\t" + " ".join(f"{max(t, 1) * 1e-9:.9e}" for t in times(held[1], int(words[1])))
    elif words[0] == "out":
        import numpy as np
        kind = np.float64 if held[0].q_format == "f64" else np.float32
        np.ascontiguousarray(held[2](), kind).tofile(os.path.join(held[0].folder, "out"))
    else:
        held[:] = []
    return "ready"


def serve(start):
    """start (variant, threads) -> (version, isa, prepare); prepare (case) -> (call, output)."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape")
    os.dup2(2, 1)                               # what a library prints must not look like an answer

    def say(line):
        print(line.replace("\n", " "), file=answers, flush=True)

    try:
        version, isa, prepare = start(sys.argv[1], int(sys.argv[2]))
    except Exception as e:                      # not installed, or not for this machine
        say(f"missing\t{type(e).__name__}: {e}"[:240])
        return
    say(f"hello\t{version}\t{isa}")
    held = []
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    for line in iter(sys.stdin.readline, ""):
        try:
            say(answer(line.rstrip("\n").split(" "), held, prepare))
        except Exception as e:
            held[:] = []
            say("no\t" + (str(e) if isinstance(e, Unable) else f"{type(e).__name__}: {e}")[:240])
