/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the library share.  Private externs are named sga_.  */

#ifndef SGA_INTERNAL_H
#define SGA_INTERNAL_H

#include <fenv.h>

#include "format/format.h"
#include "kernel/kernel.h"
#include "segattn.h"

#define SGA_LOG2E 0x1.71547652b82fep+0          /* log2 e, rounded to f64: relative error 0.16 u */
#define SGA_LN2 0x1.62e42fefa39efp-1            /* ln 2, rounded to f64: relative error 0.30 u */
#define SGA_LN2_LOW 0x1.abc9e3b39803fp-56       /* ln 2 - SGA_LN2, rounded */

/* ---- errors ---- */

/* Fills in the error: "ARGUMENT FORMATTED", and returns the status.  */
segattn_status sga_fail(segattn_error *error, segattn_status status, const char *argument, const char *format, ...)
  __attribute__((format(printf, 4, 5)));

/* ---- the floating-point environment ---- */

typedef struct sga_environment {
#if defined __x86_64__
  unsigned saved;               /* MXCSR, for all arithmetic is SSE's or AVX's; fesetenv takes a tenth of a small call */
#else
  fenv_t saved;
#endif
} sga_environment;
/* Round to nearest, no flush to zero, no traps, in the calling thread; and what the caller had, flags included.  */
void sga_environment_set(sga_environment *e);
void sga_environment_restore(const sga_environment *e);

/* ---- tensors ---- */

/* The address of an element; a mask's batch and head may be broadcast by stride.  */
static inline char *sga_at(const segattn_tensor *t, size_t batch, size_t head, size_t position) {
  return (char *)t->data + (ptrdiff_t)batch * t->stride[SEGATTN_BATCH] + (ptrdiff_t)head * t->stride[SEGATTN_HEAD] +
         (ptrdiff_t)position * t->stride[SEGATTN_POS];
}

/* Do neighbouring heads of a position lie nearer to each other than neighbouring positions (a token-major cache)?  */
static inline bool sga_heads_adjacent(const segattn_tensor *t) {
  ptrdiff_t head = t->stride[SEGATTN_HEAD], position = t->stride[SEGATTN_POS];
  return (head < 0 ? -head : head) < (position < 0 ? -position : position);
}

/* EINVAL unless the tensor has the shape (SIZE_MAX: any), whole blocks, a format that it may have (boolean: as a mask), data,
   and an extent that can be addressed.  `name` is the argument: "segment.k".  */
segattn_status sga_tensor_check(const segattn_tensor *t, const char *name, const size_t shape[SEGATTN_AXES], bool boolean,
                                segattn_error *error);
/* As above for an output: f64 f32 f16 bf16 and strides under which no two elements share memory.  */
segattn_status sga_output_check(const segattn_tensor *t, const char *name, const size_t shape[SEGATTN_AXES],
                                segattn_error *error);
/* EALIAS when the memory of `a` and of `b` overlaps.  Either may have no data.  */
segattn_status sga_alias_check(const segattn_tensor *a, const char *name_a, const segattn_tensor *b, const char *name_b,
                               segattn_error *error);

/* ---- the plan ---- */

struct segattn_plan {
  segattn_problem problem;      /* scale resolved; slopes and sinks are the plan's own */
  const sga_kernel *kernel;
  sga_score score;
  segattn_format number;        /* SEGATTN_F32 or SEGATTN_F64 */
  size_t group;                 /* query heads of a KV head */
  size_t pad_k, pad_v;          /* dims rounded up to SGA_PAD; dim_k to whole blocks of codes where scores are of codes */
  size_t width;                 /* numbers of o in an accumulator: pad_v, or more where sums are pairs */
  size_t keys;                  /* announced */
  size_t thread_work;
  int threads;
};

const sga_kernel *sga_kernel_find(const char *arithmetic, const char *isa, segattn_error *error);
const sga_kernel *sga_kernel_at(int i);         /* row i of the table; NULL past the end */
bool sga_cpu_has(const char *cpu);      /* an instruction set's name, or a kernel's `cpu` */
segattn_status sga_problem_check(const segattn_problem *p, segattn_error *error);
/* EINVAL, with what differs, unless `got` (argument `name`) decides about a row as `expected` (which is that of `as`) does.  */
segattn_status sga_problem_same(const segattn_problem *got, const char *name, const segattn_problem *expected, const char *as,
                                segattn_error *error);
double sga_round(const segattn_plan *plan, double x);   /* to the arithmetic's type */

/* ---- queries and segments ---- */

static inline int64_t sga_query_position(const segattn_queries *q, size_t batch, size_t query) {
  return q->positions ? q->positions[query] : (q->starts ? q->starts[batch] : q->start) + (int64_t)query;
}

static inline int64_t sga_segment_start(const segattn_segment *s, size_t batch) {
  return s->starts ? s->starts[batch] : s->start;
}

segattn_status sga_queries_check(const segattn_plan *plan, const segattn_queries *queries, segattn_error *error);
segattn_status sga_segment_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segment,
                                 segattn_error *error);
/* The keys of the segment that one row attends, apart from its mask: causal and window.  [*first, *last) of the segment.  */
void sga_reach(const segattn_problem *p, int64_t query, int64_t start, size_t keys, size_t *first, size_t *last);

/* ---- the tree of accumulators ---- */

enum { SGA_ROW = 2 + SEGATTN_MAX_DIM + SGA_PAD };        /* doubles in which any accumulator has room */

enum { SGA_NODES = 256, SGA_SLABS = SGA_NODES + 2 };    /* a range absorbed in order needs at most 2 x 57 nodes */

/* Node (level, index) joins the blocks [index << level, (index + 1) << level).  Blocks are counted from position -2^62.  */
typedef struct sga_node { uint64_t index; int level, slab; } sga_node;

typedef struct sga_tree {
  int n, slabs;                 /* nodes in increasing position; slabs that were in use so far */
  bool open;                    /* there is an open block, */
  uint64_t block;               /* this one, */
  int slab;                     /* in this slab */
  bool begun;                   /* [first, next): blocks in which what is not held is known to be empty */
  uint64_t first, next;
  int64_t end;                  /* position after the last key's segment; a segment begins here or later */
  uint64_t inexact;             /* merges that met inside a block or overlapped; an import counts twice */
  sga_node node[SGA_NODES];
  bool used[SGA_SLABS];         /* slabs in use */
} sga_tree;

/* left <- left + right, both slabs; the right one is free afterwards.  */
typedef struct sga_join { int left, right; } sga_join;

uint64_t sga_block_of(int64_t position);
int64_t sga_block_start(uint64_t block);
void sga_tree_reset(sga_tree *t);
void sga_tree_copy(sga_tree *to, const sga_tree *from);
/* Makes `block` the open one and closes another.  Returns the number of joins to do first, in order; *fresh: the slab is new
   and must be cleared after them.  `joins` has room for SGA_SLABS.  */
int sga_tree_enter(sga_tree *t, uint64_t block, sga_join *joins, bool *fresh);
/* Closes the open block, which then is complete: what sga_tree_enter would do as it opens another.  */
int sga_tree_close(sga_tree *t, sga_join *joins);
/* One node for the keys at positions [start, end), in slab 0: a sum that was made elsewhere.  */
void sga_tree_import(sga_tree *t, int64_t start, int64_t end);
/* The root: joins all that is held.  Returns the number of joins; *slab: where the root is then, -1 when nothing is held.  */
int sga_tree_root(sga_tree *t, sga_join *joins, int *slab);
/* copy[i].left of `from` goes to slab copy[i].right of `into`; then the joins are done, in order.  */
typedef struct sga_merge { int n_copies, n_joins; sga_join copy[SGA_SLABS], join[2 * SGA_SLABS]; } sga_merge;
/* into <- into and from; false when there is no room for the nodes (nothing is changed then).  */
bool sga_tree_merge(sga_tree *into, const sga_tree *from, sga_merge *m);

/* ---- rows and their accumulators ---- */

/* The accumulators (e, l, o) of tiles of rows: slabs, each a tile after the other.  Rows of one KV head lie side by side:
   query by query, the heads of the group within a query; a tile belongs to one KV head.  With many rows to a KV head they lie
   across lanes, SGA_LANES together (kernel/many.h), with few one by one (kernel/few.h).  */
typedef struct sga_slabs {
  char **slab;                  /* slab number -> memory; NULL: not there yet */
  size_t tiles, tile_rows;      /* rows that a tile has room for, at most SGA_TILE */
  bool many;
} sga_slabs;

void sga_slabs_shape(sga_slabs *s, const segattn_plan *plan, const segattn_queries *queries, size_t most, size_t tiles);
size_t sga_slab_bytes(const segattn_plan *plan, const sga_slabs *slabs);
sga_rows sga_slab_tile(const segattn_plan *plan, const sga_slabs *slabs, int number, size_t tile);
/* The rows of a tile from `row` on: a multiple of SGA_LANES where rows lie across lanes.  */
sga_rows sga_slab_lanes(const segattn_plan *plan, sga_rows tile, size_t row);
void sga_slab_joins(const segattn_plan *plan, const sga_slabs *slabs, size_t tile, const sga_join *joins, int n);
void sga_slab_clear(const segattn_plan *plan, const sga_slabs *slabs, int number, size_t tile);
void sga_slab_copy(const segattn_plan *plan, const sga_slabs *to, size_t to_tile, const sga_slabs *from, size_t tile,
                   int number);
/* Row i of a tile as a row: where it lies, or copied into `room` (2 + width numbers).  */
sga_rows sga_slab_row(const segattn_plan *plan, const sga_slabs *slabs, sga_rows tile, size_t i, void *room);

/* Row i of a tile <- `row`, as _row gives it with `room`; dimensions past dim_v stay as they are.  */
void sga_slab_row_set(const segattn_plan *plan, const sga_slabs *slabs, sga_rows tile, size_t i, sga_rows row);

/* Sums of one row, and l of lane i of rows across `lanes` lanes, low parts included, where they are numbers.
   `set` splits x into high and low parts, each rounded.  */
double sga_sum_l(const segattn_plan *plan, sga_rows rows, size_t lanes, size_t i);
double sga_sum_o(const segattn_plan *plan, sga_rows row, size_t d);
void sga_sum_l_set(const segattn_plan *plan, sga_rows row, double x);
void sga_sum_o_set(const segattn_plan *plan, sga_rows row, size_t d, double x);

double sga_number(const segattn_plan *plan, const void *numbers, size_t i);
void sga_number_set(const segattn_plan *plan, void *numbers, size_t i, double x);       /* rounded */
double sga_number_max(const segattn_plan *plan);        /* the largest finite one */
void sga_numbers_fill(const segattn_plan *plan, void *numbers, size_t n);     /* with -inf: no maximum yet */

/* A thread's scratch: decoded keys and values of one block, masks, weights.  One allocation.  */
typedef struct sga_scratch {
  void *k, *v, *bias, *weights;
  double *mask;
} sga_scratch;

/* What a call needs of it: rows of a tile, decoded keys of a block at most, whether rows lie across lanes, whether there is a
   mask.  */
typedef struct sga_need { size_t rows, keys; bool lanes, mask; } sga_need;

size_t sga_query_bytes(const segattn_plan *plan, const sga_need *need);         /* decoded queries of a tile */
size_t sga_scratch_bytes(const segattn_plan *plan, const sga_need *need);
void sga_scratch_place(sga_scratch *s, const segattn_plan *plan, const sga_need *need, void *memory);

/* A tile: `n` rows from `row` on among the rows of (batch, KV head), with their accumulators in tile `tile` of the slabs.  */
typedef struct sga_tile {
  const segattn_plan *plan;
  const segattn_queries *queries;
  size_t batch, kv_head, row, n;
  sga_tree *tree;
  const sga_slabs *slabs;
  size_t tile;
  void *q, *m;                  /* numbers: decoded queries, the largest t of each row */
  segattn_events *events;       /* of the group's query heads */
  sga_scratch *scratch;
  size_t head[SGA_TILE], query[SGA_TILE];       /* of each row */
  int64_t position[SGA_TILE], lowest, highest;  /* of its queries */
  uint64_t block_first, block_next;     /* keys of other blocks are left out */
} sga_tile;

static inline void *sga_number_at(const segattn_plan *plan, void *numbers, size_t i) {
  return (char *)numbers + i * plan->kernel->size;
}

/* Of numbers [SGA_LANES] of `n` things each, those of the rows from `row` on.  */
static inline void *sga_lanes_at(const segattn_plan *plan, void *numbers, size_t row, size_t n) {
  return sga_number_at(plan, numbers, row / SGA_LANES * SGA_LANES * n);
}

/* What the kernel decodes by itself lies there as this: elements side by side, numbers and 16-bit floats aligned; else
   SGA_OTHER.  */
sga_stored sga_stored_as(const segattn_plan *plan, const segattn_tensor *t, const char *from);
/* `dim` elements decoded, zeros up to `pad`.  */
void sga_decode(const segattn_plan *plan, const segattn_tensor *t, const char *from, void *to, size_t dim, size_t pad);

void sga_tile_begin(sga_tile *t);                       /* their positions; decodes the queries */
/* `following`: the segment that will be absorbed next, whose first keys are asked for, or NULL.  */
void sga_tile_absorb(const sga_tile *t, const segattn_segment *segment, const segattn_segment *following);
/* out and lse of the tile's rows from the root's: sinks joined, divided, stored.  The root's rows are used up.  Either tensor
   may be NULL.  Counts rows.  */
void sga_tile_output(const sga_tile *t, const sga_slabs *slabs, sga_rows root, const segattn_tensor *out,
                     const segattn_tensor *lse);

/* ---- parallel loops ---- */

/* How many threads `items` of work with so many operations are worth.  */
int sga_threads(const segattn_plan *plan, size_t items, uint64_t flops);
/* Calls body(job, thread) in each of `threads` threads, 0 <= thread < threads, each in a floating-point environment that is
   set; one thread is the caller, and nothing is started.  */
void sga_parallel(int threads, void (*body)(void *job, int thread), void *job);
size_t sga_take(size_t *next);          /* (*next)++, by one thread at a time */

/* ---- events ---- */

static inline segattn_events *sga_tile_events(const sga_tile *t, size_t i) {     /* of row i's head */
  return &t->events[t->head[i] - t->kv_head * t->plan->group];
}

void sga_events_clear(segattn_events *events, size_t n);
void sga_events_add(segattn_events *to, const segattn_events *from);
/* Adds the tile's to those of all query heads, by one thread at a time, and clears them.  */
void sga_events_collect(const sga_tile *t, segattn_events *to);

/* ---- calls ---- */

typedef struct sga_outputs {
  const segattn_tensor *out, *lse;      /* either may be NULL */
  const char *out_name, *lse_name;      /* the arguments, for messages */
} sga_outputs;

segattn_status sga_outputs_check(const segattn_plan *plan, const segattn_queries *queries, const sga_outputs *o,
                                 segattn_error *error);
segattn_status sga_call_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                              size_t n_segments, const sga_outputs *o, segattn_error *error);

/* What a mask spares is counted too.  */
uint64_t sga_flops(const segattn_plan *plan, const segattn_queries *queries, size_t keys);

/* The tiles, of `most` rows at most, of a batch of queries, numbered: tile `i` of sga_tile_count; tile->tile counts those of
   its batch element.  */
size_t sga_tile_count(const segattn_plan *plan, const segattn_queries *queries, size_t most);
void sga_tile_number(sga_tile *t, const segattn_plan *plan, const segattn_queries *queries, size_t most, size_t i);

#endif
