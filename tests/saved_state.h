/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States as bytes, for the tests of them.  */

#ifndef SAVED_STATE_H
#define SAVED_STATE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <segattn.h>
#include "tap.h"

typedef struct saved { unsigned char *bytes; size_t n; } saved;

/* Filled with a pattern before, so that a byte that is not written is seen.  */
static inline saved saved_of(const segattn_state *state) {
  segattn_error error = { 0 };
  saved s = { NULL, segattn_state_size(state) };
  s.bytes = malloc(s.n);
  memset(s.bytes, 0xa5, s.n);
  if (segattn_state_save(state, NULL, s.bytes, s.n, &error))
    diag("save: %s", error.text);
  return s;
}

static inline bool saved_same(saved a, saved b) {
  return a.n == b.n && !memcmp(a.bytes, b.bytes, a.n);
}

static inline bool state_is(const segattn_state *state, saved s) {
  saved now = saved_of(state);
  bool same = saved_same(now, s);
  free(now.bytes);
  return same;
}

/* Numbers where doc/STATE has them.  */
static inline uint64_t saved_u(const unsigned char *from, int bytes) {
  uint64_t x = 0;
  for (int i = bytes - 1; i >= 0; i--)
    x = x << 8 | from[i];
  return x;
}

static inline void saved_put(unsigned char *to, int bytes, uint64_t x) {
  for (int i = 0; i < bytes; i++)
    to[i] = (unsigned char)(x >> 8 * i);
}

/* CRC-64/XZ, bit by bit.  */
static inline uint64_t saved_checksum(const unsigned char *bytes, size_t n) {
  uint64_t crc = ~(uint64_t)0;
  for (size_t i = 0; i < n; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xc96c5795d7870f42 : 0);
  }
  return ~crc;
}

/* The checksum of changed bytes, as if they were meant.  */
static inline void saved_seal(saved s) {
  saved_put(s.bytes + s.n - 8, 8, saved_checksum(s.bytes, s.n - 8));
}

#endif
