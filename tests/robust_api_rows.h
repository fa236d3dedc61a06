/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of tests/robust-api.c: what is wrong with a call, and what its error says.  */

#include <math.h>
#include "fixture.h"

/* The call that a row spoils.  */
static struct test_call {
  fixture f, other_f;           /* what is called with; what the state `other` is made of */
  segattn_plan *plan, *other_plan;
  segattn_state *state, *other;
  const char *environment;      /* SEGATTN_ISA */
  bool no_problem, no_plan, no_queries, no_segment, no_state, no_other, itself, no_saved, no_range;
  unsigned char saved[1 << 16];
  size_t saved_size;
  segattn_range range;
  segattn_base base;
} t;

typedef struct bad {
  const char *name;
  void *field;                  /* is set to */
  const void *value;            /* these */
  size_t size;                  /* bytes */
  segattn_status status;
  const char *argument, *says, *expects;
} bad;

#define SET(field, value) &(field), &(__typeof__(field)) { value }, sizeof(field)

static double bad_slopes[F_HEADS] = { 0, 0, NAN, 0 }, bad_sinks[F_HEADS] = { 0, INFINITY, 0, 0 },
  nan_sinks[F_HEADS] = { 0, 0, 0, NAN };

/* ---- the tables ---- */

static const bad of_plan[] = {
  { "problem NULL", SET(t.no_problem, true), SEGATTN_EINVAL, "problem", "NULL", "" },
  { "plan NULL", SET(t.no_plan, true), SEGATTN_EINVAL, "plan", "NULL", "" },
  { "0 query heads", SET(t.f.problem.q_heads, 0), SEGATTN_EINVAL, "problem.q_heads", "0", "at least 1" },
  { "0 KV heads", SET(t.f.problem.kv_heads, 0), SEGATTN_EINVAL, "problem.kv_heads", "0", "divisor" },
  { "7 query heads of 2 KV heads", SET(t.f.problem.q_heads, 7), SEGATTN_EINVAL, "problem.kv_heads", "2", "7" },
  { "dim_k 0", SET(t.f.problem.dim_k, 0), SEGATTN_EINVAL, "problem.dim_k", "0", "1 to 1024" },
  { "dim_v 0", SET(t.f.problem.dim_v, 0), SEGATTN_EINVAL, "problem.dim_v", "0", "1 to 1024" },
  { "dim_k 1025", SET(t.f.problem.dim_k, SEGATTN_MAX_DIM + 1), SEGATTN_EINVAL, "problem.dim_k", "1025", "1 to 1024" },
  { "dim_v 1025", SET(t.f.problem.dim_v, SEGATTN_MAX_DIM + 1), SEGATTN_EINVAL, "problem.dim_v", "1025", "1 to 1024" },
  { "scale NaN", SET(t.f.problem.scale, (double) NAN), SEGATTN_EINVAL, "problem.scale", "nan", "finite" },
  { "scale inf", SET(t.f.problem.scale, (double) INFINITY), SEGATTN_EINVAL, "problem.scale", "inf", "finite" },
  { "softcap -1.5", SET(t.f.problem.softcap, -1.5), SEGATTN_EINVAL, "problem.softcap", "-1.5", "positive" },
  { "softcap NaN", SET(t.f.problem.softcap, (double) NAN), SEGATTN_EINVAL, "problem.softcap", "nan", "positive" },
  { "softcap inf", SET(t.f.problem.softcap, (double) INFINITY), SEGATTN_EINVAL, "problem.softcap", "inf", "positive" },
  { "a slope NaN", SET(t.f.problem.slopes, bad_slopes), SEGATTN_EINVAL, "problem.slopes", "nan at head 2", "finite" },
  { "a sink NaN", SET(t.f.problem.sinks, nan_sinks), SEGATTN_EINVAL, "problem.sinks", "nan at head 3", "finite" },
  { "a sink inf", SET(t.f.problem.sinks, bad_sinks), SEGATTN_EINVAL, "problem.sinks", "inf at head 1", "finite" },
  { "unknown arithmetic", SET(t.f.options.arithmetic, "f31"), SEGATTN_EINVAL, "options.arithmetic", "f31", "f64" },
  { "unknown instruction set", SET(t.f.options.isa, "pdp11"), SEGATTN_EINVAL, "options.isa", "pdp11", "portable" },
#if defined __x86_64__
  { "one of another machine", SET(t.f.options.isa, "neon"), SEGATTN_EUNSUPPORTED, "options.isa", "neon", "machine" },
#elif defined __aarch64__
  { "one of another machine", SET(t.f.options.isa, "avx2"), SEGATTN_EUNSUPPORTED, "options.isa", "avx2", "machine" },
#endif
  { "-3 threads", SET(t.f.options.threads, -3), SEGATTN_EINVAL, "options.threads", "-3", "0" },
  { "unknown SEGATTN_ISA", SET(t.environment, "vax780"), SEGATTN_EINVAL, "SEGATTN_ISA", "vax780", "portable" },
  { 0 } };

static const bad of_plan_given[] = { { "plan NULL", SET(t.no_plan, true), SEGATTN_EINVAL, "plan", "NULL", "" }, { 0 } };
static const bad of_state_given[] = { { "state NULL", SET(t.no_state, true), SEGATTN_EINVAL, "state", "NULL", "" }, { 0 } };

static const bad of_queries[] = {
  { "queries NULL", SET(t.no_queries, true), SEGATTN_EINVAL, "queries", "NULL", "" },
  { "5 heads of 4", SET(t.f.queries.q.shape[1], 5), SEGATTN_EINVAL, "queries.q", "5", "4" },
  { "6 elements of 5", SET(t.f.queries.q.shape[3], 6), SEGATTN_EINVAL, "queries.q", "6", "5" },
  { "q NULL", SET(t.f.queries.q.data, NULL), SEGATTN_EINVAL, "queries.q", "NULL", "2 x 4 x 3 x 5" },
  { "q of an unknown format", SET(t.f.queries.q.format, (segattn_format) 77), SEGATTN_EINVAL, "queries.q", "77",
    "segattn_format" },
  { "q of bool", SET(t.f.queries.q.format, SEGATTN_BOOL), SEGATTN_EINVAL, "queries.q", "bool", "mask" },
  { "q in blocks of 32, 5 elements", SET(t.f.queries.q.format, SEGATTN_Q8_0), SEGATTN_EINVAL, "queries.q", "5",
    "multiple of 32, the block of format q8_0" },
  { "q beyond the address space", SET(t.f.queries.q.stride[2], PTRDIFF_MAX - 7), SEGATTN_EINVAL, "queries.q",
    "9223372036854775800", "address" },
  { "a position out of range", SET(t.f.queries.start, INT64_MAX - 9), SEGATTN_EINVAL, "queries.", "9223372036854775798",
    "2^61" },
  { 0 } };

static const bad of_segment[] = {
  { "segment NULL", SET(t.no_segment, true), SEGATTN_EINVAL, "segment", "NULL", "" },
  { "k of 9 sequences", SET(t.f.segment.k.shape[0], 9), SEGATTN_EINVAL, "segment.k", "9", "2" },
  { "k of 4 heads", SET(t.f.segment.k.shape[1], 4), SEGATTN_EINVAL, "segment.k", "4", "2" },
  { "k of 3 elements", SET(t.f.segment.k.shape[3], 3), SEGATTN_EINVAL, "segment.k", "3", "5" },
  { "k NULL", SET(t.f.segment.k.data, NULL), SEGATTN_EINVAL, "segment.k", "NULL", "2 x 2 x 6 x 5" },
  { "k beyond the address space", SET(t.f.segment.k.stride[1], PTRDIFF_MIN), SEGATTN_EINVAL, "segment.k",
    "-9223372036854775808", "address" },
  { "k of bool", SET(t.f.segment.k.format, SEGATTN_BOOL), SEGATTN_EINVAL, "segment.k", "bool", "mask" },
  { "k in blocks of 32, 5 elements", SET(t.f.segment.k.format, SEGATTN_Q4_0), SEGATTN_EINVAL, "segment.k", "5",
    "multiple of 32, the block of format q4_0" },
  { "v in blocks of 32, 3 elements", SET(t.f.segment.v.format, SEGATTN_IQ4_NL), SEGATTN_EINVAL, "segment.v", "3",
    "multiple of 32, the block of format iq4_nl" },
  { "v of 1 sequence", SET(t.f.segment.v.shape[0], 1), SEGATTN_EINVAL, "segment.v", "1", "2" },
  { "v of 1 head", SET(t.f.segment.v.shape[1], 1), SEGATTN_EINVAL, "segment.v", "1", "2" },
  { "v of 5 keys", SET(t.f.segment.v.shape[2], 5), SEGATTN_EINVAL, "segment.v", "5", "6" },
  { "v of 2 elements", SET(t.f.segment.v.shape[3], 2), SEGATTN_EINVAL, "segment.v", "2", "3" },
  { "v NULL", SET(t.f.segment.v.data, NULL), SEGATTN_EINVAL, "segment.v", "NULL", "2 x 2 x 6 x 3" },
  { "v of format 99", SET(t.f.segment.v.format, (segattn_format) 99), SEGATTN_EINVAL, "segment.v", "99", "segattn_format" },
  { "a mask of 2 queries", SET(t.f.segment.mask.shape[2], 2), SEGATTN_EINVAL, "segment.mask", "2", "3" },
  { "a mask of 64 keys", SET(t.f.segment.mask.shape[3], 64), SEGATTN_EINVAL, "segment.mask", "64", "6" },
  { "a mask of 3 sequences", SET(t.f.segment.mask.shape[0], 3), SEGATTN_EINVAL, "segment.mask", "3", "2" },
  { "a mask of 3 heads", SET(t.f.segment.mask.shape[1], 3), SEGATTN_EINVAL, "segment.mask", "3", "4" },
  { "a mask of no format", SET(t.f.segment.mask.format, SEGATTN_FORMATS), SEGATTN_EINVAL, "segment.mask", "13",
    "segattn_format" },
  { "a mask of f8e5m2", SET(t.f.segment.mask.format, SEGATTN_F8E5M2), SEGATTN_EINVAL, "segment.mask", "f8e5m2", "or bool" },
  { "a mask of q4_1", SET(t.f.segment.mask.format, SEGATTN_Q4_1), SEGATTN_EINVAL, "segment.mask", "q4_1", "or bool" },
  { "a start out of range", SET(t.f.segment.start, INT64_MIN), SEGATTN_EINVAL, "segment.start", "-9223372036854775808",
    "2^61" },
  { 0 } };

static const bad of_absorb[] = {
  { "queries of another batch", SET(t.f.queries.q.shape[0], 1), SEGATTN_EINVAL, "queries.q", "1", "2" },
  { "another number of queries", SET(t.f.queries.q.shape[2], 2), SEGATTN_EINVAL, "queries.q", "2", "3" },
  { "a segment out of order", SET(t.f.segment.start, F_KEYS - 1), SEGATTN_EORDER, "segment.start", "5",
    "segattn_state_merge" },
  { 0 } };

static const bad of_output[] = {
  { "out of 2 elements", SET(t.f.out.shape[3], 2), SEGATTN_EINVAL, "out", "2", "3" },
  { "out of 2 heads", SET(t.f.out.shape[1], 2), SEGATTN_EINVAL, "out", "2", "4" },
  { "out of bool", SET(t.f.out.format, SEGATTN_BOOL), SEGATTN_EINVAL, "out", "bool", "mask" },
  { "out of f8e4m3", SET(t.f.out.format, SEGATTN_F8E4M3), SEGATTN_EINVAL, "out", "f8e4m3", "or bf16" },
  { "lse of f8e5m2", SET(t.f.lse.format, SEGATTN_F8E5M2), SEGATTN_EINVAL, "lse", "f8e5m2", "or bf16" },
  { "out folded", SET(t.f.out.stride[0], 0), SEGATTN_EINVAL, "out", "0", "share memory" },
  { "out NULL", SET(t.f.out.data, NULL), SEGATTN_EINVAL, "out", "NULL", "2 x 4 x 3 x 3" },
  { "out beyond the address space", SET(t.f.out.stride[0], PTRDIFF_MAX), SEGATTN_EINVAL, "out", "9223372036854775807",
    "address" },
  { "lse in out", SET(t.f.lse.data, t.f.wide[0]), SEGATTN_EALIAS, "", "lse", "out" },
  { "lse of 3 elements", SET(t.f.lse.shape[3], 3), SEGATTN_EINVAL, "lse", "3", "1" },
  { 0 } };

static const bad of_alias[] = {
  { "out in q", SET(t.f.out.data, t.f.q), SEGATTN_EALIAS, "out", "out", "queries.q" },
  { "out in k", SET(t.f.out.data, t.f.k), SEGATTN_EALIAS, "out", "out", "segment.k" },
  { "out in v", SET(t.f.out.data, t.f.v), SEGATTN_EALIAS, "out", "out", "segment.v" },
  { "lse in the mask", SET(t.f.lse.data, t.f.mask), SEGATTN_EALIAS, "lse", "lse", "segment.mask" },
  { 0 } };

static const bad of_merge[] = {
  { "into NULL", SET(t.no_state, true), SEGATTN_EINVAL, "into", "NULL", "" },
  { "from NULL", SET(t.no_other, true), SEGATTN_EINVAL, "from", "NULL", "" },
  { "with itself", SET(t.itself, true), SEGATTN_EALIAS, "from", "into", "" },
  { "of another scale", SET(t.other_f.problem.scale, 3), SEGATTN_EINVAL, "from", "3", "scale" },
  { "causal with not causal", SET(t.other_f.problem.causal, true), SEGATTN_EINVAL, "from", "causal", "" },
  { "of other KV heads", SET(t.other_f.problem.kv_heads, 4), SEGATTN_EINVAL, "from", "4", "2" },
  { "of other slopes", SET(t.other_f.problem.slopes, t.other_f.slopes), SEGATTN_EINVAL, "from", "other slopes", "into" },
  { "of other sinks", SET(t.other_f.problem.sinks, t.other_f.sinks), SEGATTN_EINVAL, "from", "other sinks", "into" },
  { "of another arithmetic", SET(t.other_f.options.arithmetic, "f32"), SEGATTN_EINVAL, "from", "f32", "f64" },
  { "of other queries", SET(t.other_f.queries.q.shape[2], 2), SEGATTN_EINVAL, "from", "2", "3" },
  { "of another batch", SET(t.other_f.queries.q.shape[0], 1), SEGATTN_EINVAL, "from", "1", "2" },
  { 0 } };

static const bad of_export[] = {
  { "M of f32", SET(t.f.M.format, SEGATTN_F32), SEGATTN_EINVAL, "M", "f32", "f64" },
  { "S of 1 query", SET(t.f.S.shape[2], 1), SEGATTN_EINVAL, "S", "1", "3" },
  { "O of 5 elements", SET(t.f.O.shape[3], 5), SEGATTN_EINVAL, "O", "5", "3" },
  { "M in S", SET(t.f.M.data, t.f.rows[2]), SEGATTN_EALIAS, "", "M", "S" },
  { 0 } };

static const bad of_bound[] = {
  { "bound of f32", SET(t.f.bound.format, SEGATTN_F32), SEGATTN_EINVAL, "bound", "f32", "f64" },
  { "bound of 4 queries", SET(t.f.bound.shape[2], 4), SEGATTN_EINVAL, "bound", "4", "3" },
  { "lse_bound in bound", SET(t.f.lse.data, t.f.wide[2]), SEGATTN_EALIAS, "", "bound", "lse_bound" },
  { "bound in v", SET(t.f.bound.data, t.f.v), SEGATTN_EALIAS, "bound", "bound", "segment.v" },
  { 0 } };

/* (robust-state has those of what is loaded.)  */
static const bad of_saved[] = {
  { "bytes NULL", SET(t.no_saved, true), SEGATTN_EINVAL, "", "NULL", "" },
  { 0 } };

static const bad of_save[] = {
  { "no room", SET(t.saved_size, 700), SEGATTN_EINVAL, "size", "700", "at least" },
  { 0 } };

static const bad of_load[] = {
  { "bytes cut off", SET(t.saved_size, 700), SEGATTN_EDAMAGED, "saved", "700", "expected" },
  { 0 } };

static const bad of_range[] = {
  { "range NULL", SET(t.no_range, true), SEGATTN_EINVAL, "range", "NULL", "" },
  { "a start out of range", SET(t.range.start, INT64_MAX), SEGATTN_EINVAL, "range.start", "9223372036854775807", "2^61" },
  { "too many keys", SET(t.range.keys, SIZE_MAX), SEGATTN_EINVAL, "range.keys", "18446744073709551615", "2^61" },
  { "no keys", SET(t.range.keys, 0), SEGATTN_EINVAL, "", "range.keys is 0", "batch 0, head 0, query 0" },
  { 0 } };

static const bad of_base[] = {
  { "base 7", SET(t.base, (segattn_base) 7), SEGATTN_EINVAL, "base", "7", "SEGATTN_NATURAL or SEGATTN_BASE_2" },
  { 0 } };

static const bad of_import_pair[] = {
  { "out of 2 elements", SET(t.f.out.shape[3], 2), SEGATTN_EINVAL, "out", "2", "3" },
  { "out of f8e5m2", SET(t.f.out.format, SEGATTN_F8E5M2), SEGATTN_EINVAL, "out", "f8e5m2", "or bf16" },
  { "lse of bool", SET(t.f.lse.format, SEGATTN_BOOL), SEGATTN_EINVAL, "lse", "bool", "mask" },
  { "lse NULL", SET(t.f.lse.data, NULL), SEGATTN_EINVAL, "lse", "NULL", "2 x 4 x 3 x 1" },
  { "lse inf", SET(t.f.rows[0][5], (double) INFINITY), SEGATTN_EINVAL, "lse", "inf, expected a number, or -inf",
    "batch 0, head 1, query 2" },
  { "lse too large", SET(t.f.rows[0][5], 0x1.7p1023), SEGATTN_EINVAL, "lse", "larger than the arithmetic can hold",
    "head 1, query 2" },
  { 0 } };

static const bad of_import[] = {
  { "M of 1 head", SET(t.f.M.shape[1], 1), SEGATTN_EINVAL, "M", "1", "4" },
  { "S of 2 queries", SET(t.f.S.shape[2], 2), SEGATTN_EINVAL, "S", "2", "3" },
  { "O of q4_0", SET(t.f.O.format, SEGATTN_Q4_0), SEGATTN_EINVAL, "O", "q4_0", "32" },
  { "M NaN", SET(t.f.rows[1][5], (double) NAN), SEGATTN_EINVAL, "M", "NaN", "batch 0, head 1, query 2" },
  { "M inf", SET(t.f.rows[1][5], (double) INFINITY), SEGATTN_EINVAL, "M", "inf", "expected a number" },
  { "S below 0", SET(t.f.rows[2][5], -0.5), SEGATTN_EINVAL, "S", "below 0", "batch 0, head 1, query 2" },
  { "S above 0 with M -inf", SET(t.f.rows[1][5], -(double) INFINITY), SEGATTN_EINVAL, "M", "-inf where S is above 0",
    "query 2" },
  { "O without S", SET(t.f.rows[2][5], 0), SEGATTN_EINVAL, "O", "expected 0 without S", "head 1, query 2, element 0" },
  { 0 } };
