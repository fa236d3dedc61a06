/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of storage formats, and what is made of it alone.  */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../internal.h"
#include "format.h"

const sga_format *const sga_formats[SEGATTN_FORMATS] = {
  [SEGATTN_F64] = &sga_format_f64, [SEGATTN_F32] = &sga_format_f32, [SEGATTN_F16] = &sga_format_f16,
  [SEGATTN_BF16] = &sga_format_bf16, [SEGATTN_BOOL] = &sga_format_bool, [SEGATTN_F8E4M3] = &sga_format_f8e4m3,
  [SEGATTN_F8E5M2] = &sga_format_f8e5m2, [SEGATTN_Q8_0] = &sga_format_q8_0, [SEGATTN_Q4_0] = &sga_format_q4_0,
  [SEGATTN_Q4_1] = &sga_format_q4_1, [SEGATTN_Q5_0] = &sga_format_q5_0, [SEGATTN_Q5_1] = &sga_format_q5_1,
  [SEGATTN_IQ4_NL] = &sga_format_iq4_nl
};

/* "f64, f32, ... or iq4_nl" */
static const char *format_names(char *text, size_t size) {
  size_t used = 0;
  for (int i = 0; i < SEGATTN_FORMATS; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : i + 1 < SEGATTN_FORMATS ? ", " : " or ",
                             sga_formats[i]->name);
  return text;
}

segattn_status segattn_format_find(segattn_format *format, const char *name, segattn_error *error) {
  if (!format || !name)
    return sga_fail(error, SEGATTN_EINVAL, format ? "name" : "format", "is NULL");
  for (int i = 0; i < SEGATTN_FORMATS; i++)
    if (!strcmp(name, sga_formats[i]->name)) {
      *format = (segattn_format)i;
      return SEGATTN_OK;
    }
  char names[16 * SEGATTN_FORMATS];
  return sga_fail(error, SEGATTN_EINVAL, "name", "is '%.40s', expected %s", name, format_names(names, sizeof names));
}

const char *segattn_format_name(segattn_format format) {
  const sga_format *f = sga_format_of(format);
  return f ? f->name : NULL;
}

size_t segattn_format_bytes(segattn_format format, size_t n) {
  const sga_format *f = sga_format_of(format);
  return !f ? 0 : f->block == 1 ? n * f->bytes : (n / f->block + (n % f->block != 0)) * f->bytes;
}

size_t segattn_format_block(segattn_format format) {
  const sga_format *f = sga_format_of(format);
  return f ? f->block : 0;
}

void segattn_decode(segattn_format format, const void *from, double *to, size_t n) {
  const sga_format *f = sga_format_of(format);
  sga_environment environment;
  sga_environment_set(&environment);
  if (f)
    f->to_f64(from, (ptrdiff_t)f->bytes, to, n);
  sga_environment_restore(&environment);
}

void segattn_encode(segattn_format format, const double *from, void *to, size_t n) {
  const sga_format *f = sga_format_of(format);
  sga_environment environment;
  sga_environment_set(&environment);
  if (f)
    f->from_f64(from, to, (ptrdiff_t)f->bytes, n);
  sga_environment_restore(&environment);
}

void segattn_encode_saturating(segattn_format format, const double *from, void *to, size_t n) {
  enum { PART = 256 };          /* a multiple of every block */
  const sga_format *f = sga_format_of(format);
  sga_environment environment;
  sga_environment_set(&environment);
  for (size_t at = 0; f && at < n; at += PART) {
    double x[PART];
    size_t part = n - at < PART ? n - at : PART;
    for (size_t i = 0; i < part; i++)
      x[i] = from[at + i] > f->largest ? f->largest : from[at + i] < -f->largest ? -f->largest : from[at + i];
    f->from_f64(x, (char *)to + segattn_format_bytes(format, at), (ptrdiff_t)f->bytes, part);
  }
  sga_environment_restore(&environment);
}

static double power_of_two(int k) {             /* 2^k, -1022 <= k <= 1023 */
  uint64_t bits = (uint64_t)(k + 1023) << 52;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* |x| = y 2^(exponent - fraction), y < 2^(fraction + 1); y is rounded by adding 2^52, which ties to even: one rounding.  The
   scaling is exact, but where y is far below 1/2 and rounds to 0 all the same.  */
uint32_t sga_round_to_format(double x, int fraction, int lowest, int highest) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  uint32_t top = 2 * (uint32_t)highest + 1, inf = top << fraction, sign = (uint32_t)(bits >> 63) * ((top + 1) << fraction);
  int exponent = (int)(bits >> 52 & 2047) - 1023;
  if (exponent == 1024)
    return sign | inf | (x != x ? 1u << (fraction - 1) : 0);
  if (exponent > highest)
    return sign | inf;
  if (exponent < lowest)
    exponent = lowest;
  double y = fabs(x) * power_of_two(fraction - exponent);
  uint32_t m = (uint32_t)((y + 0x1p52) - 0x1p52), code = ((uint32_t)(exponent - lowest) << fraction) + m;
  return sign | (code < inf ? code : inf);
}
