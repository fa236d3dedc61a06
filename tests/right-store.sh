#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A result file read by programs that never heard of segattn: h5py, xarray with both of its engines, h5dump.

. "${srcdir:-.}/tests/tap.sh"
cd "$work" || exit 99
cat >'s s.yaml' <<'EOF'
experiment: store
seed: 3
problem: {q_heads: 4, kv_heads: 2, dim_k: 8, dim_v: 6, queries: 3, keys: 70, causal: true, mask: padded}
inputs: [{family: normal}]
storage: [{q: f32, k: f16, v: bf16}]
segments: [[30, 40]]
arithmetic: [f32, f64]
EOF
run_capture "$SEGATTN" run --no-references 's s.yaml' -o 's s.h5'
is_status 0 'an experiment'

if command -v h5dump >/dev/null; then
  ok 'h5dump reads all of it' h5dump 's s.h5'
else
  skip 'no h5dump'
fi

python=${SEGATTN_PYTHON:-python3}
cat >read.py <<'EOF'
import importlib, sys

step, path, config = sys.argv[1:]


def h5py_reads():
    import h5py
    import numpy as np
    with h5py.File(path) as f:
        assert f.attrs["format_version"] == 1 and f.attrs["seed"] == 3 and f.attrs["experiment"] == "store"
        assert f.attrs["config"] == open(config).read()
        assert len(f["cases"]) == 2
        for case in f["cases"].values():
            v = case["inputs/v"]
            assert v.dtype == np.uint16 and v.attrs["format"] == "bf16" and v.attrs["axes"] == "batch,kv_head,key,dim_v"
            assert [d[0].name.split("/")[-1] for d in v.dims] == ["batch", "kv_head", "key", "dim_v"]
            assert case["query"][:].tolist() == [67, 68, 69] and case["key"].shape == (70,)
            assert case["inputs/mask"].shape == (1, 1, 64, 128)
            datasets = []
            case.visititems(lambda name, x: datasets.append((name, x)) if isinstance(x, h5py.Dataset) else None)
            for name, x in datasets:
                if not x.is_scale:
                    assert all(len(d) == 1 and len(d[0]) == n for d, n in zip(x.dims, x.shape)), name
                    assert x.fletcher32 and x.shuffle and x.compression == "gzip", name


def attention_is_right():
    """The stored bits are what their attributes say: numpy gets the stored oracle from them."""
    import h5py
    import numpy as np
    with h5py.File(path) as f:
        for case in f["cases"].values():
            q = case["inputs/q"][:].astype(float)
            k = case["inputs/k"][:].view(np.float16).astype(float)
            v = (case["inputs/v"][:].astype(np.uint32) << 16).view(np.float32).astype(float)
            k, v = (np.repeat(x, 2, axis=1) for x in (k, v))
            score = np.einsum("bhqd,bhkd->bhqk", q, k) * float(case.attrs["scale"]) + case["inputs/mask"][:, :, :3, :70]
            score[..., case["key"][:][None, :] > case["query"][:][:, None]] = -np.inf
            w = np.exp(score - score.max(-1, keepdims=True))
            out = np.einsum("bhqk,bhkd->bhqd", w / w.sum(-1, keepdims=True), v)
            assert np.abs(out - case["oracle/out"][:]).max() < 1e-13
            assert (np.abs(case["outputs/segmented/out"][:] - case["oracle/out"][:]) <= case["bound/out"][:]).all()


def xarray_reads(engine):
    import h5py
    import numpy as np
    import xarray
    with h5py.File(path) as f:
        ids = list(f["cases"])
    for i in ids:
        group = f"cases/{i}/"
        with xarray.open_dataset(path, engine=engine, group=group + "outputs/segmented") as d:
            assert d["out"].dims == ("batch", "head", "query", "dim_v") and d["out"].shape == (1, 4, 3, 6)
            assert d["M"].dims == ("batch", "head", "query") and np.isfinite(d["out"].values).all()
        with xarray.open_dataset(path, engine=engine, group=group + "inputs") as d:
            assert d["k"].dims == ("batch", "kv_head", "key", "dim") and d["k"].dtype == np.uint16
            assert d["mask"].sizes["query_64"] == 64 and d["mask"].sizes["key_128"] == 128
        with xarray.open_dataset(path, engine=engine, group=group + "errors/segmented-oracle") as d:
            assert d["by_element"].dims == ("batch", "head", "dim_v", "statistic")
            assert d["histogram"].dims == ("batch", "head", "bin") and d["histogram"].sum() == 4 * 3 * 6
            assert d.attrs["max"] == d["by_element"].values[..., 0].max()
        tree = xarray.open_datatree(path, engine=engine)
        errors = tree[group + "errors/segmented-oracle"]
        assert float(errors["by_head"].sel(statistic="max").max()) == errors.attrs["max"]
        tree.close()


try:
    for module in {"h5py": ["h5py"], "netcdf4": ["xarray", "h5py", "netCDF4"], "h5netcdf": ["xarray", "h5py", "h5netcdf"]}.get(step, ["h5py"]):
        importlib.import_module(module)
except ImportError as e:
    print(e)
    sys.exit(77)
{"h5py": h5py_reads, "attention": attention_is_right}.get(step, lambda: xarray_reads(step))()
EOF
for step in h5py attention netcdf4 h5netcdf; do
  run_capture "$python" read.py "$step" 's s.h5' 's s.yaml'
  case $status in
  77 | 127) skip "$step: $(head -n 1 "$stdout" "$stderr" | tr '\n' ' ')" ;;
  *) is_status 0 "read by python: $step" ;;
  esac
done
done_testing
