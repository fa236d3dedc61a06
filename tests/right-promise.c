/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The promise, as a property test: right-promise [-n COUNT] [-s SEED] [-f FIRST] [-e] [-a ARITHMETIC] [-v]

   out and lse are a pure function of the query, the mask, and the keys and values at their absolute positions.  Each
   drawn problem is evaluated once plainly (one call, one thread, portable C) and then in every other way that the
   library offers; the memory of the answers must be the same.  A sample is compared with MPFR as well, so that the
   answers are also right.  Case i of seed s is the same on every machine: -s S -f I -n 1 -v repeats one alone.
   -e draws fp8 and block formats too, -a in one arithmetic in place of f32 or f64; without options the sets of draws below are
   made, SEGATTN_DRAWS of the environment of each where that is set: an emulated machine is slow.  */

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "compare.h"
#include "exact.h"
#include "tap.h"

enum { DEFAULT_SEED = 20261122, SMALL = 20000, REPORTED = 3 };

/* ---- the kinds ---- */

static const char *any_isa(rng *r) {
  size_t n = 0;
  while (segattn_isa_name((int) n))
    n++;
  return segattn_isa_name((int) rng_below(r, n));
}

static variant plain(test_case *t) {
  variant w = variant_base(&t->d);
  w.isa = any_isa(&t->r);
  return w;
}

static void random_cuts(variant *w, rng *r) {
  w->cut = rng_chance(r, 90) ? CUT_RANDOM : CUT_EVERYWHERE;
  w->empties = rng_chance(r, 50);
}

/* Percentages: how often it is one batch element, one head, one query.  */
static void random_part(variant *w, const drawn *d, rng *r, unsigned batch, unsigned head, unsigned query) {
  size_t group = d->problem.q_heads / d->problem.kv_heads;
  if (rng_chance(r, batch))
    w->b = rng_below(r, d->batch), w->batch = 1;
  if (rng_chance(r, head))
    w->h = rng_below(r, d->problem.q_heads), w->heads = 1, w->g = w->h / group, w->groups = 1;
  if (rng_chance(r, query))
    w->i = rng_below(r, d->queries), w->queries = 1;
}

static void random_layouts(variant *w, rng *r) {
  layout *const all[] = { &w->q, &w->k, &w->v, &w->mask, &w->out, &w->lse };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    layout_draw(all[i], r);
}

static void random_padding(variant *w, rng *r) {
  w->left = rng_chance(r, 70) ? rng_below(r, rng_chance(r, 70) ? 20 : 300) : 0;
  w->right = rng_chance(r, 70) ? rng_below(r, rng_chance(r, 70) ? 20 : 300) : 0;
  w->joined = rng_chance(r, 50);
}

/* Merging needs the block lines of all batch elements at the same keys.  */
static void random_route(variant *w, const drawn *d, rng *r, enum route route) {
  w->route = route;
  if (route == MERGE && !mergeable(d, w))
    random_part(w, d, r, 100, 0, 0);
}

static void compare_segments(test_case *t) {
  for (int times = 0; times < 2; times++) {
    variant w = plain(t);
    random_cuts(&w, &t->r);
    compare(t, &w, SEGMENTS);
  }
  variant w = plain(t);
  w.cut = CUT_EVERYWHERE;
  if (t->d.keys <= 700)
    compare(t, &w, ONE_KEY);
  w.cut = CUT_AT;
  for (w.cut_at = 1; t->cost <= SMALL && t->d.keys <= 60 && w.cut_at < t->d.keys; w.cut_at++)
    compare(t, &w, EVERY_CUT);
}

static void compare_machines(test_case *t) {
  static const int threads[] = { 2, 3, 7 };
  for (size_t i = 0; i < 3; i++) {
    variant w = plain(t);
    w.threads = threads[i];
    compare(t, &w, THREADS);
  }
  variant w = plain(t);
  for (int i = 0; (w.isa = segattn_isa_name(i)); i++)
    compare(t, &w, ISA);
}

static void compare_parts(test_case *t) {
  static const enum kind kinds[] = { BATCH_ALONE, HEAD_ALONE, QUERY_ALONE };
  for (int i = 0; i < 3; i++) {
    variant w = plain(t);
    random_part(&w, &t->d, &t->r, i == 0 ? 100 : 30, i == 1 ? 100 : 30, i == 2 ? 100 : 30);
    compare(t, &w, kinds[i]);
  }
}

static void compare_layouts(test_case *t) {
  for (int times = 0; times < 2; times++) {
    variant w = plain(t);
    random_layouts(&w, &t->r);
    compare(t, &w, LAYOUT);
  }
  if (t->cost > SMALL || !rng_chance(&t->r, 5))
    return;
  for (size_t i = 0; i < 6 * 24; i++) {
    variant w = plain(t);
    layout *const all[] = { &w.q, &w.k, &w.v, &w.mask, &w.out, &w.lse };
    memcpy(all[i / 24]->axes, layout_axes(i), sizeof w.q.axes);
    compare(t, &w, AXES);
  }
}

static void compare_routes(test_case *t) {
  variant w = plain(t);
  random_cuts(&w, &t->r);
  random_route(&w, &t->d, &t->r, ABSORB);
  compare(t, &w, ABSORBED);
  for (int times = 0; times < 2; times++) {
    w = plain(t);
    random_cuts(&w, &t->r);
    random_route(&w, &t->d, &t->r, MERGE);
    compare(t, &w, MERGED);
  }
}

/* Integer codes are made of what is stored, not of its values alone.  */
static bool same_in_f64(const test_case *t) { return strcmp(t->d.arithmetic, "i8") != 0; }

static void compare_keys(test_case *t) {
  variant w = plain(t);
  w.right = 1 + rng_below(&t->r, 300);
  compare(t, &w, TAIL);
  w = plain(t);
  random_padding(&w, &t->r);
  compare(t, &w, PADDING);
  w = plain(t);
  w.fill_gaps = true;
  if (t->d.gaps)
    compare(t, &w, GAPS);
  w = plain(t);
  w.wide = same_in_f64(t);
  if (w.wide)
    compare(t, &w, STORAGE);
  w = plain(t);
  w.other_mask = true;
  compare(t, &w, MASK);
  w = plain(t);
  w.garbage = true;
  random_part(&w, &t->d, &t->r, 0, 0, 50);
  compare(t, &w, UNSEEN);
}

static void compare_together(test_case *t) {
  rng *r = &t->r;
  for (int times = 0; times < 3; times++) {
    variant w = plain(t);
    w.threads = 1 + (int) rng_below(r, 4);
    random_part(&w, &t->d, r, 30, 30, 30);
    random_layouts(&w, r);
    random_padding(&w, r);
    random_cuts(&w, r);
    random_route(&w, &t->d, r, (enum route) rng_below(r, 3));
    w.fill_gaps = rng_chance(r, 50);
    w.wide = rng_chance(r, 30) && same_in_f64(t);
    w.other_mask = rng_chance(r, 50);
    w.garbage = rng_chance(r, 50);
    compare(t, &w, TOGETHER);
  }
}

/* ---- the whole ---- */

static size_t cases, base_failed;

#ifdef HAVE_MPFR
static size_t exact_failed;
static exact_counts exact;

static void check_exact(test_case *t) {
  if (t->cost > SMALL || !rng_chance(&t->r, 60) || exact_check(&t->d, &t->r, &exact))
    return;
  if (exact_failed++ < REPORTED) {
    diag("outside the bound; repeat with%s%s%s -s %llu -f %llu -n 1 -v", t->every_format ? " -e" : "",
         t->arithmetic ? " -a " : "", t->arithmetic ? t->arithmetic : "", (unsigned long long) t->seed,
         (unsigned long long) t->index);
    drawn_describe(&t->d);
  }
}

static void report_exact(void) {
  if (!ok(exact_failed == 0, "%zu problems are within the bound of their exact answer", exact.problems))
    diag("%zu are not", exact_failed);
  diag("%zu elements and %zu lse judged, %zu undefined, %zu without a finite bound; largest error / bound %.3g, of lse %.3g",
       exact.elements, exact.rows, exact.undefined, exact.unbounded, exact.worst, exact.worst_lse);
}
#else
static void check_exact(test_case *t) { (void) t; }
static void report_exact(void) { skip("built without MPFR: no exact answers"); }
#endif

static void compare_all(test_case *t) {
  compare_segments(t);
  compare_machines(t);
  compare_parts(t);
  compare_layouts(t);
  compare_routes(t);
  compare_keys(t);
  compare_together(t);
  check_exact(t);
}

/* FNV-1a over the plain answers: the same number on every machine.  */
static uint64_t digest;

static void digest_add(const unsigned char *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    digest = (digest ^ p[i]) * 0x100000001b3;
}

static void digest_answer(const test_case *t) {
  size_t rows = t->d.batch * t->d.problem.q_heads * t->d.queries;
  digest_add(t->base.out, segattn_format_bytes(t->d.out_format, rows * t->d.problem.dim_v));
  digest_add(t->base.lse, segattn_format_bytes(t->d.lse_format, rows));
}

/* A set of draws: which formats, and the arithmetic, NULL: f32 or f64.  */
typedef struct set { bool every_format; const char *arithmetic; uint64_t count; } set;

static void run_case(uint64_t seed, uint64_t index, const set *s, bool verbose) {
  test_case t = { .seed = seed, .index = index, .every_format = s->every_format, .arithmetic = s->arithmetic,
    .r = { seed * 0x9e3779b97f4a7c15 + index } };
  cases++;
  t.r.state = rng_word(&t.r);
  draw(&t.d, &t.r, s->every_format, s->arithmetic);
  const segattn_problem *p = &t.d.problem;
  t.cost = t.d.batch * p->q_heads * t.d.queries * t.d.keys * (p->dim_k + p->dim_v);
  if (verbose) {
    diag("case %llu", (unsigned long long) index);
    drawn_describe(&t.d);
  }
  variant w = variant_base(&t.d);
  if (evaluate(&t.base, &t.d, &w, &t.r)) {
    digest_answer(&t);
    compare_all(&t);
  } else if (base_failed++ < REPORTED) {
    diag("case %llu of seed %llu: %s", (unsigned long long) index, (unsigned long long) seed, t.base.text);
    drawn_describe(&t.d);
  }
  answer_free(&t.base);
  drawn_free(&t.d);
}

/* The answers of the first draws of the default seed, as they are on every machine.  A change of the evaluation changes results
   that people have quoted: it needs a new version of the library before new numbers here.  (Other draws need new ones too.)  */
static const struct golden { set of; uint64_t digest; } golden[] = {
  { { false, NULL, 100 }, 0xe826388bb32bbd6f },        /* as many as are drawn under emulation */
  { { true, NULL, 100 }, 0x218559978f48381e },
  { { false, "f32c", 100 }, 0xca72caf7f60b61d1 },
  { { true, "f32c", 100 }, 0xfcd8a1f88454faa1 },
  { { true, "i8", 100 }, 0xa741678211e9ba03 },
  { { false, NULL, 300 }, 0x29a7f4ae01912dea },
  { { false, NULL, 3000 }, 0x37ee50ee6269b4f2 },
  { { true, NULL, 300 }, 0x712bd17d9708ef08 },
  { { true, NULL, 1500 }, 0xab5d0d8c20f77982 },
  { { false, "f32c", 300 }, 0x33f97759bd8cfc54 },
  { { false, "f32c", 1000 }, 0xd710d8b4c1a9566b },
  { { true, "f32c", 300 }, 0x1d3db159d9b48b3a },
  { { true, "f32c", 500 }, 0x4a23a94f153cf2c8 },
  { { true, "i8", 300 }, 0x8af8190c947611a3 },
  { { true, "i8", 1000 }, 0xf92410f81fdb557e },
};

static const set sets[] = { { false, NULL, 3000 }, { true, NULL, 1500 }, { false, "f32c", 300 }, { true, "f32c", 300 },
                            { true, "i8", 300 } };

static bool same_set(const set *a, const set *b) {
  return a->every_format == b->every_format && !a->arithmetic == !b->arithmetic &&
    (!a->arithmetic || !strcmp(a->arithmetic, b->arithmetic));
}

static void check_golden(const set *s, uint64_t made) {
  for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
    if (same_set(s, &golden[i].of) && made == golden[i].of.count)
      ok(digest == golden[i].digest, "the first %llu answers%s%s%s, as on every machine: digest %016llx, expected %016llx",
         (unsigned long long) made, s->every_format ? " (every format)" : "", s->arithmetic ? " in " : "",
         s->arithmetic ? s->arithmetic : "", (unsigned long long) digest, (unsigned long long) golden[i].digest);
}

static void run_cases(uint64_t seed, uint64_t first, const set *s, bool verbose) {
  digest = 0xcbf29ce484222325;
  diag("seed %llu, cases %llu to %llu%s%s%s", (unsigned long long) seed, (unsigned long long) first,
       (unsigned long long) (first + s->count), s->every_format ? ", every format" : "", s->arithmetic ? ", in " : "",
       s->arithmetic ? s->arithmetic : "");
  for (uint64_t i = first; i < first + s->count; i++) {
    run_case(seed, i, s, verbose);
    if (seed == DEFAULT_SEED && first == 0)
      check_golden(s, i + 1);
  }
}

static void report(void) {
  size_t made = 0;
  ok(base_failed == 0, "%zu drawn problems are evaluated", cases);
  for (int i = 0; i < KINDS; i++) {
    const counted *c = &comparisons[i];
    made += c->made;
    if (!ok(c->differ + c->refused == 0, "%s: the same bits in %zu comparisons", c->name, c->made))
      diag("%zu differ, %zu were refused", c->differ, c->refused);
  }
  for (int i = 0; segattn_isa_name(i); i++)
    diag("instruction set: %s", segattn_isa_name(i));
  diag("%zu comparisons of memory in all", made);
  report_exact();
}

/* More threads than processors must sleep, not spin, while they wait; OpenMP reads this before main.  */
static void restart_passive(char **argv) {
  if (getenv("OMP_WAIT_POLICY"))
    return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv(argv[0], argv);
}

int main(int argc, char **argv) {
  restart_passive(argv);
  uint64_t seed = DEFAULT_SEED, first = 0;
  set asked = { .count = 1 };
  bool verbose = false;
  for (int option; (option = getopt(argc, argv, "n:s:f:ea:v")) != -1;)
    switch (option) {
    case 'n': asked.count = strtoull(optarg, NULL, 0); break;
    case 's': seed = strtoull(optarg, NULL, 0); break;
    case 'f': first = strtoull(optarg, NULL, 0); break;
    case 'e': asked.every_format = true; break;
    case 'a': asked.arithmetic = optarg; break;
    case 'v': verbose = true; break;
    default: fputs("usage: right-promise [-n COUNT] [-s SEED] [-f FIRST] [-e] [-a ARITHMETIC] [-v]\n", stderr); return 2;
    }
  const char *draws = getenv("SEGATTN_DRAWS");
  if (argc > 1)
    run_cases(seed, first, &asked, verbose);
  for (size_t i = 0; argc == 1 && i < sizeof sets / sizeof *sets; i++) {
    set s = sets[i];
    s.count = draws ? strtoull(draws, NULL, 0) : s.count;
    run_cases(seed, 0, &s, false);
  }
  report();
  return done();
}
