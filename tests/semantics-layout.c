/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 27 and 29 (tests/SEMANTICS): strides of every kind, and sizes beyond 2^31.  */

#include <stdint.h>
#include "guard.h"

static void reverse(segattn_tensor *t, int axis) {
  size_t steps = axis == SEGATTN_DIM ? t->shape[axis] / segattn_format_block(t->format) : t->shape[axis];
  t->data = (char *)t->data + (ptrdiff_t)(steps - 1) * t->stride[axis];
  t->stride[axis] = -t->stride[axis];
}

/* Element, or block, i of t in C order.  */
static char *unit_at(const segattn_tensor *t, size_t i) {
  char *at = t->data;
  for (int axis = SEGATTN_AXES - 1; axis >= 0; axis--) {
    size_t steps = axis == SEGATTN_DIM ? t->shape[axis] / segattn_format_block(t->format) : t->shape[axis];
    at += (ptrdiff_t)(i % steps) * t->stride[axis];
    i /= steps;
  }
  return at;
}

static void copy_units(const segattn_tensor *to, const segattn_tensor *from) {
  size_t n = from->shape[0] * from->shape[1] * from->shape[2] * from->shape[3] / segattn_format_block(from->format);
  for (size_t i = 0; i < n; i++)
    memcpy(unit_at(to, i), unit_at(from, i), segattn_format_bytes(from->format, 1));
}

/* The same tensor in `room`, its axes in another order, those in the bits of `turned` backwards.  */
static segattn_tensor arranged(const segattn_tensor *t, void *room, const char *axes, unsigned turned) {
  segattn_tensor to = segattn_tensor_axes(axes, room, t->format, t->shape[0], t->shape[1], t->shape[2], t->shape[3]);
  for (int axis = 0; axis < SEGATTN_AXES; axis++)
    if (turned >> axis & 1)
      reverse(&to, axis);
  copy_units(&to, t);
  return to;
}

static const char *const orders[] = { "bhpd", "bphd", "pbhd", "hpbd", "bhdp", "dbhp", "phdb", "dphb" };
enum { ORDERS = sizeof orders / sizeof *orders };

static void heads_and_dims(edge *e) {
  fresh(e, 2, 5);
  e->problem.q_heads = 4;
  e->problem.kv_heads = 2;
  set_dims(e, e->ragged ? 5 : 64, e->ragged ? 3 : 64);
}

static void row_27_permuted(edge *e, answer *other) {
  static unsigned char room[3][EDGE_INPUTS * sizeof(double)];
  heads_and_dims(e);
  bool fine = run(e);
  keep(other, e);
  segattn_tensor q = e->as_queries.q, k = e->as_segment.k, v = e->as_segment.v;
  for (unsigned i = 0; i < 16; i++) {
    e->as_queries.q = arranged(&q, room[0], orders[i % ORDERS], i);
    e->as_segment.k = arranged(&k, room[1], orders[(i + 3) % ORDERS], i ^ 5);
    e->as_segment.v = arranged(&v, room[2], orders[(i + 5) % ORDERS], 15 - i);
    fine = fine && run_segments(e, &e->as_segment, 1) && same_answer(e, other);
  }
  claim(e, fine, "row 27: axes in any order, each of them backwards: the same bits");
}

static void row_27_output(edge *e, answer *other) {
  static double room[EDGE_OUTPUTS], back[EDGE_OUTPUTS];
  (void)other;
  heads_and_dims(e);
  bool fine = run(e);
  segattn_tensor expected = segattn_tensor_of(e->got.out, SEGATTN_F64, 1, 4, e->queries, e->problem.dim_v), plain = expected;
  plain.data = back;
  segattn_plan *plan = edge_plan(e);
  for (unsigned i = 0; i < 16; i++) {
    segattn_tensor out = arranged(&expected, room, orders[i % ORDERS], i);
    memset(room, 0, sizeof room);
    fine = fine && segattn_attend(plan, &e->as_queries, &e->as_segment, 1, &out, NULL, NULL, NULL) == SEGATTN_OK;
    copy_units(&plain, &out);
    fine = fine && same_bits(back, e->got.out, all_outputs(e));
  }
  segattn_plan_free(plan);
  claim(e, fine, "row 27: so may the output's axes be");
}

/* One key for all positions, one KV head for both, one query for all.  */
static void row_27_zero(edge *e, answer *other) {
  for (int axis = SEGATTN_HEAD; axis <= SEGATTN_POS; axis++) {
    heads_and_dims(e);
    prepare(e);
    segattn_tensor *const tensor[] = { &e->as_queries.q, &e->as_segment.k, &e->as_segment.v };
    segattn_tensor folded[3];
    for (int i = 0; i < 3; i++) {
      segattn_tensor plain = *tensor[i];
      tensor[i]->stride[axis] = 0;
      folded[i] = *tensor[i];
      static unsigned char room[3][EDGE_INPUTS * sizeof(double)];
      plain.data = room[i];
      copy_units(&plain, &folded[i]);
      *tensor[i] = plain;
    }
    bool fine = run_segments(e, &e->as_segment, 1);
    keep(other, e);
    for (int i = 0; i < 3; i++)
      *tensor[i] = folded[i];
    claim(e, fine && run_segments(e, &e->as_segment, 1) && same_answer(e, other), "row 27: a stride of 0 is as good as copies");
  }
}

/* 4 times 2^62, between 5 keys, would be 0.  */
static void row_27_extent(edge *e, answer *other) {
  static const ptrdiff_t strides[] = { PTRDIFF_MAX, PTRDIFF_MIN, (ptrdiff_t)1 << 62, -((ptrdiff_t)1 << 62) };
  static const char *const name[] = { "queries.q", "segment.k", "segment.v" };
  (void)other;
  heads_and_dims(e);
  prepare(e);
  segattn_plan *plan = edge_plan(e);
  segattn_tensor out = segattn_tensor_of(e->got.out, SEGATTN_F64, 1, 4, e->queries, e->problem.dim_v);
  segattn_tensor *const tensor[] = { &e->as_queries.q, &e->as_segment.k, &e->as_segment.v };
  bool fine = true;
  for (int i = 0; i < 12; i++) {
    if (i >= 6 && i % 3 == 0)           /* of two queries */
      continue;
    segattn_error error = { 0 };
    ptrdiff_t *stride = &tensor[i % 3]->stride[SEGATTN_POS], before = *stride;
    *stride = strides[i / 3];
    fine = fine && segattn_attend(plan, &e->as_queries, &e->as_segment, 1, &out, NULL, NULL, &error) == SEGATTN_EINVAL &&
           !strcmp(error.argument, name[i % 3]) && strstr(error.text, "address space");
    *stride = before;
  }
  segattn_plan_free(plan);
  claim(e, fine, "row 27: strides that lead out of the address space are an error");
}

/* ---- sizes ---- */

static void row_29_positions(edge *e, answer *other) {
  fresh(e, 2, 6);
  e->problem.causal = true;
  e->problem.window = 4;
  e->q_start = 4;
  bool fine = run(e);
  keep(other, e);
  for (int bits = 31; bits < 60; bits += 4) {
    e->q_start = ((int64_t)1 << bits) + 4;
    e->k_start = (int64_t)1 << bits;
    fine = fine && run(e) && same_answer(e, other);
    e->q_start = 4 - ((int64_t)1 << bits);
    e->k_start = -((int64_t)1 << bits);
    fine = fine && run(e) && same_answer(e, other);
  }
  claim(e, fine, "row 29: positions beyond 2^31 and 2^32, of either sign");
}

/* 2^31 bytes and more from one head, or position, to the next, in memory most of which is not there; the keys lie in two
   blocks.  */
static void row_29_strides(edge *e, answer *other) {
  size_t stride = ((size_t)1 << 31) + 4096;
  for (int i = 0; i < 4; i++) {         /* rows a KV head: four, two; eight, two calls of the kernel; four */
    int axis = i % 2 ? SEGATTN_HEAD : SEGATTN_POS;
    fresh(e, i < 2 ? 1 : 2, 4);
    e->k_start = 126;
    e->problem.q_heads = 4;
    e->problem.kv_heads = axis == SEGATTN_HEAD ? 2 : 1;
    bool fine = run(e);
    keep(other, e);
    guarded k = guard_spread(&e->as_segment.k, axis, stride, NULL), v = guard_spread(&e->as_segment.v, axis, stride, NULL);
    if (k.region && v.region)
      claim(e, fine && run_segments(e, &e->as_segment, 1) && same_answer(e, other), "row 29: strides beyond 2^31 bytes");
    else
      diag("row 29: no 16 GB of address space");
    guard_free(k);
    guard_free(v);
  }
}

static test_row *const rows[] = { row_27_permuted, row_27_output, row_27_zero, row_27_extent, row_29_positions,
  row_29_strides };

int main(void) {
  rows_run(rows, sizeof rows / sizeof *rows);
  return edge_done();
}
