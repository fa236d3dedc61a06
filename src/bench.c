/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn bench: speed beside the peers that a user would take instead, and beside what the machine can do at most.  */

#include "bench.h"

#include <argp.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"

enum { OPT_SUITE = 1, OPT_PEERS, OPT_THREADS, OPT_LIMIT, OPT_QUICK, OPT_FORMATS, OPT_SERVE };
enum { PEERS = 8, SLOTS = PEERS + CONTEST_CASES };

static const struct argp_option options[] = {
  { "suite", OPT_SUITE, "NAME", 0, "prefill, decode, small, segments, state or real (default: all of them)", 0 },
  { "peers", OPT_PEERS, "LIST", 0, "of torch, ort, ggml, blas, or none (default: all of them)", 0 },
  { "threads", OPT_THREADS, "N", 0, "threads of each contestant, on as many CPUs (default: 1)", 0 },
  { "limit", OPT_LIMIT, "SECONDS", 0, "time for one contestant and case (default: 3)", 0 },
  { "quick", OPT_QUICK, NULL, 0, "small cases and little time, to see that everything runs", 0 },
  { "output", 'o', "DIR", 0, "a folder for the figure (default: none is drawn)", 0 },
  { "formats", OPT_FORMATS, "LIST", 0, "of pdf, svg, png (default: pdf,svg,png)", 0 },
  { "json", 'j', NULL, 0, "one JSON object on standard output", 0 },
  { "serve", OPT_SERVE, "NAME", OPTION_HIDDEN, NULL, 0 },
  { 0 }
};

typedef struct arguments {
  bench_options o;
  const char *serve;
} arguments;

/* ---- Ctrl-C: what was begun is cleared away, and then it ends us as it would have ---- */

static volatile sig_atomic_t caught;

static void remember(int number) {
  caught = number;
}

static void watch(void) {
  const int numbers[] = { SIGINT, SIGTERM };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct sigaction action = { .sa_handler = remember }, before;
    sigaction(numbers[i], NULL, &before);
    if (before.sa_handler != SIG_IGN)
      sigaction(numbers[i], &action, NULL);
  }
}

bool bench_stopped(void) {
  return caught;
}

/* ---- who takes part ---- */

/* Is the peer named by a word of the list: by its name, or by what stands before the hyphen?  */
static bool listed(const char *list, const char *name) {
  if (!list)
    return true;
  for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
    size_t n = strcspn(p, ",");
    if (n && !strncmp(p, name, n) && (!name[n] || name[n] == '-'))
      return true;
  }
  return false;
}

static int check_peers(const char *list) {
  for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
    size_t n = strcspn(p, ",");
    bool known = n == 4 && !strncmp(p, "none", 4);
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)n, p);
    for (size_t i = 1; bench_peer_at(i); i++)
      known |= listed(word, bench_peer_at(i)->name);
    if (!known)
      return fail(USAGE, "--peers: unknown peer '%.*s': expected a list of torch, ort, ggml, blas, or none", (int)n, p);
  }
  return DONE;
}

static int check_suite(const char *suite) {
  for (size_t i = 0; suite && bench_suite_name(i); i++)
    if (!strcmp(suite, bench_suite_name(i)))
      return DONE;
  return suite ? fail(USAGE, "--suite: unknown suite '%s': expected prefill, decode, small, segments, state or real", suite) : DONE;
}

typedef struct meeting {
  bench_child *peer[PEERS];     /* [0] is segattn; NULL: not asked for */
  bench_child *more[CONTEST_CASES];     /* segattn again, for contests of several cases; [0] is unused */
  bench_inputs *inputs;
} meeting;

static int meeting_open(meeting *m, bench_result *r, const bench_options *o) {
  if (!(m->inputs = bench_inputs_alloc()))
    return FILES;
  for (size_t i = 0; i < PEERS && bench_peer_at(i) && !caught; i++) {
    const bench_peer *peer = bench_peer_at(i);
    if (i && !listed(o->peers, peer->name))
      continue;
    progress("bench", i, PEERS, peer->name);
    if (!(m->peer[i] = bench_child_alloc(peer, o->threads)))
      return FILES;
    const char *why = bench_child_missing(m->peer[i]);
    if (why && !i)
      return fail(FILES, "segattn itself could not be started: %s", why);
    if (why) {
      note("%s is missing: %s (%s)", peer->name, why, peer->install);
      r->missing[r->n_missing++] = (struct bench_missing){ peer->name, why, peer->install };
    }
  }
  for (size_t i = 1; i < CONTEST_CASES && !caught; i++)
    if (!(m->more[i] = bench_child_alloc(bench_peer_at(0), o->threads)))
      return FILES;
  r->isa = bench_child_isa(m->peer[0]);
  return DONE;
}

static void meeting_close(meeting *m) {
  for (size_t i = 0; i < PEERS; i++)
    bench_child_free(m->peer[i]);
  for (size_t i = 0; i < CONTEST_CASES; i++)
    bench_child_free(m->more[i]);
  bench_inputs_free(m->inputs);
}

/* ---- one contest ---- */

/* Copies of K and V, and what a contestant makes of them at worst: heads repeated, everything widened to f32.  */
static bool memory_for(const bench_case *c) {
  double free_bytes = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  FILE *f = fopen("/proc/meminfo", "r");
  char line[128];
  unsigned long long kib;
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
      free_bytes = 1024. * (double)kib;
  if (f)
    fclose(f);
  double widest = bench_kv_bytes(c) * (double)sizeof(float) / (double)segattn_format_bytes(c->format, 1);
  return free_bytes > bench_kv_bytes(c) + 1.5 * widest * (double)(c->q_heads / c->kv_heads);
}

/* The inputs of row i are on the disk; its contestant takes them, or says why not.  */
static void enter(bench_row *row, bench_child *child, const bench_inputs *in) {
  const char *why = bench_child_missing(child);
  if (!why && !memory_for(row->c))
    why = "there is not enough memory for its copy";
  if (!why)
    why = bench_child_case(child, row->c, bench_folder(in));
  row->reason = why ? strdup(why) : NULL;
}

/* One that took part and died is started again; one that never was there is left alone.  */
static bench_child *present(bench_child **child, const bench_peer *peer, const bench_result *r) {
  for (size_t i = 0; i < r->n_missing; i++)
    if (!strcmp(r->missing[i].peer, peer->name))
      return NULL;
  if (*child && bench_child_missing(*child)) {
    bench_child_free(*child);
    *child = bench_child_alloc(peer, r->threads);
  }
  return *child;
}

static int contest_rows(bench_row *rows, bench_child **children, size_t *n, const contest *t, meeting *m,
                        const bench_result *r) {
  int status = DONE;
  *n = 0;
  for (size_t c = 0; c < t->n_cases && !status; c++) {
    status = bench_inputs_write(m->inputs, &t->cases[c]);
    for (size_t p = 0; p < (t->peers ? PEERS : 1) && !status && !caught; p++) {
      bench_child *child = present(c ? &m->more[c] : &m->peer[p], bench_peer_at(p), r);
      if (!child)
        continue;
      bench_row *row = &rows[*n];
      *row = (bench_row){ .c = &t->cases[c], .peer = bench_peer_at(p)->name, .version = strdup(bench_child_version(child)),
                          .isa = strdup(bench_child_isa(child)), .minimum = INFINITY, .relative_rms = NAN,
                          .contest = (size_t)(t - r->contests) };
      if (!row->version || !row->isa)
        return fail(FILES, "out of memory");
      enter(row, child, m->inputs);
      children[(*n)++] = child;
    }
  }
  return status;
}

static int errors_of(bench_row *rows, bench_child *const *children, size_t n, const meeting *m) {
  int status = DONE;
  for (size_t i = 0; i < n && !status; i++) {
    if (i == 0 || rows[i].c != rows[i - 1].c) {
      status = bench_inputs_write(m->inputs, rows[i].c);
      if (!status)
        status = bench_exact(m->inputs);
    }
    if (!status && !rows[i].reason && bench_child_out(children[i]))
      rows[i].relative_rms = bench_relative_rms(m->inputs);
    bench_child_done(children[i]);
  }
  return status;
}

static int run_contest(bench_result *r, const contest *t, meeting *m, const bench_options *o) {
  bench_child *children[SLOTS];
  bench_row *more = realloc(r->rows, (r->n_rows + SLOTS) * sizeof *more);
  size_t n;
  if (!more)
    return fail(FILES, "out of memory");
  r->rows = more;
  bench_row *rows = r->rows + r->n_rows;
  int status = contest_rows(rows, children, &n, t, m, r);
  r->n_rows += n;
  if (!status && !caught)
    bench_contest(rows, children, n, o);
  return status || caught ? status : errors_of(rows, children, n, m);
}

/* ---- all of them ---- */

static void derive(bench_result *r) {
  const bench_row *first = NULL;
  for (size_t i = 0; i < r->n_rows; i++) {
    bench_row *row = &r->rows[i];
    bool ours = !strcmp(row->peer, "segattn");
    if (!first || first->contest != row->contest)
      first = row;
    if (row->reason)
      continue;
    bool whole = row->c->work == BENCH_ATTEND;          /* the others do not look at all keys */
    row->gflops = whole ? bench_flops(row->c) / row->minimum * 1e-9 : NAN;
    row->kv_gbytes = whole ? bench_kv_bytes(row->c) / row->minimum * 1e-9 : NAN;
    row->share_fma = row->gflops / bench_peak(&r->limits, ours ? row->isa : NULL);
    row->share_read = row->kv_gbytes / r->limits.gbytes[bench_level(&r->limits, row->c)];
    row->ratio = first->reason ? NAN : row->minimum / first->minimum;
  }
}

static int run_all(bench_result *r, size_t n, const bench_options *o) {
  meeting m = { 0 };
  int status = bench_limits_measure(&r->limits, o->threads);
  if (!status)
    status = meeting_open(&m, r, o);
  for (size_t i = 0; i < n && !status && !caught; i++) {
    progress("bench", i, n, r->contests[i].cases[0].label);
    status = run_contest(r, &r->contests[i], &m, o);
  }
  if (!status && !caught)
    status = bench_limits_measure(&r->limits, o->threads);      /* again: the first time may have been disturbed */
  progress_end();
  if (!status && !caught) {
    derive(r);
    if (o->json)
      bench_json(r);
    else
      bench_table(r);
  }
  if (!status && !caught && o->folder)
    status = bench_figure(r, o->folder, o->formats);
  meeting_close(&m);
  return status;
}

static int bench(const bench_options *o) {
  struct bench_missing missing[PEERS];
  bench_result r = { .threads = o->threads, .withheld = bench_withheld(), .given = bench_given(o->threads), .missing = missing };
  size_t n;
  contest *contests = bench_contests(&n, o->suite, o->quick);
  r.contests = contests;
  int status = contests && r.withheld && r.given ? bench_pin(o->threads) : FILES;
  watch();
  if (!status)
    status = run_all(&r, n, o);
  for (size_t i = 0; i < r.n_rows; i++) {
    free(r.rows[i].times);
    free(r.rows[i].reason);
    free(r.rows[i].version);
    free(r.rows[i].isa);
  }
  free(r.rows);
  free(r.withheld);
  free(r.given);
  free(contests);
  if (caught) {
    signal(caught, SIG_DFL);
    raise(caught);
  }
  return status;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  arguments *a = state->input;
  char *end = NULL;
  switch (key) {
  case OPT_SUITE: a->o.suite = text; break;
  case OPT_PEERS: a->o.peers = text; break;
  case OPT_THREADS:
    a->o.threads = (int)strtol(text, &end, 10);
    if (*end || end == text || a->o.threads < 1 || a->o.threads > 4096)
      argp_error(state, "--threads: '%s': expected a number of threads from 1 to 4096", text);
    break;
  case OPT_LIMIT:
    a->o.limit = strtod(text, &end);
    if (*end || end == text || !(a->o.limit > 0) || !isfinite(a->o.limit))
      argp_error(state, "--limit: '%s': expected seconds above 0", text);
    break;
  case OPT_QUICK: a->o.quick = true; break;
  case OPT_FORMATS: a->o.formats = text; break;
  case OPT_SERVE: a->serve = text; break;
  case 'o': a->o.folder = text; break;
  case 'j': a->o.json = true; break;
  case ARGP_KEY_ARG: argp_error(state, "'%s' is more than expected", text); break;
  default: return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

int command_bench(int argc, char **argv) {
  const struct argp argp = { options, parse, NULL, "Times segattn and its peers by turns on the same inputs, and says what share "
                             "of the machine's limits each reaches and how far each is from the exact result.", NULL, NULL, NULL };
  arguments a = { .o = { .threads = 1, .formats = "pdf,svg,png" } };
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &a))
    return USAGE;
  if (a.serve)
    return bench_serve(a.serve, a.o.threads);
  if (!(a.o.limit > 0))
    a.o.limit = a.o.quick ? 0.02 : 3;
  int status = check_suite(a.o.suite);
  if (!status)
    status = check_peers(a.o.peers);
  if (!status && a.o.folder)
    status = bench_figure_check(a.o.folder, a.o.formats);
  return status ? status : bench(&a.o);
}
