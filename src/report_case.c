/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure error-by-case: the whole experiment at a glance.  One row a group of cases, one mark a side: the relative rms error,
   rms(out - exact) / rms(exact).  A side that is right to the last bit has its mark in the strip of zeros.  */

#include <math.h>
#include <string.h>
#include "report_data.h"

/* All sides of all groups, as one group to take the key from.  */
static group sides_of(const report *r, curve storage[MAX_CURVES]) {
  group all = { .curves = storage };
  for (size_t i = 0; i < r->n_groups; i++)
    for (size_t j = 0; j < r->groups[i].n_curves; j++) {
      const curve *c = &r->groups[i].curves[j];
      size_t k = 0;
      while (k < all.n_curves && strcmp(storage[k].name, c->name) != 0)
        k++;
      if (k == all.n_curves && k < MAX_CURVES)
        storage[all.n_curves++] = *c;
    }
  return all;
}

/* What has more than `room` letters is cut short.  */
static void write_labels(FILE *job, const report *r, size_t room) {
  fprintf(job, "rows = %zu\narray label_of[rows + 1]\n", r->n_groups);
  for (size_t i = 0; i < r->n_groups; i++) {
    char variable[32], text[TEXT_SIZE + 4];
    const char *label = *r->groups[i].label ? r->groups[i].label : "all";
    const bool whole = strlen(label) <= room;
    snprintf(variable, sizeof variable, "label_of[%zu]", i + 1);
    snprintf(text, sizeof text, "%.*s%s", (int) (whole ? room : room - 1), label, whole ? "" : "…");
    job_text(job, variable, text);
  }
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 9, LEFT = 3, RIGHT = 4, STRIP = 11 };  /* mm */
  const double letter = 1.4;            /* mm, of the widest of the usual types */
  curve storage[MAX_CURVES];
  const group all = sides_of(r, storage);
  extent e = { NAN, NAN, false };
  size_t longest = 4;
  (void) g;
  for (size_t i = 0; i < r->n_groups; i++) {
    longest = strlen(r->groups[i].label) > longest ? strlen(r->groups[i].label) : longest;
    for (size_t j = 0; j < r->groups[i].n_curves; j++)
      extent_add(&e, r->groups[i].curves[j].e->relative_rms);
  }
  const int lo = isnan(e.lo) ? -18 : (int) floor(log10(e.lo)), hi = isnan(e.hi) ? -16 : (int) ceil(log10(e.hi) + 0.05);
  const double row = fmax(3, fmin(6, 180. / (double) r->n_groups)), spread = 0.7;
  const double left = fmin(0.55 * c->width, LEFT + letter * (double) longest);
  const size_t room = (size_t) ((left - LEFT) / letter + 0.5);
  const double strip = e.zero ? (hi - lo) * STRIP / (c->width - left - RIGHT - STRIP) : 0;      /* decades */
  for (size_t k = 0; k < all.n_curves; k++)
    for (size_t i = 0; i < r->n_groups; i++)
      for (size_t j = 0; j < r->groups[i].n_curves; j++) {
        const double x = r->groups[i].curves[j].e->relative_rms;
        if (strcmp(r->groups[i].curves[j].name, all.curves[k].name) == 0)       /* side by side: equal ones stay visible */
          fprintf(c->data, "%zu %.3f %.6e\n", k + 1, (double) i + spread * (((double) k + 0.5) / (double) all.n_curves - 0.5),
                  x == 0 ? pow(10, lo - strip / 2) : x);
      }
  write_labels(c->job, r, room);
  const double top = BOTTOM + row * (double) r->n_groups;
  fprintf(c->job, "low = %d\nhigh = %d\nstrip = %.4f\nbottom = %d\ntop = %.3f\nleft_edge = %.3f\n", lo, hi, strip, BOTTOM, top,
          left);
  c->height = top + 1 + curve_key(c, &all);
}

static void csv(FILE *f, const report *r, const group *g) {
  (void) g;
  fputs("group,cases,side,elements,relative_rms", f);
  for (size_t k = 0; k < STATISTICS; k++)
    fprintf(f, ",%s", statistic_name[k]);
  fputs(",ulp_format,identical_standard_segmented\n", f);
  for (size_t i = 0; i < r->n_groups; i++)
    for (size_t j = 0; j < r->groups[i].n_curves; j++) {
      const curve *c = &r->groups[i].curves[j];
      fprintf(f, "\"%s\",%zu,%s,%zu,%.9g", r->groups[i].label, r->groups[i].n_cases, c->name,
              c->e->batch * c->e->heads * c->e->queries * c->e->dim, c->e->relative_rms);
      for (size_t k = 0; k < STATISTICS; k++)
        fprintf(f, ",%.9g", c->e->total[k]);
      fprintf(f, ",%s,%s\n", c->e->ulp_format, r->groups[i].same_bits ? "yes" : "no");
    }
}

const figure figure_case = { .name = "error-by-case", .title = "Error by case", .whole = true, .draw = draw,
  .csv = csv, .tex = tex_write,
  .caption = "Relative rms error, rms(out - exact) / rms(exact), one row a group of cases that differ only in the "
  "segmentation." };
