/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes to a state.  Everything is checked before anything is changed: that they are a saved state, whole and unchanged; of the
   same problem; with a tree and accumulators that keys can give.  A checksum proves who wrote the bytes as little as that they
   were right.  */

#include <limits.h>
#include <math.h>

#include "load.h"

/* ---- the tree ---- */

#define BLOCKS ((uint64_t)1 << 57)      /* positions within 2^62 of 0 */
enum { LEVELS = 57 };

static segattn_status range_check(const sga_reader *r, size_t batch, const sga_tree *t, uint32_t flags) {
  bool empty = !t->first && !t->next && !t->block && t->end == INT64_MIN && !t->inexact && !t->open && !t->n;
  if (flags > (SAVED_BEGUN | SAVED_OPEN) || (!t->begun && !empty))
    return DAMAGED(r, "holds keys at batch %zu, which has none", batch);
  if (t->first >= BLOCKS || t->next >= BLOCKS || t->block >= BLOCKS || t->n + 2 > SGA_NODES)
    return DAMAGED(r, "holds %d nodes and block %llu at batch %zu, expected at most %d and below 2^57", t->n,
                   (unsigned long long)t->next, batch, SGA_NODES - 2);
  if (t->begun && (t->end <= -((int64_t)1 << 61) || t->end > (int64_t)1 << 62 ||
                   (t->open && t->end <= sga_block_start(t->block))))
    return DAMAGED(r, "ends at position %lld of batch %zu, before keys that it holds", (long long)t->end, batch);
  return SEGATTN_OK;
}

/* Nodes in order of position, none within another.  */
static segattn_status node_check(const sga_reader *r, size_t batch, const sga_tree *t, int i) {
  sga_node a = t->node[i];
  if (a.level < 0 || a.level >= LEVELS || a.index >= BLOCKS >> a.level || t->end <= sga_block_start(a.index << a.level))
    return DAMAGED(r, "holds node %llu of level %d at batch %zu, which there is not", (unsigned long long)a.index, a.level,
                   batch);
  if (i && a.index << a.level < (t->node[i - 1].index + 1) << t->node[i - 1].level)
    return DAMAGED(r, "holds node %llu of level %d at batch %zu where the node before it lies", (unsigned long long)a.index,
                   a.level, batch);
  return SEGATTN_OK;
}

/* ---- accumulators ---- */

/* What of (e, l, o) beside the row's m keys cannot give; NULL: nothing.  */
static const char *row_fault(double m, double e, double l, double largest) {
  const double inf = (double)INFINITY;
  bool empty = e == -largest;
  if (m != m)
    return "M NaN";
  if (l < 0)
    return "S below 0";
  if (l > 0 && m == -inf)
    return "S above 0 with M = -inf";
  if (e > largest ? l == l : !(e >= -largest && rint(e) == e))
    return "an exponent that is no integer";
  if (!empty && e > rint(m))
    return "an exponent above M";
  if (!empty && l == 0)
    return "S = 0 with an exponent";
  return NULL;
}

/* What of row i's low parts beside its sums cannot be; NULL: nothing.  */
static const char *low_fault(const segattn_state *s, const unsigned char *sums, size_t i) {
  size_t rows = saved_rows(s), size = s->plan->kernel->size, dim = s->plan->problem.dim_v;
  const unsigned char *low = sums + saved_low(s) * size;
  double l = get_number(sums + (rows + i) * size, size), rest = get_number(low + i * size, size);
  if (isfinite(l) && fabs(rest) > l)
    return "a low part of S above S";
  for (size_t d = 0; d < dim; d++) {
    double x = get_number(low + (rows + i * dim + d) * size, size);
    if (isinf(x))
      return "a low part of O that is inf";
    if (l == 0 && (x < 0 || x > 0))
      return "a low part of O without S";
  }
  return NULL;
}

static segattn_status sums_check(const sga_reader *r, const segattn_state *s, size_t batch, const unsigned char *m,
                                 const unsigned char *sums) {
  size_t rows = saved_rows(s), size = s->plan->kernel->size, dim = s->plan->problem.dim_v;
  for (size_t i = 0; i < rows; i++) {
    double l = get_number(sums + (rows + i) * size, size);
    const char *fault = row_fault(get_number(m + i * size, size), get_number(sums + i * size, size), l,
                                  sga_number_max(s->plan));
    for (size_t d = 0; l == 0 && !fault && d < dim; d++) {
      double o = get_number(sums + (2 * rows + i * dim + d) * size, size);
      fault = o < 0 || o > 0 ? "O without S" : NULL;
    }
    if (s->plan->kernel->parts > 1 && !fault)
      fault = low_fault(s, sums, i);
    if (fault)
      return DAMAGED(r, "has %s at batch %zu, head %zu, query %zu, which no keys give", fault, batch, i / s->queries,
                     i % s->queries);
  }
  return SEGATTN_OK;
}

static segattn_status m_check(const sga_reader *r, const segattn_state *s, size_t batch, const unsigned char *m) {
  for (size_t i = 0; i < saved_rows(s); i++) {
    double x = get_number(m + i * s->plan->kernel->size, s->plan->kernel->size);
    if (x != x)
      return DAMAGED(r, "has M NaN at batch %zu, head %zu, query %zu, which no keys give", batch, i / s->queries,
                     i % s->queries);
  }
  return SEGATTN_OK;
}

/* ---- a batch element ---- */

typedef struct sequence {
  sga_tree tree;                /* nodes in slabs 0, 1, ..., the open block in the next */
  const unsigned char *m, *sums[SGA_SLABS];
} sequence;

static segattn_status sums_read(sga_reader *r, const segattn_state *s, size_t batch, sequence *x) {
  sga_tree *t = &x->tree;
  const unsigned char *sums = sga_read(r, saved_sum_bytes(s), "an accumulator");
  if (!sums)
    return SEGATTN_EDAMAGED;
  x->sums[t->slabs] = sums;
  t->used[t->slabs++] = true;
  return sums_check(r, s, batch, x->m, sums);
}

static segattn_status node_read(sga_reader *r, const segattn_state *s, size_t batch, sequence *x, int i) {
  const unsigned char *h = sga_read(r, SAVED_NODE, "a node");
  if (!h)
    return SEGATTN_EDAMAGED;
  uint32_t level = get_u32(h + AT_LEVEL);
  x->tree.node[i] = (sga_node){ get_u64(h + AT_INDEX), level > LEVELS || get_u32(h + AT_NODE_ZERO) ? -1 : (int)level,
                                x->tree.slabs };
  segattn_status status = node_check(r, batch, &x->tree, i);
  return status ? status : sums_read(r, s, batch, x);
}

static segattn_status sequence_read(sga_reader *r, const segattn_state *s, size_t batch, sequence *x) {
  const unsigned char *h = sga_read(r, SAVED_SEQUENCE, "a batch element");
  sga_tree *t = &x->tree;
  segattn_status status;
  if (!h)
    return SEGATTN_EDAMAGED;
  uint32_t flags = get_u32(h + AT_SEQUENCE_FLAGS), nodes = get_u32(h + AT_NODES);
  sga_tree_reset(t);
  t->end = (int64_t)get_u64(h + AT_END);
  t->first = get_u64(h + AT_FIRST);
  t->next = get_u64(h + AT_NEXT);
  t->block = get_u64(h + AT_OPEN_BLOCK);
  t->inexact = get_u64(h + AT_INEXACT);
  t->begun = flags & SAVED_BEGUN;
  t->open = flags & SAVED_OPEN;
  t->n = nodes < SGA_NODES ? (int)nodes : SGA_NODES;
  if ((status = range_check(r, batch, t, flags)))
    return status;
  if (!(x->m = sga_read(r, saved_m_bytes(s), "the maxima")))
    return SEGATTN_EDAMAGED;
  status = m_check(r, s, batch, x->m);
  for (int i = 0; i < t->n && !status; i++)
    status = node_read(r, s, batch, x, i);
  t->slab = t->slabs;
  return !status && t->open ? sums_read(r, s, batch, x) : status;
}

/* ---- into the state ---- */

static void row_store(const segattn_state *s, sga_sequence *q, size_t tile, size_t i, int slab, size_t row,
                      const unsigned char *sums) {
  const segattn_plan *plan = s->plan;
  size_t size = plan->kernel->size, rows = saved_rows(s), dim = plan->problem.dim_v;
  double room[SGA_ROW];
  const sga_rows x = { room, room + 1, room + 2 };
  sga_number_set(plan, x.e, 0, get_number(sums + row * size, size));
  sga_number_set(plan, x.l, 0, get_number(sums + (rows + row) * size, size));
  for (size_t d = 0; d < dim; d++)
    sga_number_set(plan, x.o, d, get_number(sums + (2 * rows + row * dim + d) * size, size));
  if (plan->kernel->parts > 1) {
    const unsigned char *low = sums + saved_low(s) * size;
    sga_number_set(plan, x.o, 2 * plan->pad_v, get_number(low + row * size, size));
    for (size_t d = 0; d < dim; d++)
      sga_number_set(plan, x.o, plan->pad_v + d, get_number(low + (rows + row * dim + d) * size, size));
  }
  sga_slab_row_set(plan, &q->slabs, sga_slab_tile(plan, &q->slabs, slab, tile), i, x);
}

static void sequence_store(const segattn_state *s, size_t batch, const sequence *x) {
  sga_sequence *q = &s->sequences[batch];
  const segattn_queries queries = sga_state_shape(s);
  size_t size = s->plan->kernel->size;
  sga_tree_copy(&q->tree, &x->tree);
  sga_numbers_fill(s->plan, q->m, q->slabs.tiles * SGA_TILE);
  for (size_t tile = 0; tile < q->slabs.tiles; tile++) {
    sga_tile t;
    sga_tile_number(&t, s->plan, &queries, SGA_TILE, batch * q->slabs.tiles + tile);
    for (int slab = 0; slab < x->tree.slabs; slab++)
      sga_slab_clear(s->plan, &q->slabs, slab, tile);
    for (size_t i = 0; i < t.n; i++) {
      size_t row = saved_row(s, &t, i);
      sga_number_set(s->plan, q->m, tile * SGA_TILE + i, get_number(x->m + row * size, size));
      for (int slab = 0; slab < x->tree.slabs; slab++)
        row_store(s, q, tile, i, slab, row, x->sums[slab]);
    }
  }
}

/* All batch elements: checked, with memory for them; or stored.  */
static segattn_status sequences(segattn_state *s, sga_reader r, bool store) {
  sequence x;
  segattn_status status;
  for (size_t b = 0; b < s->batch; b++) {
    if ((status = sequence_read(&r, s, b, &x)))
      return status;
    if (store)
      sequence_store(s, b, &x);
    else if (!sga_state_reserve(s, &s->sequences[b], x.tree.slabs))
      return sga_fail(r.error, SEGATTN_ENOMEM, "state", "cannot grow");
  }
  return r.left ? DAMAGED(&r, "has %zu bytes after the last batch element", r.left) : SEGATTN_OK;
}

static segattn_events events_at(const unsigned char *from) {
  return (segattn_events){ .rescales = get_u64(from + AT_RESCALES), .underflow = get_u64(from + AT_UNDERFLOW),
                           .nan = get_u64(from + AT_NAN), .inf = get_u64(from + AT_INF),
                           .nonfinite_values = get_u64(from + AT_VALUES), .first = (int64_t)get_u64(from + AT_WHERE) };
}

/* The events of all heads; NULL, with an error, where there are none, or a position without an event or the reverse.  */
static const unsigned char *events_read(sga_reader *r, size_t heads) {
  const unsigned char *events = sga_read(r, heads * SAVED_EVENTS, "the events");
  for (size_t h = 0; events && h < heads; h++) {
    const segattn_events e = events_at(events + h * SAVED_EVENTS);
    if ((e.nan || e.inf || e.nonfinite_values) != (e.first != SEGATTN_NOWHERE)) {
      DAMAGED(r, "has a first position at head %zu that its events do not have", h);
      return NULL;
    }
  }
  return events;
}

static segattn_status load(segattn_state *s, const void *tag, const unsigned char *saved, size_t size, segattn_error *error) {
  segattn_status status = sga_saved_whole(saved, size, error);
  if (status)
    return status;
  sga_reader r = { saved + SAVED_HEADER, size - SAVED_HEADER - SAVED_CHECKSUM, error };
  if ((status = sga_saved_header(s, saved, tag, &r)))
    return status;
  const unsigned char *events = events_read(&r, s->plan->problem.q_heads);
  if (!events)
    return SEGATTN_EDAMAGED;
  if ((status = sequences(s, r, false)))
    return status;
  sga_events_clear(s->finished, s->plan->problem.q_heads);
  for (size_t h = 0; h < s->plan->problem.q_heads; h++)
    s->events[h] = events_at(events + h * SAVED_EVENTS);
  return sequences(s, r, true);
}

segattn_status segattn_state_load(segattn_state *s, const void *tag, const void *saved, size_t size, segattn_error *error) {
  if (!s || !saved)
    return sga_fail(error, SEGATTN_EINVAL, s ? "saved" : "state", "is NULL");
  sga_environment environment;
  sga_environment_set(&environment);
  segattn_status status = load(s, tag, saved, size, error);
  sga_environment_restore(&environment);
  return status;
}
