/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of error-by-case as a LaTeX tabular: \input it; it needs no package.  */

#include <math.h>
#include <string.h>
#include "report_data.h"

void tex_text(FILE *f, const char *s) {
  for (; *s; s++)
    if (strchr("&%$#_{}", *s) != NULL)
      fprintf(f, "\\%c", *s);
    else if (strchr("\\^~", *s) != NULL)
      fprintf(f, "\\char%d{}", *s);
    else
      fputc(*s, f);
}

void tex_number(FILE *f, double x) {
  char s[32];
  if (!isfinite(x)) {
    fputs(isnan(x) ? " & --" : " & $\\infty$", f);
    return;
  }
  snprintf(s, sizeof s, "%.1e", x);
  char *e = strchr(s, 'e');
  int exponent = 0;
  sscanf(e + 1, "%d", &exponent);
  *e = '\0';
  if (x == 0)
    fputs(" & 0", f);
  else if (exponent == 0)
    fprintf(f, " & $%s$", s);
  else
    fprintf(f, " & $%s\\times10^{%d}$", s, exponent);
}

void tex_write(FILE *f, const report *r) {
  fprintf(f, "%% %s: results digest %s\n", r->header.experiment, r->header.digest);
  fputs("\\begin{tabular}{llrrrrr}\n\\hline\ncase & side & largest & rms & relative rms & largest, ulp & error / bound "
        "\\\\\n\\hline\n", f);
  for (size_t i = 0; i < r->n_groups; i++)
    for (size_t j = 0; j < r->groups[i].n_curves; j++) {
      const curve *c = &r->groups[i].curves[j];
      tex_text(f, j == 0 ? r->groups[i].label : "");
      fputs(" & ", f);
      tex_text(f, c->name);
      tex_number(f, c->e->total[STAT_MAX]);
      tex_number(f, c->e->total[STAT_RMS]);
      tex_number(f, c->e->relative_rms);
      tex_number(f, c->e->total[STAT_ULP]);
      tex_number(f, c->e->total[STAT_RATIO]);
      fputs(" \\\\\n", f);
    }
  fputs("\\hline\n\\end{tabular}\n", f);
}
