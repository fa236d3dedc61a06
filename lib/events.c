/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of query heads: gathered tile by tile, summed, and what only a look at the values can tell.

   A thread counts in the few structures of its tile's heads, a KV head's group, and adds them to those of the call where
   something happened: integers, so that their order does not matter.  */

#include <math.h>

#include "span.h"

void sga_events_clear(segattn_events *events, size_t n) {
  for (size_t i = 0; i < n; i++)
    events[i] = (segattn_events){ .first = SEGATTN_NOWHERE };
}

void sga_events_add(segattn_events *to, const segattn_events *from) {
  to->rescales += from->rescales;
  to->underflow += from->underflow;
  to->overflow += from->overflow;
  to->saturations += from->saturations;
  to->nan += from->nan;
  to->inf += from->inf;
  to->nonfinite_values += from->nonfinite_values;
  to->masked_rows += from->masked_rows;
  to->first = from->first < to->first ? from->first : to->first;
}

void segattn_events_sum(const segattn_events *events, size_t n, segattn_events *sum) {
  segattn_events all;
  sga_events_clear(&all, 1);
  for (size_t i = 0; i < n; i++)
    sga_events_add(&all, &events[i]);
  *sum = all;
}

static bool some(const segattn_events *e) {
  return e->rescales | e->underflow | e->overflow | e->saturations | e->nan | e->inf | e->nonfinite_values | e->masked_rows;
}

void sga_events_collect(const sga_tile *t, segattn_events *to) {
  for (size_t i = 0; i < t->plan->group; i++)
    if (some(&t->events[i])) {
#pragma omp critical(sga_events)
      sga_events_add(&to[t->kv_head * t->plan->group + i], &t->events[i]);
      sga_events_clear(&t->events[i], 1);
    }
}

/* ---- values ---- */

static bool all_finite(const sga_tile *t, const sga_span *s, size_t key) {
  const segattn_tensor *v = &s->segment->v;
  double x[SEGATTN_MAX_DIM];
  sga_format_of(v->format)->to_f64(sga_at(v, t->batch, t->kv_head, s->from + key), v->stride[SEGATTN_DIM], x,
                                   v->shape[SEGATTN_DIM]);
  for (size_t c = 0; c < v->shape[SEGATTN_DIM]; c++)
    if (!isfinite(sga_round(t->plan, x[c])))
      return false;
  return true;
}

void sga_events_values(const sga_tile *t, const sga_span *s) {
  int64_t start = sga_segment_start(s->segment, t->batch) + (int64_t)s->from;
  for (int j = 0; j < s->keys; j++)
    if (sga_in(&s->any, j) && !all_finite(t, s, (size_t)j))
      for (size_t i = 0; i < t->n; i++)
        if (sga_in(&s->live[i], j)) {
          segattn_events *e = sga_tile_events(t, i);
          e->nonfinite_values++;
          e->first = start + j < e->first ? start + j : e->first;
        }
}
