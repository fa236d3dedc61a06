/* SPDX-License-Identifier: BSD-2-Clause */
/* segattn: segmented attention with carried state.

   For one query row with keys j = 0 .. n-1, scores s_j and values v_j

       M = max s_j,  S = sum exp(s_j - M),  O = sum exp(s_j - M) v_j,  out = O / S,  lse = M + ln S
       s_j = softcap(scale q.k_j) + slope (key position - query position) + mask_j

   (Vaswani et al. 2017; the running maximum is Milakov and Gimelshein 2018, merging of states Rabe and Staats 2021).
   The keys may come in any number of segments, each in its own storage format.

   The promise.  out and lse are a pure function of the query, the mask, and the keys and values at their absolute
   positions: the same bits for every segmentation, number of threads, batch, instruction set and memory layout.
   lib/BOUNDS defines the evaluation operation by operation and derives the error bound.

   Axes.  Every tensor has four: batch, head, position, dim.  A segattn_tensor is a view: nothing is copied and nothing
   is owned.  Strides are in bytes and may be zero (broadcast) or negative.

   Threads.  A plan is immutable and may be used by any number of threads at once.  A state belongs to one thread at a
   time.  Nothing is printed, no global is written, no signal or floating-point setting is left changed.

   Errors.  Every function that can fail returns a status and, where `error` is not NULL, fills in what was wrong:
   the argument, the value, and what was expected.  A call that fails changes nothing that it was given, except that
   SEGATTN_ENOMEM from absorb leaves the state usable and unchanged.  */

#ifndef SEGATTN_H
#define SEGATTN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)    /* the library is compiled with -fvisibility=hidden */
#endif

/* ---- status ---- */

typedef enum segattn_status {
  SEGATTN_OK = 0,
  SEGATTN_EINVAL,               /* a value out of its range: shapes that disagree, NaN scale, an unknown name */
  SEGATTN_ENOMEM,               /* memory could not be had */
  SEGATTN_EORDER,               /* a segment begins before the end of what was absorbed: use segattn_state_merge */
  SEGATTN_EALIAS,               /* an output overlaps an input or another output */
  SEGATTN_EUNSUPPORTED,         /* legal, but not on this machine or in this version: the text says which */
  SEGATTN_EDAMAGED              /* bytes that are no saved state, or no whole one, or hold what no state holds */
} segattn_status;

typedef struct segattn_error {
  segattn_status code;
  char argument[48];            /* the argument at fault: "problem.scale", "segment.k" */
  char text[256];               /* one sentence: argument, value, expectation */
} segattn_error;

const char *segattn_strerror(segattn_status status);    /* a constant English phrase; never NULL */
const char *segattn_version(void);                      /* "0.1.0" */

/* ---- tensors ---- */

typedef enum segattn_format {
  SEGATTN_F64, SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16,
  SEGATTN_BOOL,                 /* masks only: one byte, non-zero means attend */
  SEGATTN_F8E4M3, SEGATTN_F8E5M2,       /* OCP 8-bit floats; e4m3 without infinities */
  SEGATTN_Q8_0, SEGATTN_Q4_0, SEGATTN_Q4_1, SEGATTN_Q5_0, SEGATTN_Q5_1, SEGATTN_IQ4_NL,        /* ggml's blocks of 32 */
  SEGATTN_FORMATS               /* their number */
} segattn_format;

/* All formats but bool store q, k and v; outputs are f64, f32, f16 or bf16, and masks these or bool.  */

enum { SEGATTN_BATCH, SEGATTN_HEAD, SEGATTN_POS, SEGATTN_DIM, SEGATTN_AXES };

typedef struct segattn_tensor {
  void *data;                   /* element [0,0,0,0]; the library writes to outputs only */
  segattn_format format;
  size_t shape[SEGATTN_AXES];   /* batch, head, position, dim */
  ptrdiff_t stride[SEGATTN_AXES];       /* bytes from an element to the next along the axis; along dim of a block format, whose
                                           shape counts elements and is a multiple of the block, from a block to the next */
} segattn_tensor;

/* A C-contiguous tensor [batch][head][position][dim].  */
segattn_tensor segattn_tensor_of(void *data, segattn_format format, size_t batch, size_t heads, size_t positions,
                                 size_t dim);
/* The same memory with the axes in the order of `axes`, slowest first: "bhpd" is what _of gives, "bphd" has the heads of
   one position side by side.  The shape arguments keep their meaning.  A bad `axes` gives a tensor with data NULL.  */
segattn_tensor segattn_tensor_axes(const char *axes, void *data, segattn_format format, size_t batch, size_t heads,
                                   size_t positions, size_t dim);

segattn_status segattn_format_find(segattn_format *format, const char *name, segattn_error *error);
const char *segattn_format_name(segattn_format format);         /* "f16"; NULL for a number that is none */
size_t segattn_format_bytes(segattn_format format, size_t n);   /* bytes of n elements side by side, whole blocks */
size_t segattn_format_block(segattn_format format);             /* elements of a block: 32, or 1 where there are none */
/* n contiguous elements, a multiple of the block, to f64 (exact) and from f64.  Floats round to nearest even, straight from
   the f64; overflow gives inf, in f8e4m3 NaN.  Blocks are rounded to f32 and quantised to the bytes that ggml's reference
   quantisers give; a block with an element that is not finite becomes NaN.  */
void segattn_decode(segattn_format format, const void *from, double *to, size_t n);
void segattn_encode(segattn_format format, const double *from, void *to, size_t n);
/* The same, but numbers beyond the largest finite one of a float format, infinities too, become that.  */
void segattn_encode_saturating(segattn_format format, const double *from, void *to, size_t n);

/* ---- the problem ---- */

typedef struct segattn_problem {
  size_t q_heads, kv_heads;     /* query head h reads KV head h / (q_heads / kv_heads); q_heads a multiple of kv_heads */
  size_t dim_k, dim_v;          /* from 1 to SEGATTN_MAX_DIM */
  double scale;                 /* any finite number; segattn_problem_init sets SEGATTN_SCALE_DEFAULT */
  double softcap;               /* s -> softcap tanh(s / softcap); 0 is off; negative is an error */
  bool causal;                  /* only keys with key position <= query position */
  size_t window;                /* only keys with |query position - key position| < window; 0 is off */
  const double *slopes;         /* ALiBi: one per query head, owned by the caller, read by segattn_plan_alloc; or NULL */
  const double *sinks;          /* one logit per query head, joined at finalise; or NULL.  Same ownership.  */
} segattn_problem;

#define SEGATTN_MAX_DIM 1024
#define SEGATTN_SCALE_DEFAULT (0x1.8p1023)      /* stands for 1 / sqrt(dim_k) */

void segattn_problem_init(segattn_problem *problem);
/* ALiBi slopes of `heads` heads (Press, Smith, Lewis 2022; any number of heads, as the authors' code has it).  */
void segattn_alibi_slopes(size_t heads, double *slopes);

/* ---- the plan ---- */

typedef struct segattn_options {
  const char *arithmetic;       /* "f32" (default when NULL), "f64", "f32c" (f32 with compensated sums) or "i8" (scores of
                                   8-bit codes, all else f32): BOUNDS, section 1 */
  const char *isa;              /* "portable", "avx2", "avx512"; NULL: SEGATTN_ISA, else the best of the machine */
  int threads;                  /* 0: OMP_NUM_THREADS, else the machine's */
  size_t keys;                  /* keys a state is expected to absorb; it grows when there are more */
  size_t thread_work;           /* operations (2 an element of q.k and of p v) that a further thread is started for; 0: 2^22 */
} segattn_options;

typedef struct segattn_plan segattn_plan;

/* `options` may be NULL.  EINVAL: a field out of range, q_heads no multiple of kv_heads, an unknown name (or an unknown
   SEGATTN_ISA in the environment).  EUNSUPPORTED: an instruction set that this machine has not.  */
segattn_status segattn_plan_alloc(segattn_plan **plan, const segattn_problem *problem, const segattn_options *options,
                                  segattn_error *error);
void segattn_plan_free(segattn_plan *plan);                     /* NULL is allowed */
const char *segattn_plan_isa(const segattn_plan *plan);
const char *segattn_plan_arithmetic(const segattn_plan *plan);
int segattn_plan_threads(const segattn_plan *plan);
double segattn_plan_scale(const segattn_plan *plan);            /* what SEGATTN_SCALE_DEFAULT became */
/* Name number i of what this build and this machine can run, best last; NULL past the end.  */
const char *segattn_isa_name(int i);
const char *segattn_arithmetic_name(int i);

/* ---- queries and segments ---- */

typedef struct segattn_queries {
  segattn_tensor q;             /* [batch][q_heads][queries][dim_k] */
  int64_t start;                /* absolute position of query 0 (causal, window and slopes read positions) */
  const int64_t *starts;        /* or one per batch element, */
  const int64_t *positions;     /* or one per query, the same for every batch element */
} segattn_queries;

typedef struct segattn_segment {
  segattn_tensor k;             /* [batch][kv_heads][keys][dim_k]; data may be NULL when there are no keys */
  segattn_tensor v;             /* [batch][kv_heads][keys][dim_v]; may be a view of k */
  int64_t start;                /* absolute position of key 0, may be negative (padding on the left) */
  const int64_t *starts;        /* or one per batch element */
  segattn_tensor mask;          /* [batch or 1][q_heads or 1][queries][keys], added to the score; -inf, or false in
                                   SEGATTN_BOOL, skips the key: its K and V are not read.  data NULL: no mask.  */
} segattn_segment;

/* ---- the state ---- */

typedef struct segattn_state segattn_state;

/* A state of queries->q's batch, heads and queries; `queries` itself is not kept, the plan must outlive the state.  */
segattn_status segattn_state_alloc(segattn_state **state, const segattn_plan *plan, const segattn_queries *queries,
                                   segattn_error *error);
void segattn_state_free(segattn_state *state);                  /* NULL is allowed */
void segattn_state_reset(segattn_state *state);                 /* the empty state */

/* Segments come in increasing position; gaps are allowed; EORDER where a segment begins before the end of the last.  */
segattn_status segattn_state_absorb(segattn_state *state, const segattn_queries *queries,
                                    const segattn_segment *segment, segattn_error *error);

/* into <- into joined with from, which is unchanged; into == from is EALIAS.  Both of one problem, arithmetic, batch and
   queries.  States whose ranges of key positions meet on a multiple of 128 merge exactly: the same bits in any order
   and by any tree of merges.  Others are legal: within the bound, 3 roundings more a merge, and not promised bit for bit
   (so do not merge key by key).  */
segattn_status segattn_state_merge(segattn_state *into, const segattn_state *from, segattn_error *error);

/* out [batch][q_heads][queries][dim_v] and lse [batch][q_heads][queries][1], natural logarithm; f64 f32 f16 or bf16, any
   strides that do not fold; either may be NULL.  The state stays as it was.  A row without keys: out 0, lse -inf.  */
segattn_status segattn_state_finalise(const segattn_state *state, const segattn_tensor *out, const segattn_tensor *lse,
                                      segattn_error *error);

/* M and S [batch][q_heads][queries][1], O [batch][q_heads][queries][dim_v], all SEGATTN_F64, natural base, without
   sinks; each may be NULL.  An empty row: M = -inf, S = 0, O = 0.  */
segattn_status segattn_state_export(const segattn_state *state, const segattn_tensor *M, const segattn_tensor *S,
                                    const segattn_tensor *O, segattn_error *error);

/* The position after the last key absorbed, where the next segment may begin; INT64_MIN where there was none.  */
int64_t segattn_state_end(const segattn_state *state, size_t batch);
/* How many merges were not exact, the most of a batch element; an import counts twice.  With m of them the result is within
   bound + gamma(3 m) (sum w |v| + |out|) of the exact one, w the softmax weights, gamma(n) = n u / (1 - n u), bound being
   segattn_bound's for the same keys; of keys that were imported the exact result is that of the numbers imported.  */
uint64_t segattn_state_inexact(const segattn_state *state);

/* What happened to the rows of one query head, over batch and queries.  None of it depends on segmentation, threads, batch,
   instruction set or memory layout, nor on merges that are exact.  */
typedef struct segattn_events {
  uint64_t rescales;            /* a key moved the reference exponent of a block that already held one */
  uint64_t underflow;           /* a weight became 0 although its score is finite */
  uint64_t overflow;            /* rows whose weight sum or output is infinite before the division */
  uint64_t saturations;         /* finite elements of out and lse that the narrower format they are written in made infinite */
  uint64_t nan, inf;            /* scores that are NaN, +inf */
  uint64_t nonfinite_values;    /* pairs of a row and a key it attends whose V has, in the arithmetic, NaN or an infinity */
  uint64_t masked_rows;         /* rows whose weight sum is 0: every key masked, or every score -inf */
  int64_t first;                /* the smallest position of a key that nan, inf or nonfinite_values counts; SEGATTN_NOWHERE */
} segattn_events;

#define SEGATTN_NOWHERE INT64_MAX

/* Events so far: q_heads of them, by query head.  saturations are those of the last out and lse that were written.  */
void segattn_state_events(const segattn_state *state, segattn_events *events);
/* *sum <- the first n of `events` together: counts added, the smallest position.  */
void segattn_events_sum(const segattn_events *events, size_t n, segattn_events *sum);

/* ---- a state as bytes ---- */

/* What save writes now.  The same bytes on every machine, instruction set and number of threads, and for every segmentation:
   doc/STATE describes them.  */
size_t segattn_state_size(const segattn_state *state);

#define SEGATTN_TAG 32

/* `bytes` has room for `size`, at least segattn_state_size; EINVAL where it has not.  The state knows its problem but not its
   queries: `tag`, SEGATTN_TAG bytes or NULL for zeros, is the caller's to say which they are (a hash of them).  */
segattn_status segattn_state_save(const segattn_state *state, const void *tag, void *bytes, size_t size, segattn_error *error);
/* state <- what was saved; what it held is gone.  It goes on with the same bits as the one that was saved.  The plan may have
   another instruction set and number of threads.  `tag` NULL: any.  EINVAL: saved from another problem, arithmetic, batch,
   number of queries or tag, and the text says what differs.  EDAMAGED: no saved state, not all of it, or changed; or
   accumulators that no keys give (M NaN, S < 0, S > 0 with M = -inf; S = NaN is a poisoned row, and legal).  EUNSUPPORTED: of a
   later version.  The state is unchanged whenever the call fails.  */
segattn_status segattn_state_load(segattn_state *state, const void *tag, const void *saved, size_t size, segattn_error *error);

/* ---- to and from other systems ---- */

/* The base of the logarithm of an lse, and of the exponential that undoes it: natural in FlashAttention, vLLM, PyTorch and ring
   attention, 2 in FlashInfer.  */
typedef enum segattn_base { SEGATTN_NATURAL, SEGATTN_BASE_2 } segattn_base;

/* The pair that such systems exchange for a part of the keys: out and lse as of segattn_state_finalise, but without sinks,
   which enter once, where the parts are together.  */
segattn_status segattn_state_export_pair(const segattn_state *state, segattn_base base, const segattn_tensor *out,
                                         const segattn_tensor *lse, segattn_error *error);

/* The positions [start, start + keys) that imported numbers are of.  */
typedef struct segattn_range {
  int64_t start;
  const int64_t *starts;        /* or one per batch element */
  size_t keys;
} segattn_range;

/* state <- such a pair; what it held is gone.  It can then be merged with other parts and absorb what follows; on multiples of
   128 any tree of merges still gives the same bits, but not those of the keys themselves: see segattn_state_inexact.  At most 4
   roundings (BOUNDS, lemma 8), and lse is rounded to f32 where it is 2^22 or more (to f64: 2^51).  M is lse from then on.
   Shapes as of segattn_state_finalise; f64 f32 f16 or bf16.  A row with lse -inf is empty, whatever its out; NaN is a poisoned
   row.  EINVAL: lse +inf (with which some mark empty rows: give -inf), or too large for the arithmetic; a row with keys where
   the range has none.  */
segattn_status segattn_state_import_pair(segattn_state *state, const segattn_range *range, segattn_base base,
                                         const segattn_tensor *out, const segattn_tensor *lse, segattn_error *error);
/* The same from M, S, O as segattn_state_export gives them, in f64 f32 f16 or bf16; M need not be the maximum.  EINVAL: M NaN,
   S < 0, S > 0 with M = -inf, M = +inf unless S is NaN, a number other than 0 in O where S is 0.  */
segattn_status segattn_state_import(segattn_state *state, const segattn_range *range, const segattn_tensor *M,
                                    const segattn_tensor *S, const segattn_tensor *O, segattn_error *error);

/* ---- all of it in one call ---- */

/* The same bits as alloc, absorb each segment, finalise; scratch of less than 1 MB a thread at dimension 128 in f32, whatever
   the number of keys: up to 96 KiB on the stack, more from malloc.  `events`: q_heads of them, or NULL.  */
segattn_status segattn_attend(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                              size_t n_segments, const segattn_tensor *out, const segattn_tensor *lse,
                              segattn_events *events, segattn_error *error);

/* bound [batch][q_heads][queries][dim_v], SEGATTN_F64: |out - exact| <= bound for what finalise returns in f64, exact being
   real arithmetic on the stored inputs (BOUNDS, theorem 1).  For `out` written in a narrower format add half an ulp of it.
   inf where the arithmetic can overflow; NaN where the exact result is undefined.  lse_bound may be NULL.
   Scalar f64: about 50 times the time of attend.  */
segattn_status segattn_bound(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                             size_t n_segments, const segattn_tensor *bound, const segattn_tensor *lse_bound,
                             segattn_error *error);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
