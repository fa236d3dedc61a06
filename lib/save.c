/* SPDX-License-Identifier: BSD-2-Clause */
/* A state to bytes, as doc/STATE describes them.

   The file holds what the tree holds: nodes, the open block, what is known to be empty; every row's accumulators in the order
   of the axes, whichever way a slab has them; and all that a merge requires to agree, so that load can name what differs.
   Equal states give equal bytes: nothing of a slab's number, of padding or of a NaN's payload is written, and zeros that no
   result sees (of e and m) are +0.

   The checksum is CRC-64/XZ: it sees every change within 64 neighbouring bits, all others but one in 2^64, and other programs
   have it.  Eight bytes a step: a state of many queries has hundreds of megabytes.  */

#include <math.h>

#include "saved.h"

/* ---- the checksum ---- */

enum { STEP = 8 };

#define CRC_POLYNOMIAL 0xc96c5795d7870f42       /* ECMA-182's, reflected */

/* table[k][b]: byte b followed by k bytes of 0.  */
static void crc_tables(uint64_t table[STEP][256]) {
  for (unsigned b = 0; b < 256; b++) {
    uint64_t x = b;
    for (int i = 0; i < 8; i++)
      x = x >> 1 ^ (x & 1 ? CRC_POLYNOMIAL : 0);
    table[0][b] = x;
  }
  for (int k = 1; k < STEP; k++)
    for (unsigned b = 0; b < 256; b++)
      table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
}

uint64_t sga_checksum(const unsigned char *bytes, size_t n) {
  uint64_t table[STEP][256], crc = ~(uint64_t)0;
  size_t i = 0;
  crc_tables(table);
  for (; i + STEP <= n; i += STEP) {
    uint64_t x = crc ^ get_u64(bytes + i);
    crc = 0;
    for (int k = 0; k < STEP; k++)
      crc ^= table[STEP - 1 - k][x >> 8 * k & 255];
  }
  for (; i < n; i++)
    crc = crc >> 8 ^ table[0][(crc ^ bytes[i]) & 255];
  return ~crc;
}

/* ---- sizes ---- */

static size_t sums_held(const sga_tree *t) { return (size_t)t->n + t->open; }

size_t segattn_state_size(const segattn_state *s) {
  const segattn_problem *p = &s->plan->problem;
  size_t by_head = (size_t)(p->slopes != NULL) + (p->sinks != NULL);
  size_t bytes = SAVED_HEADER + SAVED_CHECKSUM + p->q_heads * (sizeof(double) * by_head + SAVED_EVENTS);
  for (size_t b = 0; b < s->batch; b++) {
    const sga_tree *t = &s->sequences[b].tree;
    bytes += SAVED_SEQUENCE + saved_m_bytes(s) + (size_t)t->n * SAVED_NODE + sums_held(t) * saved_sum_bytes(s);
  }
  return bytes;
}

/* ---- the header ---- */

static unsigned char *put_doubles(unsigned char *to, const double *x, size_t n) {
  for (size_t i = 0; x && i < n; i++, to += sizeof *x)
    put_f64(to, x[i] + 0);
  return to;
}

static unsigned char *put_events(unsigned char *to, const segattn_events *e, size_t n) {
  for (size_t i = 0; i < n; i++, e++, to += SAVED_EVENTS) {
    put_u64(to + AT_RESCALES, e->rescales);
    put_u64(to + AT_UNDERFLOW, e->underflow);
    put_u64(to + AT_NAN, e->nan);
    put_u64(to + AT_INF, e->inf);
    put_u64(to + AT_VALUES, e->nonfinite_values);
    put_u64(to + AT_WHERE, (uint64_t)e->first);
  }
  return to;
}

/* Returns where the first batch element begins.  */
static unsigned char *put_header(const segattn_state *s, const void *tag, unsigned char *to) {
  const segattn_problem *p = &s->plan->problem;
  const struct { int at; uint64_t value; } field[] = {
    { AT_BYTES, segattn_state_size(s) }, { AT_BATCH, s->batch }, { AT_QUERIES, s->queries }, { AT_Q_HEADS, p->q_heads },
    { AT_KV_HEADS, p->kv_heads }, { AT_DIM_K, p->dim_k }, { AT_DIM_V, p->dim_v }, { AT_WINDOW, p->window }
  };
  memset(to, 0, SAVED_HEADER);
  memcpy(to, SAVED_MAGIC, AT_VERSION);
  put_u32(to + AT_VERSION, SAVED_VERSION);
  put_u32(to + AT_BASE, SAVED_BASE);
  memcpy(to + AT_ARITHMETIC, s->plan->kernel->arithmetic, strlen(s->plan->kernel->arithmetic));
  put_u32(to + AT_NUMBER, (uint32_t)s->plan->kernel->size);
  put_u32(to + AT_BLOCK, SGA_BLOCK);
  for (size_t i = 0; i < sizeof field / sizeof *field; i++)
    put_u64(to + field[i].at, field[i].value);
  put_f64(to + AT_SCALE, p->scale + 0);
  put_f64(to + AT_SOFTCAP, p->softcap + 0);
  put_u32(to + AT_FLAGS, (p->causal ? SAVED_CAUSAL : 0u) | (p->slopes ? SAVED_SLOPES : 0u) | (p->sinks ? SAVED_SINKS : 0u));
  if (tag)
    memcpy(to + AT_TAG, tag, SEGATTN_TAG);
  to = put_doubles(put_doubles(to + SAVED_HEADER, p->slopes, p->q_heads), p->sinks, p->q_heads);
  return put_events(to, s->events, p->q_heads);
}

/* ---- a batch element ---- */

/* A low part; NaN for inf too: which of the two it is tells how the sums were made and nothing of their value.  */
static void put_low(const segattn_plan *plan, unsigned char *to, double low) {
  put_number(to, plan->kernel->size, isfinite(low) ? low + 0 : (double)NAN);
}

static void put_low_row(const segattn_state *s, unsigned char *to, size_t row, sga_rows x) {
  const segattn_plan *plan = s->plan;
  size_t size = plan->kernel->size, rows = saved_rows(s), dim = plan->problem.dim_v;
  to += saved_low(s) * size;
  put_low(plan, to + row * size, sga_number(plan, x.o, 2 * plan->pad_v));
  to += (rows + row * dim) * size;
  for (size_t d = 0; d < dim; d++)
    put_low(plan, to + d * size, sga_number(plan, x.o, plan->pad_v + d));
}

static void put_row(const segattn_state *s, unsigned char *to, size_t row, sga_rows x) {
  const segattn_plan *plan = s->plan;
  size_t size = plan->kernel->size, rows = saved_rows(s), dim = plan->problem.dim_v;
  put_number(to + row * size, size, sga_number(plan, x.e, 0) + 0);
  put_number(to + (rows + row) * size, size, sga_number(plan, x.l, 0));
  if (plan->kernel->parts > 1)
    put_low_row(s, to, row, x);
  to += (2 * rows + row * dim) * size;
  for (size_t d = 0; d < dim; d++)
    put_number(to + d * size, size, sga_number(plan, x.o, d));
}

/* The accumulators of one slab; slab -1: the maxima.  Returns what follows.  */
static unsigned char *put_slab(const segattn_state *s, size_t batch, int slab, unsigned char *to) {
  const sga_sequence *q = &s->sequences[batch];
  const segattn_queries queries = sga_state_shape(s);
  size_t size = s->plan->kernel->size;
  double room[SGA_ROW];
  for (size_t tile = 0; tile < q->slabs.tiles; tile++) {
    sga_tile t;
    sga_tile_number(&t, s->plan, &queries, SGA_TILE, batch * q->slabs.tiles + tile);
    for (size_t i = 0; i < t.n; i++)
      if (slab < 0)
        put_number(to + saved_row(s, &t, i) * size, size, sga_number(s->plan, q->m, tile * SGA_TILE + i) + 0);
      else
        put_row(s, to, saved_row(s, &t, i), sga_slab_row(s->plan, &q->slabs, sga_slab_tile(s->plan, &q->slabs, slab, tile), i,
                                                         room));
  }
  return to + (slab < 0 ? saved_m_bytes(s) : saved_sum_bytes(s));
}

static unsigned char *put_sequence(const segattn_state *s, size_t batch, unsigned char *to) {
  const sga_tree *t = &s->sequences[batch].tree;
  put_u64(to + AT_END, (uint64_t)t->end);
  put_u64(to + AT_FIRST, t->first);
  put_u64(to + AT_NEXT, t->next);
  put_u64(to + AT_OPEN_BLOCK, t->open ? t->block : 0);
  put_u64(to + AT_INEXACT, t->inexact);
  put_u32(to + AT_SEQUENCE_FLAGS, (t->begun ? SAVED_BEGUN : 0u) | (t->open ? SAVED_OPEN : 0u));
  put_u32(to + AT_NODES, (uint32_t)t->n);
  to = put_slab(s, batch, -1, to + SAVED_SEQUENCE);
  for (int i = 0; i < t->n; i++) {
    put_u64(to + AT_INDEX, t->node[i].index);
    put_u32(to + AT_LEVEL, (uint32_t)t->node[i].level);
    put_u32(to + AT_NODE_ZERO, 0);
    to = put_slab(s, batch, t->node[i].slab, to + SAVED_NODE);
  }
  return t->open ? put_slab(s, batch, t->slab, to) : to;
}

/* ---- the whole ---- */

segattn_status segattn_state_save(const segattn_state *s, const void *tag, void *bytes, size_t size, segattn_error *error) {
  if (!s || !bytes)
    return sga_fail(error, SEGATTN_EINVAL, s ? "bytes" : "state", "is NULL");
  if (size < segattn_state_size(s))
    return sga_fail(error, SEGATTN_EINVAL, "size", "is %zu, expected at least the %zu of segattn_state_size", size,
                    segattn_state_size(s));
  sga_environment environment;
  sga_environment_set(&environment);
  unsigned char *to = put_header(s, tag, bytes);
  for (size_t b = 0; b < s->batch; b++)
    to = put_sequence(s, b, to);
  put_u64(to, sga_checksum(bytes, (size_t)(to - (unsigned char *)bytes)));
  sga_environment_restore(&environment);
  return SEGATTN_OK;
}
