/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of `bench` share.

   A case is a shape, a contest what is timed interleaved: one case by all contestants, or some cases by segattn alone.  Every
   contestant, segattn too, is a child process that is pinned and fed alike (bench_peer.c) and times its own calls.  */

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <segattn.h>

/* ---- what is timed ---- */

typedef struct bench_options {
  const char *suite, *peers, *folder, *formats, *isa;
  int threads;
  double limit;                 /* seconds for each contestant and case */
  const char *const *only;      /* patterns, NULL past the last; NULL: none */
  bool quick, json, list;
} bench_options;

enum bench_work { BENCH_ATTEND, BENCH_ABSORB, BENCH_MERGE, BENCH_FINALISE, BENCH_WORKS };
extern const char *const bench_work_name[BENCH_WORKS];

enum { BENCH_PARTS = 2 };
typedef struct bench_part {
  segattn_format format;
  size_t keys;
} bench_part;

typedef struct bench_case {
  const char *suite;            /* "decode" */
  char label[48];               /* "decode-32768" */
  char name[96];                /* the same, format, heads, and layout if token-major: no two cases share it */
  char format[16];              /* "f16", "q4_0+f16" */
  enum bench_work work;
  segattn_format q_format;      /* f32 where K and V are in blocks or fp8, else theirs */
  char arithmetic[8];           /* f64 for cases in f64, else f32, or f32c beside it */
  bench_part part[BENCH_PARTS]; /* of K and V, in the order of their positions: each a tensor of its own */
  bool token_major;             /* K and V lie [key][head][dim], else [head][key][dim]; q is always head-major */
  bool causal;                  /* query i stands at position keys - queries + i */
  bool capture;                 /* of real inputs, which have this shape; else random normal */
  size_t q_heads, kv_heads, dim, queries, keys, parts, segments;        /* keys of all parts; segments of each part */
} bench_case;

enum { CONTEST_CASES = 4 };
typedef struct contest {
  bench_case cases[CONTEST_CASES];
  size_t n_cases;
  bool peers;                   /* others than segattn can do it */
  bool mixed;                   /* the first case is made of the parts that are the others */
} contest;

const char *bench_suite_name(size_t i);         /* NULL past the last */
/* The cases of o->suite (all suites for NULL) whose name matches one of o->only (all, where it has none), in their contests,
   allocated; o->quick: few and small ones.  NULL: out of memory, with a message.  */
contest *bench_contests(size_t *n, const bench_options *o);
bool bench_roofline(const bench_case *c);       /* is it of a suite whose rates are the matter, not the time of a call? */
double bench_flops(const bench_case *c);        /* 4 dim for each pair of query and key that see each other */
double bench_kv_bytes(const bench_case *c);     /* as they are stored */
double bench_bytes(const bench_case *c);        /* q, k, v, and the output as f32 (f64) */

/* ---- inputs: files q, k, v (k1, v1 of a second part) in a scratch folder, raw elements in memory order, each repeated to
   fill its tensor ---- */

extern const char *const bench_k_file[BENCH_PARTS], *const bench_v_file[BENCH_PARTS];
size_t bench_out_bytes(const bench_case *c);    /* of an element of out: f64 for a case in f64, else f32 */

typedef struct bench_inputs bench_inputs;
bench_inputs *bench_inputs_alloc(void);         /* makes the folder; NULL with a message */
void bench_inputs_free(bench_inputs *in);       /* and removes it; NULL is allowed */
const char *bench_folder(const bench_inputs *in);
/* Nothing is done where they are those of the case already.  0, USAGE or FILES.  */
int bench_inputs_write(bench_inputs *in, const bench_case *c);
/* rms(out - exact) / rms(exact) over rows spread over heads and queries, exact from the oracle; for the case last written.
   bench_exact prepares it, once for a case; out is FOLDER/out, f32 (for a case in f64 f64) [q_heads][queries][dim]; NaN where
   it cannot be read.  */
int bench_exact(bench_inputs *in);
double bench_relative_rms(const bench_inputs *in);
/* n bytes filled with those of FOLDER/name, repeated; on huge pages where it can; NULL when it cannot be had.  */
void *bench_tensor(const char *folder, const char *name, size_t n);

/* ---- the limits of the machine ---- */

enum { MOST_ISAS = 4 };
enum { BENCH_F32, BENCH_F64, BENCH_NUMBERS };   /* the arithmetics: f64 for cases in f64, else f32 */
enum { READ_L2, READ_L3, READ_MEMORY, READS };
extern const char *const bench_read_name[READS];
typedef struct bench_limits {
  const char *isa[MOST_ISAS];   /* as segattn_isa_name; NULL past the last, the best one last */
  double gflops[MOST_ISAS][BENCH_NUMBERS];      /* FMA peak of all threads together */
  size_t bytes[READS];          /* what was read over and over by each thread */
  double gbytes[READS];         /* a second, all threads together */
} bench_limits;
/* Keeps the best of what it finds and what *l holds: call it with zeros first.  */
int bench_limits_measure(bench_limits *l, int threads);
/* Of the best ISA for a name that is none of ours.  */
double bench_peak(const bench_limits *l, const char *isa, int number);
int bench_number(const bench_case *c);          /* BENCH_F32 or BENCH_F64 */

/* bench_loop.h: `rounds` rounds of independent FMAs, which returns the operations (2 for an FMA), and a pass of loads over n
   bytes.  */
typedef struct bench_loop {
  const char *isa;
  double (*fma)(size_t rounds);
  void (*read)(const void *data, size_t n);
} bench_loop;
/* One for each arithmetic; ISAs that the machine can run, best last; NULL past the end.  */
const bench_loop *const *bench_loops_at(size_t i);

/* ---- contestants ---- */

typedef struct bench_peer {
  const char *name;             /* "torch-flash"; --peers torch takes all torch-* */
  const char *program;          /* in experiments/providers/; NULL: this program */
  const char *variant;          /* its first argument */
  const char *install;          /* what to install when it is missing */
  bool alone;                   /* takes one thread, whatever the others have: left out when they have one */
  bool codes;                   /* takes cases whose K is in blocks of codes and scales, and no others */
} bench_peer;
enum { PEERS = 10, OURS = 3 };                   /* the first are segattn's own */
const bench_peer *bench_peer_at(size_t i);      /* NULL past the end */

typedef struct bench_child bench_child;
/* NULL: out of memory, with a message.  A contestant that does not start is there all the same, as missing.  */
bench_child *bench_child_alloc(const bench_peer *peer, int threads);
void bench_child_free(bench_child *child);      /* ends it; NULL is allowed */
const char *bench_child_missing(const bench_child *child);      /* why it is missing, or NULL */
const char *bench_child_version(const bench_child *child), *bench_child_isa(const bench_child *child);
/* What the contestant said no to, or NULL when it is ready.  The text lives until the next call.  *first: the seconds of a call
   that it made to see whether it can, or 0.  */
const char *bench_child_case(bench_child *child, const bench_case *c, const char *folder, double *first);
/* Runs n times; seconds of each are added to times; false when it failed (then it is missing).  */
bool bench_child_run(bench_child *child, size_t n, double *times);
/* Waits until its threads sleep: they may spin for a while after a call, but not into another's turn.  */
void bench_child_rest(const bench_child *child);
bool bench_child_out(bench_child *child);       /* writes FOLDER/out */
void bench_child_done(bench_child *child);      /* frees what the case held */
/* Environment variables that are withheld from all contestants, and what is set for all: "A=1 B=2"; the caller frees.  */
char *bench_withheld(void);
char *bench_given(int threads);
int bench_pin(int threads);                     /* this process, and so its children, to that many CPUs; 0 or USAGE */

/* ---- the child's side, for the contestants written in C (bench_serve.c) ---- */

typedef struct bench_job {
  bench_case c;
  int threads;
  void *q, *k[BENCH_PARTS], *v[BENCH_PARTS];
  void *out;                    /* [q_heads][queries][dim], f32, for a case in f64 f64 */
  void *mine;                   /* the contestant's own */
  char reason[200];             /* why not */
} bench_job;

typedef struct bench_contestant {
  const char *name;
  bool (*hello)(char *version, char *isa, size_t size, int threads);    /* false: missing; version says why */
  bool (*prepare)(bench_job *job);      /* false: reason says why */
  double (*run)(bench_job *job);        /* the seconds of one call */
  void (*output)(bench_job *job);       /* makes sure that out is what one call on the inputs gives; may be NULL */
  void (*release)(bench_job *job);
} bench_contestant;
extern const bench_contestant bench_segattn, bench_segattn_i8, bench_blas;

int bench_serve(const char *name, int threads); /* until the end of standard input */
double bench_clock(void);                       /* seconds */

/* ---- results ---- */

typedef struct bench_row {
  const bench_case *c;
  const char *peer;
  char *version, *isa;
  int threads;
  char *reason;                 /* why there are no numbers, else NULL */
  double first;                 /* seconds of a first call that is not among times, or 0 */
  double *times;
  size_t n, room, rounds, improved;     /* runs; rounds, and the one that last improved the minimum */
  double minimum, spent;
  double median, gflops, kv_gbytes, share_fma, share_read, share_memory, ratio, relative_rms;
  double over_parts;            /* minimum over the sum of those of its parts, where these were timed with it; else NaN */
  const char *limit;            /* which limit would let a call take longest: "FMA" or a level of memory; NULL: none is known */
  size_t contest;               /* rows of one contest were timed interleaved; ratio is to its first one */
} bench_row;

typedef struct bench_result {
  int threads;
  char *withheld, *given;
  const contest *contests;
  const char *isa;              /* segattn's */
  double seconds;               /* the limit of time of a contestant and case */
  bench_limits limits, one;     /* of all threads, and of one */
  bench_row *rows;
  size_t n_rows, at, n_contests;
  struct bench_missing { const char *peer, *reason, *install; } missing[PEERS];
  size_t n_missing;
} bench_result;

bool bench_stopped(void);         /* by Ctrl-C */
/* By its name, or what stands before the hyphen; NULL: all are.  */
bool bench_listed(const char *list, const char *name);
typedef struct bench_meeting bench_meeting;
/* Starts all that take part; who is missing is in r.  *m is to be freed whatever came of it.  0, USAGE or FILES.  */
int bench_meeting_alloc(bench_meeting **m, bench_result *r, const bench_options *o);
void bench_meeting_free(bench_meeting *m);
/* Appends rows.  */
int bench_meeting_contest(bench_meeting *m, bench_result *r, const contest *t, const bench_options *o);
/* Times rows, children[i] that of rows[i], by turns.  */
void bench_heat(bench_row *const *rows, bench_child *const *children, size_t n, const bench_options *o);
/* Rates, shares and ratios, once all rows and limits are there.  */
void bench_derive(bench_result *r);
void bench_table(const bench_result *r);
void bench_json(const bench_result *r);
/* Before the work: can it be drawn?  Makes the folder.  */
int bench_figure_check(const char *folder, const char *formats);
int bench_figure(const bench_result *r, const char *folder, const char *formats);
/* Is it the limit of the memory level that the K and V of the case fit in: READ_L2 ...  */
int bench_level(const bench_limits *l, const bench_case *c);

#endif
