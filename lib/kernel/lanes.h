/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows that lie across lanes: rows into lanes and out of them, by transposing squares in registers; sinks and the division (rule 6).  */

/* Numbers [dim][SGA_LANES] <- n rows of numbers, `stride` apart.  The other lanes become 0.  */
static void lanes_set(void *lanes, const void *rows, size_t stride, size_t n, size_t dim) {
  for (size_t at = 0; at < SGA_LANES; at += LANES)
    for (size_t d = 0; d < dim; d += LANES) {   /* rows are padded to whole vectors */
      vec a[LANES];
      for (size_t i = 0; i < LANES; i++)
        a[i] = at + i < n ? vec_load((const num *)rows + (at + i) * stride + d) : vec_set1(0);
      vec_transpose(a);
      for (size_t i = 0; i < LANES; i++)
        vec_store((num *)lanes + (d + i) * SGA_LANES + at, a[i]);
    }
}

/* Row i <- lane i, for i < n: `dim` numbers and not one more.  */
static void lanes_get(const void *lanes, void *const *rows, size_t n, size_t dim) {
  for (size_t at = 0; at < n; at += LANES)
    for (size_t d = 0; d < dim; d += LANES) {
      size_t wide = dim - d < LANES ? dim - d : LANES;
      vec a[LANES];
      for (size_t i = 0; i < LANES; i++)
        a[i] = vec_load((const num *)lanes + (d + i) * SGA_LANES + at);
      vec_transpose(a);
      for (size_t i = 0; i < LANES && at + i < n; i++)
        if (wide == LANES)
          vec_store((num *)rows[at + i] + d, a[i]);
        else
          __builtin_memcpy((num *)rows[at + i] + d, &a[i], wide * sizeof(num));
    }
}

/* Joins one key of value 0 and score t[lane] to each lane, none where t is -inf.  */
static void sink_lanes(sga_rows rows, size_t dim, const double *t) {
  num e[SGA_LANES], l[SGA_LANES], p[LANES];
  for (int i = 0; i < SGA_LANES; i++) {
    e[i] = t[i] > -(double)INFINITY ? round_even((num)t[i]) : -NUM_MAX;
    vec_store(p, weight(vec_set1((num)t[i]), vec_set1(e[i])));
    l[i] = t[i] > -(double)INFINITY ? p[0] : 0;
  }
  for (int at = 0; at < SGA_LANES; at += LANES) {
    num *o = (num *)rows.o + at;
    factors f = join_sums((num *)rows.e + at, (num *)rows.l + at, vec_load(e + at), vec_load(l + at));
    for (size_t d = 0; d < dim; d++, o += SGA_LANES)
      vec_store(o, join_one(vec_load(o), vec_set1(0), f));
  }
}

/* Of the lanes, those in which l or an o is infinite.  */
static uint32_t infinite_lanes(sga_rows rows, size_t dim) {
  uint32_t found = 0;
  for (int at = 0; at < SGA_LANES; at += LANES) {
    vec l = vec_load((num *)rows.l + at), top = vec_max(l, vec_set1(0)), low = vec_min(l, vec_set1(0));
    for (size_t d = 0; d < dim; d++) {
      vec o = vec_load((num *)rows.o + d * SGA_LANES + at);
      top = vec_max(o, top);
      low = vec_min(o, low);
    }
    found |= (vec_gt(top, vec_set1(NUM_MAX)) | vec_gt(vec_set1(-NUM_MAX), low)) << at;
  }
  return found;
}

/* o <- o / l, NaN canonical, no -0.  */
static void divide_lanes(sga_rows rows, size_t dim) {
  for (int at = 0; at < SGA_LANES; at += LANES) {
    num *o = (num *)rows.o + at;
    vec l = vec_load((num *)rows.l + at), zero = vec_set1(0), nan = vec_set1((num)NAN);
    uint32_t empty = ~(vec_gt(l, zero) | vec_gt(zero, l) | vec_nan(l)) & (uint32_t)ALL_LANES;
    l = vec_select(empty, vec_set1(1), l);
    for (size_t d = 0; d < dim; d++, o += SGA_LANES) {
      vec x = vec_add(vec_div(vec_load(o), l), zero);
      vec_store(o, vec_select(vec_nan(x), nan, x));
    }
  }
}
