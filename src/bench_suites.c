/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The suites: every case that `bench` knows, as lists that multiply.  */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

const char *const bench_work_name[BENCH_WORKS] = { "attend", "absorb", "merge", "finalise" };

enum { HEAD = 1, TOKEN = 2 };           /* layouts of K and V */
enum { FULL = 1, CAUSAL = 2 };
enum { F64 = 1 << SEGATTN_F64, F32 = 1 << SEGATTN_F32, F16 = 1 << SEGATTN_F16, BF16 = 1 << SEGATTN_BF16 };
enum { MOST = 4 };

/* A list ends with 0.  queries 0: as many as keys.  cut: the entries of `segments` are cases of one contest.  */
static const struct suite {
  const char *name;
  enum bench_work work;
  bool quick, peers, cut, capture;
  unsigned formats, layouts, causal;
  struct { size_t q, kv; } heads[MOST];
  size_t dim[MOST], queries, keys[MOST], segments[MOST];
} suites[] = {
  { "prefill", BENCH_ATTEND, false, true, false, false, F32 | BF16, HEAD, FULL | CAUSAL, {{8, 8}}, {64, 128}, 0, {512, 2048}, {1} },
  { "prefill", BENCH_ATTEND, false, true, false, false, F16 | F64, HEAD, FULL, {{8, 8}}, {64, 128}, 0, {2048}, {1} },
  { "prefill", BENCH_ATTEND, true, true, false, false, F32 | F64, HEAD, FULL | CAUSAL, {{4, 4}}, {32}, 0, {160}, {1} },
  { "decode", BENCH_ATTEND, false, true, false, false, F32 | F16 | BF16, HEAD | TOKEN, FULL, {{32, 8}, {32, 32}}, {128}, 1,
    {4096, 32768, 131072}, {1} },
  { "decode", BENCH_ATTEND, false, true, false, false, F64, HEAD, FULL, {{32, 8}}, {128}, 1, {4096, 32768}, {1} },
  { "decode", BENCH_ATTEND, true, true, false, false, F32 | F16 | BF16, HEAD | TOKEN, FULL, {{8, 2}}, {64}, 1, {300}, {1} },
  { "small", BENCH_ATTEND, false, true, false, false, F32 | F16, HEAD, FULL, {{8, 4}}, {32}, 2, {4}, {1} },
  { "small", BENCH_ATTEND, false, true, false, false, F32 | F16, HEAD, FULL, {{8, 4}}, {32}, 10, {512}, {1} },
  { "small", BENCH_ATTEND, true, true, false, false, F32, HEAD, FULL, {{8, 4}}, {32}, 2, {4}, {1} },
  { "segments", BENCH_ATTEND, false, false, true, false, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {32768}, {1, 8, 64, 512} },
  { "segments", BENCH_ATTEND, false, false, true, false, F32, HEAD, FULL, {{8, 8}}, {128}, 512, {4096}, {1, 8, 64, 512} },
  { "segments", BENCH_ATTEND, true, false, true, false, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {512}, {1, 8} },
  { "state", BENCH_ABSORB, false, false, false, false, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {1024, 32768}, {1} },
  { "state", BENCH_MERGE, false, false, false, false, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {1024, 32768}, {1} },
  { "state", BENCH_FINALISE, false, false, false, false, F16, HEAD, FULL, {{32, 8}}, {128}, 1, {1024, 32768}, {1} },
  { "state", BENCH_ABSORB, true, false, false, false, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {256}, {1} },
  { "state", BENCH_MERGE, true, false, false, false, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {256}, {1} },
  { "state", BENCH_FINALISE, true, false, false, false, F16, HEAD, FULL, {{8, 2}}, {32}, 1, {256}, {1} },
  /* layer 18 of the capture in experiments/data, whose scores spread widest, beside random normal inputs of its shape */
  { "real", BENCH_ATTEND, false, false, false, true, F32, HEAD, CAUSAL, {{9, 3}}, {64}, 64, {1024}, {1} },
  { "real", BENCH_ATTEND, true, false, false, true, F32, HEAD, CAUSAL, {{9, 3}}, {64}, 64, {1024}, {1} },
};
enum { SUITES = sizeof suites / sizeof *suites };

const char *bench_suite_name(size_t i) {
  static const char *const names[] = { "prefill", "decode", "small", "segments", "state", "real" };
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static void label(bench_case *c) {
  char what[32] = "";
  if (c->work != BENCH_ATTEND)
    snprintf(what, sizeof what, "-%s", bench_work_name[c->work]);
  else if (!strcmp(c->suite, "prefill"))
    snprintf(what, sizeof what, "-d%zu", c->dim);
  else if (!strcmp(c->suite, "small") || !strcmp(c->suite, "segments"))
    snprintf(what, sizeof what, "-%zux%zu", c->queries, c->keys);
  else if (!strcmp(c->suite, "real"))
    snprintf(what, sizeof what, "-%s", c->capture ? "layer18" : "normal");
  int n = snprintf(c->label, sizeof c->label, "%s%s", c->suite, what);
  if (!strcmp(c->suite, "segments"))
    n += snprintf(c->label + n, sizeof c->label - (size_t)n, "-cut%zu", c->segments);
  else if (strcmp(c->suite, "small") && strcmp(c->suite, "real"))
    n += snprintf(c->label + n, sizeof c->label - (size_t)n, "-%zu", c->keys);
  if (!strcmp(c->suite, "prefill") && c->causal)
    snprintf(c->label + n, sizeof c->label - (size_t)n, "-causal");
}

/* The cases of one contest: all cuts, or both kinds of inputs, or one.  */
static void contest_fill(contest *t, const struct suite *s, const bench_case *first) {
  t->peers = s->peers;
  t->n_cases = 0;
  for (size_t i = 0; i < (s->cut ? MOST : s->capture ? 2 : 1) && (!s->cut || s->segments[i]); i++) {
    bench_case *c = &t->cases[t->n_cases++];
    *c = *first;
    c->segments = s->segments[s->cut ? i : 0];
    c->capture = s->capture && i > 0;
    label(c);
  }
}

/* Contest number `i` of a row of the table: an odometer, the last digit turning fastest; false past the last.  */
static bool contest_at(contest *t, const struct suite *s, size_t i) {
  bench_case c = { .suite = s->name, .work = s->work };
  static const segattn_format formats[] = { SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16, SEGATTN_F64 };
  for (size_t h = 0; h < MOST && s->heads[h].q; h++)
    for (size_t d = 0; d < MOST && s->dim[d]; d++)
      for (size_t n = 0; n < MOST && s->keys[n]; n++)
        for (unsigned rest = 0; rest < 4 * 4; rest++) {
          c.format = formats[rest / 4];
          c.causal = rest & 2;
          c.token_major = rest & 1;
          bool wanted = s->formats & 1U << c.format && s->causal & (c.causal ? CAUSAL : FULL) &&
                        s->layouts & (c.token_major ? TOKEN : HEAD);
          if (!wanted || i-- != 0)
            continue;
          c.q_heads = s->heads[h].q;
          c.kv_heads = s->heads[h].kv;
          c.dim = s->dim[d];
          c.keys = s->keys[n];
          c.queries = s->queries ? s->queries : c.keys;
          contest_fill(t, s, &c);
          return true;
        }
  return false;
}

contest *bench_contests(size_t *n, const char *suite, bool quick) {
  enum { MOST_CONTESTS = 128 };
  contest *all = calloc(MOST_CONTESTS, sizeof *all);
  *n = 0;
  if (!all) {
    fail(FILES, "out of memory");
    return NULL;
  }
  for (size_t s = 0; s < SUITES; s++)
    if (suites[s].quick == quick && (!suite || !strcmp(suite, suites[s].name)))
      for (size_t i = 0; *n < MOST_CONTESTS && contest_at(&all[*n], &suites[s], i); i++)
        ++*n;
  return all;
}

double bench_flops(const bench_case *c) {
  double pairs = (double)c->queries * (double)c->keys;
  if (c->causal)                /* query i sees keys - queries + i + 1 */
    pairs -= (double)c->queries * ((double)c->queries - 1) / 2;
  return 4 * (double)c->dim * (double)c->q_heads * pairs;
}

double bench_kv_bytes(const bench_case *c) {
  return 2 * (double)segattn_format_bytes(c->format, c->kv_heads * c->keys * c->dim);
}

double bench_bytes(const bench_case *c) {
  size_t n = c->q_heads * c->queries * c->dim;
  return bench_kv_bytes(c) + (double)segattn_format_bytes(c->format, n) +
         (double)segattn_format_bytes(c->format == SEGATTN_F64 ? SEGATTN_F64 : SEGATTN_F32, n);
}
