/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The caller's floating-point environment: a rounding mode, flush-to-zero, denormals-are-zero and another f16 change no bit of
   an answer, on any thread and instruction set, and are found again afterwards, exception flags too.  */

#include <fenv.h>
#include <float.h>
#include "fixture.h"
#include "tap.h"
#if defined __SSE2__
#include <xmmintrin.h>
enum { FLUSH = 0x8040 };        /* FTZ and DAZ in MXCSR */

static unsigned control_word(void) { return _mm_getcsr(); }
static void control_set(unsigned word) { _mm_setcsr(word); }
#elif defined __aarch64__
enum { FLUSH = 0x7080000 };     /* FZ, FZ16, DN (a default NaN) and AHP (f16 without inf and NaN) in FPCR */

static unsigned control_word(void) {
  uint64_t word;
  __asm__ volatile("mrs %0, fpcr" : "=r"(word) : : "memory");
  return (unsigned) word;
}

static void control_set(unsigned word) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t) word) : "memory"); }
#else
enum { FLUSH = 0 };
static unsigned control_word(void) { return (unsigned) fegetround(); }
static void control_set(unsigned word) { (void) word; }
#endif

typedef struct answers {
  double out[F_BATCH * F_HEADS * F_QUERIES * F_DV], lse[F_BATCH * F_HEADS * F_QUERIES],
    bound[F_BATCH * F_HEADS * F_QUERIES * F_DV];
  double absorbed[F_BATCH * F_HEADS * F_QUERIES * F_DV], M[F_BATCH * F_HEADS * F_QUERIES], slopes[6], decoded[8];
  double halves[F_BATCH * F_HEADS * F_QUERIES * F_DV];
  unsigned char encoded[4][8 * sizeof(double)];
} answers;

static const struct environment {
  const char *name;
  int rounding;
  bool flush;
} environments[] = {
  { "rounding up", FE_UPWARD, false }, { "rounding down", FE_DOWNWARD, false }, { "rounding to zero", FE_TOWARDZERO, false },
  { "flushing to zero", FE_TONEAREST, true }, { "rounding up and flushing", FE_UPWARD, true },
};

/* Values among which are subnormal ones of both arithmetics.  */
static void tiny_values(fixture *f, const char *arithmetic) {
  for (size_t i = 0; i < sizeof f->v / sizeof *f->v; i++)
    f->v[i] *= i % 3 ? 1 : strcmp(arithmetic, "f64") ? 0x1p-140 : 0x1p-1060;
  for (size_t i = 0; i < sizeof f->q / sizeof *f->q; i++)
    f->q[i] *= 1.1;
}

static void encode_all(answers *a) {
  static const double some[8] = { 1 / 3., -1 / 3., 0x1.0010008p0, -0x1.003p0, 0x1p-140, 0x1.8p-25, 0x1.234567p-1040,
      65519.99 };
  for (int f = 0; f < 4; f++)
    segattn_encode((segattn_format) f, some, a->encoded[f], 8);
  segattn_decode(SEGATTN_F32, a->encoded[SEGATTN_F32], a->decoded, 8);
}

/* Values in f16, an infinite and a subnormal one among them.  */
static bool attend_halves(const segattn_plan *plan, const fixture *f, double *to) {
  uint16_t v[F_BATCH * F_KV * F_KEYS * F_DV];
  segattn_segment segment = f->segment;
  segattn_tensor out = fixture_output(to, F_DV);
  for (size_t i = 0; i < sizeof v / sizeof *v; i++)
    v[i] = (uint16_t) (i == 4 ? 0x7c00 : i == 11 ? 0x0001 : 0x3000 + i * 97);
  segment.v = segattn_tensor_of(v, SEGATTN_F16, F_BATCH, F_KV, F_KEYS, F_DV);
  return !segattn_attend(plan, &f->queries, &segment, 1, &out, NULL, NULL, NULL);
}

static bool evaluate(answers *a, fixture *f) {
  segattn_plan *plan = NULL;
  segattn_state *state = NULL;
  segattn_tensor out = fixture_output(a->out, F_DV), lse = fixture_output(a->lse, 1), bound = fixture_output(a->bound, F_DV);
  segattn_tensor absorbed = fixture_output(a->absorbed, F_DV), M = fixture_output(a->M, 1);
  double slopes[6];
  memset(a, 0, sizeof *a);
  segattn_alibi_slopes(6, slopes);
  memcpy(a->slopes, slopes, sizeof slopes);
  f->problem.slopes = slopes;
  f->problem.softcap = 30;
  bool fine = !segattn_plan_alloc(&plan, &f->problem, &f->options, NULL) &&
    !segattn_attend(plan, &f->queries, &f->segment, 1, &out, &lse, NULL, NULL) &&
      !segattn_state_alloc(&state, plan, &f->queries, NULL) &&
    !segattn_state_absorb(state, &f->queries, &f->segment, NULL) && !segattn_state_finalise(state, &absorbed, NULL, NULL) &&
    !segattn_state_export(state, &M, NULL, NULL, NULL) && !segattn_bound(plan, &f->queries, &f->segment, 1, &bound, NULL,
                                                            NULL) && attend_halves(plan, f, a->halves);
  encode_all(a);
  segattn_state_free(state);
  segattn_plan_free(plan);
  return fine;
}

static unsigned usual;

static void enter(const struct environment *e) {
  fesetenv(FE_DFL_ENV);
  fesetround(e->rounding);
  if (e->flush)
    control_set(control_word() | FLUSH);
  feraiseexcept(FE_DIVBYZERO);
}

static void check(const struct environment *e, fixture *f, const answers *plain) {
  static answers a;
  enter(e);
  unsigned before = control_word();
  bool fine = evaluate(&a, f);
  unsigned after = control_word();
  int raised = fetestexcept(FE_ALL_EXCEPT);
  fesetenv(FE_DFL_ENV);
  control_set(usual);           /* fesetenv leaves some of these bits as they are */
  const char *isa = f->options.isa, *arithmetic = f->options.arithmetic;
  if (!ok(fine && !memcmp(&a, plain, sizeof a), "%s: the same bits, %s, %s, %d threads", e->name, arithmetic, isa,
          f->options.threads))
    diag("attend %d, f16 %d, lse %d, state %d, M %d, bound %d, slopes %d, encode %d, decode %d differ",
         !!memcmp(a.out, plain->out, sizeof a.out), !!memcmp(a.halves, plain->halves, sizeof a.halves),
         !!memcmp(a.lse, plain->lse, sizeof a.lse), !!memcmp(a.absorbed, plain->absorbed, sizeof a.absorbed),
         !!memcmp(a.M, plain->M, sizeof a.M), !!memcmp(a.bound, plain->bound, sizeof a.bound),
         !!memcmp(a.slopes, plain->slopes, sizeof a.slopes), !!memcmp(a.encoded, plain->encoded, sizeof a.encoded),
         !!memcmp(a.decoded, plain->decoded, sizeof a.decoded));
  if (!ok(before == after && (raised & FE_DIVBYZERO), "%s: found again, %s, %s, %d threads", e->name, arithmetic, isa,
          f->options.threads))
    diag("control word %#x before, %#x after", before, after);
}

int main(void) {
  static fixture f;
  static answers plain;
  usual = control_word();
  for (int a = 0; segattn_arithmetic_name(a); a++)
    for (int i = 0; segattn_isa_name(i); i++)
      for (int threads = 1; threads < 4; threads += 2) {
        fixture_init(&f);
        tiny_values(&f, segattn_arithmetic_name(a));
        f.options.arithmetic = segattn_arithmetic_name(a);
        f.options.isa = segattn_isa_name(i);
        f.options.threads = threads;
        f.problem.q_heads = 4;
        if (!ok(evaluate(&plain, &f), "plainly, %s, %s, %d threads", f.options.arithmetic, f.options.isa, threads))
          continue;
        for (size_t k = 0; k < sizeof environments / sizeof *environments; k++)
          check(&environments[k], &f, &plain);
      }
  return done();
}
