/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 30 to 32 (tests/SEMANTICS): what codes and blocks mean, as the kernels read them.  Encoders and decoders alone
   are the matter of right-formats.c and right-blocks.c.  */

#include <stdint.h>
#include "edge.h"

/* ---- blocks ---- */

static bool blocks(segattn_format format) { return segattn_format_block(format) > 1; }

/* Codes that are not 0, under a d (and an m) of 0.  */
static void without_scale(unsigned char *to, segattn_format format, size_t elements) {
  size_t bytes = segattn_format_bytes(format, EDGE_DIM);
  bool has_m = format == SEGATTN_Q4_1 || format == SEGATTN_Q5_1;
  for (size_t b = 0; b < elements / EDGE_DIM; b++) {
    memset(to + b * bytes, 0, has_m ? 4 : 2);
    memset(to + b * bytes + (has_m ? 4 : 2), 0x6b, bytes - (has_m ? 4 : 2));
  }
}

/* Zeros that were quantised, and blocks of scale 0 that hold codes: as tensors of zeros in f32.  */
static void row_30_zero(edge *e, answer *other) {
  const segattn_format format[] = { e->q_format, e->k_format, e->v_format };
  for (int i = 0; i < 3; i++) {
    if (!blocks(format[i]))
      continue;
    for (int made = 0; made < 2; made++) {
      fresh(e, 2, 6);
      double *const x[] = { e->q, e->k, e->v }, *const stored[] = { e->stored_q, e->stored_k, e->stored_v };
      size_t n = (i ? 6 : e->queries) * EDGE_DIM;
      memset(x[i], 0, n * sizeof *x[i]);
      e->q_format = e->k_format = e->v_format = SEGATTN_F32;
      bool fine = run(e);
      keep(other, e);
      e->q_format = format[0];
      e->k_format = format[1];
      e->v_format = format[2];
      prepare(e);
      if (made)
        without_scale(e->bytes[i], format[i], n);
      segattn_decode(format[i], e->bytes[i], stored[i], n);
      for (size_t c = 0; c < n; c++)
        fine = fine && stored[i][c] == 0;
      fine = fine && run_segments(e, &e->as_segment, 1) && same_answer(e, other);
      claim(e, fine, "row 30: a quantised block with scale 0 is zeros");
    }
  }
}

/* Element 7 of key 2: its block is NaN, no other.  */
static void row_30_not_finite(edge *e, answer *other) {
  static const double none[] = { (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300 };
  (void)other;
  if (!blocks(e->v_format))
    return;
  for (int i = 0; i < 4; i++) {
    fresh(e, 2, 6);
    set_dims(e, e->problem.dim_k, 2 * EDGE_DIM);
    e->v[2 * e->problem.dim_v + 7] = none[i];
    bool fine = run(e);
    for (size_t c = 0; c < 6 * e->problem.dim_v; c++)
      fine = fine && !isnan(e->stored_v[c]) != (c / EDGE_DIM == 2 * 2);
    for (size_t c = 0; c < all_outputs(e); c++)
      fine = fine && !isnan(e->got.out[c]) != (c % e->problem.dim_v < EDGE_DIM);
    claim(e, fine, "row 30: what is not finite makes its quantised block NaN, which is not hidden");
  }
}

static test_row *const rows_of_blocks[] = { row_30_zero, row_30_not_finite };

/* ---- codes ---- */

enum { CODES = 65536, WIDE = 1024 };

static uint16_t code_of(segattn_format format, size_t i) {
  return (uint16_t)(segattn_format_bytes(format, 1) == 1 ? i & 255 : i);
}

static void put_code(segattn_format format, unsigned char *to, size_t i, size_t code) {
  uint16_t c = code_of(format, code);
  memcpy(to + i * segattn_format_bytes(format, 1), (unsigned char[]){ (unsigned char)(c & 255), (unsigned char)(c >> 8) },
         segattn_format_bytes(format, 1));
}

static segattn_status attend_plain(const edge *e, segattn_problem *p, const segattn_queries *q, const segattn_segment *s,
                                   const segattn_tensor *out, const segattn_tensor *lse) {
  segattn_plan *plan = NULL;
  segattn_options options = { .arithmetic = e->arithmetic, .isa = e->isa, .threads = 1 };
  segattn_status status = segattn_plan_alloc(&plan, p, &options, NULL);
  if (!status)
    status = segattn_attend(plan, q, s, 1, out, lse, NULL, NULL);
  segattn_plan_free(plan);
  return status;
}

/* Infinite at this magnitude, NaN above it; e4m3 has no infinity and one NaN.  */
static bool kind_right(segattn_format format, uint16_t code, double x) {
  static const uint16_t infinite[SEGATTN_FORMATS] = {
    [SEGATTN_F16] = 0x7c00, [SEGATTN_BF16] = 0x7f80, [SEGATTN_F8E5M2] = 0x7c, [SEGATTN_F8E4M3] = 0x7e };
  uint16_t magnitude = code & (segattn_format_bytes(format, 1) == 1 ? 0x7f : 0x7fff);
  bool is_inf = magnitude == infinite[format] && format != SEGATTN_F8E4M3;
  return isnan(x) ? magnitude > infinite[format] : magnitude <= infinite[format] && !isinf(x) == !is_inf;
}

/* Each code as an element of the only value of its row: out is the number that the code means, whatever lays the rows out (few,
   or across lanes).  Codes as machines have them: little-endian.  */
static bool values_right(const edge *e, segattn_format format, size_t queries) {
  static unsigned char v[2 * CODES];
  static double out[CODES * 12], expected[CODES];
  static const float zero[WIDE];
  size_t batch = CODES / WIDE;
  segattn_problem p;
  segattn_problem_init(&p);
  p.dim_k = 1;
  p.dim_v = WIDE;
  for (size_t i = 0; i < CODES; i++)
    put_code(format, v, i, i);
  segattn_decode(format, v, expected, CODES);
  segattn_queries q = { .q = segattn_tensor_of((void *)(uintptr_t)zero, SEGATTN_F32, batch, 1, queries, 1) };
  segattn_segment s = { .k = segattn_tensor_of((void *)(uintptr_t)zero, SEGATTN_F32, batch, 1, 1, 1),
                        .v = segattn_tensor_of(v, format, batch, 1, 1, WIDE) };
  segattn_tensor o = segattn_tensor_of(out, SEGATTN_F64, batch, 1, queries, WIDE);
  bool fine = attend_plain(e, &p, &q, &s, &o, NULL) == SEGATTN_OK;
  for (size_t i = 0; i < CODES * queries; i++) {
    size_t code = i / WIDE / queries * WIDE + i % WIDE;
    double x = expected[code], y = out[i];
    fine = fine && (isnan(x) ? isnan(y) : x == y) && kind_right(format, code_of(format, code), y);
  }
  return fine;
}

/* Each code as the first element of the only key of its row, the query 1 there: lse is the number; NaN and +inf make the row
   NaN, -inf makes it empty.  In i8 either infinity is quantised to NaN, and both scales, their product and the sum round: 4 u
   of the score more, which is at most 4 ulp.  */
static bool keys_right(const edge *e, segattn_format format, size_t queries) {
  enum { DIM = 16 };            /* read where it lies */
  static unsigned char k[2 * CODES * DIM];
  static double out[CODES * 12], lse[CODES * 12], expected[CODES];
  static float q[CODES * 12 * DIM];
  static const float one = 1;
  segattn_problem p;
  segattn_problem_init(&p);
  p.scale = 1;
  p.dim_k = DIM;
  p.dim_v = 1;
  size_t n = segattn_format_bytes(format, 1) == 1 ? 256 : CODES;
  bool codes = !strcmp(e->arithmetic, "i8");
  memset(k, 0, sizeof k);
  for (size_t i = 0; i < n; i++) {
    put_code(format, k, i * DIM, i);
    segattn_decode(format, k + segattn_format_bytes(format, i * DIM), &expected[i], 1);
  }
  for (size_t i = 0; i < n * queries; i++)
    q[i * DIM] = 1;
  segattn_queries x = { .q = segattn_tensor_of(q, SEGATTN_F32, n, 1, queries, DIM) };
  segattn_segment s = { .k = segattn_tensor_of(k, format, n, 1, 1, DIM),
                        .v = segattn_tensor_of((void *)(uintptr_t)&one, SEGATTN_F32, n, 1, 1, 1) };
  s.v.stride[SEGATTN_BATCH] = 0;
  segattn_tensor o = segattn_tensor_of(out, SEGATTN_F64, n, 1, queries, 1);
  segattn_tensor l = segattn_tensor_of(lse, SEGATTN_F64, n, 1, queries, 1);
  bool fine = attend_plain(e, &p, &x, &s, &o, &l) == SEGATTN_OK;
  for (size_t i = 0; i < n * queries; i++) {
    double score = expected[i / queries];
    double t = edge_round(e, score * 0x1.71547652b82fep+0);      /* log2 e */
    double allowed = (codes ? 6 : 2) * edge_ulp(e, fmax(fabs(score), 1));
    bool none = t < 0 && !(codes && isinf(score));
    fine = fine && (isfinite(t) ? out[i] == 1 && fabs(lse[i] - score) <= allowed
                    : none ? lse[i] == -(double)INFINITY && out[i] == 0 : isnan(lse[i]) && isnan(out[i]));
  }
  return fine;
}

static void row_31(edge *e, answer *other) {
  (void)other;
  for (segattn_format f = SEGATTN_F8E4M3; f <= SEGATTN_F8E5M2; f++)
    for (size_t queries = 1; queries <= 12; queries += 11) {
      e->v_format = f;
      claim(e, values_right(e, f, queries), "row 31: all 256 codes of fp8 as values, NaN and infinities too");
      claim(e, keys_right(e, f, queries), "row 31: all 256 codes of fp8 as keys, NaN and infinities too");
    }
}

static void row_31_saturating(edge *e, answer *other) {
  static const struct { segattn_format format; unsigned char nan, overflow, largest; } of[] = {
    { SEGATTN_F8E4M3, 0x7f, 0x7f, 0x7e }, { SEGATTN_F8E5M2, 0x7e, 0x7c, 0x7b } };
  static const double beyond[] = { 1e6, (double)INFINITY, 65536 };
  (void)other;
  for (int i = 0; i < 2; i++) {
    bool plain = true, saturating = true;
    for (int j = 0; j < 3; j++)
      for (int sign = 0; sign < 2; sign++) {
        double x = sign ? -beyond[j] : beyond[j];
        unsigned char a, b;
        segattn_encode(of[i].format, &x, &a, 1);
        segattn_encode_saturating(of[i].format, &x, &b, 1);
        plain = plain && a == (of[i].overflow | sign << 7);
        saturating = saturating && b == (of[i].largest | sign << 7);
      }
    const double none = (double)NAN;
    unsigned char a, b;
    segattn_encode(of[i].format, &none, &a, 1);
    segattn_encode_saturating(of[i].format, &none, &b, 1);
    claim(e, plain && (a & 0x7f) == of[i].nan, "row 31: fp8 overflows to inf, e4m3 to NaN");
    claim(e, saturating && (b & 0x7f) == of[i].nan, "row 31: saturating, fp8 stops at its largest number, and NaN stays NaN");
  }
}

static void row_32(edge *e, answer *other) {
  (void)other;
  for (segattn_format f = SEGATTN_F16; f <= SEGATTN_BF16; f++)
    for (size_t queries = 1; queries <= 12; queries += 11) {
      e->v_format = f;
      claim(e, values_right(e, f, queries), "row 32: all 65,536 codes of f16 and bf16 as values");
      claim(e, keys_right(e, f, queries), "row 32: all 65,536 codes of f16 and bf16 as keys");
    }
}

/* A hair above the middle between 1 and the next number: through f32 it would be the middle, and round to 1.  */
static void row_32_output(edge *e, answer *other) {
  static const struct { segattn_format format; int fraction; } of[] = { { SEGATTN_F16, 10 }, { SEGATTN_BF16, 7 } };
  (void)other;
  for (int i = 0; i < 2; i++) {
    fresh(e, 1, 1);
    e->v_format = SEGATTN_F64;
    e->problem.scale = 0;
    for (size_t c = 0; c < e->problem.dim_v; c++)
      e->v[c] = 1 + ldexp(1, -of[i].fraction - 1) + 0x1p-40;
    prepare(e);
    uint16_t out[EDGE_DIM];
    double back[EDGE_DIM], above = ldexp(1, -of[i].fraction), expected = edge_round(e, e->v[0]) > 1 + above / 2 ? 1 + above : 1;
    segattn_tensor o = segattn_tensor_of(out, of[i].format, 1, 1, 1, EDGE_DIM);
    bool fine = attend_plain(e, &e->problem, &e->as_queries, &e->as_segment, &o, NULL) == SEGATTN_OK;
    segattn_decode(of[i].format, out, back, EDGE_DIM);
    claim(e, fine && all_are(back, EDGE_DIM, expected), "row 32: outputs are rounded once, from the arithmetic's number");
    uint16_t code;
    segattn_encode(of[i].format, e->v, &code, 1);
    segattn_decode(of[i].format, &code, back, 1);
    claim(e, back[0] == 1 + ldexp(1, -of[i].fraction), "row 32: inputs are rounded once, from f64");
  }
}

static test_row *const rows_of_codes[] = { row_31, row_31_saturating, row_32, row_32_output };

int main(void) {
  rows_run(rows_of_blocks, sizeof rows_of_blocks / sizeof *rows_of_blocks);
  kernels_run(rows_of_codes, sizeof rows_of_codes / sizeof *rows_of_codes);
  return edge_done();
}
