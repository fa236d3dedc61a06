/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of `report` share: a result file without its large tensors, its cases in groups, and a figure being made.

   A group is what one figure shows: cases that differ only in how the keys were cut, where all of them gave the same bits
   (the promise), so that one set of curves stands for all.  A case that broke it is a group of its own.

   A curve is one side against the oracle.  It keeps its style (colour, marker, dash: reports/style.gp) in all figures.  */

#ifndef REPORT_DATA_H
#define REPORT_DATA_H

#include <stdio.h>
#include <sys/types.h>
#include "result.h"

enum { STYLES = 12, TEXT_SIZE = 256 };

typedef struct curve {
  char name[2 * NAME_SIZE];     /* for the key: "standard = segmented", "torch-math-f32" */
  const errors *e;              /* against the oracle */
  size_t style;
} curve;

typedef struct group {
  const result **cases;         /* n_cases of them; the first one is shown */
  size_t n_cases;
  bool same_bits;               /* standard and segmented, in every case */
  char label[TEXT_SIZE];        /* what sets it apart from the other groups: "layer 18, f16"; "" when it is alone */
  char slug[64];                /* the same for a file name: "layer-18-f16" */
  curve *curves;
  size_t n_curves;
} group;

typedef struct report {
  const char *path;
  file_header header;
  result *results;              /* errors and attributes only */
  size_t n_results;
  group *groups;
  size_t n_groups;
  struct caches *caches;        /* report_cache.h */
} report;

int report_load(report *r, const char *path);
void report_free(report *r);
void groups_name(report *r);    /* labels and slugs */
const char *report_setting(const result *r, const char *name);          /* "" where it has none */
const char *report_attribute(const attribute *a, size_t n, const char *name);

size_t group_rows(const group *g);      /* heads of all batches */

/* ---- panels: curves of like magnitude share one, so that no panel spans decades of nothing ---- */

enum { MAX_PANELS = 12, MAX_CURVES = 32 };

typedef struct extent { double lo, hi; bool zero; } extent;     /* of the positive values of a curve; NaN: none; zeros too? */

typedef struct panel {
  size_t curve[MAX_CURVES], n;
  int lo, hi;                   /* decades */
  bool zero;
  double zero_at, floor_at;     /* where zeros are drawn, and the lower end of the axis */
  double top, bottom;           /* mm from the lower edge of the figure */
} panel;

/* At most `capacity` curves a panel.  Returns the number of panels, largest values first.  */
size_t panels_make(panel p[MAX_PANELS], const extent *e, size_t n, size_t capacity);
panel panel_of(const extent *e);        /* one for all */
/* From `bottom` upwards, mm_per_decade high but at least `least`; returns the upper edge.  */
double panels_stack(panel *p, size_t n, double bottom, double mm_per_decade, double least);
double panel_place(const panel *p, double value);       /* value, or where zeros are drawn */
void extent_add(extent *e, double value);

/* ---- one picture ---- */

typedef struct canvas {
  double width, height;         /* mm */
  int columns;                  /* of the page: 1 or 2 */
  FILE *job, *data;             /* gnuplot's variables, and its data blocks */
} canvas;

double curve_key(canvas *c, const group *g);    /* writes the key's variables; returns its height */
void job_text(FILE *job, const char *name, const char *text);           /* name = 'text', quoted safely */
void job_panels(FILE *job, const panel *p, size_t n);

typedef struct figure {
  const char *name, *title;
  bool whole;                   /* one for the experiment, not one a group */
  void (*draw)(canvas *c, const report *r, const group *g);     /* sets c->height; writes job and data */
  void (*csv)(FILE *f, const report *r, const group *g);
  const char *caption;          /* how to read it */
  void (*tex)(FILE *f, const report *r);        /* its numbers as a LaTeX table; NULL: none */
  void (*table)(FILE *f, const report *r);      /* and as text, for the caption; NULL: none */
  bool (*applies)(const report *r);     /* has the file what it shows?  NULL: every file has */
  const char *needs;                    /* what it has not, where it does not apply */
} figure;

void tex_write(FILE *f, const report *r);
void tex_text(FILE *f, const char *s);          /* with LaTeX's own characters escaped */
void tex_number(FILE *f, double x);             /* " & " and the number in two digits */
extern const figure figure_head, figure_element, figure_distribution, figure_case, figure_cache,
  figure_cache_head, figure_cache_length;

/* ---- gnuplot as a child process ---- */

typedef struct plotter plotter;
int plotter_open(plotter **p, const char *folder);      /* finds gnuplot and reports/; 0 or FILES */
void plotter_close(plotter *p);
/* Draws reports/FIGURE.gp in each format ("pdf,svg,png") to FOLDER/BASE.FORMAT.  Whole files or none.  0 or FILES.  */
int plotter_draw(const plotter *p, const report *r, const figure *f, const group *g, int columns, const char *base,
                 const char *formats);
bool plotter_format(const char *name, size_t n);        /* is it one of them? */
int report_make_folder(const char *folder);             /* and those above it; it may be there already.  0 or FILES */
char *path_join(const char *folder, const char *name);  /* the caller frees; NULL, with a message, when out of memory */

/* The folder that gnuplot works in, one at a time: made (NULL, with a message), emptied, and removed with what is in it; a
   signal that ends the program removes it too, and ends the worker first (0: there is none).  */
const char *scratch_open(void);
void scratch_clear(void);
void scratch_close(void);
void scratch_worker(pid_t pid);

#endif
