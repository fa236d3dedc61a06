/* SPDX-License-Identifier: BSD-2-Clause */
/* Stored elements side by side to numbers: the values of the formats' own decoders (format/), made with vectors.  */

/* Not a function: gcc deletes calls of one that does nothing else, before it knows that they are wanted.  */
#define ask(line) __builtin_prefetch(line, 0, 2)

static inline size_t stored_bytes(sga_stored stored, size_t n) {
  switch (stored) {
  case SGA_NUMBERS: return n * sizeof(num);
  case SGA_F16: case SGA_BF16: return n * 2;
  case SGA_F8E4M3: case SGA_F8E5M2: return n;
  case SGA_Q8_0: return n / 32 * 34;
  case SGA_Q4_1: return n / 32 * 20;
  case SGA_Q5_0: return n / 32 * 22;
  case SGA_Q5_1: return n / 32 * 24;
  default: return n / 32 * 18;
  }
}

#ifndef DECODE_BLOCKS
FORCED void block_numbers(sga_stored stored, const char *p, vec *to) { (void)stored, (void)p, (void)to; }
FORCED void block_scaled(sga_stored stored, const char *p, vec d, vec m, vec *to) {
  (void)d, (void)m, block_numbers(stored, p, to);
}
#endif
#ifndef VECS_OF_E4M3
FORCED bool vecs_of_e4m3(bool raw, const char *p, vec *to) { (void)raw, (void)p, (void)to; return false; }
#endif
#ifndef KEYS_SIDE_BY_SIDE
#define KEYS_SIDE_BY_SIDE 0
FORCED void vec_store_halves(num *low, num *high, vec a) { (void)low, (void)high, (void)a; }
FORCED chains chains_load(const num *p) { (void)p; return chains_zero(); }
#endif

/* `raw` e4m3 is left 1 / RAISED of what it is, and what it is multiplied by is RAISED times as large: the product is the same
   number, whose bits nothing changes that is done to it (7 % of decode).  Of all other formats, raw is what they are.  */
FORCED vec vec_load_raw(sga_stored stored, bool raw, const char *p, size_t from) {
  vec y = vec_load_as(stored, p, from);
  return raw && stored == SGA_F8E4M3 ? vec_mul(y, vec_set1((num)1 / RAISED)) : y;
}

/* Elements from `from` on that are stored one by one.  */
FORCED void vecs_load_raw(sga_stored stored, bool raw, const char *p, size_t from, int vecs, vec *to) {
  for (int i = 0; i < vecs; i += 4) {
    const int n = vecs - i < 4 ? vecs - i : 4;
    if (stored != SGA_F8E4M3 || n < 4 || !vecs_of_e4m3(raw, p + from + (size_t)i * LANES, to + i))
      for (int c = i; c < i + n; c++)
        to[c] = vec_load_raw(stored, raw, p, from + (size_t)c * LANES);
  }
}

/* Where element i of a decoded row goes: to[i], or, `apart`, eight numbers and room for eight of another row; those rows are
   raw too.  */
FORCED void decode_store(bool apart, num *to, size_t i, vec a) {
  if (apart)
    vec_store_halves(to + 2 * i, to + 2 * i + 16, a);
  else
    vec_store(to + i, a);
}

FORCED void decode_elements(bool apart, sga_stored stored, const char *from, num *to, size_t n) {
  enum { VECS = 4 };
  vec y[VECS];
  size_t i = 0;
  for (; i + VECS * LANES <= n; i += VECS * LANES) {
    vecs_load_raw(stored, apart, from, i, VECS, y);
    for (int c = 0; c < VECS; c++)
      decode_store(apart, to, i + (size_t)c * LANES, y[c]);
  }
  for (; i + LANES <= n; i += LANES)
    decode_store(apart, to, i, vec_load_raw(stored, apart, from, i));
  if (i < n) {                  /* not a byte past the end is read; never so where rows are apart: they are padded */
    num rest[LANES] = { 0 }, last[LANES];
    __builtin_memcpy(rest, from + stored_bytes(stored, i), stored_bytes(stored, n - i));
    vec_store(last, vec_load_as(stored, rest, 0));
    for (size_t j = i; j < n; j++)
      to[j] = last[j - i];
  }
}

FORCED void decode_blocks(bool apart, sga_stored stored, const char *from, num *to, size_t n) {
  vec y[32 / LANES];
  for (size_t i = 0; i < n; i += 32, from += stored_bytes(stored, 32)) {
    block_numbers(stored, from, y);
    for (int c = 0; c < 32 / LANES; c++)
      decode_store(apart, to, i + (size_t)c * LANES, y[c]);
  }
}

/* One row; meanwhile the lines of that which lies `ahead` bytes further are asked for (0: none are).  */
FORCED void decode_row(bool apart, sga_stored stored, const char *from, ptrdiff_t ahead, num *to, size_t n) {
  for (size_t i = 0; ahead && i < stored_bytes(stored, n); i += 64)
    ask(from + ahead + i);
  if (stored <= SGA_F8E5M2)
    decode_elements(apart, stored, from, to, n);
  else
    decode_blocks(apart, stored, from, to, n);
}

#define DECODED_CASES \
  CASE(SGA_NUMBERS); CASE(SGA_F16); CASE(SGA_BF16); CASE(SGA_F8E4M3); CASE(SGA_F8E5M2); CASE(SGA_Q8_0); CASE(SGA_Q4_0); \
  CASE(SGA_Q4_1); CASE(SGA_Q5_0); CASE(SGA_Q5_1); CASE(SGA_IQ4_NL); default: break

/* Rows of n elements, `stride` bytes from one to the next, to rows of n numbers side by side; `ahead` as in decode_row.
   `stored` is one of those up to DECODED.  */
static void decode_rows(sga_stored stored, const char *from, ptrdiff_t stride, ptrdiff_t ahead, int rows, num *to, size_t n) {
#define CASE(s) case s: \
    for (int j = 0; s <= DECODED && j < rows; j++) \
      decode_row(false, s, from + j * stride, ahead, to + (size_t)j * n, n); \
    break
  switch (stored) { DECODED_CASES; }
#undef CASE
}

/* How many rows to decode at a time: so few that what they ask for is spread over all that is done with them (32768 keys of
   q8_0: 9.5 ms 32 at a time, 8.7 ms 16, 8.4 ms 8; of q4_0, which asks for half: 7.9, 7.5, 7.9).  */
static inline int decoded_together(sga_stored stored) { return stored <= SGA_Q8_0 ? SGA_ROOM / 2 : SGA_ROOM; }

static void decode(sga_stored stored, const void *from, ptrdiff_t stride, int rows, void *to, size_t n) {
  decode_rows(stored, from, stride, 0, rows, to, n);
}
