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

static inline __attribute__((always_inline)) void decode_elements(sga_stored stored, const char *from, num *to, size_t n) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    vec_store(to + i, vec_load_as(stored, from, i));
  if (i < n) {                  /* not a byte past the end is read */
    num rest[LANES] = { 0 }, last[LANES];
    __builtin_memcpy(rest, from + stored_bytes(stored, i), stored_bytes(stored, n - i));
    vec_store(last, vec_load_as(stored, rest, 0));
    for (size_t j = i; j < n; j++)
      to[j] = last[j - i];
  }
}

#ifndef DECODE_BLOCKS
static inline void decode_blocks(sga_stored stored, size_t bytes, const char *from, num *to, size_t n) {
  (void)stored, (void)bytes, (void)from, (void)to, (void)n;
}
#endif

static inline __attribute__((always_inline)) void decode_as(sga_stored stored, const char *from, ptrdiff_t stride,
                                                            ptrdiff_t ahead, int rows, num *to, size_t n) {
  for (int j = 0; j < rows; j++, from += stride, to += n) {
    for (size_t i = 0; ahead && i < stored_bytes(stored, n); i += 64)
      ask(from + ahead + i);
    if (stored <= SGA_F8E5M2)
      decode_elements(stored, from, to, n);
    else
      decode_blocks(stored, stored_bytes(stored, 32), from, to, n);
  }
}

/* Rows of n elements, `stride` bytes from one to the next, to rows of n numbers side by side; meanwhile the lines of those that
   many bytes ahead are asked for (0: none are).  `stored` is one of those up to DECODED.  */
static void decode_rows(sga_stored stored, const char *from, ptrdiff_t stride, ptrdiff_t ahead, int rows, num *to, size_t n) {
#define CASE(s) case s: if (s <= DECODED) decode_as(s, from, stride, ahead, rows, to, n); break
  switch (stored) {
  CASE(SGA_NUMBERS);
  CASE(SGA_F16);
  CASE(SGA_BF16);
  CASE(SGA_F8E4M3);
  CASE(SGA_F8E5M2);
  CASE(SGA_Q8_0);
  CASE(SGA_Q4_0);
  CASE(SGA_Q4_1);
  CASE(SGA_Q5_0);
  CASE(SGA_Q5_1);
  CASE(SGA_IQ4_NL);
  default: break;
  }
#undef CASE
}

/* How many rows to decode at a time: so few that what they ask for is spread over all that is done with them (32768 keys of
   q8_0: 9.5 ms 32 at a time, 8.7 ms 16, 8.4 ms 8; of q4_0, which asks for half: 7.9, 7.5, 7.9).  */
static inline int decoded_together(sga_stored stored) { return stored <= SGA_Q8_0 ? SGA_ROOM / 2 : SGA_ROOM; }

static void decode(sga_stored stored, const void *from, ptrdiff_t stride, int rows, void *to, size_t n) {
  decode_rows(stored, from, stride, 0, rows, to, n);
}
