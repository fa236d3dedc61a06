/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attention straight from its definition in MPFR, from the tensors as they are stored: what the tests call exact.

   Independent of the library: only the views are shared, their elements are decoded here.  An infinity or a NaN in the
   input follows IEEE 754 through the definition; a score of -inf has weight 0.  */

#ifndef REFERENCE_MPFR_H
#define REFERENCE_MPFR_H

#include <segattn.h>

enum { REFERENCE_BITS = 256 };

/* For each element of `out` and row of `lse` (f64 views of computed answers; either may be NULL): the exact value rounded
   to f64 (NaN where it is undefined), and |computed - exact| rounded up (0 for equal infinities, inf where only one is
   finite or computed is NaN, NaN where the exact value is NaN).  Arrays in C order; each may be NULL.  */
typedef struct reference {
  double *out, *out_error;      /* [batch][q_heads][queries][dim_v] */
  double *lse, *lse_error;      /* [batch][q_heads][queries] */
} reference;

void reference_attend(reference *to, const segattn_problem *problem, const segattn_queries *queries,
                      const segattn_segment *segments, size_t n_segments, const segattn_tensor *out, const segattn_tensor *lse);

#endif
