/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One of the many ways to evaluate a drawn problem: which part of it, cut where, padded how, in which memory layout, by
   which route, on how many threads and which instruction set.  All of them must give the same bits.  */

#ifndef RENDER_H
#define RENDER_H

#include "layout.h"

enum route { ATTEND, ABSORB, MERGE };
enum cut_rule { CUT_NOWHERE, CUT_EVERYWHERE, CUT_AT, CUT_RANDOM };

typedef struct variant {
  size_t b, batch;              /* batch elements [b, b + batch) */
  size_t h, heads, g, groups;   /* query heads [h, h + heads) with KV heads [g, g + groups) */
  size_t i, queries;            /* queries [i, i + queries) */
  enum cut_rule cut;
  size_t cut_at;                /* CUT_AT: before this column */
  bool empties;                 /* empty segments here and there */
  size_t left, right;           /* masked columns of garbage on either side, */
  bool joined;                  /* in one segment with their neighbours (or else as segments of their own) */
  bool fill_gaps;               /* masked columns of garbage where positions are missing */
  bool wide;                    /* K and V all in f64 */
  bool garbage;                 /* garbage for keys that no query of the part sees */
  bool other_mask;              /* zeros for no mask, bool for a binary one, f64 for others */
  layout q, k, v, mask, out, lse;
  bool exact_out;               /* out and lse in f64 whatever the problem says */
  enum route route;
  const char *isa;
  int threads;
} variant;

/* All of the problem in one call, plainly: what every other evaluation is compared with.  */
variant variant_base(const drawn *d);

typedef struct answer {
  unsigned char *out, *lse;     /* [batch][heads][queries][dim_v], and [1], C order, in the formats asked for */
  segattn_events *events;       /* of each head; or NULL, where they were not asked for */
  char text[400];               /* empty, or why there is none */
} answer;

/* false, with a text, when a call failed or wrote where it should not.  r draws what the variant leaves open.  */
bool evaluate(answer *a, const drawn *d, const variant *w, rng *r);
void answer_free(answer *a);

/* The queries and the segments of a variant, for those who call the library themselves.  */
typedef struct rendering {
  segattn_problem problem;
  segattn_queries queries;
  segattn_segment *segments;
  size_t n_segments;
  bool *part;                   /* segment begins behind a block line, so that a state may begin there */
  memory *memory;               /* all of it */
} rendering;
void render(rendering *s, const drawn *d, const variant *w, rng *r);
void rendering_free(rendering *s);

/* Can the columns be merged in parts, that is, do all batch elements have their block lines at the same keys?  */
bool mergeable(const drawn *d, const variant *w);

#endif
