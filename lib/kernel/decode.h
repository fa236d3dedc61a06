/* SPDX-License-Identifier: BSD-2-Clause */
/* Stored elements side by side to numbers: the values of the formats' own decoders (format/), made with vectors.  */

static inline __attribute__((always_inline)) void decode_elements(sga_stored stored, const char *from, num *to, size_t n) {
  const size_t bytes = stored == SGA_NUMBERS ? sizeof(num) : stored <= SGA_BF16 ? 2 : 1;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    vec_store(to + i, vec_load_as(stored, from, i));
  if (i < n) {                  /* not a byte past the end is read */
    num rest[LANES] = { 0 }, last[LANES];
    __builtin_memcpy(rest, from + i * bytes, (n - i) * bytes);
    vec_store(last, vec_load_as(stored, rest, 0));
    for (size_t j = i; j < n; j++)
      to[j] = last[j - i];
  }
}

static void decode(sga_stored stored, const void *from, void *to, size_t n) {
  if (NUM_BITS == 64 || stored == SGA_NUMBERS)
    decode_elements(SGA_NUMBERS, from, to, n);
  else if (stored == SGA_F16)
    decode_elements(SGA_F16, from, to, n);
  else if (stored == SGA_BF16)
    decode_elements(SGA_BF16, from, to, n);
#ifdef DECODE_BLOCKS
  else if (stored == SGA_F8E4M3)
    decode_elements(SGA_F8E4M3, from, to, n);
  else if (stored == SGA_F8E5M2)
    decode_elements(SGA_F8E5M2, from, to, n);
  else if (stored == SGA_Q8_0)
    decode_blocks(SGA_Q8_0, 34, from, to, n);
  else if (stored == SGA_Q4_0)
    decode_blocks(SGA_Q4_0, 18, from, to, n);
  else if (stored == SGA_Q4_1)
    decode_blocks(SGA_Q4_1, 20, from, to, n);
  else if (stored == SGA_Q5_0)
    decode_blocks(SGA_Q5_0, 22, from, to, n);
  else if (stored == SGA_Q5_1)
    decode_blocks(SGA_Q5_1, 24, from, to, n);
  else
    decode_blocks(SGA_IQ4_NL, 18, from, to, n);
#endif
}
