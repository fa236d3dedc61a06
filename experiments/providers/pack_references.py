# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pack of references from the results of runs.

    python pack_references.py -o ../data/references.h5 first-report.h5 real-smollm2.h5:torch-flash-bf16

Names after a colon keep only those providers of that file.  The pack holds, under /INPUTS_DIGEST/PROVIDER, what the
provider answered: out, lse and its attributes.  Answers that came from a pack are refused: a pack is made of computed ones.
"""
import argparse
import pathlib

import h5py
import numpy as np

from provider_common import text, whole_file

FORMATS = ("format", "axes")


def references(file, providers):
    """(digest, provider, group) of every answer in a result file."""
    for case in file["cases"].values():
        for name, group in case.get("references", {}).items():
            if "out" in group and (not providers or name in providers):
                yield text(case.attrs["inputs_digest"]), name, group


def add(pack, digest, name, group):
    if f"{digest}/{name}" in pack:
        return
    source = text(group.attrs.get("source", ""))
    if source != "computed":
        raise SystemExit(f"pack_references.py: {group.file.filename}: {name}: source {source!r}; expected 'computed'")
    target = pack.create_group(f"{digest}/{name}")
    # the attributes that a provider gives, and no dimension scales: those belong to a case
    given = {key: np.bytes_(text(value).encode()) for key, value in group.attrs.items()}     # fixed length: half the size
    target.attrs.update(given, available=np.int64(1), inputs_digest=np.bytes_(digest))
    for part in ("out", "lse"):
        if part in group:
            d = target.create_dataset(part, data=group[part][()], compression="gzip", compression_opts=9, shuffle=True,
                                      fletcher32=True)
            d.attrs.update({key: np.bytes_(text(group[part].attrs[key])) for key in FORMATS})


def main():
    parser = argparse.ArgumentParser(description="Make the pack of references from the results of runs.")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("results", nargs="+", metavar="NAME.h5[:PROVIDER,...]")
    a = parser.parse_args()
    with whole_file(a.output) as pack:
        pack.attrs["made_by"] = "experiments/providers/pack_references.py"
        pack.attrs["layout"] = "/INPUTS_DIGEST/PROVIDER/{out,lse}; attributes say what made them"
        for result in a.results:
            path, _, providers = result.partition(":")
            with h5py.File(path, "r") as file:
                for digest, name, group in references(file, providers.split(",") if providers else None):
                    add(pack, digest, name, group)
        count = sum(len(group) for group in pack.values())
    print(f"{a.output}: {count} references, {pathlib.Path(a.output).stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
