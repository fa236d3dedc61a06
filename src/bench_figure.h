/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the figures of `bench` share.  */

#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include "bench.h"
#include "report_data.h"

/* What a figure's draw gets is a report; ours is the first member of what it needs.  */
typedef struct bench_picture {
  report r;
  const bench_result *result;
  curve curves[STYLES];
  group peers;                  /* contestants that have a mark, in the order of the table */
} bench_picture;

/* Is the row in that figure?  */
bool bench_in_roofline(const bench_row *row);
bool bench_in_times(const bench_row *row);
extern const figure bench_figure_times;
/* The curve of the row's contestant, from 0 on.  */
size_t bench_curve(const bench_picture *d, const bench_row *row);

#endif
