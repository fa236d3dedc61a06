/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `bench` says: a table for a terminal, JSON for a program.  */

#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "about.h"
#include "json.h"
#include "message.h"

/* ---- the table ---- */

static void print_limits(const bench_limits *l, int threads) {
  printf("limits of this machine, %d thread%s\n  FMA, f32 / f64 GFLOP/s:", threads, threads > 1 ? "s" : "");
  for (size_t i = 0; i < MOST_ISAS && l->isa[i]; i++)
    printf("  %s %.1f / %.1f", l->isa[i], l->gflops[i][BENCH_F32], l->gflops[i][BENCH_F64]);
  printf("\n  reading, GB/s (each thread, over and over):");
  for (size_t i = 0; i < READS; i++)
    printf("  %s %.1f (%zu %s)", bench_read_name[i], l->gbytes[i], l->bytes[i] >> (i == READ_L2 ? 10 : 20),
           i == READ_L2 ? "kB" : "MB");
  putchar('\n');
}

/* "title: A=1 B=2 ...", cut at blanks to lines of a terminal.  */
static void print_words(const char *title, const char *words) {
  enum { WIDE = 118 };
  size_t at = (size_t)printf("%s:", title);
  for (size_t n; *words; words += n + (words[n] == ' ')) {
    n = strcspn(words, " ");
    if (at + 1 + n > WIDE)
      at = (size_t)printf("\n ") - 1;
    at += (size_t)printf(" %.*s", (int)n, words);
  }
  putchar('\n');
}

static void heads(const bench_result *r) {
  print_limits(&r->limits, r->threads);
  if (r->threads > 1)
    print_limits(&r->one, 1);
  print_words("set for all", r->given);
  print_words("withheld from all", *r->withheld ? r->withheld : "(nothing was set)");
  for (size_t i = 0; i < r->n_rows; i++) {
    bool said = false;
    for (size_t j = 0; j < i && !said; j++)
      said = !strcmp(r->rows[j].peer, r->rows[i].peer);
    if (!said)
      printf("%s%-15s%s %s  [%s]\n", colour_out(BOLD), r->rows[i].peer, colour_out(PLAIN), r->rows[i].version, r->rows[i].isa);
  }
  for (size_t i = 0; i < r->n_missing; i++)
    printf("%s%-15s missing%s: %s (%s)\n", colour_out(YELLOW), r->missing[i].peer, colour_out(PLAIN), r->missing[i].reason,
           r->missing[i].install);
}

/* "1.234 ms": four digits.  */
static void print_time(double seconds) {
  static const struct { double unit; const char *name; } units[] = { { 1, "s " }, { 1e-3, "ms" }, { 1e-6, "us" } };
  size_t i = seconds >= 1 ? 0 : seconds >= 1e-3 ? 1 : 2;
  double x = seconds / units[i].unit;
  printf(" %8.*f %s", x < 10 ? 3 : x < 100 ? 2 : 1, x, units[i].name);
}

static void print_number(const char *format, double x, int width) {
  if (isfinite(x))
    printf(format, width, x);
  else
    printf(" %*s", width, "-");
}

static void print_contest(const bench_row *row) {
  const bench_case *c = row->c;
  printf("\n%s%s%s  %s, heads %zu/%zu, dim %zu, %zu quer%s x %zu keys%s%s\n", colour_out(BOLD), c->name, colour_out(PLAIN),
         c->format, c->q_heads, c->kv_heads, c->dim, c->queries, c->queries == 1 ? "y" : "ies", c->keys,
         c->causal ? ", causal" : "", c->token_major ? ", token-major" : "");
  printf("%s%-20s %11s %11s %8s %7s %6s %6s %6s %-7s %7s %8s%s\n", colour_out(DIM), "", "minimum", "median", "GFLOP/s",
         "KV GB/s", "FMA %", "read %", "mem. %", " limit", "time x", "rel. rms", colour_out(PLAIN));
}

static void print_row(const bench_row *row, const bench_row *first) {
  const char *who = row->peer;
  char part[40];
  if (row->c != first->c) {             /* several cases by segattn */
    bool same = !strcmp(row->c->format, first->c->format);
    snprintf(part, sizeof part, "%s%s%s", strchr(row->c->label, '-') + 1, same ? "" : " ", same ? "" : row->c->format);
    who = part;
  }
  printf("%-20s", who);
  if (row->reason) {
    printf("  %s%.96s%s\n", colour_out(DIM), row->reason, colour_out(PLAIN));
    return;
  }
  print_time(row->minimum);
  print_time(row->median);
  print_number(" %*.1f", row->gflops, 8);
  print_number(" %*.2f", row->kv_gbytes, 7);
  print_number(" %*.1f", 100 * row->share_fma, 6);
  print_number(" %*.1f", 100 * row->share_read, 6);
  print_number(" %*.1f", 100 * row->share_memory, 6);
  printf("  %-6s", row->limit ? row->limit : "-");
  print_number(" %*.3f", row->ratio, 7);
  print_number(" %*.1e", row->relative_rms, 8);
  puts(row->n == 1 ? "  1 call" : "");
}

/* Below a contest of a whole and its parts.  */
static void print_over_parts(const bench_row *row) {
  if (isfinite(row->over_parts))
    printf("%s: %.3f times the sum of its parts\n", row->c->label, row->over_parts);
}

void bench_table(const bench_result *r) {
  const bench_row *first = NULL;
  heads(r);
  for (size_t i = 0; i < r->n_rows; i++) {
    if (!first || first->contest != r->rows[i].contest)
      print_contest(first = &r->rows[i]);
    print_row(&r->rows[i], first);
    if (i + 1 == r->n_rows || r->rows[i + 1].contest != first->contest)
      print_over_parts(first);
  }
  puts("\nFMA %: of the FMA peak of the arithmetic (f64 for f64, else f32), of segattn's instruction set for segattn, else of\n"
       "the best.  read %: of the read bandwidth of the memory level that K and V fit in; mem. %: of that of the memory.\n"
       "limit: of FMA and that level the one that the row is nearer to.  time x: minimum over that of the first line.  rel.\n"
       "rms: error against the exact result, on 8 rows.  1 call: it took longer than the limit of time.");
}

/* ---- JSON ---- */

static void member_text(const char *name, const char *value) {
  json_text(stdout, name);
  putchar(':');
  json_text(stdout, value);
}

static void missing(const bench_result *r) {
  for (size_t i = 0; i < r->n_missing; i++) {
    fputs(i ? ",{" : "{", stdout);
    member_text("peer", r->missing[i].peer);
    putchar(',');
    member_text("reason", r->missing[i].reason);
    putchar(',');
    member_text("install", r->missing[i].install);
    putchar('}');
  }
}

static void limits(const char *name, const bench_limits *l) {
  static const char *const fma[BENCH_NUMBERS] = { "fma_gflops", "fma_gflops_f64" };
  json_text(stdout, name);
  fputs(":{", stdout);
  for (int number = 0; number < BENCH_NUMBERS; number++) {
    json_text(stdout, fma[number]);
    for (size_t i = 0; i < MOST_ISAS && l->isa[i]; i++) {
      fputs(i ? "," : ":{", stdout);
      json_member(stdout, l->isa[i], l->gflops[i][number]);
    }
    fputs("},", stdout);
  }
  fputs("\"read_gbytes_per_s\":{", stdout);
  for (size_t i = 0; i < READS; i++) {
    fputs(i ? "," : "", stdout);
    json_member(stdout, bench_read_name[i], l->gbytes[i]);
  }
  fputs("},\"read_bytes\":{", stdout);
  for (size_t i = 0; i < READS; i++) {
    fputs(i ? "," : "", stdout);
    json_member(stdout, bench_read_name[i], (double)l->bytes[i]);
  }
  fputs("}}", stdout);
}

static void machine(const bench_result *r) {
  size_t n = 0;
  attribute *a = about(&n, r->isa, r->threads);
  fputs("{\"machine\":{", stdout);
  for (size_t i = 0; a && i < n; i++) {
    member_text(a[i].name, a[i].value);
    putchar(',');
    free(a[i].value);
  }
  free(a);
  member_text("environment_set", r->given);
  putchar(',');
  member_text("environment_withheld", r->withheld);
  putchar(',');
  limits("limits", &r->limits);
  if (r->threads > 1) {
    putchar(',');
    limits("limits_1thread", &r->one);
  }
  fputs("},", stdout);
  json_member(stdout, "limit_seconds", r->seconds);
  fputs(",\"missing\":[", stdout);
  missing(r);
}

static void row_case(const bench_row *row) {
  const bench_case *c = row->c;
  member_text("suite", c->label);
  putchar(',');
  member_text("case", c->name);
  putchar(',');
  member_text("work", bench_work_name[c->work]);
  putchar(',');
  member_text("peer", row->peer);
  putchar(',');
  member_text("version", row->version);
  putchar(',');
  member_text("isa", row->isa);
  putchar(',');
  member_text("format", c->format);
  putchar(',');
  member_text("q_format", segattn_format_name(c->q_format));
  putchar(',');
  member_text("arithmetic", c->arithmetic);
  putchar(',');
  member_text("layout", c->token_major ? "token-major" : "head-major");
  printf(",\"causal\":%s,\"q_heads\":%zu,\"kv_heads\":%zu,\"dim\":%zu,\"queries\":%zu,\"keys\":%zu,\"segments\":%zu",
         c->causal ? "true" : "false", c->q_heads, c->kv_heads, c->dim, c->queries, c->keys, c->parts * c->segments);
}

static void row_numbers(const bench_row *row, const bench_limits *l) {
  const struct { const char *name; double x; } numbers[] = {
    { "seconds_min", row->minimum }, { "seconds_median", row->median }, { "calls", (double)row->n }, { "gflops", row->gflops },
    { "kv_gbytes_per_s", row->kv_gbytes }, { "share_fma", row->share_fma }, { "share_read", row->share_read },
    { "share_memory", row->share_memory }, { "share_limit", fmax(row->share_fma, row->share_read) },
    { "time_ratio", row->ratio }, { "relative_rms", row->relative_rms }, { "over_parts", row->over_parts }
  };
  size_t n = sizeof numbers / sizeof *numbers - (isnan(row->over_parts) ? 1 : 0);        /* only of a whole beside its parts */
  for (size_t i = 0; i < n; i++) {
    json_member(stdout, numbers[i].name, numbers[i].x);
    putchar(',');
  }
  member_text("limit", row->limit);
  putchar(',');
  member_text("read_from", bench_read_name[bench_level(l, row->c)]);
}

void bench_json(const bench_result *r) {
  machine(r);
  for (size_t pass = 0; pass < 2; pass++) {     /* those with numbers, then those without */
    bool first = true;
    fputs(pass ? "],\"skipped\":[" : "],\"rows\":[", stdout);
    for (size_t i = 0; i < r->n_rows; i++) {
      const bench_row *row = &r->rows[i];
      if (!row->reason == (pass == 1))
        continue;
      fputs(first ? "\n{" : ",\n{", stdout);
      first = false;
      row_case(row);
      printf(",\"threads\":%d,", row->threads);
      if (row->reason)
        member_text("reason", row->reason);
      else
        row_numbers(row, &r->limits);
      putchar('}');
    }
  }
  puts("]}");
}
