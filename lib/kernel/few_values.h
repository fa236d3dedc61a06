/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of few.h: o += p v and l += p for runs of keys that up to SGA_ROWS rows all attend, dimensions across lanes
   (rule 4 of BOUNDS, section 1).  Values are read where they lie, or decoded to the room a few at a time.  */

/* Keys [a, b), which all of the rows [first, first + rows) attend.  v: the value of key a; p: the weights; raised: those that
   raw values want; scales: of blocks, as block_scales leaves them.  */
typedef struct run {
  const num *p, *raised;
  int first, a, b;
  const char *v;
  size_t stride;
  ptrdiff_t ahead;
  const float *scales;
} run;

/* Dimensions [d, d + vecs * LANES) of key j.  */
FORCED void load_value(run x, int j, sga_stored stored, size_t d, int vecs, vec *to) {
  const char *v = key_at(x.v, x.stride, j - x.a);
  if (stored <= SGA_F8E5M2) {
    vecs_load_raw(stored, true, v, d, vecs, to);
    return;
  }
  const float *scale = x.scales + d / 32 * 2 * SGA_BLOCK + (j - x.a);
  for (int c = 0; c < vecs; c += 32 / LANES, scale += 2 * SGA_BLOCK)
    block_scaled(stored, v + stored_bytes(stored, d + (size_t)c * LANES), vec_set1(scale[0]), vec_set1(scale[SGA_BLOCK]),
                 to + c);
}

/* Dimensions [d, d + vecs * LANES); with d = 0 the weights are summed too, in one more register of the loop over V.  */
FORCED void values_tile(const sga_piece *w, run x, int rows, size_t d, int vecs, sga_stored stored) {
  const size_t chunk = stored_bytes(stored, (size_t)vecs * LANES);
  sum o[SGA_ROWS][2 * SUM_VECS], l[SGA_ROWS];
  for (int r = 0; r < rows; r++) {
    num *at = w->o[x.first + r], *low = low_of_o(at, w->dim_v);
    l[r] = sum_set1(*(num *)w->l[x.first + r], *low_of_l(at, w->dim_v));
    for (int c = 0; c < vecs; c++)
      o[r][c] = sum_load(at + d + c * LANES, low + d + c * LANES);
  }
  for (int j = x.a; j < x.b; j++) {
    vec y[2 * SUM_VECS];
    for (size_t i = 0; x.ahead && i < chunk; i += 64)
      ask(key_at(x.v, x.stride, j - x.a) + x.ahead + stored_bytes(stored, d) + i);
    load_value(x, j, stored, d, vecs, y);
    for (int r = 0; r < rows; r++) {
      const int at = (x.first + r) * SGA_BLOCK + j;
      vec p = vec_set1(x.raised[at]);
      for (int c = 0; c < vecs; c++)
        o[r][c] = sum_fma(p, y[c], o[r][c]);
      if (d == 0)
        l[r] = sum_add(l[r], stored == SGA_F8E4M3 ? vec_set1(x.p[at]) : p);
    }
  }
  for (int r = 0; r < rows; r++) {
    num *at = w->o[x.first + r], *low = low_of_o(at, w->dim_v);
    for (int c = 0; c < vecs; c++)
      sum_store(at + d + c * LANES, low + d + c * LANES, o[r][c]);
    if (d == 0)
      sum_store_first(w->l[x.first + r], low_of_l(at, w->dim_v), l[r]);
  }
}

/* One row has registers for twice as many dimensions, and needs them: its sums wait for each other.  */
FORCED void values_rows(const sga_piece *w, run x, int rows, sga_stored stored) {
  const int vecs = rows == 1 ? 2 * SUM_VECS : SUM_VECS, least = stored <= SGA_F8E5M2 ? 1 : 32 / LANES;
  const size_t chunk = (size_t)vecs * LANES;
  size_t d = chunk;
  if (w->dim_v >= chunk) {
    values_tile(w, x, rows, 0, vecs, stored);
    for (; d + chunk <= w->dim_v; d += chunk)
      values_tile(w, x, rows, d, vecs, stored);
  } else {
    values_tile(w, x, rows, 0, least, stored);
    d = (size_t)least * LANES;
  }
  for (; d < w->dim_v; d += (size_t)least * LANES)
    values_tile(w, x, rows, d, least, stored);
}

FORCED void values_as(const sga_piece *w, run x, int rows, sga_stored stored) {
  switch (rows) {
  case 1: values_rows(w, x, 1, stored); break;
  case 2: values_rows(w, x, 2, stored); break;
  case 3: values_rows(w, x, 3, stored); break;
  default: values_rows(w, x, 4, stored); break;
  }
}

static void values_decoded(const sga_piece *w, run x, int rows) {       /* by way of the room */
  const int end = x.b, together = decoded_together(w->v_stored);
  for (; x.a < end; x.a = x.b) {
    x.b = x.a + together < end ? x.a + together : end;
    decode_rows(w->v_stored, x.v, (ptrdiff_t)x.stride, x.ahead, x.b - x.a, w->v_room, w->dim_v);
    run part = { x.p, x.p, x.first, x.a, x.b, w->v_room, w->dim_v * sizeof(num), 0, NULL };
    values_as(w, part, rows, SGA_NUMBERS);
    x.v = key_at(x.v, x.stride, x.b - x.a);
  }
}

/* Values of 8 bits and fewer stay in registers (q8_0, f8e4m3: 6 to 9 % of decode).  By way of the room go, to spare code, those
   for two or three rows, and those that go into sums of pairs.  */
#define STAY (SUM_PARTS == 1 ? VALUES_IN_PLACE : IN_PLACE)

/* The weights of a run for raw values, where its scores were.  They are 0, normal and far below the largest number, or no
   number: raised they are exact.  */
static const num *raised(const sga_piece *w, const run *x, int rows) {
  num *to = w->weights;
  for (int i = x->first * SGA_BLOCK; i < (x->first + rows) * SGA_BLOCK; i += SGA_BLOCK)
    for (int j = x->a - x->a % LANES; j < x->b; j += LANES)
      vec_store(to + i + j, vec_mul(vec_load(x->p + i + j), vec_set1(RAISED)));
  return to;
}

static void values_run(const sga_piece *w, const num *p, int first, int rows, int a, int b) {
  run x = { p, p, first, a, b, key_at(w->v, w->v_stride, a), w->v_stride, w->v_ahead, w->v_room };
  if (w->v_stored > STAY || (w->v_stored > IN_PLACE && ((rows > 1 && rows < SGA_ROWS) || x.stride > SGA_NEAR))) {
    values_decoded(w, x, rows);
    return;
  }
  if (w->v_stored == SGA_F8E4M3)
    x.raised = raised(w, &x, rows);
#ifdef LEVELS
  if (STAY > SGA_F8E5M2 && w->v_stored > SGA_F8E5M2)
    block_scales(w->v_stored, stored_bytes(w->v_stored, 32), x.v, x.stride, b - a, w->dim_v, w->v_room);
#endif
#define CASE(s) case s: \
    if (s <= IN_PLACE) \
      values_as(w, x, rows, s); \
    else if (s <= STAY && rows == 1) \
      values_rows(w, x, 1, s); \
    else if (s <= STAY) \
      values_rows(w, x, SGA_ROWS, s); \
    break
  switch (w->v_stored) { DECODED_CASES; }
#undef CASE
}
