/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a drawn problem and a variant to the tensors and segments that the library takes; see render.h.

   A column is a key or a place that is masked for every query.  Segments are runs of columns of consecutive positions
   and one storage.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "render.h"

typedef struct column {
  int64_t offset;               /* position is k_start[b] + offset */
  size_t key;                   /* VOID: none */
  bool cut;                     /* a segment begins here */
} column;

static const size_t VOID = SIZE_MAX;

/* What the functions below share.  */
typedef struct maker {
  const drawn *d;
  const variant *w;
  rng *r;
  memory *m;
  column *columns;
  size_t n;
} maker;

/* ---- columns ---- */

static void add_void(maker *k, int64_t from, int64_t to) {
  for (; from < to; from++)
    k->columns[k->n++] = (column) { from, VOID, false };
}

static void make_columns(maker *k) {
  const drawn *d = k->d;
  int64_t extent = d->keys ? d->k_offset[d->keys - 1] + 1 : 0, at = 0;
  size_t room = (size_t) extent + k->w->left + k->w->right;
  k->columns = memory_get(k->m, (room + 1) * sizeof *k->columns);
  add_void(k, -(int64_t) k->w->left, 0);
  for (size_t j = 0; j < d->keys; j++) {
    if (k->w->fill_gaps)
      add_void(k, at, d->k_offset[j]);
    at = d->k_offset[j] + 1;
    k->columns[k->n++] = (column) { d->k_offset[j], j, false };
  }
  add_void(k, extent, extent + (int64_t) k->w->right);
}

static const piece *piece_at(const maker *k, size_t c) {
  const piece *p = k->d->pieces;
  while (k->columns[c].key >= p->to)
    p++;
  return p;
}

/* Must a segment begin at column c, which has one before it?  */
static bool must_cut(const maker *k, size_t c, const piece *last) {
  const column *x = &k->columns[c];
  if (x->offset != x[-1].offset + 1)
    return true;
  if (!k->w->joined && (x->key == VOID) != (x[-1].key == VOID))
    return true;
  return !k->w->wide && x->key != VOID && last && piece_at(k, c) != last;
}

static bool may_cut(const maker *k, size_t c) {
  switch (k->w->cut) {
  case CUT_NOWHERE: return false;
  case CUT_EVERYWHERE: return true;
  case CUT_AT: return c == k->w->cut_at;
  default: return rng_below(k->r, k->n) < 4;
  }
}

static int64_t block_of(int64_t position) {
  return (position - (position % BLOCK + BLOCK) % BLOCK) / BLOCK;
}

static bool block_line(const maker *k, size_t c) {
  int64_t start = k->d->k_start[k->w->b];
  return block_of(start + k->columns[c - 1].offset) != block_of(start + k->columns[c].offset);
}

static void cut_columns(maker *k) {
  const piece *last = NULL;
  for (size_t c = 0; c < k->n; c++) {
    bool parts = c && k->w->route == MERGE && block_line(k, c) && rng_chance(k->r, 60);
    k->columns[c].cut = c == 0 || must_cut(k, c, last) || may_cut(k, c) || parts;
    if (k->columns[c].cut)
      last = NULL;
    if (k->columns[c].key != VOID)
      last = piece_at(k, c);
  }
}

bool mergeable(const drawn *d, const variant *w) {
  for (size_t b = w->b + 1; b < w->b + w->batch; b++)
    if ((d->k_start[b] - d->k_start[w->b]) % BLOCK)
      return false;
  return true;
}

/* ---- tensors ---- */

static void garbage(rng *r, segattn_format format, unsigned char *to, size_t n) {
  static const double some[] = { NAN, -NAN, INFINITY, -INFINITY, 1e30, 0 };
  unsigned char bytes[6 * 64];
  double x[6 * 32];
  size_t size = segattn_format_bytes(format, 1), block = segattn_format_block(format);
  for (size_t i = 0; i < 6 * block; i++)
    x[i] = some[i / block];
  segattn_encode(format, x, bytes, 6 * block);
  for (size_t i = 0; i < n / block; i++)
    memcpy(to + i * size, &bytes[rng_below(r, 6) * size], size);
}

static segattn_tensor stored(maker *k, const layout *l, segattn_format format, const size_t shape[SEGATTN_AXES],
                             const double *x) {
  size_t n = shape[0] * shape[1] * shape[2] * shape[3];
  unsigned char *bytes = memory_get(k->m, n * sizeof(double));
  laid where;
  if (format == SEGATTN_BOOL)
    for (size_t i = 0; i < n; i++)
      bytes[i] = (unsigned char) (x[i] == 0 ? 1 + rng_below(k->r, 255) : 0);
  else
    segattn_encode(format, x, bytes, n);
  return layout_make(k->m, l, format, shape, bytes, &where);
}

/* Is the key to be garbage for this KV head: no query of the part sees it?  */
static bool unseen(const maker *k, size_t b, size_t g, size_t key) {
  if (key == VOID)
    return true;
  if (!k->w->garbage)
    return false;
  size_t group = k->d->problem.q_heads / k->d->problem.kv_heads;
  for (size_t h = k->w->h; h < k->w->h + k->w->heads; h++)
    for (size_t i = k->w->i; h / group == g && i < k->w->i + k->w->queries; i++)
      if (drawn_visible(k->d, b, h, i, key))
        return false;
  return true;
}

static segattn_tensor make_keys(maker *k, size_t from, size_t to, bool is_v, segattn_format format) {
  const drawn *d = k->d;
  const variant *w = k->w;
  size_t dim = is_v ? d->problem.dim_v : d->problem.dim_k, shape[] = { w->batch, w->groups, to - from, dim };
  size_t row = segattn_format_bytes(format, dim), slot = dim * sizeof(double);
  const unsigned char *exact = (const unsigned char *) (is_v ? d->v : d->k), *source = is_v ? d->v_stored : d->k_stored;
  unsigned char *bytes = memory_get(k->m, w->batch * w->groups * (to - from) * row), *at = bytes;
  for (size_t b = w->b; b < w->b + w->batch; b++)
    for (size_t g = w->g; g < w->g + w->groups; g++)
      for (size_t c = from; c < to; c++, at += row) {
        size_t key = k->columns[c].key;
        if (unseen(k, b, g, key))
          garbage(k->r, format, at, dim);
        else
          memcpy(at, (w->wide ? exact : source) + ((b * d->problem.kv_heads + g) * d->keys + key) * slot, row);
      }
  laid where;
  return layout_make(k->m, is_v ? &w->v : &w->k, format, shape, bytes, &where);
}

static segattn_format mask_format(maker *k, bool needed) {
  static const segattn_format formats[] = { SEGATTN_F64, SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16, SEGATTN_BOOL };
  if (!k->d->mask)
    return needed || k->w->other_mask ? formats[rng_below(k->r, 5)] : SEGATTN_FORMATS;
  if (!k->w->other_mask)
    return k->d->mask_format;
  return k->d->mask_binary ? formats[rng_below(k->r, 5)] : SEGATTN_F64;
}

static segattn_tensor make_mask(maker *k, size_t from, size_t to) {
  const drawn *d = k->d;
  const variant *w = k->w;
  bool voids = false;
  for (size_t c = from; c < to; c++)
    voids |= k->columns[c].key == VOID;
  segattn_format format = mask_format(k, voids);
  if (format == SEGATTN_FORMATS)
    return (segattn_tensor) { 0 };
  size_t shape[] = { d->mask_batch > 1 ? w->batch : 1, d->mask_heads > 1 ? w->heads : 1, w->queries, to - from };
  double *x = memory_get(k->m, shape[0] * shape[1] * shape[2] * shape[3] * sizeof *x), *at = x;
  for (size_t b = w->b; b < w->b + shape[0]; b++)
    for (size_t h = w->h; h < w->h + shape[1]; h++)
      for (size_t i = w->i; i < w->i + w->queries; i++)
        for (size_t c = from; c < to; c++)
          *at++ = k->columns[c].key == VOID ? -INFINITY : drawn_mask(d, b, h, i, k->columns[c].key);
  return stored(k, &w->mask, format, shape, x);
}

static segattn_tensor view_in(segattn_tensor k, size_t offset, size_t dim) {
  k.data = (char *) k.data + (ptrdiff_t) (offset / segattn_format_block(k.format)) * k.stride[SEGATTN_DIM];
  k.shape[SEGATTN_DIM] = dim;
  return k;
}

static void set_starts(maker *k, segattn_segment *s, int64_t offset) {
  const int64_t *start = &k->d->k_start[k->w->b];
  bool same = true;
  for (size_t b = 1; b < k->w->batch; b++)
    same &= start[b] == start[0];
  if (same && rng_chance(k->r, 50)) {
    s->start = start[0] + offset;
    return;
  }
  int64_t *starts = memory_get(k->m, k->w->batch * sizeof *starts);
  for (size_t b = 0; b < k->w->batch; b++)
    starts[b] = start[b] + offset;
  s->starts = starts;
}

static segattn_segment make_segment(maker *k, size_t from, size_t to) {
  const drawn *d = k->d;
  segattn_format fk = SEGATTN_F64, fv = SEGATTN_F64;
  segattn_segment s = { .start = 0 };
  for (size_t c = from; c < to && !k->w->wide; c++)
    if (k->columns[c].key != VOID)
      fk = piece_at(k, c)->k, fv = piece_at(k, c)->v;
  s.k = make_keys(k, from, to, false, fk);
  s.v = d->v_in_k ? view_in(s.k, d->v_offset, d->problem.dim_v) : make_keys(k, from, to, true, fv);
  if (from == to && rng_chance(k->r, 50))
    s.k.data = s.v.data = NULL;
  else
    s.mask = make_mask(k, from, to);
  set_starts(k, &s, from < k->n ? k->columns[from].offset : k->n ? k->columns[k->n - 1].offset + 1 : 0);
  return s;
}

static void make_segments(maker *k, rendering *s) {
  s->segments = memory_get(k->m, (2 * k->n + 2) * sizeof *s->segments);
  s->part = memory_get(k->m, (2 * k->n + 2) * sizeof *s->part);
  for (size_t from = 0, to; from <= k->n; from = to) {
    bool line = from && from < k->n && block_line(k, from);
    if (k->w->empties && rng_chance(k->r, 30))
      s->part[s->n_segments] = false, s->segments[s->n_segments++] = make_segment(k, from, from);
    if (from == k->n)
      break;
    for (to = from + 1; to < k->n && !k->columns[to].cut; to++)
      ;
    s->part[s->n_segments] = line;
    s->segments[s->n_segments++] = make_segment(k, from, to);
  }
}

static void make_queries(maker *k, rendering *s) {
  const drawn *d = k->d;
  const variant *w = k->w;
  size_t dim = d->problem.dim_k, shape[] = { w->batch, w->heads, w->queries, dim };
  size_t row = segattn_format_bytes(d->q_format, dim), slot = dim * sizeof(double);
  unsigned char *bytes = memory_get(k->m, w->batch * w->heads * w->queries * row), *at = bytes;
  for (size_t b = w->b; b < w->b + w->batch; b++)
    for (size_t h = w->h; h < w->h + w->heads; h++)
      for (size_t i = w->i; i < w->i + w->queries; i++, at += row)
        memcpy(at, d->q_stored + ((b * d->problem.q_heads + h) * d->queries + i) * slot, row);
  laid where;
  s->queries.q = layout_make(k->m, &w->q, d->q_format, shape, bytes, &where);
  int64_t *starts = memory_get(k->m, w->batch * sizeof *starts);
  for (size_t b = 0; b < w->batch; b++)
    starts[b] = drawn_query_position(d, w->b + b, w->i);
  if (d->q_positions)
    s->queries.positions = &d->q_positions[w->i];
  else if (w->batch == 1 && rng_chance(k->r, 50))
    s->queries.start = starts[0];
  else
    s->queries.starts = starts;
}

void render(rendering *s, const drawn *d, const variant *w, rng *r) {
  *s = (rendering) { .problem = d->problem, .memory = allocate(1, sizeof *s->memory) };
  maker k = { .d = d, .w = w, .r = r, .m = s->memory };
  s->problem.q_heads = w->heads;
  s->problem.kv_heads = w->groups;
  if (d->problem.slopes)
    s->problem.slopes = &d->slopes[w->h];
  if (d->problem.sinks)
    s->problem.sinks = &d->sinks[w->h];
  make_columns(&k);
  cut_columns(&k);
  make_segments(&k, s);
  make_queries(&k, s);
}

void rendering_free(rendering *s) {
  memory_free(s->memory);
}
