/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures of the bench: which there are, their numbers and captions; and the first of them.  bench_times.c has the other.

   Figure bench: the roofline (Williams, Waterman, Patterson 2009).  Across, operations for each byte of q, k, v and out; up,
   GFLOP/s.  The roof is the smaller of the FMA peak and bandwidth times intensity, one slope for each level of memory.  Every
   contestant has a mark for every case in f32 arithmetic; marks of one case are spread a little sideways, so that equal ones
   stay visible.  What is timed in f64, which has another roof, is among the numbers only.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench_figure.h"
#include "file.h"
#include "message.h"

/* Counted are the operations of attention only.  */
static bool counted(const bench_row *row) {
  return !row->reason && isfinite(row->gflops);
}

bool bench_in_roofline(const bench_row *row) {
  return counted(row) && bench_roofline(row->c) && bench_number(row->c) == BENCH_F32;
}

static double intensity(const bench_case *c) {
  return bench_flops(c) / bench_bytes(c);
}

/* Contestants in the order of the table, each with its own style in every figure.  */
static void find_peers(bench_picture *d, bool (*shown)(const bench_row *row)) {
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

size_t bench_curve(const bench_picture *d, const bench_row *row) {
  size_t k = 0;
  while (strcmp(d->curves[k].name, row->peer))
    k++;
  return k;
}

static void draw_roofline(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 10, HEIGHT = 70, TICK = 1, SLOPE = 4 };        /* mm; octaves beyond the outermost marks, and of the slopes */
  const bench_picture *d = (const bench_picture *)r;
  const bench_limits *l = &d->result->limits;
  double low = INFINITY, high = 0, slowest = INFINITY, peak = bench_peak(l, NULL, BENCH_F32);
  for (size_t i = 0; i < d->result->n_rows; i++) {
    const bench_row *row = &d->result->rows[i];
    if (!bench_in_roofline(row))
      continue;
    double x = intensity(row->c);
    low = fmin(low, x);
    high = fmax(high, x);
    slowest = fmin(slowest, row->gflops);
    size_t k = bench_curve(d, row);
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
  fputs("case,work,q_format,format,layout,q_heads,kv_heads,dim,queries,keys,segments,peer,threads,seconds_min,seconds_median,"
        "intensity,gflops,relative_rms\n", f);
  for (size_t i = 0; i < r->n_rows; i++) {
    const bench_row *row = &r->rows[i];
    const bench_case *c = row->c;
    if (row->reason)
      continue;
    fprintf(f, "%s,%s,%s,%s,%s,%zu,%zu,%zu,%zu,%zu,%zu,%s,%d,%.6e,%.6e,", c->name, bench_work_name[c->work],
            segattn_format_name(c->q_format), c->format, c->token_major ? "token-major" : "head-major", c->q_heads, c->kv_heads,
            c->dim, c->queries, c->keys, c->parts * c->segments, row->peer, row->threads, row->minimum, row->median);
    if (counted(row))
      fprintf(f, "%.6e,%.6e,%.3e\n", intensity(c), row->gflops, row->relative_rms);
    else
      fprintf(f, ",,%.3e\n", row->relative_rms);
  }
}

/* Who took part, and who did not.  */
static void caption_peers(FILE *f, const bench_result *r) {
  for (size_t i = 0; i < r->n_rows; i++) {
    size_t j = 0;
    while (strcmp(r->rows[j].peer, r->rows[i].peer))
      j++;
    if (i == j)
      fprintf(f, "%s: version %s, instruction set %s.\n", r->rows[i].peer, r->rows[i].version, r->rows[i].isa);
  }
  for (size_t i = 0; i < r->n_missing; i++)
    fprintf(f, "Not shown: %s: %s.\n", r->missing[i].peer, r->missing[i].reason);
  fprintf(f, "%d thread%s.  Set for all: %s.  segattn %s.\n", r->threads, r->threads > 1 ? "s" : "", r->given,
          segattn_version());
}

static void caption_roofline(FILE *f, const bench_result *r) {
  fputs("Roofline.  One mark for each contestant and case of the suites prefill, decode and real, of the shortest call; marks "
        "of one case are spread sideways; f64 is left out.\n", f);
  for (size_t i = 0; i < MOST_ISAS && r->limits.isa[i]; i++)
    fprintf(f, "FMA peak %s: %.1f GFLOP/s in f32, %.1f in f64, measured.\n", r->limits.isa[i], r->limits.gflops[i][BENCH_F32],
            r->limits.gflops[i][BENCH_F64]);
  for (size_t i = 0; i < READS; i++)
    fprintf(f, "Read bandwidth %s: %.1f GB/s, measured over %zu kB.\n", bench_read_name[i], r->limits.gbytes[i],
            r->limits.bytes[i] >> 10);
  caption_peers(f, r);
}

static void caption_times(FILE *f, const bench_result *r) {
  fputs("Time of the shortest call.  One line for each case of the suites small, segments and state, one mark for each "
        "contestant; marks of one case are spread up and down.  On the right: segattn's time and, where the same keys were cut "
        "into more segments, that over the time of the first line.  The time to absorb one key is the mean of 128.\n", f);
  for (size_t i = 0; i < r->n_rows; i++) {
    const bench_case *c = r->rows[i].c;
    if (bench_in_times(&r->rows[i]) && (i == 0 || r->rows[i - 1].c != c))
      fprintf(f, "%s: %s, %zu query heads on %zu KV heads, dim %zu.\n", c->name, c->format, c->q_heads, c->kv_heads, c->dim);
  }
  caption_peers(f, r);
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

static const figure roofline = { .name = "bench", .title = "Roofline", .whole = true, .draw = draw_roofline };

static const struct kind {
  const figure *f;
  bool (*shown)(const bench_row *row);
  void (*caption)(FILE *f, const bench_result *r);
} kinds[] = {
  { &roofline, bench_in_roofline, caption_roofline }, { &bench_figure_times, bench_in_times, caption_times }
};

/* Nothing where it would show no row; *drawn counts.  */
static int draw_kind(const struct kind *k, const plotter *p, const bench_result *r, const char *folder, const char *formats,
                     size_t *drawn) {
  bench_picture d = { .result = r };
  char now[32], base[48], sized[64];
  time_t t = time(NULL);
  int status = DONE;
  strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime(&t));
  d.r.header.finished = now;
  find_peers(&d, k->shown);
  if (d.peers.n_curves == 0)
    return DONE;
  ++*drawn;
  snprintf(base, sizeof base, "%s-%dthread%s", k->f->name, r->threads, r->threads > 1 ? "s" : "");
  for (int columns = 1; columns <= 2 && !status; columns++) {
    snprintf(sized, sizeof sized, "%s-%dcol", base, columns);
    status = plotter_draw(p, &d.r, k->f, &d.peers, columns, sized, formats);
  }
  return status ? status : write_text(folder, base, ".caption.txt", r, k->caption);
}

int bench_figure(const bench_result *r, const char *folder, const char *formats) {
  char base[32];
  size_t drawn = 0;
  plotter *p = NULL;
  int status = plotter_open(&p, folder);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !status; i++)
    status = draw_kind(&kinds[i], p, r, folder, formats, &drawn);
  plotter_close(p);
  snprintf(base, sizeof base, "bench-%dthread%s", r->threads, r->threads > 1 ? "s" : "");
  if (!status)
    status = write_text(folder, base, ".csv", r, csv);
  if (!status && drawn == 0)
    note("no figure is drawn: the roofline has no place for f64, and nothing else was timed");
  return status;
}
