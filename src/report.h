/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures and tables of a result file: data blocks for gnuplot, which only draws (reports/).  */

#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

/* Into `folder` (made if it is not there): for each figure, width (one, two columns) and format a picture, and beside it
   .csv and .caption.txt.  formats: a list of pdf, svg, png, tex; only: a list of figures, NULL for those that the
   experiment names (all when it names none).  0, USAGE or FILES.  */
int report_write(const char *result_path, const char *folder, const char *formats, const char *only);

/* The table that the first report printed: parameters, state statistics, the first 128 elements side by side, differences,
   coloured verdicts; on standard output.  Both comparisons with PyTorch: by axis names and in memory order.  */
int report_element_table(const char *result_path);

/* Is the name one that an experiment's `report` may list: a figure, or element-table?  */
bool report_known(const char *name);
#define FIGURE_LIST "error-by-case, error-by-head, error-by-element, error-distribution, mixed-cache, mixed-cache-by-head, " \
                    "mixed-cache-by-length"
#define FIGURE_NAMES "one of " FIGURE_LIST
#define REPORT_NAMES "element-table or " FIGURE_NAMES

#endif
