# SPDX-License-Identifier: GPL-3.0-or-later
# Experiments, the providers of references, and the data that both need; installed for those who have no source tree.

experimentsdir = $(pkgdatadir)/experiments
experimentsdatadir = $(experimentsdir)/data
providersdir = $(experimentsdir)/providers

experiment_files = \
  experiments/accuracy-arithmetic.yaml experiments/first-report.yaml experiments/formats.yaml experiments/mixed-cache.yaml \
  experiments/real-smollm2.yaml
experiment_data_files = \
  experiments/data/README experiments/data/references.h5 experiments/data/smollm2-256.h5 experiments/data/smollm2-512.h5 \
  experiments/data/smollm2.h5
provider_files = \
  experiments/providers/bench_common.py experiments/providers/bench_ggml.py experiments/providers/bench_ort.py \
  experiments/providers/bench_torch.py \
  experiments/providers/capture_common.py experiments/providers/capture_smollm2.py \
  experiments/providers/ggml_provider.py experiments/providers/make_formats_golden.py \
  experiments/providers/make_safetensors_golden.py experiments/providers/pack_references.py \
  experiments/providers/provider_common.py experiments/providers/requirements.txt \
  experiments/providers/torch_provider.py
EXTRA_DIST += $(experiment_files) $(experiment_data_files) $(provider_files)

if PROGRAM
experiments_DATA = $(experiment_files)
experimentsdata_DATA = $(experiment_data_files)
providers_DATA = $(provider_files)
endif
