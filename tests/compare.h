/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One evaluation of a drawn problem against the plain one, bit for bit, and what came of it, counted by kind.  */

#ifndef COMPARE_H
#define COMPARE_H

#include "render.h"

typedef struct test_case {
  drawn d;
  answer base;
  rng r;
  uint64_t seed, index;
  bool every_format;
  const char *arithmetic;       /* NULL: drawn, f32 or f64 */
  size_t cost;                  /* elements of K and V that one evaluation reads */
} test_case;

enum kind {
  SEGMENTS, ONE_KEY, EVERY_CUT, THREADS, ISA, BATCH_ALONE, HEAD_ALONE, QUERY_ALONE, AXES, LAYOUT, ABSORBED, MERGED, TAIL,
  PADDING, GAPS, STORAGE, MASK, UNSEEN, TOGETHER, KINDS
};

typedef struct counted { const char *name; size_t made, differ, refused; } counted;
extern counted comparisons[KINDS];

/* Evaluates the variant; where the memory of its answer differs from the base's, the first few of a kind are described.  */
void compare(test_case *t, const variant *w, enum kind kind);

#endif
