/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn bench: speed beside the peers that a user would take instead, and beside what the machine can do at most.  */

#include "bench.h"

#include <argp.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "message.h"

enum { OPT_SUITE = 1, OPT_ONLY, OPT_LIST, OPT_PEERS, OPT_THREADS, OPT_LIMIT, OPT_QUICK, OPT_FORMATS, OPT_ISA, OPT_SERVE };

static const struct argp_option options[] = {
  { "suite", OPT_SUITE, "NAME", 0, "prefill, decode, small, segments, state or real (default: all of them)", 0 },
  { "only", OPT_ONLY, "PATTERN", 0, "only cases whose name matches, as file names do; may be repeated", 0 },
  { "list", OPT_LIST, NULL, 0, "the names of the cases, and nothing is timed", 0 },
  { "peers", OPT_PEERS, "LIST", 0, "of torch, ort, ggml, blas, or none (default: all of them)", 0 },
  { "threads", OPT_THREADS, "N", 0, "threads of each contestant, on as many CPUs (default: 1)", 0 },
  { "isa", OPT_ISA, "NAME", 0,
    "segattn's instruction set: portable, avx2, avx512 or neon (default: SEGATTN_ISA or the best)", 0 },
  { "limit", OPT_LIMIT, "SECONDS", 0, "time for one contestant and case (default: 3)", 0 },
  { "quick", OPT_QUICK, NULL, 0, "small cases and little time, to see that everything runs", 0 },
  { "output", 'o', "DIR", 0, "a folder for figures (default: none are drawn)", 0 },
  { "formats", OPT_FORMATS, "LIST", 0, "of pdf, svg, png (default: pdf,svg,png)", 0 },
  { "json", 'j', NULL, 0, "one JSON object on standard output", 0 },
  { "serve", OPT_SERVE, "NAME", OPTION_HIDDEN, NULL, 0 },
  { 0 }
};

typedef struct arguments {
  bench_options o;
  const char **only;            /* o.only; room for all words of the command line */
  size_t n_only;
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

static int check_peers(const char *list) {
  if (list && !*list)
    return fail(USAGE, "--peers: empty: expected a list of torch, ort, ggml, blas, or none");
  for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
    size_t n = strcspn(p, ",");
    bool known = n == 4 && !strncmp(p, "none", 4);
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)n, p);
    for (size_t i = OURS; bench_peer_at(i); i++)
      known |= bench_listed(word, bench_peer_at(i)->name);
    if (!known)
      return fail(USAGE, "--peers: unknown peer '%.*s': expected a list of torch, ort, ggml, blas, or none", (int)n, p);
  }
  return DONE;
}

static int check_suite(const char *suite) {
  for (size_t i = 0; suite && bench_suite_name(i); i++)
    if (!strcmp(suite, bench_suite_name(i)))
      return DONE;
  return !suite ? DONE
    : fail(USAGE, "--suite: unknown suite '%s': expected prefill, decode, small, segments, state or real", suite);
}

/* An instruction set for segattn, which its children take from the environment.  */
static int choose_isa(const char *isa) {
  const char *name = NULL;
  for (int i = 0; isa && (name = segattn_isa_name(i)) && strcmp(name, isa); i++)
    ;
  if (isa && !name)
    return fail(USAGE, "--isa: '%s' is none that this machine and this build have (segattn info lists them)", isa);
  return isa && setenv("SEGATTN_ISA", isa, 1) ? fail(FILES, "out of memory") : DONE;
}

/* ---- all of them ---- */

static int measure_limits(bench_result *r) {
  int status = bench_limits_measure(&r->limits, r->threads);
  return status || r->threads == 1 ? status : bench_limits_measure(&r->one, 1);
}

static int run_all(bench_result *r, const bench_options *o) {
  bench_meeting *m = NULL;
  int status = measure_limits(r);
  if (!status && !caught)
    status = bench_meeting_alloc(&m, r, o);
  for (; r->at < r->n_contests && !status && !caught; r->at++)
    status = bench_meeting_contest(m, r, &r->contests[r->at], o);
  if (!status && !caught && !o->quick)
    status = measure_limits(r);         /* again: the first time may have been disturbed */
  progress_end();
  if (!status && !caught) {
    bench_derive(r);
    if (o->json)
      bench_json(r);
    else
      bench_table(r);
  }
  if (!status && !caught && o->folder)
    status = bench_figure(r, o->folder, o->formats);
  bench_meeting_free(m);
  return status;
}

static void list(const contest *contests, size_t n) {
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < contests[i].n_cases; c++)
      puts(contests[i].cases[c].name);
}

static int time_all(const contest *contests, size_t n, const bench_options *o) {
  bench_result r = { .threads = o->threads, .seconds = o->limit, .withheld = bench_withheld(), .given = bench_given(o->threads),
                     .contests = contests, .n_contests = n };
  int status = r.withheld && r.given ? bench_pin(o->threads) : FILES;
  watch();
  if (!status)
    status = run_all(&r, o);
  for (size_t i = 0; i < r.n_rows; i++) {
    free(r.rows[i].times);
    free(r.rows[i].reason);
    free(r.rows[i].version);
    free(r.rows[i].isa);
  }
  free(r.rows);
  free(r.withheld);
  free(r.given);
  if (caught) {
    signal(caught, SIG_DFL);
    raise(caught);
  }
  return status;
}

static int bench(const bench_options *o) {
  size_t n;
  contest *contests = bench_contests(&n, o);
  int status = contests ? DONE : FILES;
  if (contests && n == 0)
    status = fail(USAGE, "--only '%s'%s: no case%s%s has such a name (segattn bench --list shows them)", o->only[0],
                  o->only[1] ? " and others" : "", o->suite ? " of suite " : "", o->suite ? o->suite : "");
  else if (contests && o->list)
    list(contests, n);
  else if (contests)
    status = time_all(contests, n, o);
  free(contests);
  return status;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  arguments *a = state->input;
  char *end = NULL;
  switch (key) {
  case OPT_SUITE: a->o.suite = text; break;
  case OPT_ONLY: a->only[a->n_only++] = text; break;
  case OPT_LIST: a->o.list = true; break;
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
  case OPT_ISA: a->o.isa = text; break;
  case OPT_FORMATS: a->o.formats = text; break;
  case OPT_SERVE: a->serve = text; break;
  case 'o': a->o.folder = text; break;
  case 'j': a->o.json = true; break;
  case ARGP_KEY_ARG: argp_error(state, "'%s' is more than expected", text); break;
  default: return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

static int checked(const bench_options *o) {
  int status = check_suite(o->suite);
  if (!status)
    status = choose_isa(o->isa);
  if (!status)
    status = check_peers(o->peers);
  if (!status && o->folder && !o->list)
    status = bench_figure_check(o->folder, o->formats);
  return status ? status : bench(o);
}

int command_bench(int argc, char **argv) {
  static const char doc[] = "Times segattn and its peers by turns on the same inputs, and says what share of the machine's "
    "limits each reaches and how far each is from the exact result.";
  const struct argp argp = { options, parse, NULL, doc, NULL, NULL, NULL };
  arguments a = { .o = { .threads = 1, .formats = "pdf,svg,png" }, .only = calloc((size_t)argc + 1, sizeof *a.only) };
  if (!a.only)
    return fail(FILES, "out of memory");
  a.o.only = a.only;
  argp_err_exit_status = USAGE;
  int status = argp_parse(&argp, argc, argv, 0, NULL, &a) ? USAGE : DONE;
  if (!(a.o.limit > 0))
    a.o.limit = a.o.quick ? 0.02 : 3;
  if (!status)
    status = a.serve ? bench_serve(a.serve, a.o.threads) : checked(&a.o);
  free(a.only);
  return status;
}
