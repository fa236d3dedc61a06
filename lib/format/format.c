/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of storage formats, and what is made of it alone.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../internal.h"
#include "format.h"

static const sga_format *const formats[SEGATTN_FORMATS] = {
  [SEGATTN_F64] = &sga_format_f64, [SEGATTN_F32] = &sga_format_f32, [SEGATTN_F16] = &sga_format_f16,
  [SEGATTN_BF16] = &sga_format_bf16, [SEGATTN_BOOL] = &sga_format_bool
};

const sga_format *sga_format_of(segattn_format format) {
  return (unsigned)format < SEGATTN_FORMATS ? formats[format] : NULL;
}

segattn_status segattn_format_find(segattn_format *format, const char *name, segattn_error *error) {
  if (!format || !name)
    return sga_fail(error, SEGATTN_EINVAL, format ? "name" : "format", "is NULL");
  for (int i = 0; i < SEGATTN_FORMATS; i++)
    if (!strcmp(name, formats[i]->name)) {
      *format = (segattn_format)i;
      return SEGATTN_OK;
    }
  return sga_fail(error, SEGATTN_EINVAL, "name", "is '%s', expected f64, f32, f16, bf16 or bool", name);
}

const char *segattn_format_name(segattn_format format) {
  const sga_format *f = sga_format_of(format);
  return f ? f->name : NULL;
}

size_t segattn_format_bytes(segattn_format format, size_t n) {
  const sga_format *f = sga_format_of(format);
  return f ? n * f->bytes : 0;
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

static double power_of_two(int k) {             /* 2^k, -1022 <= k <= 1023 */
  uint64_t bits = (uint64_t)(k + 1023) << 52;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* |x| = y 2^(exponent - fraction), y < 2^(fraction + 1); y is rounded by adding 2^52, which ties to even: one rounding.  The scaling is
   exact, but where y is far below 1/2 and rounds to 0 all the same.  */
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
