/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The element table: one case in text, side by side, and why a comparison in memory order fails.

   ggml's operator stores its output [head_dim, n_heads, n_q] (fastest first), PyTorch [head_dim, n_q, n_heads].  Compared
   element by element as the bytes lie, only those elements meet that have the same place in both; compared by the names of
   the axes, all do.  Both comparisons are shown; the one in memory order is a mistake on purpose and decides nothing.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "message.h"
#include "report.h"
#include "report_data.h"
#include "store.h"

enum { SHOWN = 128, SIDES = 4 };
enum { STANDARD, SEGMENTED, TORCH, GGML };

typedef struct table {
  result r;
  size_t batch, heads, queries, dim, n;
  const array *out[SIDES];      /* NULL: none */
  double *value[SIDES];         /* [batch][head][query][dim] */
  double *bound;                /* of ours; NULL: none */
  char name[SIDES][NAME_SIZE];
} table;

/* ---- which case ---- */

/* The reference that is shown: of this kind, f32 before others, and available.  */
static const reference *choose_reference(const result *r, const char *kind) {
  const reference *found = NULL;
  for (size_t i = r->n_references; i-- > 0; ) {
    const reference *p = &r->references[i];
    if (!p->available || strncmp(p->provider, kind, strlen(kind)) != 0)
      continue;
    if (found == NULL || p->out.format == SEGATTN_F32 || found->out.format != SEGATTN_F32)
      found = p;
  }
  return found;
}

static int worth(const result *r) {
  const char *segments = report_setting(r, "segments");
  return 4 * (*segments != '\0' && strcmp(segments, "whole") != 0) + 2 * (choose_reference(r, "torch-") != NULL)
    + (choose_reference(r, "ggml-") != NULL);
}

/* The first case that has most of: several segments, PyTorch, ggml.  */
static int choose_case(result *best, const char *path) {
  char (*ids)[ID_SIZE] = NULL;
  size_t n = 0;
  int status = store_ids(&ids, &n, path), most = -1;
  if (status == DONE && n == 0)
    status = fail(FILES, "%s: it holds no case: expected the result of `segattn run`", path);
  for (size_t i = 0; i < n && status == DONE && most < 7; i++) {
    result r = { 0 };
    status = store_case_read(&r, path, ids[i]);
    if (status == DONE && worth(&r) > most) {
      most = worth(&r);
      result other = *best;
      *best = r;
      r = other;
    }
    result_free(&r);
  }
  free(ids);
  return status;
}

static int side_take(table *t, int i, const array *out, const char *name) {
  if (out == NULL || out->data == NULL)
    return DONE;
  if (memcmp(out->shape, t->r.standard.out.shape, sizeof out->shape) != 0)
    return fail(FILES, "%s: output of another shape than the standard side's", name);
  t->out[i] = out;
  snprintf(t->name[i], NAME_SIZE, "%s", name);
  t->value[i] = array_values(out);
  return t->value[i] != NULL ? DONE : FILES;
}

static int table_load(table *t, const char *path) {
  int status = choose_case(&t->r, path);
  if (status != DONE)
    return status;
  const size_t *shape = t->r.standard.out.shape;
  t->batch = shape[SEGATTN_BATCH];
  t->heads = shape[SEGATTN_HEAD];
  t->queries = shape[SEGATTN_POS];
  t->dim = shape[SEGATTN_DIM];
  t->n = array_count(&t->r.standard.out);
  if (t->r.bound.data != NULL && (t->bound = array_values(&t->r.bound)) == NULL)
    return FILES;
  const reference *torch = choose_reference(&t->r, "torch-"), *ggml = choose_reference(&t->r, "ggml-");
  status = side_take(t, STANDARD, &t->r.standard.out, "standard");
  if (status == DONE)
    status = side_take(t, SEGMENTED, &t->r.segmented.out, "segmented");
  if (status == DONE && torch != NULL)
    status = side_take(t, TORCH, &torch->out, torch->provider);
  if (status == DONE && ggml != NULL)
    status = side_take(t, GGML, &ggml->out, ggml->provider);
  return status;
}

static void table_free(table *t) {
  for (int i = 0; i < SIDES; i++)
    free(t->value[i]);
  free(t->bound);
  result_free(&t->r);
}

/* ---- places ---- */

/* Where the element lies that is number i in the order [batch][query][head][dim], the operator's.  */
static size_t place(const table *t, size_t i) {
  const size_t d = i % t->dim, h = i / t->dim % t->heads, q = i / t->dim / t->heads % t->queries;
  const size_t b = i / t->dim / t->heads / t->queries;
  return ((b * t->heads + h) * t->queries + q) * t->dim + d;
}

/* ---- parts of the report ---- */

static void print_parameters(const table *t, const file_header *h) {
  const result *r = &t->r;
  printf("%sExperiment %s, case %s%s (%s)\n", colour_out(BOLD), h->experiment, r->label, colour_out(PLAIN), r->id);
  for (size_t i = 0; i < r->n_settings; i++)
    printf("  %-20s %s\n", r->settings[i].name, r->settings[i].value);
  printf("  %-20s %s\n", "shown here", t->value[TORCH] != NULL ? t->name[TORCH] : "no PyTorch");
  printf("  %-20s %s\n", "", t->value[GGML] != NULL ? t->name[GGML] : "no ggml");
}

static void print_range(const char *what, const array *a) {
  double *x = a->data != NULL ? array_values(a) : NULL, lo = NAN, hi = NAN;
  for (size_t i = 0; x != NULL && i < array_count(a); i++) {
    lo = fmin(lo, x[i]);
    hi = fmax(hi, x[i]);
  }
  if (x != NULL)
    printf("  %s  min %.6f  max %.6f  cut to three decimals [%.3f, %.3f]\n", what, lo, hi, trunc(lo * 1000) / 1000,
           trunc(hi * 1000) / 1000);
  free(x);
}

static void print_cell(const double *x, size_t i) {
  if (x == NULL)
    printf(" %11s", "-");
  else
    printf(" % 11.7f", x[i]);
}

static void print_gap(const double *a, const double *b, size_t i) {
  if (a == NULL || b == NULL)
    printf(" %10s", "-");
  else
    printf(" % 10.2e", a[i] - b[i]);
}

static void print_elements(const table *t) {
  printf("%s%5s %3s %4s %4s %11s %11s %11s %11s %10s %10s %10s%s\n", colour_out(BOLD), "index", "q", "head", "dim", "standard",
         "segmented", "PyTorch", "ggml", "seg-std", "seg-torch", "ggml-torch", colour_out(PLAIN));
  for (size_t i = 0; i < t->n && i < SHOWN; i++) {
    const size_t at = place(t, i);
    printf("%5zu %3zu %4zu %4zu", i, at / t->dim % t->queries, at / t->dim / t->queries % t->heads, at % t->dim);
    for (int s = 0; s < SIDES; s++)
      print_cell(t->value[s], at);
    print_gap(t->value[SEGMENTED], t->value[STANDARD], at);
    print_gap(t->value[SEGMENTED], t->value[TORCH], at);
    print_gap(t->value[GGML], t->value[TORCH], at);
    putchar('\n');
  }
  if (t->n > SHOWN)
    printf("  (the first %d of %zu elements, in the order [query][head][dim])\n", SHOWN, t->n);
}

/* ---- differences and verdicts ---- */

typedef struct gap { double max, mean; bool inside; } gap;

/* |x - y|; NaN on one side is infinite.  Two f32 are subtracted in f32, as whoever compares two f32 tensors does.  */
static double distance(double x, double y, bool both_f32) {
  if (x == y || (isnan(x) && isnan(y)))
    return 0;
  double d = both_f32 ? (double) fabsf((float) x - (float) y) : fabs(x - y);
  return isnan(d) ? INFINITY : d;
}

/* Side a against side b; in_memory_order: b is taken as its bytes lie, a as the operator stores it.
   inside: each difference is at most twice the bound, the sum of the bounds of two outputs of the same arithmetic.  */
static gap compare(const table *t, int a, int b, bool in_memory_order) {
  const bool both_f32 = t->out[a]->format == SEGATTN_F32 && t->out[b]->format == SEGATTN_F32;
  gap g = { 0, 0, t->bound != NULL };
  for (size_t i = 0; i < t->n; i++) {
    const size_t at = place(t, i);
    const double d = distance(t->value[a][at], t->value[b][in_memory_order ? i : at], both_f32);
    g.max = fmax(g.max, d);
    g.mean += d / (double) t->n;
    g.inside = g.inside && d <= 2 * t->bound[at];
  }
  return g;
}

enum verdict { NONE, PASS, FAILED, MISTAKE };

static void print_verdict(const table *t, int a, int b, const char *how, gap g, enum verdict v, const char *why) {
  static const struct { const char *text; enum colour colour; } look[] = {
    { "-", PLAIN }, { "PASS", GREEN }, { "FAIL", RED }, { "FAIL", YELLOW } };
  char pair[2 * NAME_SIZE + 4];
  snprintf(pair, sizeof pair, "%s, %s", t->name[a], t->name[b]);
  printf("  %-30s %-16s max %.6e  mean %.2e  %s%-4s%s  %s\n", pair, how, g.max, g.mean, colour_out(look[v].colour),
         look[v].text,
         colour_out(PLAIN), why);
}

static bool identical(const table *t) {
  return t->out[STANDARD]->format == t->out[SEGMENTED]->format
    && memcmp(t->out[STANDARD]->data, t->out[SEGMENTED]->data, array_bytes(t->out[STANDARD])) == 0;
}

/* Ours against PyTorch has a verdict where PyTorch claims at least the case's own arithmetic.  */
static bool same_arithmetic(const table *t) {
  const char *arithmetic = report_setting(&t->r, "arithmetic");
  return t->bound != NULL && (t->out[TORCH]->format == SEGATTN_F64
    || (t->out[TORCH]->format == SEGATTN_F32 && strcmp(arithmetic, "f32") == 0));
}

static int print_by_names(const table *t) {
  bool same = identical(t), failed = !same;
  print_verdict(t, STANDARD, SEGMENTED, "by axis names", compare(t, STANDARD, SEGMENTED, false),
                same ? PASS : FAILED, same ? "identical bits" : "the bits differ");
  for (int i = STANDARD; i <= SEGMENTED && t->value[TORCH] != NULL; i++) {
    gap g = compare(t, i, TORCH, false);
    bool judged = same_arithmetic(t);
    print_verdict(t, i, TORCH, "by axis names", g, !judged ? NONE : g.inside ? PASS : FAILED,
                  !judged    ? "distance: no common bound"
                  : g.inside ? "within twice the bound of this arithmetic"
                             : "beyond twice the bound of this arithmetic");
    failed |= judged && !g.inside;
  }
  if (t->value[GGML] != NULL)
    print_verdict(t, SEGMENTED, GGML, "by axis names", compare(t, SEGMENTED, GGML, false), NONE,
                  "distance: no bound is stated for its arithmetic");
  if (t->value[GGML] != NULL && t->value[TORCH] != NULL)
    print_verdict(t, GGML, TORCH, "by axis names", compare(t, GGML, TORCH, false), NONE,
                  "distance: no bound is stated for its arithmetic");
  return failed ? VERDICT_FAIL : DONE;
}

/* Runs of elements at the same place in both layouts: "0-31 (head 0, query 0)".  */
static void print_why(const table *t) {
  size_t runs = 0;
  printf("  why: elements");
  for (size_t i = 0, end; i < t->n; i = end) {
    for (end = i + 1; end < t->n && (place(t, end) == end) == (place(t, i) == i); end++)
      ;
    if (place(t, i) == i && runs++ < 4)
      printf("%s %zu-%zu (head %zu, query %zu)", runs > 1 ? " and" : "", i, end - 1, i / t->dim / t->queries % t->heads,
             i / t->dim % t->queries);
  }
  printf("%s agree because they lie at the same place in both layouts\n"
         "       ([head_dim, n_heads, n_q] against [head_dim, n_q, n_heads], fastest axis first); all others are compared "
         "with another head's.\n",
         runs > 4 ? " and others" : "");
}

static void print_in_memory_order(const table *t) {
  if (t->value[TORCH] == NULL || t->heads == 1 || t->queries == 1)
    return;
  printf("\n%sCompared in memory order%s, as the bytes lie: a mistake, shown for what it gives; it decides nothing\n",
         colour_out(BOLD), colour_out(PLAIN));
  for (int i = SEGMENTED; i < SIDES; i++)
    if (i != TORCH && t->value[i] != NULL)
      print_verdict(t, i, TORCH, "in memory order", compare(t, i, TORCH, true), MISTAKE,
                    "the report's mistake: permuted axes");
  print_why(t);
}

int report_element_table(const char *result_path) {
  table t = { 0 };
  file_header h = { 0 };
  int status = store_header_read(&h, result_path);
  if (status == DONE)
    status = table_load(&t, result_path);
  if (status == DONE) {
    print_parameters(&t, &h);
    printf("\n%sState%s\n", colour_out(BOLD), colour_out(PLAIN));
    print_range("M", &t.r.segmented.M);
    print_range("S", &t.r.segmented.S);
    putchar('\n');
    print_elements(&t);
    printf("\n%sDifferences%s\n", colour_out(BOLD), colour_out(PLAIN));
    status = print_by_names(&t);
    printf("  standard and segmented: %s\n", identical(&t) ? "identical bits" : "the bits differ");
    print_in_memory_order(&t);
  }
  table_free(&t);
  file_header_free(&h);
  return status;
}
