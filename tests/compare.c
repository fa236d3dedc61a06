/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compares the memory of two answers; see compare.h.  */

#include <string.h>
#include "compare.h"
#include "tap.h"

enum { REPORTED = 3 };          /* failures of a kind that are described */

counted comparisons[KINDS] = {
  [SEGMENTS] = { .name = "random segments, empty ones among them" }, [ONE_KEY] = { .name = "one key a segment" },
  [EVERY_CUT] = { .name = "every cut position" }, [THREADS] = { .name = "2, 3 and 7 threads" },
  [ISA] = { .name = "every instruction set" }, [BATCH_ALONE] = { .name = "a batch element alone" },
  [HEAD_ALONE] = { .name = "a head alone" }, [QUERY_ALONE] = { .name = "a query alone" },
  [AXES] = { .name = "all 24 axis orders of each tensor" },
    [LAYOUT] = { .name = "any strides: permuted, negative, zero, with room" },
  [ABSORBED] = { .name = "absorbed segment by segment" }, [MERGED] = { .name = "states merged on block lines" },
  [TAIL] = { .name = "a masked tail" }, [PADDING] = { .name = "masked padding on the left and the right" },
  [GAPS] = { .name = "gaps against masked keys in them" }, [STORAGE] = { .name = "the same numbers stored as f64" },
  [MASK] = { .name = "the same mask in other words" }, [UNSEEN] = { .name = "garbage in keys that are not seen" },
  [TOGETHER] = { .name = "all of it together" },
};

static void describe(const test_case *t, const variant *w, enum kind kind) {
  diag("%s: differs; repeat with%s%s%s -s %llu -f %llu -n 1 -v", comparisons[kind].name, t->every_format ? " -e" : "",
       t->arithmetic ? " -a " : "", t->arithmetic ? t->arithmetic : "", (unsigned long long) t->seed,
       (unsigned long long) t->index);
  drawn_describe(&t->d);
  diag("  variant: batch %zu+%zu, heads %zu+%zu, queries %zu+%zu, cut %d at %zu, empties %d, left %zu, right %zu, joined %d",
       w->b, w->batch, w->h, w->heads, w->i, w->queries, (int) w->cut, w->cut_at, w->empties, w->left, w->right, w->joined);
  diag("  fill %d, wide %d, garbage %d, mask %d, route %d, %s, %d threads, axes q %s k %s v %s mask %s out %s lse %s",
       w->fill_gaps, w->wide, w->garbage, w->other_mask, (int) w->route, w->isa, w->threads, w->q.axes, w->k.axes,
       w->v.axes, w->mask.axes, w->out.axes, w->lse.axes);
}

static double value_at(segattn_format f, const unsigned char *p) {
  double x;
  segattn_decode(f, p, &x, 1);
  return x;
}

/* Compares the rows of the variant with theirs in the base; reports the first that differs.  */
static bool same_rows(const test_case *t, const variant *w, const unsigned char *base, const unsigned char *part, size_t dim,
                      segattn_format f, const char *what, bool tell) {
  const drawn *d = &t->d;
  size_t size = segattn_format_bytes(f, 1), row = dim * size;
  for (size_t b = w->b; b < w->b + w->batch; b++)
    for (size_t h = w->h; h < w->h + w->heads; h++)
      for (size_t i = w->i; i < w->i + w->queries; i++, part += row) {
        const unsigned char *whole = base + ((b * d->problem.q_heads + h) * d->queries + i) * row;
        for (size_t c = 0; memcmp(whole, part, row) && c < dim; c++) {
          if (!memcmp(whole + c * size, part + c * size, size))
            continue;
          if (tell)
            diag("  %s[%zu][%zu][%zu][%zu]: %a, plainly %a", what, b, h, i, c, value_at(f, part + c * size),
                 value_at(f, whole + c * size));
          return false;
        }
      }
  return true;
}

static void tell_events(const char *whose, const segattn_events *e) {
  diag("    %s: rescales %llu, underflow %llu, overflow %llu, saturations %llu, nan %llu, inf %llu, nonfinite_values %llu, "
       "masked_rows %llu, first %lld", whose, (unsigned long long) e->rescales, (unsigned long long) e->underflow,
       (unsigned long long) e->overflow, (unsigned long long) e->saturations, (unsigned long long) e->nan,
       (unsigned long long) e->inf, (unsigned long long) e->nonfinite_values, (unsigned long long) e->masked_rows,
       (long long) e->first);
}

/* Of heads whose rows are all there.  */
static bool same_events(const test_case *t, const variant *w, const answer *a, bool tell) {
  const segattn_events *base = t->base.events;
  if (!base || !a->events || w->batch != t->d.batch || w->queries != t->d.queries || w->exact_out)
    return true;
  for (size_t h = 0; h < w->heads; h++)
    if (memcmp(&base[w->h + h], &a->events[h], sizeof *base)) {
      if (tell) {
        diag("  events of head %zu:", w->h + h);
        tell_events("plainly", &base[w->h + h]);
        tell_events("so", &a->events[h]);
      }
      return false;
    }
  return true;
}

static bool same(const test_case *t, const variant *w, const answer *a, bool tell) {
  const drawn *d = &t->d;
  return same_rows(t, w, t->base.out, a->out, d->problem.dim_v, d->out_format, "out", tell) &&
    same_rows(t, w, t->base.lse, a->lse, 1, d->lse_format, "lse", tell) && same_events(t, w, a, tell);
}

void compare(test_case *t, const variant *w, enum kind kind) {
  answer a;
  bool evaluated = evaluate(&a, &t->d, w, &t->r);
  comparisons[kind].made++;
  if (!evaluated || !same(t, w, &a, false)) {
    if (comparisons[kind].differ + comparisons[kind].refused < REPORTED) {
      describe(t, w, kind);
      if (!evaluated)
        diag("  %s", a.text);
      else
        same(t, w, &a, true);
    }
    evaluated ? comparisons[kind].differ++ : comparisons[kind].refused++;
  }
  answer_free(&a);
}
