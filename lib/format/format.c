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
  if (f)
    f->to_f64(from, (ptrdiff_t)f->bytes, to, n);
}

void segattn_encode(segattn_format format, const double *from, void *to, size_t n) {
  const sga_format *f = sga_format_of(format);
  sga_environment environment;
  sga_environment_set(&environment);
  if (f)
    f->from_f64(from, to, (ptrdiff_t)f->bytes, n);
  sga_environment_restore(&environment);
}

/* x = m 2^(exponent - fraction) with an integer m after rint in the default rounding mode, which ties to even: one rounding.
   The scaling is exact: x is a double and the scaled value lies in its normal range.  */
uint32_t sga_round_to_format(double x, int fraction, int lowest, int highest) {
  uint32_t sign = signbit(x) ? 1u : 0u, bias = (uint32_t)highest, width = 0;
  for (uint32_t top = bias * 2 + 1; top; top >>= 1)
    width++;
  uint32_t inf = (bias * 2 + 1) << fraction, shift = width + (uint32_t)fraction;
  if (isnan(x))
    return sign << shift | inf | 1u << (fraction - 1);
  double a = fabs(x);
  if (isinf(x))
    return sign << shift | inf;
  int exponent = lowest;
  if (a >= ldexp(1, lowest))
    exponent = ilogb(a);
  uint64_t m = (uint64_t)rint(ldexp(a, fraction - exponent));
  uint32_t bits = (exponent > highest) ? inf : ((uint32_t)(exponent - lowest) << fraction) + (uint32_t)m;
  return sign << shift | (bits < inf ? bits : inf);
}
