/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs of the bench, and what is right for them.

   A million normals, a prime number of them, are drawn once for each tensor and laid end to end as often as it needs: no two
   keys are alike, and every contestant can make the same bits from a small file.  In a format of blocks those that fill whole
   blocks are laid end to end, 32771 of them, a prime number too: no two of 32771 keys of a head are alike.  The exact rows are
   the oracle's, of the stored numbers.  */

#include "bench.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "message.h"
#include "oracle.h"
#include "place.h"
#include "random.h"
#include "report_data.h"
#include "store.h"

enum { PERIOD = 1048681, TENSORS = 1 + 2 * BENCH_PARTS, ROWS = 8, LAYER = 18 };

/* The stored numbers of a file.  */
typedef struct stored {
  double *x;
  size_t n;
} stored;

struct bench_inputs {
  char *folder;
  double *normal[TENSORS];      /* PERIOD each; drawn when first needed */
  bench_case c;
  const bench_case *written;    /* whose inputs are on the disk, or NULL */
  array exact[ROWS];            /* f64 */
  size_t head[ROWS], query[ROWS];
};

const char *const bench_k_file[BENCH_PARTS] = { "k", "k1" }, *const bench_v_file[BENCH_PARTS] = { "v", "v1" };

/* Tensor i of q, k, v of the first part, k, v of the second: how it is stored.  */
typedef struct tensor {
  const char *file;
  segattn_format format;
  size_t n;                     /* elements */
} tensor;

static tensor tensor_at(const bench_case *c, size_t i) {
  if (i == 0)
    return (tensor){ "q", c->q_format, c->q_heads * c->queries * c->dim };
  const bench_part *p = &c->part[(i - 1) / 2];
  return (tensor){ (i % 2 ? bench_k_file : bench_v_file)[(i - 1) / 2], p->format, c->kv_heads * p->keys * c->dim };
}

static size_t tensors_of(const bench_case *c) {
  return 1 + 2 * c->parts;
}

bench_inputs *bench_inputs_alloc(void) {
  const char *temporary = getenv("TMPDIR");
  bench_inputs *in = calloc(1, sizeof *in);
  if (in)
    in->folder = path_join(temporary && *temporary ? temporary : "/tmp", "segattn-bench-XXXXXX");
  if (in && in->folder && mkdtemp(in->folder))
    return in;
  if (!in || !in->folder)
    fail(FILES, "out of memory");
  else
    fail(FILES, "%s: cannot make a folder for scratch: %s (TMPDIR names its place)", in->folder, strerror(errno));
  if (in)
    free(in->folder);
  free(in);
  return NULL;
}

const char *bench_folder(const bench_inputs *in) {
  return in->folder;
}

static void forget_exact(bench_inputs *in) {
  for (size_t i = 0; i < ROWS; i++)
    array_free(&in->exact[i]);
}

void bench_inputs_free(bench_inputs *in) {
  static const char *const files[] = { "q", "k", "v", "k1", "v1", "out" };
  if (!in)
    return;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char *path = path_join(in->folder, files[i]);
    if (path)
      unlink(path);
    free(path);
  }
  rmdir(in->folder);
  forget_exact(in);
  for (size_t i = 0; i < TENSORS; i++)
    free(in->normal[i]);
  free(in->folder);
  free(in);
}

/* ---- the files ---- */

static double *normals(uint32_t seed) {
  random_stream *r = random_alloc(seed);
  double *x = malloc(PERIOD * sizeof *x);
  for (size_t i = 0; r && x && i < PERIOD; i++)
    x[i] = random_normal(r);
  if (!r || !x) {
    fail(FILES, "out of memory");
    free(x);
    x = NULL;
  }
  random_free(r);
  return x;
}

static int write_values(const bench_inputs *in, const tensor *t, const double *x, size_t n) {
  void *bytes = malloc(segattn_format_bytes(t->format, n));
  char *path = path_join(in->folder, t->file);
  int status = bytes && path ? DONE : fail(FILES, "out of memory");
  if (!status) {
    segattn_encode(t->format, x, bytes, n);
    status = file_write(path, bytes, segattn_format_bytes(t->format, n));
  }
  free(bytes);
  free(path);
  return status;
}

static int write_normal(bench_inputs *in) {
  int status = DONE;
  for (size_t i = 0; i < tensors_of(&in->c) && !status; i++) {
    tensor t = tensor_at(&in->c, i);
    size_t most = PERIOD - PERIOD % segattn_format_block(t.format);
    if (!in->normal[i])
      in->normal[i] = normals((uint32_t)(i + 1));
    status = in->normal[i] ? write_values(in, &t, in->normal[i], t.n < most ? t.n : most) : FILES;
  }
  return status;
}

static int write_capture(bench_inputs *in) {
  array x[3] = { { 0 } };
  size_t shape[7];
  int64_t q_start;
  double scale;
  bool causal;
  char *path = place_of("SEGATTN_PROVIDERS", "experiments/providers", "../data/smollm2.h5");
  int status = path ? DONE : fail(FILES, "out of memory");
  if (!status)
    status = store_import_shape(shape, &q_start, &scale, &causal, path, LAYER);
  if (!status)
    status = store_import(&x[0], &x[1], &x[2], path, LAYER);
  const bench_case *c = &in->c;
  if (!status && (shape[1] != c->q_heads || shape[2] != c->kv_heads || shape[3] != c->queries || shape[4] != c->keys ||
                  shape[5] != c->dim || q_start != (int64_t)(c->keys - c->queries)))
    status = fail(FILES, "%s: layer %d has another shape than the suite expects", path, LAYER);
  for (size_t i = 0; i < 3 && !status; i++) {
    double *values = array_values(&x[i]);
    tensor t = tensor_at(c, i);
    status = values ? write_values(in, &t, values, array_count(&x[i])) : FILES;
    free(values);
  }
  for (size_t i = 0; i < 3; i++)
    array_free(&x[i]);
  free(path);
  return status;
}

int bench_inputs_write(bench_inputs *in, const bench_case *c) {
  if (in->written == c)
    return DONE;
  forget_exact(in);
  in->c = *c;
  int status = c->capture ? write_capture(in) : write_normal(in);
  in->written = status ? NULL : c;
  return status;
}

void *bench_tensor(const char *folder, const char *name, size_t n) {
  enum { HUGE_PAGE = 2 << 20, SMALL = 4096 };
  size_t have = 0, align = n >= HUGE_PAGE ? HUGE_PAGE : SMALL, room = (n / align + 1) * align;
  char *path = path_join(folder, name), *bytes = NULL;
  char *to = path && !file_read(&bytes, &have, path) && have > 0 ? aligned_alloc(align, room) : NULL;
  if (to) {
    madvise(to, room, MADV_HUGEPAGE);
    for (size_t at = 0; at < n; at += have)
      memcpy(to + at, bytes, have < n - at ? have : n - at);
  }
  free(bytes);
  free(path);
  return to;
}

/* ---- the exact rows ---- */

static int read_stored(stored *s, const bench_inputs *in, const tensor *t) {
  char *path = path_join(in->folder, t->file), *bytes = NULL;
  size_t n = 0;
  int status = path ? file_read(&bytes, &n, path) : FILES;
  free(path);
  if (status)
    return status;
  s->n = n / segattn_format_bytes(t->format, 1) * segattn_format_block(t->format);
  s->x = malloc(s->n * sizeof *s->x + 1);
  if (s->x)
    segattn_decode(t->format, bytes, s->x, s->n);
  free(bytes);
  return s->x ? DONE : fail(FILES, "out of memory");
}

/* The keys or values of one head in all parts that the query sees; element i of a tensor is element i % n of its file.  */
static int head_of(array *to, const bench_case *c, const stored *parts, size_t head, size_t keys) {
  int status = array_alloc(to, SEGATTN_F64, 1, 1, keys, c->dim);
  double *x = to->data;
  size_t before = 0;
  for (size_t p = 0; !status && p < c->parts; before += c->part[p++].keys)
    for (size_t j = 0; j < c->part[p].keys && before + j < keys; j++)
      for (size_t d = 0; d < c->dim; d++) {
        size_t at = c->token_major ? (j * c->kv_heads + head) * c->dim + d : (head * c->part[p].keys + j) * c->dim + d;
        x[(before + j) * c->dim + d] = parts[2 * p].x[at % parts[2 * p].n];
      }
  return status;
}

static int exact_row(bench_inputs *in, size_t i, const stored *s) {
  const bench_case *c = &in->c;
  array q = { 0 }, k = { 0 }, v = { 0 }, lse = { 0 }, error = { 0 };
  const array none = { 0 };
  size_t head = in->head[i], keys = c->causal ? c->keys - c->queries + in->query[i] + 1 : c->keys;
  size_t kv = head / (c->q_heads / c->kv_heads);
  oracle_problem p = { .scale = 1 / sqrt((double)c->dim) };
  int status = array_alloc(&q, SEGATTN_F64, 1, 1, 1, c->dim);
  for (size_t d = 0; !status && d < c->dim; d++)
    ((double *)q.data)[d] = s[0].x[((head * c->queries + in->query[i]) * c->dim + d) % s[0].n];
  if (!status)
    status = head_of(&k, c, s + 1, kv, keys);
  if (!status)
    status = head_of(&v, c, s + 2, kv, keys);
  if (!status)
    status = oracle_attend(&in->exact[i], &lse, &error, &p, &q, &k, &v, &none);
  array_free(&q);
  array_free(&k);
  array_free(&v);
  array_free(&lse);
  array_free(&error);
  return status;
}

int bench_exact(bench_inputs *in) {
  stored s[TENSORS] = { { 0 } };
  int status = DONE;
  if (in->exact[ROWS - 1].data)
    return DONE;
  for (size_t i = 0; i < tensors_of(&in->c) && !status; i++) {
    tensor t = tensor_at(&in->c, i);
    status = read_stored(&s[i], in, &t);
  }
  for (size_t i = 0; i < ROWS && !status; i++) {        /* spread over heads and queries, first and last among them */
    in->head[i] = i * (in->c.q_heads - 1) / (ROWS - 1);
    in->query[i] = (i * 3 % ROWS) * (in->c.queries - 1) / (ROWS - 1);
    status = exact_row(in, i, s);
  }
  for (size_t i = 0; i < TENSORS; i++)
    free(s[i].x);
  return status;
}

double bench_relative_rms(const bench_inputs *in) {
  const bench_case *c = &in->c;
  char *path = path_join(in->folder, "out"), *bytes = NULL;
  size_t n = 0, size = bench_out_bytes(c);
  double difference = 0, exact = 0;
  bool read = path && !access(path, R_OK) && !file_read(&bytes, &n, path) && n == c->q_heads * c->queries * c->dim * size;
  for (size_t i = 0; read && i < ROWS; i++)
    for (size_t d = 0; d < c->dim; d++) {
      const char *at = bytes + ((in->head[i] * c->queries + in->query[i]) * c->dim + d) * size;
      double x = ((const double *)in->exact[i].data)[d], got;
      segattn_decode(size == sizeof(double) ? SEGATTN_F64 : SEGATTN_F32, at, &got, 1);
      difference += (got - x) * (got - x);
      exact += x * x;
    }
  if (path)
    unlink(path);
  free(bytes);
  free(path);
  return read ? sqrt(difference / exact) : NAN;
}
