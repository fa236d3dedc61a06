/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contestants of a bench, and their contests.

   All contestants of a contest are timed by turns, in one heat.  Where K and V are large, each of the others meets segattn in
   a heat of its own, so that the memory need not hold more than two copies; segattn's times are those of all heats.  */

#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"

enum { SLOTS = PEERS + CONTEST_CASES };
enum { PATIENCE = 10 };                 /* limits of time that a call of a peer may be foreseen to take */
static const double large = 256e6;      /* bytes of K and V */

struct bench_meeting {
  bench_child *peer[PEERS];             /* [0] is segattn; NULL: not asked for */
  bench_child *more[CONTEST_CASES];     /* segattn again, for contests of several cases; [0] is unused */
  bench_inputs *inputs;
};

/* ---- who takes part ---- */

/* Is the peer named by a word of the list: by its name, or by what stands before the hyphen?  */
bool bench_listed(const char *list, const char *name) {
  if (!list)
    return true;
  for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
    size_t n = strcspn(p, ",");
    if (n && !strncmp(p, name, n) && (!name[n] || name[n] == '-'))
      return true;
  }
  return false;
}

static bool asked_for(size_t i, const bench_options *o) {
  const bench_peer *peer = bench_peer_at(i);
  return peer->alone ? o->threads > 1 : i < OURS || bench_listed(o->peers, peer->name);
}

static bool is_ours(const bench_row *row) {
  return bench_listed("segattn", row->peer);
}

static int threads_of(const bench_peer *peer, int threads) {
  return peer->alone ? 1 : threads;
}

int bench_meeting_alloc(bench_meeting **m, bench_result *r, const bench_options *o) {
  *m = calloc(1, sizeof **m);
  if (!*m)
    return fail(FILES, "out of memory");
  if (!((*m)->inputs = bench_inputs_alloc()))
    return FILES;
  for (size_t i = 0; i < PEERS && !bench_stopped(); i++) {
    const bench_peer *peer = bench_peer_at(i);
    if (!asked_for(i, o))
      continue;
    progress("bench", i, PEERS, peer->name);
    bench_child *child = (*m)->peer[i] = bench_child_alloc(peer, threads_of(peer, o->threads));
    if (!child)
      return FILES;
    const char *why = bench_stopped() ? NULL : bench_child_missing(child);      /* Ctrl-C ends those who are waited for */
    if (why && i < OURS)
      return fail(FILES, "segattn itself could not be started: %s", why);
    if (why) {
      note("%s is missing: %s (%s)", peer->name, why, peer->install);
      r->missing[r->n_missing++] = (struct bench_missing){ peer->name, why, peer->install };
    }
  }
  for (size_t i = 1; i < CONTEST_CASES && !bench_stopped(); i++)
    if (!((*m)->more[i] = bench_child_alloc(bench_peer_at(0), o->threads)))
      return FILES;
  r->isa = (*m)->peer[0] ? bench_child_isa((*m)->peer[0]) : NULL;
  return DONE;
}

void bench_meeting_free(bench_meeting *m) {
  if (!m)
    return;
  for (size_t i = 0; i < PEERS; i++)
    bench_child_free(m->peer[i]);
  for (size_t i = 0; i < CONTEST_CASES; i++)
    bench_child_free(m->more[i]);
  bench_inputs_free(m->inputs);
  free(m);
}

/* One that took part and died is started again; one that never was there is left alone.  */
static bench_child *present(bench_child **child, const bench_peer *peer, const bench_result *r) {
  for (size_t i = 0; i < r->n_missing; i++)
    if (!strcmp(r->missing[i].peer, peer->name))
      return NULL;
  if (*child && bench_child_missing(*child)) {
    bench_child_free(*child);
    *child = bench_child_alloc(peer, threads_of(peer, r->threads));
  }
  return *child;
}

/* ---- one contest ---- */

/* A copy of K and V, and what a peer makes of them at worst: heads repeated, everything widened to f32.  */
static bool memory_for(const bench_row *row) {
  double free_bytes = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  FILE *f = fopen("/proc/meminfo", "r");
  char line[128];
  unsigned long long kib;
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
      free_bytes = 1024. * (double)kib;
  if (f)
    fclose(f);
  const bench_case *c = row->c;
  double kv = bench_kv_bytes(c), wide = fmax(kv, 2. * sizeof(float) * (double)(c->kv_heads * c->keys * c->dim));
  return free_bytes > 1.1 * (kv + (is_ours(row) ? 0 : wide * (double)(c->q_heads / c->kv_heads)));
}

/* What a call would take at the rate at which the peer did the same with fewer keys before; 0 where it did not.  */
static double foreseen(const bench_row *row, const bench_result *r) {
  double seconds = 0;
  for (const bench_row *a = r->rows; a < row; a++) {
    const bench_case *x = a->c, *y = row->c;
    if (!strcmp(a->peer, row->peer) && !a->reason && x->work == y->work && !strcmp(x->format, y->format) &&
        x->token_major == y->token_major && x->causal == y->causal && x->q_heads == y->q_heads && x->kv_heads == y->kv_heads &&
        x->dim == y->dim && x->keys < y->keys)
      seconds = a->minimum * bench_flops(y) / bench_flops(x);
  }
  return seconds;
}

/* The inputs are on the disk; the contestant takes them, or says why not.  */
static void enter(bench_row *row, bench_child *child, const bench_meeting *m, const bench_result *r) {
  const char *why = bench_child_missing(child);
  char slow[80];
  double seconds = is_ours(row) ? 0 : foreseen(row, r);
  if (!why && seconds > PATIENCE * r->seconds) {
    snprintf(slow, sizeof slow, "skipped: by its time for fewer keys a call would take %.2g s", seconds);
    why = slow;
  }
  if (!why && !memory_for(row))
    why = "there is not enough memory for its copy";
  if (!why)
    why = bench_child_case(child, row->c, bench_folder(m->inputs), &row->first);
  row->reason = why ? strdup(why) : NULL;
}

static int new_row(bench_row *row, const bench_case *c, const bench_peer *peer, const bench_child *child, const bench_result *r,
                   const contest *t) {
  *row = (bench_row){ .c = c, .peer = peer->name, .version = strdup(bench_child_version(child)),
                      .isa = strdup(bench_child_isa(child)), .threads = threads_of(peer, r->threads), .minimum = INFINITY,
                      .relative_rms = NAN, .over_parts = NAN, .contest = (size_t)(t - r->contests) };
  return row->version && row->isa ? DONE : fail(FILES, "out of memory");
}

static bool takes(const bench_peer *peer, const bench_case *c) {
  for (size_t i = 0; peer->codes && i < c->parts; i++)
    if (c->part[i].format != SEGATTN_Q8_0 && c->part[i].format != SEGATTN_Q5_0 && c->part[i].format != SEGATTN_Q4_0)
      return false;
  return true;
}

/* Rows of a contest, and who does them: one case by all, or some cases by segattn.  */
static int contest_rows(bench_row *rows, bench_child **children, size_t *n, const contest *t, bench_meeting *m,
                        const bench_result *r) {
  int status = DONE;
  *n = 0;
  for (size_t c = 0; c < t->n_cases; c++)
    for (size_t p = 0; p < (t->peers ? PEERS : 1) && !status && !bench_stopped(); p++) {
      if (!takes(bench_peer_at(p), &t->cases[c]))
        continue;
      bench_child *child = present(c ? &m->more[c] : &m->peer[p], bench_peer_at(p), r);
      if (child) {
        status = new_row(&rows[*n], &t->cases[c], bench_peer_at(p), child, r, t);
        children[(*n)++] = child;
      }
    }
  return status;
}

/* Inputs, turns, errors of those who are together; `in` says that the first one is in its case already.  */
static int heat(bench_row *const *rows, bench_child *const *children, size_t n, bool in, bench_meeting *m,
                const bench_result *r, const bench_options *o) {
  int status = DONE;
  for (size_t i = in; i < n && !status && !bench_stopped(); i++) {
    char detail[128];
    snprintf(detail, sizeof detail, "%s  %s", rows[i]->c->name, rows[i]->peer);
    progress("bench", r->at, r->n_contests, detail);
    status = bench_inputs_write(m->inputs, rows[i]->c);
    if (!status)
      enter(rows[i], children[i], m, r);
  }
  if (!status && !bench_stopped())
    bench_heat(rows, children, n, o);
  for (size_t i = 0; i < n && !status && !bench_stopped(); i++) {
    status = bench_inputs_write(m->inputs, rows[i]->c);
    if (!status)
      status = bench_exact(m->inputs);
    if (!status && !rows[i]->reason && bench_child_out(children[i]))
      rows[i]->relative_rms = bench_relative_rms(m->inputs);
    if (i > 0)
      bench_child_done(children[i]);
  }
  return status;
}

int bench_meeting_contest(bench_meeting *m, bench_result *r, const contest *t, const bench_options *o) {
  bench_child *children[SLOTS];
  bench_row *more = realloc(r->rows, (r->n_rows + SLOTS) * sizeof *more), *rows[SLOTS];
  size_t n;
  if (!more)
    return fail(FILES, "out of memory");
  r->rows = more;
  for (size_t i = 0; i < SLOTS; i++)
    rows[i] = r->rows + r->n_rows + i;
  int status = contest_rows(rows[0], children, &n, t, m, r);
  r->n_rows += n;
  if (t->n_cases > 1 || n < 2 || bench_kv_bytes(&t->cases[0]) < large) {
    status = status ? status : heat(rows, children, n, false, m, r, o);
  } else {
    for (size_t i = 1; i < n && !status && !bench_stopped(); i++)
      status = heat((bench_row *[]){ rows[0], rows[i] }, (bench_child *[]){ children[0], children[i] }, 2, i > 1, m, r, o);
  }
  if (n > 0)
    bench_child_done(children[0]);
  return status;
}

/* ---- what follows from the times ---- */

static void rates(bench_row *row, const bench_limits *l) {
  int level = bench_level(l, row->c);
  row->gflops = bench_flops(row->c) / row->minimum * 1e-9;
  row->kv_gbytes = bench_kv_bytes(row->c) / row->minimum * 1e-9;
  row->share_fma = row->gflops / bench_peak(l, is_ours(row) ? row->isa : NULL, bench_number(row->c));
  row->share_read = row->kv_gbytes / l->gbytes[level];
  row->share_memory = row->kv_gbytes / l->gbytes[READ_MEMORY];
  row->limit = row->share_fma > row->share_read ? "FMA" : bench_read_name[level];
}

/* Row i and those of its parts, which follow it.  */
static double over_parts(const bench_result *r, size_t i) {
  double sum = 0;
  for (size_t j = i + 1; j < r->n_rows && r->rows[j].contest == r->rows[i].contest; j++)
    sum += r->rows[j].reason ? NAN : r->rows[j].minimum;
  return r->rows[i].minimum / sum;
}

void bench_derive(bench_result *r) {
  const bench_row *first = NULL;
  for (size_t i = 0; i < r->n_rows; i++) {
    bench_row *row = &r->rows[i];
    if (!first || first->contest != row->contest)
      first = row;
    if (row->reason)
      continue;
    row->gflops = row->kv_gbytes = row->share_fma = row->share_read = row->share_memory = NAN;
    if (row->c->work == BENCH_ATTEND)                   /* the others do not look at all keys */
      rates(row, row->threads == r->threads ? &r->limits : &r->one);
    row->ratio = first->reason ? NAN : row->minimum / first->minimum;
    if (row == first && r->contests[row->contest].mixed)
      row->over_parts = over_parts(r, i);
  }
}
