/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows into lanes and out of them, by transposing squares in registers; sinks of rows that lie across lanes (rule 6).  */

/* Numbers [dim][SGA_LANES] <- n rows of `dim` numbers, a multiple of SGA_PAD.  The other lanes become 0.  */
static void lanes_set(void *lanes, const void *const *rows, size_t n, size_t dim) {
  for (size_t at = 0; at < SGA_LANES; at += LANES)
    for (size_t d = 0; d < dim; d += LANES) {
      vec a[LANES];
      for (size_t i = 0; i < LANES; i++)
        a[i] = at + i < n ? vec_load((const num *)rows[at + i] + d) : vec_set1(0);
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
        else {
          num last[LANES];      /* a vector is not everywhere its numbers side by side */
          vec_store(last, a[i]);
          __builtin_memcpy((num *)rows[at + i] + d, last, wide * sizeof(num));
        }
    }
}

/* Joins one key of value 0 and score t[lane] to each lane, none where t is -inf.  */
static void sink_lanes(sga_rows rows, size_t dim, const double *t) {
  const num none[LANES] = { 0 };
  const size_t numbers = dim * SGA_LANES;
  num e[SGA_LANES], l[SGA_LANES], p[LANES];
  for (int i = 0; i < SGA_LANES; i++) {
    e[i] = t[i] > -(double)INFINITY ? round_even((num)t[i]) : -NUM_MAX;
    vec_store(p, weight(vec_set1((num)t[i]), vec_set1(e[i])));
    l[i] = t[i] > -(double)INFINITY ? p[0] : 0;
  }
  for (int at = 0; at < SGA_LANES; at += LANES) {
    num *o = (num *)rows.o + at;
    factors f = join_sums((num *)rows.e + at, (num *)rows.l + at, low_of_l(o, numbers), vec_load(e + at),
                          sum_load(l + at, none));
    for (size_t d = 0; d < dim; d++, o += SGA_LANES)
      sum_store(o, low_of_o(o, numbers), join_one(sum_load(o, low_of_o(o, numbers)), sum_set1(0, 0), f));
  }
}
