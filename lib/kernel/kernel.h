/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel offers: one row per arithmetic and instruction set.  Kernels of one arithmetic differ in speed and in
   nothing else: every function gives the same bits on every instruction set (BOUNDS, section 1).

   Seen by files that are compiled with instruction-set flags: types, constants and static inline functions.  */

#ifndef SGA_KERNEL_H
#define SGA_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../segattn.h"

enum {
  SGA_BLOCK = 128,              /* keys of a block of the absolute grid */
  SGA_ROWS = 4,                 /* query rows that one kernel call serves: they share a KV head */
  SGA_LANES = 32,               /* query rows that the kernel for many rows serves, one a lane */
  SGA_TILE = 128,               /* query rows at most that share a block of keys, fetched once; a multiple of SGA_LANES */
  SGA_ROOM = 16,                /* keys at most that the kernel for few rows decodes at a time */
  SGA_NEAR = 1 << 27,           /* bytes from key to key at most for what is read by offsets of 32 bits */
  SGA_LEVELS = 8,               /* joins at most that a kernel call does by itself */
  SGA_PAD = 16                  /* decoded rows are padded with zeros to a multiple of this many numbers */
};

/* Below, a number is a float or a double: the arithmetic's type.  Pointers to numbers are void * here.  */

/* A set of keys of one block, bit j for key j of the piece.  */
typedef struct sga_keys { uint64_t word[SGA_BLOCK / 64]; } sga_keys;

/* Where the events of a call go: row i is of head (row + i) % group.  */
typedef struct sga_tally {
  segattn_events *events;       /* of the query heads that share the KV head */
  size_t row, group;
  int64_t position;             /* of key 0 */
  bool odd;                     /* set where a sum of values is not finite: then values may be NaN or infinite */
} sga_tally;

/* Scores to weights: t in log2 units, from s = q.k.  */
typedef struct sga_score {
  double scale_log2e;           /* c of rule 1, already rounded to the arithmetic's type */
  double cap_log2e, scale_over_cap;     /* x = cap_log2e tanh(s scale_over_cap); cap_log2e 0: no softcap */
} sga_score;

/* What keys and values are stored as where the kernel reads them: numbers, or what it decodes (f32 arithmetic).  */
typedef enum sga_stored {
  SGA_NUMBERS, SGA_F16, SGA_BF16, SGA_F8E4M3, SGA_F8E5M2, SGA_Q8_0, SGA_Q4_0, SGA_Q4_1, SGA_Q5_0, SGA_Q5_1,
  SGA_IQ4_NL, SGA_OTHER
} sga_stored;

/* Keys of one block (a piece of it where a segment ends inside), for up to SGA_ROWS rows that share the keys.  */
typedef struct sga_piece {
  int keys, rows;               /* 1 .. SGA_BLOCK, 1 .. SGA_ROWS */
  size_t dim_k, dim_v;          /* padded to a multiple of SGA_PAD */
  const void *k, *v;            /* elements, key j at + j * stride; padding is zero; keys that no row attends are not read */
  size_t k_stride, v_stride;    /* in bytes */
  void *k_room, *v_room;        /* scratch where they are not numbers: numbers [SGA_ROOM][dim], 64-byte aligned */
  ptrdiff_t k_ahead, v_ahead;   /* bytes from a key to the one that will be read a block later, a hint; 0 without */
  sga_stored k_stored, v_stored;
  const void *q[SGA_ROWS];      /* numbers, dim_k of them */
  sga_keys live[SGA_ROWS];      /* the keys that a row attends */
  const sga_score *score;
  const void *bias[SGA_ROWS];   /* numbers: max(mask log2 e, -MAX) a key; NULL without a mask */
  double slope[SGA_ROWS];       /* slope log2 e, rounded to the type; 0 without */
  int64_t distance[SGA_ROWS];   /* position of key 0 - position of the query */
  void *e[SGA_ROWS], *l[SGA_ROWS], *o[SGA_ROWS];        /* the open accumulator of each row */
  void *m[SGA_ROWS];            /* the largest t of the row so far */
  void *weights;                /* scratch: 3 * SGA_ROWS * SGA_BLOCK numbers, 64-byte aligned */
  sga_tally *tally;
} sga_piece;

/* Accumulators of n rows, e and l side by side; o row by row of `dim` padded numbers (few), or [dim][SGA_LANES] (many).  Where
   sums are pairs, o is followed by its low parts and these by the low part of l, each as o is, so that it has sga_width.  */
typedef struct sga_rows { void *e, *l, *o; } sga_rows;

static inline size_t sga_width(int parts, size_t dim) { return parts == 1 ? dim : 2 * dim + SGA_PAD; }

/* What will be read a block later, as it is stored: for each key of the piece a row, a hint.  from NULL: nothing.  */
typedef struct sga_ahead { const char *from; ptrdiff_t stride; size_t bytes; } sga_ahead;

/* Keys of one block for rows that share them, a row a lane.  */
typedef struct sga_lanes {
  int keys, rows;               /* 1 .. SGA_BLOCK, 1 .. SGA_LANES; lanes past the rows hold anything */
  bool fresh;                   /* the accumulators are empty, and their memory holds anything */
  int levels;                   /* joins that follow: node[i] <- node[i] + what came before, `open` first, which is used up */
  size_t dim_k, dim_v;
  const void *k, *v;            /* numbers, as in sga_piece */
  size_t k_stride, v_stride;    /* in numbers */
  sga_ahead k_next, v_next;
  int turn, turns;              /* each of so many calls with these keys asks for its share of the next */
  const void *q;                /* numbers [dim_k][SGA_LANES] */
  const uint32_t *live;         /* for each key the lanes that attend it */
  bool all;                     /* every row attends every key */
  const sga_score *score;
  const void *bias;             /* numbers [key][SGA_LANES], or NULL */
  const double *slope;          /* [SGA_LANES], as in sga_piece; NULL without slopes */
  const int64_t *distance;      /* [SGA_LANES] */
  sga_rows open, node[SGA_LEVELS];      /* the accumulators, and what they are joined to: [SGA_LANES], [dim_v][SGA_LANES] */
  void *m;                      /* numbers [SGA_LANES] */
  void *scores;                 /* scratch: numbers [SGA_BLOCK][SGA_LANES], 64-byte aligned */
  sga_tally *tally;
} sga_lanes;

/* Keys [first, last) of a block of the grid, each blocks of one half d and codes, d first; key `first` at `from`.  */
typedef struct sga_blocks {
  int format;                   /* a segattn_format */
  const char *from;
  ptrdiff_t key_stride, block_stride;
  int first, last;
  ptrdiff_t ahead;              /* as k_ahead */
} sga_blocks;

/* An arithmetic whose scores are of integer codes: what makes them, in the layouts of codes.h; `dim` a multiple of 32.  A
   piece's k is then where sga_key_scales() begins, stored as SGA_NUMBERS, or keys `in_place`, and its q a row of codes.  */
typedef struct sga_coder {
  sga_stored in_place;          /* for few rows, keys in q8_0 and what follows up to this, at most SGA_NEAR apart, stay so */
  void (*key_code)(void *keys, size_t dim, int j, const float *x);      /* key j from numbers; NULL: not to be read, zeros */
  void (*key_store)(void *keys, size_t dim, int j, const int8_t *code, const float *scale);     /* from codes */
  bool (*keys_blocks)(void *keys, size_t dim, const sga_blocks *blocks);        /* as key_store; false: not this format */
  void (*query_code)(void *row, size_t dim);            /* a row of numbers, in place */
  void (*lanes_code)(void *lanes, const void *const *rows, size_t n, size_t dim);       /* as lanes_set */
} sga_coder;

typedef struct sga_kernel {
  const char *arithmetic, *isa;
  const char *cpu;              /* what the machine must have (sga_cpu_has): the isa, or a later part of it */
  size_t size;                  /* bytes of a number */
  int parts;                    /* numbers of a sum: 1, or 2, a pair */
  sga_stored decodes;           /* it decodes what is stored as this or what comes before */
  void (*absorb)(const sga_piece *piece);                               /* rules 1 to 4, few rows */
  void (*absorb_lanes)(const sga_lanes *tile);                          /* the same, many rows */
  void (*join)(sga_rows left, sga_rows right, size_t n, size_t dim);    /* rule 5: left <- left + right */
  void (*join_lanes)(sga_rows left, sga_rows right, size_t dim);        /* the same, SGA_LANES lanes */
  void (*decode)(sga_stored stored, const void *from, ptrdiff_t stride, int rows, void *to, size_t n);  /* rows of n */
                                        /* elements, whole blocks, row j at + j * stride, to rows of n numbers side by side */
  void (*clear)(sga_rows rows, size_t n, size_t dim);                   /* the empty accumulator */
  void (*sink)(sga_rows row, size_t dim, double t);                     /* rule 6: joins one key of value 0 to one row */
  void (*sink_lanes)(sga_rows rows, size_t dim, const double *t);       /* to each lane; none where t is -inf */
  void (*divide)(sga_rows row, size_t dim);                             /* rule 6: o <- o / l, NaN canonical, no -0 */
  void (*divide_lanes)(sga_rows rows, size_t dim);
  bool (*infinite)(sga_rows row, size_t dim);                           /* is l or an o infinite? */
  uint32_t (*infinite_lanes)(sga_rows rows, size_t dim);                /* a bit per lane */
  void (*lanes_set)(void *lanes, const void *const *rows, size_t n, size_t dim);        /* [dim][SGA_LANES] <- n padded rows, */
  void (*lanes_get)(const void *lanes, void *const *rows, size_t n, size_t dim);        /* other lanes 0; and back */
  const sga_coder *coder;       /* NULL: scores are of numbers */
} sga_kernel;

#endif
