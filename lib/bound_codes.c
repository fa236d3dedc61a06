/* SPDX-License-Identifier: BSD-2-Clause */
/* What a score of integer codes is off by: lemma 2 of BOUNDS for arithmetic i8.

   With x^ = d code what x became, the computed score is within

     C(gamma(B + 1)) sum_b |beta_b| + eta sum_b (|i_b| + 1)    of    s^ = sum_i q^_i k^_i = sum_b beta_b,

   B blocks, i_b the sum of a block's products of codes, beta_b = d_b d'_b i_b; and s^ - s is known, for the codes are.  In f64
   d d' is exact and i_b an integer below 2^20, so that a beta_b is rounded once and their sum B times.  */

#include <stdlib.h>

#include "bound.h"
#include "codes.h"

void sga_bound_codes_key(const sga_bound_keys *keys, size_t dim, size_t number, const segattn_tensor *k, const char *from) {
  sga_bound_codes to = sga_bound_codes_at(keys->codes, dim, number);
  sga_codes_stored(k, from, dim, to.code, to.scale);
}

void sga_bound_codes_query(sga_bound_row *r, size_t dim, const segattn_tensor *q, const char *from) {
  sga_codes_of(q, from, dim, r->codes.code, r->codes.scale);
}

double sga_bound_codes_error(const sga_bound_row *r, size_t key, double value, double own) {
  size_t dim = r->plan->problem.dim_k, blocks = sga_code_blocks(dim);
  sga_bound_codes q = r->codes, k = sga_bound_codes_at(r->keys->codes, dim, key);
  double sum = 0, size = 0, integers = 0, limit = r->type->max * (1 - 0x1p-10);
  bool fits = true;
  for (size_t b = 0; b < blocks; b++) {
    int n = 0;
    for (size_t i = b * SGA_CODES; i < (b + 1) * SGA_CODES; i++)
      n += q.code[i] * k.code[i];
    double d = (double)q.scale[b] * (double)k.scale[b], beta = d * n;
    fits = fits && fabs(d) < limit;     /* NaN does not fit */
    sum += beta;
    size += fabs(beta);
    integers += abs(n) + 1;
  }
  if (!fits || !(size < limit))
    return (double)INFINITY;
  double known = fabs(sum - value) + own + 2 * gamma_of((double)blocks + 2, UD) * size;
  return inflate(known + compound(gamma_of((double)blocks + 1, r->type->u)) * size + r->type->tiny * integers, (double)blocks);
}
