/* SPDX-License-Identifier: BSD-2-Clause */
/* Who attends what: causality, windows and masks of a span of keys, for the rows of a tile.  */

#include "span.h"

#include <math.h>

static uint64_t below(int j) { return j <= 0 ? 0 : j >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << j) - 1; }

sga_keys sga_keys_from(int first, int last) {        /* [first, last) */
  return (sga_keys){ { below(last) & ~below(first), below(last - 64) & ~below(first - 64) } };
}


/* Do the first and the last query attend all keys of the span?  Then so do those between them.  */
static bool reach_all(const sga_tile *t, const sga_span *s, int64_t start) {
  const segattn_problem *p = &t->plan->problem;
  size_t first[2], last[2];
  if (!p->causal && !p->window)
    return true;
  sga_reach(p, t->lowest, start, (size_t)s->keys, &first[0], &last[0]);
  sga_reach(p, t->highest, start, (size_t)s->keys, &first[1], &last[1]);
  return !first[0] && !first[1] && last[0] == (size_t)s->keys && last[1] == (size_t)s->keys;
}

/* Narrows the span to the keys that causality and window leave to some row; false when there are none.  */
static bool reach(const sga_tile *t, sga_span *s) {
  size_t first[SGA_TILE], last[SGA_TILE], low = SIZE_MAX, high = 0;
  int64_t start = sga_segment_start(s->segment, t->batch) + (int64_t)s->from;
  if ((s->whole = reach_all(t, s, start)))
    return true;
  for (size_t i = 0; i < t->n; i++) {
    sga_reach(&t->plan->problem, t->position[i], start, (size_t)s->keys, &first[i], &last[i]);
    if (first[i] < last[i]) {
      low = first[i] < low ? first[i] : low;
      high = last[i] > high ? last[i] : high;
    }
  }
  if (low >= high)
    return false;
  for (size_t i = 0; i < t->n; i++)
    s->live[i] = first[i] < last[i] ? sga_keys_from((int)(first[i] - low), (int)(last[i] - low)) : (sga_keys){ { 0, 0 } };
  s->from += low;
  s->keys = (int)(high - low);
  return true;
}

/* max(mask log2 e, -MAX) in double, rounded once; a mask of -inf (or false) skips the key.  */
static void mask_row(const sga_tile *t, sga_span *s, size_t i) {
  const segattn_tensor *m = &s->segment->mask;
  const double lowest = t->plan->number == SEGATTN_F32 ? -0x1.fffffep127 : -0x1.fffffffffffffp1023;
  size_t head = t->head[i];
  const char *from = sga_at(m, m->shape[0] == 1 ? 0 : t->batch, m->shape[1] == 1 ? 0 : head, t->query[i]);
  double *x = t->scratch->mask;
  sga_format_of(m->format)->to_f64(from + (ptrdiff_t)s->from * m->stride[SEGATTN_DIM], m->stride[SEGATTN_DIM], x,
                                   (size_t)s->keys);
  for (int j = 0; j < s->keys; j++) {
    double y = x[j] * SGA_LOG2E;
    if (x[j] == -(double)INFINITY)
      s->live[i].word[j >> 6] &= ~((uint64_t)1 << (j & 63));
    y = y < lowest ? lowest : y;
    size_t at = t->slabs->many ? i / SGA_LANES * SGA_LANES * SGA_BLOCK + (size_t)j * SGA_LANES + i % SGA_LANES
                               : i * SGA_BLOCK + (size_t)j;
    if (t->plan->number == SEGATTN_F32)
      ((float *)t->scratch->bias)[at] = (float)y;
    else
      ((double *)t->scratch->bias)[at] = y;
  }
}

bool sga_span_attended(const sga_tile *t, sga_span *s) {
  if (!reach(t, s))
    return false;
  s->any = sga_keys_from(0, s->keys);
  for (size_t i = 0; s->whole && i < t->n; i++)
    s->live[i] = s->any;
  if (s->whole && !s->segment->mask.data)
    return true;
  s->whole = false;
  s->any = (sga_keys){ { 0, 0 } };
  for (size_t i = 0; i < t->n; i++) {
    if (s->segment->mask.data)
      mask_row(t, s, i);
    for (int w = 0; w < 2; w++)
      s->any.word[w] |= s->live[i].word[w];
  }
  return s->any.word[0] || s->any.word[1];
}
