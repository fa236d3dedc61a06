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

cat >'b b.yaml' <<'EOF'
experiment: blocks
problem: {q_heads: 4, kv_heads: 2, dim_k: 64, dim_v: 32, queries: 3, keys: 70, causal: true}
inputs: [{family: normal}]
storage: [{q: q8_0, k: q4_0, v: q4_1}, {q: f16, k: q5_1, v: iq4_nl}, {q: f8e5m2, k: f8e4m3, v: q5_0}]
segments: [[30, {len: 40, k: f16}]]
EOF
run_capture "$SEGATTN" run --no-references 'b b.yaml' -o 'b b.h5'
is_status 0 'an experiment with blocks in some segments'
sed -i '/^segments/d; s/: blocks/: whole-blocks/' 'b b.yaml'
run_capture "$SEGATTN" run --no-references 'b b.yaml' -o 'b b.h5'
is_status 0 'an experiment with blocks'
run_capture "$SEGATTN" judge 'b b.h5'
is_status 0 'it is read back'

if command -v h5dump >/dev/null; then
  ok 'h5dump reads all of it' h5dump 's s.h5'
else
  skip 'no h5dump'
fi

# What a person should know is said, with heads; a file of a version that counted all heads together is read all the same.
cat >events.yaml <<'EOF'
experiment: events
problem: {q_heads: 4, kv_heads: 2, dim: 8, queries: 3, keys: 70}
inputs: [{family: uniform, low: 65000, high: 70000}]
storage: [{q: f32, k: f16, v: f32}]
EOF
run_capture "$SEGATTN" run --no-references events.yaml -o events.h5
contains "$stdout" '; the first at key position' 'events: heads and the first position are in the table'
run_capture "$SEGATTN" judge events.h5
contains "$stdout" '    events    saturations' 'events: and in what judge says of the file'

python=${SEGATTN_PYTHON:-python3}
cat >read.py <<'EOF'
import importlib, os, sys

step, path, config = sys.argv[1:]


def h5py_reads():
    import h5py
    import numpy as np
    with h5py.File(path) as f:
        assert f.attrs["format_version"] == 1 and f.attrs["seed"] == 3 and f.attrs["experiment"] == b"store"
        assert f.attrs["config"].decode() == open(config).read()
        assert len(f["cases"]) == 2
        for case in f["cases"].values():
            v = case["inputs/v"]
            assert v.dtype == np.uint16 and v.attrs["format"] == b"bf16" and v.attrs["axes"] == b"batch,kv_head,key,dim_v"
            assert [d[0].name.split("/")[-1] for d in v.dims] == ["batch", "kv_head", "key", "dim_v"]
            assert case["query"][:].tolist() == [67, 68, 69] and case["key"].shape == (70,)
            assert case["inputs/mask"].shape == (1, 1, 64, 128)
            events = case["events"]
            assert len(events) == 9 and all(e.shape == (4,) and e.dims[0][0] == case["head"] for e in events.values())
            assert events["rescales"].dtype == np.uint64 and events["first"].dtype == np.int64
            assert (events["nan"][:] == 0).all() and (events["first"][:] == np.iinfo(np.int64).max).all()
            datasets = []
            case.visititems(lambda name, x: datasets.append((name, x)) if isinstance(x, h5py.Dataset) else None)
            for name, x in datasets:
                if not x.is_scale:
                    assert all(len(d) == 1 and len(d[0]) == n for d, n in zip(x.dims, x.shape)), name
                    assert x.fletcher32 and x.shuffle and x.compression == "gzip", name


def as_before():
    """Events as attributes, of all heads together."""
    import h5py
    with h5py.File("events.h5", "r+") as f:
        for case in f["cases"].values():
            del case["events"]
            for name in ("overflow", "underflow", "rescales", "nan", "inf", "masked_rows"):
                case.require_group("events").attrs[name] = 5


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
            exact, storage = case["oracle/unquantised"][:], case["errors/oracle-unquantised"]
            lost = case["oracle/out"][:] - exact
            relative = np.sqrt((lost**2).mean((2, 3)) / (exact**2).mean((2, 3)))
            assert np.abs(lost).max() == storage.attrs["max"] > 0
            assert np.allclose(storage["relative_by_head"][:], relative, rtol=1e-12)


def blocks_are_right():
    """Blocks and fp8 lie as bytes, which the providers' numpy decodes: numpy gets the stored oracle from them."""
    import h5py
    import numpy as np
    sys.path.insert(0, os.environ["SEGATTN_PROVIDERS"])
    sys.dont_write_bytecode = True
    import provider_common
    row = {"q8_0": 34, "q4_0": 18, "q4_1": 20, "q5_0": 22, "q5_1": 24, "iq4_nl": 18}
    with h5py.File("b b.h5") as f:
        assert len(f["cases"]) == 3
        for case in f["cases"].values():
            for name, dim in (("q", 64), ("k", 64), ("v", 32)):
                x = case["inputs"][name]
                kind = x.attrs["format"].decode()
                assert x.attrs["axes"].decode().split(",")[-1] == ("dim_v" if name == "v" else "dim")
                if kind != "f16":
                    assert x.dtype == np.uint8 and x.shape[3] == dim * row.get(kind, 32) // 32, (kind, x.shape)
                    assert all(len(d) == 1 and len(d[0]) == n for d, n in zip(x.dims, x.shape))
            q, k, v = (provider_common.decode(case["inputs"][name]).astype(float) for name in "qkv")
            k, v = (np.repeat(x, 2, axis=1) for x in (k, v))
            score = np.einsum("bhqd,bhkd->bhqk", q, k) * float(case.attrs["scale"])
            score[..., case["key"][:][None, :] > case["query"][:][:, None]] = -np.inf
            w = np.exp(score - score.max(-1, keepdims=True))
            out = np.einsum("bhqk,bhkd->bhqd", w / w.sum(-1, keepdims=True), v)
            assert np.abs(out - case["oracle/out"][:]).max() < 1e-13


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
    for module in {"netcdf4": ["xarray", "h5py", "netCDF4"], "h5netcdf": ["xarray", "h5py", "h5netcdf"]}.get(step, ["h5py"]):
        importlib.import_module(module)
except ImportError as e:
    print(e)
    sys.exit(77)
steps = {"h5py": h5py_reads, "attention": attention_is_right, "blocks": blocks_are_right, "before": as_before}
steps.get(step, lambda: xarray_reads(step))()
EOF
for step in h5py attention blocks netcdf4 h5netcdf; do
  run_capture "$python" read.py "$step" 's s.h5' 's s.yaml'
  case $status in
  77 | 127) skip "$step: $(head -n 1 "$stdout" "$stderr" | tr '\n' ' ')" ;;
  *) is_status 0 "read by python: $step" ;;
  esac
done
run_capture "$SEGATTN" judge events.h5
cp "$stdout" with-heads
run_capture "$python" read.py before events.h5 events.yaml
if [ "$status" = 0 ]; then
  run_capture "$SEGATTN" judge events.h5
  ok 'events of all heads together: judge says the rest' sh -c "grep -v '    events   ' with-heads | cmp - '$stdout'"
else
  skip 'no h5py'
fi
done_testing
