/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to accumulators before and after keys are absorbed: cleared, sinks and the division (rule 6), for rows one by one; and the
   kernel's row of the table.  */

static void clear(sga_rows rows, size_t n, size_t dim) {
  num *e = rows.e, *l = rows.l, *o = rows.o;
  for (size_t r = 0; r < n; r++) {
    e[r] = -NUM_MAX;
    l[r] = 0;
  }
  for (size_t i = 0; i < n * dim; i++)
    o[i] = 0;
}

static void sink(sga_rows row, size_t dim, double t) {
  num *e = row.e, *l = row.l, *o = row.o, n = round_even((num)t), p[LANES];
  num m = *e > n ? *e : n;
  vec_store(p, weight(vec_set1((num)t), vec_set1(n)));
  vec fd = vec_set1(power(*e - m)), fa = vec_set1(power(n - m));
  vec_store(p, vec_fma(vec_set1(*l), fd, vec_mul(vec_set1(p[0]), fa)));
  *l = p[0];
  *e = m;
  for (size_t d = 0; d < dim; d += LANES)
    vec_store(o + d, vec_fma(vec_load(o + d), fd, vec_mul(vec_set1(0), fa)));
}

static void divide(sga_rows rows, size_t n, size_t dim) {
  const num *l = rows.l;
  num *o = rows.o;
  for (size_t r = 0; r < n; r++, o += dim)
    for (size_t d = 0; d < dim; d++) {
      num x = l[r] == 0 ? o[d] : o[d] / l[r];
      o[d] = x != x ? (num)NAN : x + 0;         /* + 0: no negative zero leaves */
    }
}

static bool infinite(const void *numbers, size_t n) {
  const num *x = numbers;
  int found = 0;
  for (size_t i = 0; i < n; i++)
    found |= (x[i] > NUM_MAX) | (x[i] < -NUM_MAX);
  return found;
}

static void decode(sga_stored stored, const void *from, void *to, size_t n) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    vec_store((num *)to + i, vec_load_as(stored, from, i));
  if (i < n) {                  /* not a byte past the end is read */
    uint16_t rest[LANES * sizeof(num) / 2] = { 0 };
    num last[LANES];
    size_t bytes = stored == SGA_NUMBERS ? sizeof(num) : 2;
    __builtin_memcpy(rest, (const char *)from + i * bytes, (n - i) * bytes);
    vec_store(last, vec_load_as(stored, rest, 0));
    for (size_t j = i; j < n; j++)
      ((num *)to)[j] = last[j - i];
  }
}

const sga_kernel SGA_PASTE(sga_kernel, NUM, SGA_ISA) = {
  SGA_TEXT(NUM), SGA_TEXT(SGA_ISA), sizeof(num), absorb, absorb_lanes, join, join_lanes, decode, clear, sink, sink_lanes, divide,
  divide_lanes, infinite, infinite_lanes, lanes_set, lanes_get
};
