/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Block formats: decoding against the definition for every class of scale and every code in every place, encoding against
   the bytes of real ggml (data/formats, made by experiments/providers/make_formats_golden.py).  */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "golden.h"
#include "internal.h"
#include "tap.h"

enum { SIZE = 32, BLOCKS = 256, DECODED = 64, MOST_BYTES = 34 };

typedef struct layout {
  segattn_format format;
  const char *name;
  size_t bytes;
  bool has_m, fifth;
  int levels, zero;             /* codes 0 .. levels - 1; q8_0's are signed bytes */
} layout;

static const layout layouts[] = {
  { SEGATTN_Q8_0, "q8_0", 34, false, false, 256, 0 }, { SEGATTN_Q4_0, "q4_0", 18, false, false, 16, 8 },
  { SEGATTN_Q4_1, "q4_1", 20, true, false, 16, 0 }, { SEGATTN_Q5_0, "q5_0", 22, false, true, 32, 16 },
  { SEGATTN_Q5_1, "q5_1", 24, true, true, 32, 0 }, { SEGATTN_IQ4_NL, "iq4_nl", 18, false, false, 16, 0 }
};

/* Both zeros, subnormal, normal, largest, inf, NaN; either sign.  */
static const uint16_t scales[] = {
  0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x83ff, 0x0400, 0x3c00, 0x3555, 0xb555, 0xbc01, 0x7bff, 0xfbff, 0x7c00, 0xfc00,
  0x7e00, 0xfe01, 0x7c01 };
enum { SCALES = sizeof scales / sizeof *scales };

/* ---- the definition ---- */

static double half(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  double fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
  if (exponent == 31)
    return fraction > 0 ? (double)NAN : sign * (double)INFINITY;
  return sign * (exponent ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24));
}

static double element(const layout *f, uint16_t d, uint16_t m, int code) {
  static const int iq4_nl[] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
  int wrap = f->format == SEGATTN_Q8_0 && code > 127 ? 256 : 0;
  int level = f->format == SEGATTN_IQ4_NL ? iq4_nl[code] : code - f->zero - wrap;
  return f->has_m ? half(d) * level + half(m) : half(d) * level;
}

static void write_block(const layout *f, unsigned char *to, uint16_t d, uint16_t m, const int code[SIZE]) {
  memset(to, 0, f->bytes);
  *to++ = (unsigned char)(d & 255);
  *to++ = (unsigned char)(d >> 8);
  if (f->has_m) {
    *to++ = (unsigned char)(m & 255);
    *to++ = (unsigned char)(m >> 8);
  }
  for (int j = 0; j < SIZE; j++)
    if (f->format == SEGATTN_Q8_0)
      to[j] = (unsigned char)code[j];
    else {
      int fifth = f->fifth ? 4 : 0;
      to[fifth + j % 16] = (unsigned char)(to[fifth + j % 16] | (code[j] & 15) << (j < 16 ? 0 : 4));
      if (f->fifth)
        to[j / 8] = (unsigned char)(to[j / 8] | (code[j] >> 4) << j % 8);
    }
}

static bool same(double a, double b) {
  return isnan(b) ? isnan(a) : memcmp(&a, &b, sizeof a) == 0;
}

/* ---- decoding ---- */

/* f64 exactly, f32 with one rounding; a stride of its own, forwards and backwards, at an odd address.  */
static int wrong_block(const layout *f, const unsigned char *block, uint16_t d, uint16_t m, const int code[SIZE]) {
  const sga_format *private = sga_format_of(f->format);
  unsigned char apart[2 * MOST_BYTES + 8];
  double x[SIZE], y[2 * SIZE];
  float z[2 * SIZE];
  int wrong = 0;
  ptrdiff_t step = (ptrdiff_t)f->bytes + 3;
  memset(apart, 0xff, sizeof apart);
  memcpy(apart + 1, block, f->bytes);
  memcpy(apart + 1 + step, block, f->bytes);
  segattn_decode(f->format, block, x, SIZE);
  private->to_f64((const char *)apart + 1, step, y, sizeof y / sizeof *y);
  private->to_f32((const char *)apart + 1 + step, -step, z, sizeof z / sizeof *z);
  for (int j = 0; j < SIZE; j++) {
    double exact = element(f, d, m, code[j]), rounded = (double)(float)exact;
    wrong += !same(x[j], exact) + !same(y[j], exact) + !same(y[SIZE + j], exact) + !same((double)z[j], rounded) +
             !same((double)z[SIZE + j], rounded);
  }
  return wrong;
}

static int wrong_decodes(const layout *f) {
  int wrong = 0;
  for (size_t s = 0; s < SCALES; s++)
    for (size_t t = 0; t < (f->has_m ? SCALES : 1); t++)
      for (int turn = 0; turn < f->levels; turn++) {
        int code[SIZE];
        unsigned char block[MOST_BYTES];
        for (int j = 0; j < SIZE; j++)
          code[j] = (5 * j + turn) % f->levels;
        write_block(f, block, scales[s], scales[t], code);
        wrong += wrong_block(f, block, scales[s], scales[t], code);
      }
  return wrong;
}

static int wrong_golden_decodes(const layout *f) {
  unsigned char bytes[DECODED * MOST_BYTES];
  float expected[DECODED * SIZE], x[DECODED * SIZE];
  int wrong = 0;
  golden_read(f->name, "any", bytes, DECODED * f->bytes, 1);
  golden_read(f->name, "f32", expected, sizeof expected, sizeof *expected);
  sga_format_of(f->format)->to_f32((const char *)bytes, (ptrdiff_t)f->bytes, x, DECODED * SIZE);
  for (size_t i = 0; i < DECODED * SIZE; i++)
    wrong += !same((double)x[i], (double)expected[i]);
  return wrong;
}

/* ---- encoding ---- */

static double input[BLOCKS * SIZE];

static void read_input(void) {
  float x[BLOCKS * SIZE];
  golden_read("blocks", "f32", x, sizeof x, sizeof *x);
  for (size_t i = 0; i < BLOCKS * SIZE; i++)
    input[i] = (double)x[i];
}

static int wrong_golden_encodes(const layout *f) {
  unsigned char expected[BLOCKS * MOST_BYTES], bytes[BLOCKS * MOST_BYTES];
  int wrong = 0;
  golden_read(f->name, "blocks", expected, BLOCKS * f->bytes, 1);
  segattn_encode(f->format, input, bytes, BLOCKS * SIZE);
  for (size_t i = 0; i < BLOCKS; i++)
    if (memcmp(bytes + i * f->bytes, expected + i * f->bytes, f->bytes)) {
      if (wrong++ < 3)
        diag("%s: block %zu differs", f->name, i);
    }
  return wrong;
}

/* An f64 counts as the f32 that it rounds to.  */
static int wrong_narrowing(const layout *f) {
  double x[4 * SIZE], narrow[4 * SIZE];
  unsigned char a[4 * MOST_BYTES], b[4 * MOST_BYTES];
  for (size_t i = 0; i < 4 * SIZE; i++) {
    x[i] = input[i] * (1 + 0x1p-24 * (double)(i % 3)) + 0x1p-40;
    narrow[i] = (double)(float)x[i];
  }
  segattn_encode(f->format, x, a, 4 * SIZE);
  segattn_encode(f->format, narrow, b, 4 * SIZE);
  return memcmp(a, b, 4 * f->bytes) != 0;
}

/* What is not finite in f32 makes its block NaN, and no other.  */
static int wrong_specials(const layout *f) {
  static const double specials[] = { (double)NAN, -(double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, -0x1p128 };
  unsigned char bytes[3 * MOST_BYTES], plain[3 * MOST_BYTES];
  int wrong = 0;
  segattn_encode(f->format, input, plain, 3 * SIZE);
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    double x[3 * SIZE], y[3 * SIZE];
    memcpy(x, input, sizeof x);
    x[SIZE + (7 * i) % SIZE] = specials[i];
    segattn_encode(f->format, x, bytes, 3 * SIZE);
    segattn_decode(f->format, bytes, y, 3 * SIZE);
    for (int j = 0; j < SIZE; j++)
      wrong += !isnan(y[SIZE + j]);
    wrong += memcmp(bytes, plain, f->bytes) != 0;
    wrong += memcmp(bytes + 2 * f->bytes, plain + 2 * f->bytes, f->bytes) != 0;
  }
  return wrong;
}

/* A d below 2^-128, whose reciprocal overflows: all elements are 0, whatever the codes are.  */
static int wrong_tiny(const layout *f) {
  double x[SIZE];
  unsigned char bytes[MOST_BYTES];
  int wrong = 0;
  for (int j = 0; j < SIZE; j++)
    x[j] = (j - 16) * 0x1p-140;
  segattn_encode(f->format, x, bytes, SIZE);
  segattn_decode(f->format, bytes, x, SIZE);
  for (int j = 0; j < SIZE; j++)
    wrong += !(x[j] <= 0 && x[j] >= 0);
  return wrong;
}

static void sizes(const layout *f) {
  segattn_format found = SEGATTN_FORMATS;
  segattn_status status = segattn_format_find(&found, f->name, NULL);
  ok(status == SEGATTN_OK && found == f->format && segattn_format_block(f->format) == SIZE &&
     segattn_format_bytes(f->format, SIZE) == f->bytes && segattn_format_bytes(f->format, 4 * SIZE) == 4 * f->bytes &&
     segattn_format_bytes(f->format, 0) == 0 && segattn_format_bytes(f->format, SIZE + 1) == 2 * f->bytes,
     "%s: blocks of %d elements and %zu bytes", f->name, SIZE, f->bytes);
}

int main(void) {
  read_input();
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    const layout *f = &layouts[i];
    sizes(f);
    int decodes = wrong_decodes(f), golden_decodes = wrong_golden_decodes(f), golden = wrong_golden_encodes(f);
    int narrowing = wrong_narrowing(f), special = wrong_specials(f), tiny = wrong_tiny(f);
    ok(!decodes, "%s: every class of scale times every code decodes to its definition, in f32 rounded once (%d wrong)", f->name,
       decodes);
    ok(!golden_decodes, "%s: ggml decodes %d elements to the same f32 (%d wrong)", f->name, DECODED * SIZE, golden_decodes);
    ok(!golden, "%s: ggml encodes %d blocks to the same bytes (%d wrong)", f->name, BLOCKS, golden);
    ok(!narrowing, "%s: an f64 is rounded to f32 first", f->name);
    ok(!special, "%s: NaN, infinities and what f32 cannot hold make their block NaN and no other (%d wrong)", f->name, special);
    ok(!tiny, "%s: a scale whose reciprocal overflows is 0 (%d wrong)", f->name, tiny);
  }
  return done();
}
