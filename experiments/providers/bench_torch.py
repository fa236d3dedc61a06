# SPDX-License-Identifier: GPL-3.0-or-later
"""A contestant of `segattn bench`: torch.nn.functional.scaled_dot_product_attention on the CPU, back end flash or math.

Groups of heads by enable_gqa; token-major K and V as permuted views, as a user of such a cache would pass them.
"""
import bench_common as common


def start(variant, threads):
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    backend = {"flash": SDPBackend.FLASH_ATTENTION, "math": SDPBackend.MATH}[variant]

    def tensor(x):
        t = torch.from_numpy(x)
        return (t.view(torch.bfloat16) if x.dtype == "uint16" else t).unsqueeze(0)

    def prepare(case):
        case.among(("f64", "f32", "f16", "bf16"), "scaled_dot_product_attention on the CPU")
        q, k, v = tensor(case.q), tensor(case.heads_first(case.k)), tensor(case.heads_first(case.v))
        gqa = case.q_heads != case.kv_heads
        kept = [None]

        def call():
            with sdpa_kernel(backend):
                kept[0] = scaled_dot_product_attention(q, k, v, is_causal=case.causal, enable_gqa=gqa)
        return call, lambda: (kept[0][0] if case.format == "f64" else kept[0][0].float()).numpy()

    return torch.__version__, torch.backends.cpu.get_cpu_capability(), prepare


if __name__ == "__main__":
    common.serve(start)
