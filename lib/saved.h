/* SPDX-License-Identifier: BSD-2-Clause */
/* A saved state's bytes (doc/STATE): places in its header, little-endian numbers, the checksum.  Shared by save.c and load.c.

   Bytes are put together by shifts, which say little-endian on every machine; compilers make single moves of them.  */

#ifndef SGA_SAVED_H
#define SGA_SAVED_H

#include <string.h>

#include "state.h"

#define SAVED_MAGIC "\x89SGA\r\n\x1a\n"        /* as PNG's: no text, and changed by whoever takes it for text */

enum { SAVED_VERSION = 2, SAVED_BASE = 2 };     /* the base of exponents: of e and of m */

enum {                          /* places in the header, in bytes */
  AT_VERSION = 8, AT_BASE = 12, AT_BYTES = 16, AT_ARITHMETIC = 24, AT_NUMBER = 40, AT_BLOCK = 44, AT_BATCH = 48,
  AT_QUERIES = 56, AT_Q_HEADS = 64, AT_KV_HEADS = 72, AT_DIM_K = 80, AT_DIM_V = 88, AT_SCALE = 96, AT_SOFTCAP = 104,
  AT_WINDOW = 112, AT_FLAGS = 120, AT_ZERO = 124, AT_TAG = 128, SAVED_HEADER = AT_TAG + SEGATTN_TAG
};
enum { SAVED_CAUSAL = 1, SAVED_SLOPES = 2, SAVED_SINKS = 4 };   /* flags */

enum {                          /* places in the events of a query head */
  AT_RESCALES = 0, AT_UNDERFLOW = 8, AT_NAN = 16, AT_INF = 24, AT_VALUES = 32, AT_WHERE = 40, SAVED_EVENTS = 48
};

enum {                          /* places at the beginning of a batch element */
  AT_END = 0, AT_FIRST = 8, AT_NEXT = 16, AT_OPEN_BLOCK = 24, AT_INEXACT = 32, AT_SEQUENCE_FLAGS = 40, AT_NODES = 44,
  SAVED_SEQUENCE = 48
};
enum { SAVED_BEGUN = 1, SAVED_OPEN = 2 };

enum { AT_INDEX = 0, AT_LEVEL = 8, AT_NODE_ZERO = 12, SAVED_NODE = 16, SAVED_CHECKSUM = 8 };

static inline void put_u32(unsigned char *to, uint32_t x) {
  for (int i = 0; i < 4; i++)
    to[i] = (unsigned char)(x >> 8 * i);
}

static inline void put_u64(unsigned char *to, uint64_t x) {
  for (int i = 0; i < 8; i++)
    to[i] = (unsigned char)(x >> 8 * i);
}

static inline uint32_t get_u32(const unsigned char *from) {
  uint32_t x = 0;
  for (int i = 0; i < 4; i++)
    x |= (uint32_t)from[i] << 8 * i;
  return x;
}

static inline uint64_t get_u64(const unsigned char *from) {
  uint64_t x = 0;
  for (int i = 0; i < 8; i++)
    x |= (uint64_t)from[i] << 8 * i;
  return x;
}

static inline void put_f64(unsigned char *to, double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  put_u64(to, bits);
}

static inline double get_f64(const unsigned char *from) {
  uint64_t bits = get_u64(from);
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The arithmetic's numbers, `size` bytes each; a double holds either.  The payload of a NaN is the machine's: one is written.
   */
static inline void put_number(unsigned char *to, size_t size, double x) {
  float f = (float)x;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  if (size == sizeof f)
    put_u32(to, x != x ? 0x7fc00000 : bits);
  else if (x != x)
    put_u64(to, 0x7ff8000000000000);
  else
    put_f64(to, x);
}

static inline double get_number(const unsigned char *from, size_t size) {
  uint32_t bits = get_u32(from);
  float f;
  memcpy(&f, &bits, sizeof f);
  return size == sizeof f ? (double)f : get_f64(from);
}

/* Rows of a batch element, and the bytes of what it holds of each: its m; an accumulator (e, l, o), and where sums are pairs
   the low parts of l and o behind it.  */
static inline size_t saved_rows(const segattn_state *s) { return s->plan->problem.q_heads * s->queries; }
static inline size_t saved_m_bytes(const segattn_state *s) { return saved_rows(s) * s->plan->kernel->size; }
static inline size_t saved_sum_bytes(const segattn_state *s) {
  return saved_rows(s) * (1 + (size_t)s->plan->kernel->parts * (1 + s->plan->problem.dim_v)) * s->plan->kernel->size;
}

/* Where the numbers of a row lie among those of its batch element.  */
static inline size_t saved_row(const segattn_state *s, const sga_tile *t,
                               size_t i) { return t->head[i] * s->queries + t->query[i]; }

/* Of an accumulator's bytes, numbers before those of the low parts.  */
static inline size_t saved_low(const segattn_state *s) { return saved_rows(s) * (2 + s->plan->problem.dim_v); }

uint64_t sga_checksum(const unsigned char *bytes, size_t n);

#endif
