/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The suites: every case that `bench` knows, as lists that multiply.  */

#include "bench.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

const char *const bench_work_name[BENCH_WORKS] = { "attend", "absorb", "merge", "finalise" };

enum { HEAD = 1, TOKEN = 2 };           /* layouts of K and V */
enum { FULL = 1, CAUSAL = 2 };
enum { F64 = 1 << SEGATTN_F64, F32 = 1 << SEGATTN_F32, F16 = 1 << SEGATTN_F16, BF16 = 1 << SEGATTN_BF16,
       Q4_0 = 1 << SEGATTN_Q4_0, Q8_0 = 1 << SEGATTN_Q8_0,
       SMALL = 1 << SEGATTN_F8E4M3 | 1 << SEGATTN_F8E5M2 | Q8_0 | 1 << SEGATTN_Q5_0 | Q4_0 };
enum { MOST = 4 };

/* QUICK: for --quick, where the others are not.  PEERS_TOO: they take part.  CUTS: the entries of `segments` are cases of one
   contest.  REAL: so are random inputs and captured ones.  MIXED: so are a case of the two parts below and each part alone.
   PAIRS: so are f32 and f32c arithmetic.  */
enum { QUICK = 1, PEERS_TOO = 2, CUTS = 4, REAL = 8, MIXED = 16, PAIRS = 32 };

/* A window of recent keys as they came, after the bulk of older ones, quantised.  */
static const bench_part parts[BENCH_PARTS] = { { SEGATTN_Q4_0, 28672 }, { SEGATTN_F16, 4096 } };
static const bench_part quick_parts[BENCH_PARTS] = { { SEGATTN_Q4_0, 200 }, { SEGATTN_F16, 100 } };

/* A list ends with 0.  queries 0: as many as keys.  */
static const struct suite {
  const char *name;
  enum bench_work work;
  unsigned kind, formats, layouts, causal;
  struct { size_t q, kv; } heads[MOST];
  size_t dim[MOST], queries, keys[MOST], segments[MOST];
} suites[] = {
  { "prefill", BENCH_ATTEND, PEERS_TOO, F32 | BF16, HEAD, FULL | CAUSAL, {{8, 8}}, {64, 128}, 0, {512, 2048}, {1} },
  { "prefill", BENCH_ATTEND, PEERS_TOO, F16 | F64, HEAD, FULL, {{8, 8}}, {64, 128}, 0, {2048}, {1} },
  { "prefill", BENCH_ATTEND, PEERS_TOO, Q8_0, HEAD, FULL, {{8, 8}}, {128}, 0, {2048}, {1} },
  { "prefill", BENCH_ATTEND, QUICK | PEERS_TOO, Q8_0, HEAD, FULL, {{4, 4}}, {32}, 0, {160}, {1} },
  { "prefill", BENCH_ATTEND, QUICK | PEERS_TOO, F32 | F64, HEAD, FULL | CAUSAL, {{4, 4}}, {32}, 0, {160}, {1} },
  { "prefill", BENCH_ATTEND, PAIRS, F32, HEAD, FULL, {{8, 8}}, {128}, 0, {2048}, {1} },
  { "prefill", BENCH_ATTEND, QUICK | PAIRS, F32, HEAD, FULL, {{4, 4}}, {32}, 0, {160}, {1} },
  { "decode", BENCH_ATTEND, PEERS_TOO, F32 | F16 | BF16, HEAD | TOKEN, FULL, {{32, 8}, {32, 32}}, {128}, 1,
    {4096, 32768, 131072}, {1} },
  { "decode", BENCH_ATTEND, PEERS_TOO, F64, HEAD, FULL, {{32, 8}}, {128}, 1, {4096, 32768}, {1} },
  { "decode", BENCH_ATTEND, PEERS_TOO, SMALL, HEAD, FULL, {{32, 8}}, {128}, 1, {32768}, {1} },
  { "decode", BENCH_ATTEND, MIXED, Q4_0, HEAD, FULL, {{32, 8}}, {128}, 1, {32768}, {1} },
  { "decode", BENCH_ATTEND, PAIRS, F32 | F16, HEAD, FULL, {{32, 8}}, {128}, 1, {32768}, {1} },
  { "decode", BENCH_ATTEND, QUICK | PEERS_TOO, F32 | F16 | BF16, HEAD | TOKEN, FULL, {{8, 2}}, {64}, 1, {300}, {1} },
  { "decode", BENCH_ATTEND, QUICK | PEERS_TOO, SMALL, HEAD, FULL, {{8, 2}}, {64}, 1, {300}, {1} },
  { "decode", BENCH_ATTEND, QUICK | MIXED, Q4_0, HEAD, FULL, {{8, 2}}, {64}, 1, {300}, {1} },
  { "small", BENCH_ATTEND, PEERS_TOO, F32 | F16, HEAD, FULL, {{8, 4}}, {32}, 2, {4}, {1} },
  { "small", BENCH_ATTEND, PEERS_TOO, F32 | F16, HEAD, FULL, {{8, 4}}, {32}, 10, {512}, {1} },
  { "small", BENCH_ATTEND, QUICK | PEERS_TOO, F32, HEAD, FULL, {{8, 4}}, {32}, 2, {4}, {1} },
  { "segments", BENCH_ATTEND, CUTS, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {32768}, {1, 8, 64, 512} },
  { "segments", BENCH_ATTEND, CUTS, F32, HEAD, FULL, {{8, 8}}, {128}, 512, {4096}, {1, 8, 64, 512} },
  { "segments", BENCH_ATTEND, QUICK | CUTS, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {512}, {1, 8} },
  { "state", BENCH_ABSORB, 0, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {1024, 32768}, {1} },
  { "state", BENCH_MERGE, 0, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {1024, 32768}, {1} },
  { "state", BENCH_FINALISE, 0, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {1024, 32768}, {1} },
  { "state", BENCH_ABSORB, QUICK, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {256}, {1} },
  { "state", BENCH_MERGE, QUICK, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {256}, {1} },
  { "state", BENCH_FINALISE, QUICK, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {256}, {1} },
  /* layer 18 of the capture in experiments/data, whose scores spread widest, beside random normal inputs of its shape */
  { "real", BENCH_ATTEND, REAL, F32, HEAD, CAUSAL, {{9, 3}}, {64}, 64, {1024}, {1} },
  { "real", BENCH_ATTEND, QUICK | REAL, F32, HEAD, CAUSAL, {{9, 3}}, {64}, 64, {1024}, {1} },
};
enum { SUITES = sizeof suites / sizeof *suites };

const char *bench_suite_name(size_t i) {
  static const char *const names[] = { "prefill", "decode", "small", "segments", "state", "real" };
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static void label(bench_case *c, unsigned kind) {
  char what[32] = "";
  if (c->work != BENCH_ATTEND)
    snprintf(what, sizeof what, "-%s", bench_work_name[c->work]);
  else if (!strcmp(c->suite, "prefill"))
    snprintf(what, sizeof what, "-d%zu", c->dim);
  else if (!strcmp(c->suite, "small") || !strcmp(c->suite, "segments"))
    snprintf(what, sizeof what, "-%zux%zu", c->queries, c->keys);
  else if (!strcmp(c->suite, "real"))
    snprintf(what, sizeof what, "-%s", c->capture ? "layer18" : "normal");
  else if (kind & MIXED)
    snprintf(what, sizeof what, "-mixed");
  int n = snprintf(c->label, sizeof c->label, "%s%s%s%s", c->suite, kind & PAIRS ? "-in-" : "",
                   kind & PAIRS ? c->arithmetic : "", what);
  if (!strcmp(c->suite, "segments"))
    n += snprintf(c->label + n, sizeof c->label - (size_t)n, "-cut%zu", c->segments);
  else if (strcmp(c->suite, "small") && strcmp(c->suite, "real"))
    n += snprintf(c->label + n, sizeof c->label - (size_t)n, "-%zu", c->keys);
  if (!strcmp(c->suite, "prefill") && c->causal)
    snprintf(c->label + n, sizeof c->label - (size_t)n, "-causal");
}

/* What follows from the rest of a case: its texts.  */
static void name(bench_case *c, unsigned kind) {
  char format[sizeof c->format] = "", heads[48];
  label(c, kind);
  for (size_t i = 0, n = 0; i < c->parts; i++)
    n += (size_t)snprintf(format + n, sizeof format - n, "%s%s", i ? "+" : "", segattn_format_name(c->part[i].format));
  snprintf(heads, sizeof heads, "%zux%zu%s", c->q_heads, c->kv_heads, c->token_major ? "-token" : "");
  memcpy(c->format, format, sizeof format);
  char *end = stpcpy(c->name, c->label);
  snprintf(end, sizeof c->name - (size_t)(end - c->name), "-%s-%s", format, heads);
}

/* The parts of a mixed case, or for i > 0 one of them.  */
static void take_parts(bench_case *c, const struct suite *s, size_t i) {
  c->parts = i ? 1 : BENCH_PARTS;
  memcpy(c->part, s->kind & QUICK ? quick_parts : parts, sizeof c->part);
  if (i)
    c->part[0] = c->part[i - 1];
  c->q_format = SEGATTN_F32;
  c->keys = i ? c->part[0].keys : c->keys;
}

static bool wanted(const char *name, const char *const *only) {
  bool any = only && *only;
  for (; only && *only; only++)
    if (!fnmatch(*only, name, 0))
      return true;
  return !any;
}

/* The cases of one contest: all cuts, or both kinds of inputs, or arithmetics, or a whole and its parts, or one.  */
static void contest_fill(contest *t, const struct suite *s, const bench_case *first, const char *const *only) {
  size_t n = s->kind & CUTS ? MOST : s->kind & (REAL | PAIRS) ? 2 : s->kind & MIXED ? 1 + BENCH_PARTS : 1, i;
  *t = (contest){ .peers = s->kind & PEERS_TOO };
  for (i = 0; i < n && (!(s->kind & CUTS) || s->segments[i]); i++) {
    bench_case *c = &t->cases[t->n_cases];
    *c = *first;
    c->segments = s->segments[s->kind & CUTS ? i : 0];
    c->capture = s->kind & REAL && i > 0;
    if (s->kind & MIXED)
      take_parts(c, s, i);
    if (s->kind & PAIRS && i > 0)
      strcpy(c->arithmetic, "f32c");
    name(c, s->kind);
    t->n_cases += wanted(c->name, only);
  }
  t->mixed = s->kind & MIXED && t->n_cases == i;
}

static segattn_format format_of_q(segattn_format kv) {
  return segattn_format_bytes(kv, 1) == 1 || segattn_format_block(kv) > 1 ? SEGATTN_F32 : kv;
}

/* Contest number `i` of a row of the table: an odometer, the last digit turning fastest; false past the last.  */
static bool contest_at(contest *t, const struct suite *s, size_t i, const char *const *only) {
  bench_case c = { .suite = s->name, .work = s->work, .parts = 1 };
  static const segattn_format formats[] = { SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16, SEGATTN_F64, SEGATTN_F8E4M3, SEGATTN_F8E5M2,
                                            SEGATTN_Q8_0, SEGATTN_Q5_0, SEGATTN_Q4_0 };
  for (size_t h = 0; h < MOST && s->heads[h].q; h++)
    for (size_t d = 0; d < MOST && s->dim[d]; d++)
      for (size_t n = 0; n < MOST && s->keys[n]; n++)
        for (unsigned rest = 0; rest < 4 * sizeof formats / sizeof *formats; rest++) {
          segattn_format format = formats[rest / 4];
          c.causal = rest & 2;
          c.token_major = rest & 1;
          bool here = s->formats & 1U << format && s->causal & (c.causal ? CAUSAL : FULL) &&
                      s->layouts & (c.token_major ? TOKEN : HEAD);
          if (!here || i-- != 0)
            continue;
          c.q_heads = s->heads[h].q;
          c.kv_heads = s->heads[h].kv;
          c.dim = s->dim[d];
          c.keys = s->keys[n];
          c.queries = s->queries ? s->queries : c.keys;
          c.q_format = format_of_q(format);
          strcpy(c.arithmetic, c.q_format == SEGATTN_F64 ? "f64" : "f32");
          c.part[0] = (bench_part){ format, c.keys };
          contest_fill(t, s, &c, only);
          return true;
        }
  return false;
}

contest *bench_contests(size_t *n, const bench_options *o) {
  enum { MOST_CONTESTS = 128 };
  contest *all = calloc(MOST_CONTESTS, sizeof *all);
  *n = 0;
  if (!all) {
    fail(FILES, "out of memory");
    return NULL;
  }
  for (size_t s = 0; s < SUITES; s++)
    if (!(suites[s].kind & QUICK) != o->quick && (!o->suite || !strcmp(o->suite, suites[s].name)))
      for (size_t i = 0; *n < MOST_CONTESTS && contest_at(&all[*n], &suites[s], i, o->only); i++)
        *n += all[*n].n_cases > 0;
  return all;
}

bool bench_roofline(const bench_case *c) {
  return c->work == BENCH_ATTEND && strcmp(c->suite, "small") && strcmp(c->suite, "segments");
}

double bench_flops(const bench_case *c) {
  double pairs = (double)c->queries * (double)c->keys;
  if (c->causal)                /* query i sees keys - queries + i + 1 */
    pairs -= (double)c->queries * ((double)c->queries - 1) / 2;
  return 4 * (double)c->dim * (double)c->q_heads * pairs;
}

double bench_kv_bytes(const bench_case *c) {
  double bytes = 0;
  for (size_t i = 0; i < c->parts; i++)
    bytes += 2 * (double)segattn_format_bytes(c->part[i].format, c->kv_heads * c->part[i].keys * c->dim);
  return bytes;
}

size_t bench_out_bytes(const bench_case *c) {
  return c->q_format == SEGATTN_F64 ? sizeof(double) : sizeof(float);
}

double bench_bytes(const bench_case *c) {
  size_t n = c->q_heads * c->queries * c->dim;
  return bench_kv_bytes(c) + (double)segattn_format_bytes(c->q_format, n) + (double)(n * bench_out_bytes(c));
}
