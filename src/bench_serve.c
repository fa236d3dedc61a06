/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The child's side of the bench (bench_peer.c says how they talk), for the contestants written in C.  */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "message.h"
#include "report_data.h"

static const bench_contestant *const contestants[] = { &bench_segattn, &bench_segattn_i8, &bench_blas };

/* "q4_0:28672+f16:4096"  */
static bool parse_parts(bench_case *c, char *text) {
  for (char *one; (one = strsep(&text, "+")); c->parts++) {
    char *format = strsep(&one, ":");
    if (c->parts == BENCH_PARTS || !one || segattn_format_find(&c->part[c->parts].format, format, NULL) ||
        sscanf(one, "%zu", &c->part[c->parts].keys) != 1)
      return false;
    c->keys += c->part[c->parts].keys;
  }
  return c->parts;
}

static bool parse_case(bench_case *c, char *folder, size_t size, const char *line) {
  char work[16], format[16], parts[64], layout[16];
  int causal, at = 0;
  *c = (bench_case){ .suite = "" };
  if (sscanf(line, "case %15s %15s %63s %15s %d %zu %zu %zu %zu %zu %7s %n", work, format, parts, layout, &causal, &c->q_heads,
             &c->kv_heads, &c->dim, &c->queries, &c->segments, c->arithmetic, &at) != 11 || !at)
    return false;
  while (c->work < BENCH_WORKS && strcmp(work, bench_work_name[c->work]))
    c->work++;
  c->causal = causal;
  c->token_major = !strcmp(layout, "token");
  snprintf(folder, size, "%.*s", (int)strcspn(line + at, "\n"), line + at);
  return c->work < BENCH_WORKS && !segattn_format_find(&c->q_format, format, NULL) && parse_parts(c, parts) && c->kv_heads &&
         c->segments;
}

static void job_free(bench_job *job, const bench_contestant *who) {
  if (job->mine)
    who->release(job);
  free(job->q);
  for (size_t i = 0; i < BENCH_PARTS; i++) {
    free(job->k[i]);
    free(job->v[i]);
  }
  free(job->out);
  *job = (bench_job){ .threads = job->threads };
}

static bool job_prepare(bench_job *job, const bench_contestant *who, const char *line, char *folder, size_t size) {
  job_free(job, who);
  if (!parse_case(&job->c, folder, size, line)) {
    snprintf(job->reason, sizeof job->reason, "the case could not be understood");
    return false;
  }
  const bench_case *c = &job->c;
  job->q = bench_tensor(folder, "q", segattn_format_bytes(c->q_format, c->q_heads * c->queries * c->dim));
  job->out = calloc(c->q_heads * c->queries * c->dim, bench_out_bytes(c));
  bool there = job->q && job->out;
  for (size_t i = 0; i < c->parts && there; i++) {
    size_t n = segattn_format_bytes(c->part[i].format, c->kv_heads * c->part[i].keys * c->dim);
    job->k[i] = bench_tensor(folder, bench_k_file[i], n);
    job->v[i] = bench_tensor(folder, bench_v_file[i], n);
    there = job->k[i] && job->v[i];
  }
  if (!there) {
    snprintf(job->reason, sizeof job->reason, "out of memory");
    return false;
  }
  return who->prepare(job);
}

static bool job_write(bench_job *job, const bench_contestant *who, const char *folder) {
  char *path = path_join(folder, "out");
  if (who->output)
    who->output(job);
  bool written = path && !file_write(path, job->out, job->c.q_heads * job->c.queries * job->c.dim * bench_out_bytes(&job->c));
  free(path);
  return written;
}

static void answer(bench_job *job, const bench_contestant *who, const char *line) {
  static char folder[4096];
  size_t n = 0;
  if (!strncmp(line, "case ", 5)) {
    if (job_prepare(job, who, line, folder, sizeof folder))
      printf("ready\t%.9e\n", who->run(job));
    else
      printf("no\t%s\n", job->reason);
  } else if (!job->mine) {
    puts(strncmp(line, "free", 4) ? "no\tthere is no case" : "ready");
  } else if (sscanf(line, "run %zu", &n) == 1) {
    fputs("times\t", stdout);
    while (n--)
      printf("%.9e ", who->run(job));
    putchar('\n');
  } else if (!strncmp(line, "out", 3)) {
    puts(job_write(job, who, folder) ? "ready" : "no\tthe output could not be written");
  } else {
    job_free(job, who);
    puts("ready");
  }
  fflush(stdout);
}

int bench_serve(const char *name, int threads) {
  const bench_contestant *who = NULL;
  char version[128] = "", isa[256] = "", *line = NULL;
  size_t room = 0;
  bench_job job = { .threads = threads };
  for (size_t i = 0; i < sizeof contestants / sizeof *contestants; i++)
    if (!strcmp(contestants[i]->name, name))
      who = contestants[i];
  if (!who)
    return fail(USAGE, "--serve %s: there is no such contestant", name);
  bool there = who->hello(version, isa, sizeof version, threads);
  printf(there ? "hello\t%s\t%s\n" : "missing\t%s\n", version, isa);
  fflush(stdout);
  while (there && getline(&line, &room, stdin) > 0)
    answer(&job, who, line);
  job_free(&job, who);
  free(line);
  return DONE;
}
