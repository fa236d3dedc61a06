/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure bench: the roofline (Williams, Waterman, Patterson 2009).  Across, operations for each byte of q, k, v and out; up,
   GFLOP/s.  The roof is the smaller of the FMA peak and bandwidth times intensity, one slope for each level of memory.  Every
   contestant has a mark for every case in f32 arithmetic; marks of one case are spread a little sideways, so that equal ones stay
   visible.  What is timed in f64, which has another roof, is among the numbers only.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"
#include "file.h"
#include "message.h"
#include "report_data.h"

/* What draw gets is a report; ours is the first member of what it needs.  */
typedef struct figure_data {
  report r;
  const bench_result *result;
  curve curves[STYLES];
  group peers;
} figure_data;

static bool counted(const bench_row *row) {
  return !row->reason && isfinite(row->gflops);
}

static bool shown(const bench_row *row) {
  return counted(row) && bench_number(row->c) == BENCH_F32;
}

static double intensity(const bench_case *c) {
  return bench_flops(c) / bench_bytes(c);
}

/* Contestants in the order of the table, each with its own style in every figure.  */
static void find_peers(figure_data *d) {
  d->peers = (group){ .curves = d->curves };
  for (size_t p = 0; bench_peer_at(p) && p < STYLES; p++) {
    bool there = false;
    for (size_t i = 0; i < d->result->n_rows; i++)
      there |= shown(&d->result->rows[i]) && !strcmp(d->result->rows[i].peer, bench_peer_at(p)->name);
    if (!there)
      continue;
    curve *c = &d->curves[d->peers.n_curves++];
    snprintf(c->name, sizeof c->name, "%s", bench_peer_at(p)->name);
    c->style = p;
  }
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 10, HEIGHT = 70, TICK = 1, SLOPE = 4 };        /* mm; octaves beyond the outermost marks, and of the slopes */
  const figure_data *d = (const figure_data *)r;
  const bench_limits *l = &d->result->limits;
  double low = INFINITY, high = 0, slowest = INFINITY, peak = bench_peak(l, NULL, BENCH_F32);
  for (size_t i = 0; i < d->result->n_rows; i++) {
    const bench_row *row = &d->result->rows[i];
    if (!shown(row))
      continue;
    double x = intensity(row->c);
    low = fmin(low, x);
    high = fmax(high, x);
    slowest = fmin(slowest, row->gflops);
    for (size_t k = 0; k < g->n_curves; k++)
      if (!strcmp(g->curves[k].name, row->peer))
        fprintf(c->data, "%zu %.6e %.6e\n", k + 1, x * exp2(0.055 * ((double)k - ((double)g->n_curves - 1) / 2)), row->gflops);
  }
  double edge = peak / l->gbytes[READ_MEMORY];           /* of the roof: it is shown, with some of both sides */
  low = fmin(low, edge * exp2(-SLOPE));
  high = fmax(high, edge);
  fprintf(c->job, "low = %.6e\nhigh = %.6e\nfloor_at = %.6e\nceiling_at = %.6e\npeak = %.6e\n", exp2(floor(log2(low)) - TICK),
          exp2(ceil(log2(high)) + TICK), pow(10, floor(log10(slowest))), peak * 1.6, peak);
  fprintf(c->job, "levels = %d\narray level_name[levels]\narray level[levels]\n", READS);
  for (size_t i = 0; i < READS; i++) {
    fprintf(c->job, "level[%zu] = %.6e\n", i + 1, l->gbytes[i]);
    fprintf(c->job, "level_name[%zu] = '%s'\n", i + 1, bench_read_name[i]);
  }
  fprintf(c->job, "bottom = %d\ntop = %d\n", BOTTOM, BOTTOM + HEIGHT);
  c->height = BOTTOM + HEIGHT + 2 + curve_key(c, g);
}

static void csv(FILE *f, const bench_result *r) {
  fputs("case,format,layout,q_heads,kv_heads,dim,queries,keys,peer,threads,seconds_min,seconds_median,intensity,gflops,"
        "relative_rms\n", f);
  for (size_t i = 0; i < r->n_rows; i++) {
    const bench_row *row = &r->rows[i];
    const bench_case *c = row->c;
    if (counted(row))
      fprintf(f, "%s,%s,%s,%zu,%zu,%zu,%zu,%zu,%s,%d,%.6e,%.6e,%.6e,%.6e,%.3e\n", c->label, segattn_format_name(c->format),
              c->token_major ? "token-major" : "head-major", c->q_heads, c->kv_heads, c->dim, c->queries, c->keys, row->peer,
              row->threads, row->minimum, row->median, intensity(c), row->gflops, row->relative_rms);
  }
}

static void caption(FILE *f, const bench_result *r) {
  fprintf(f, "Roofline.  One mark for each contestant and case, of the shortest call; marks of one case are spread sideways; f64 is "
             "left out.  %d thread%s.\n", r->threads, r->threads > 1 ? "s" : "");
  for (size_t i = 0; i < MOST_ISAS && r->limits.isa[i]; i++)
    fprintf(f, "FMA peak %s: %.1f GFLOP/s in f32, %.1f in f64, measured.\n", r->limits.isa[i], r->limits.gflops[i][BENCH_F32],
            r->limits.gflops[i][BENCH_F64]);
  for (size_t i = 0; i < READS; i++)
    fprintf(f, "Read bandwidth %s: %.1f GB/s, measured over %zu kB.\n", bench_read_name[i], r->limits.gbytes[i],
            r->limits.bytes[i] >> 10);
  for (size_t i = 0; i < r->n_rows; i++) {
    size_t j = 0;
    while (strcmp(r->rows[j].peer, r->rows[i].peer))
      j++;
    if (i == j)
      fprintf(f, "%s: version %s, instruction set %s.\n", r->rows[i].peer, r->rows[i].version, r->rows[i].isa);
  }
  for (size_t i = 0; i < r->n_missing; i++)
    fprintf(f, "Not shown: %s: %s.\n", r->missing[i].peer, r->missing[i].reason);
  fprintf(f, "Set for all: %s.  segattn %s.\n", r->given, segattn_version());
}

static int write_text(const char *folder, const char *base, const char *ending, const bench_result *r,
                      void (*print)(FILE *, const bench_result *)) {
  char *text = NULL, name[64];
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  snprintf(name, sizeof name, "%s%s", base, ending);
  char *path = path_join(folder, name);
  if (f)
    print(f, r);
  bool whole = f && !fclose(f);
  int status = !path ? FILES : whole ? file_write(path, text, n) : fail(FILES, "%s: out of memory", path);
  free(text);
  free(path);
  return status;
}

int bench_figure_check(const char *folder, const char *formats) {
  plotter *p = NULL;
  for (const char *f = formats; *f; f += strcspn(f, ","), f += *f == ',')
    if (!plotter_format(f, strcspn(f, ",")))
      return fail(USAGE, "--formats: unknown format '%.*s': expected a list of pdf, svg, png", (int)strcspn(f, ","), f);
  int status = *formats ? plotter_open(&p, folder) : fail(USAGE, "--formats: empty: expected a list of pdf, svg, png");
  plotter_close(p);
  return status ? status : report_make_folder(folder);
}

int bench_figure(const bench_result *r, const char *folder, const char *formats) {
  static const figure roofline = { .name = "bench", .title = "Roofline", .whole = true, .draw = draw };
  figure_data d = { .result = r };
  char now[32], base[32], sized[48];
  time_t t = time(NULL);
  plotter *p = NULL;
  strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime(&t));
  d.r.header.finished = now;
  find_peers(&d);
  if (d.peers.n_curves == 0)
    return fail(USAGE, "--output: none of the cases has operations to count: nothing to draw");
  snprintf(base, sizeof base, "bench-%dthread%s", r->threads, r->threads > 1 ? "s" : "");
  int status = plotter_open(&p, folder);
  for (int columns = 1; columns <= 2 && !status; columns++) {
    snprintf(sized, sizeof sized, "%s-%dcol", base, columns);
    status = plotter_draw(p, &d.r, &roofline, &d.peers, columns, sized, formats);
  }
  plotter_close(p);
  if (!status)
    status = write_text(folder, base, ".csv", r, csv);
  return status ? status : write_text(folder, base, ".caption.txt", r, caption);
}
