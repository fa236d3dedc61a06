/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An experiment: what the YAML file says, resolved into cases.  config.c makes it; everything else reads it.  */

#ifndef EXPERIMENT_H
#define EXPERIMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <segattn.h>

enum { ID_SIZE = 13, NAME_SIZE = 48 };  /* with the final 0 */

enum mask_kind {
  MASK_NONE,
  MASK_ZERO,                    /* additive zeros, [queries][keys] */
  MASK_PADDED                   /* additive zeros (-inf beyond the keys), padded to multiples of 64 both ways, as ggml
                                   takes it */
};

/* Where q, k and v come from.  A family's parameters have names in families[] (inputs.c).  */
typedef struct input_spec {
  char family[NAME_SIZE];       /* "normal", "first-report", ...; "import" */
  double parameter[4];          /* in the order of the family's table row; defaults filled in */
  char *path;                   /* import: the file, absolute or relative to the working folder (already resolved) */
  char *path_given;             /* import: as the YAML says it; this is what is stored and hashed */
  long layer;                   /* import; -1 where the file has no layers */
  long replicate;               /* 0 .. replicates - 1 */
} input_spec;

typedef struct segment_spec {
  size_t keys;
  segattn_format k, v;
} segment_spec;

typedef struct case_spec {
  char id[ID_SIZE];             /* 12 hexadecimal digits: SHA-256 of the settings that differ from the defaults */
  char *label;                  /* for people: what varies in this experiment */
  size_t block;                 /* which block of the file */

  size_t batch, q_heads, kv_heads, dim_k, dim_v, queries, keys;   /* 0 until import fills them in */
  double scale;                 /* SEGATTN_SCALE_DEFAULT unless given */
  double softcap;
  bool causal, alibi;
  size_t window;
  int64_t q_start;              /* INT64_MIN: keys - queries */
  enum mask_kind mask;

  input_spec input;
  segattn_format q, k, v;       /* storage */
  bool saturate;                /* beyond a float format's largest number: that one */
  segment_spec *segments;       /* n_segments of them; whole is one */
  size_t n_segments;
  bool mixed;                   /* formats differ between segments */
  char arithmetic[NAME_SIZE];
  char **references;            /* provider names, "torch-math-f32" */
  size_t n_references;
} case_spec;

typedef struct experiment {
  char *path;                   /* of the YAML file */
  char *text;                   /* of the YAML file, as it was */
  char *name;
  uint64_t seed;
  case_spec *cases;
  size_t n_cases;
  char **report;                /* figure names; n_report may be 0: all */
  size_t n_report;
} experiment;

/* 0, USAGE (with "file:line:column: ..." on standard error) or FILES.  Frees on failure.  */
int experiment_load(experiment *e, const char *path);
void experiment_free(experiment *e);
/* Makes `segments` from what the YAML said once the number of keys is known (import): config.c calls it itself.  */

/* The setting `i` of a case as (name, value) texts, for labels, hashes, attributes: false past the end.  `differs` tells
   whether it is not the default.  `inputs_only` leaves out what does not determine the inputs (storage, segments,
   arithmetic, references).  */
typedef struct setting { const char *name; char value[256]; bool differs, determines_inputs; } setting;
bool case_setting(const case_spec *c, size_t i, setting *s);

#endif
