/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs of the bench, and what is right for them.

   A million normals, a prime number of them, are drawn once and laid end to end as often as a tensor needs: no two keys are
   alike, and every contestant can make the same bits from a small file.  The exact rows are the oracle's.  */

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

enum { PERIOD = 1048573, Q_SEED = 1, K_SEED = 2, V_SEED = 3, ROWS = 8, LAYER = 18 };

struct bench_inputs {
  char *folder;
  double *normal[3];            /* PERIOD each; drawn when first needed */
  bench_case c;
  const bench_case *written;    /* whose inputs are on the disk, or NULL */
  array exact[ROWS];            /* f64 */
  size_t head[ROWS], query[ROWS];
};

static const char *const tensors[] = { "q", "k", "v" };

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
  static const char *const files[] = { "q", "k", "v", "out" };
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
  for (size_t i = 0; i < 3; i++)
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

static int write_values(const bench_inputs *in, size_t which, const double *x, size_t n) {
  void *bytes = malloc(segattn_format_bytes(in->c.format, n));
  char *path = path_join(in->folder, tensors[which]);
  int status = bytes && path ? DONE : fail(FILES, "out of memory");
  if (!status) {
    segattn_encode(in->c.format, x, bytes, n);
    status = file_write(path, bytes, segattn_format_bytes(in->c.format, n));
  }
  free(bytes);
  free(path);
  return status;
}

static int write_normal(bench_inputs *in) {
  static const uint32_t seed[] = { Q_SEED, K_SEED, V_SEED };
  int status = DONE;
  for (size_t i = 0; i < 3 && !status; i++) {
    size_t whole = i ? in->c.kv_heads * in->c.keys * in->c.dim : in->c.q_heads * in->c.queries * in->c.dim;
    if (!in->normal[i])
      in->normal[i] = normals(seed[i]);
    status = in->normal[i] ? write_values(in, i, in->normal[i], whole < PERIOD ? whole : PERIOD) : FILES;
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
    status = values ? write_values(in, i, values, array_count(&x[i])) : FILES;
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

/* The keys or values of one head, as many as the query sees; element i of the tensor is element i % have of the file.  */
static int head_of(array *to, const bench_inputs *in, const char *bytes, size_t have, size_t head, size_t keys) {
  const bench_case *c = &in->c;
  size_t size = segattn_format_bytes(c->format, 1);
  int status = array_alloc(to, c->format, 1, 1, keys, c->dim);
  for (size_t j = 0; !status && j < keys; j++)
    for (size_t d = 0; d < c->dim; d++) {
      size_t at = c->token_major ? (j * c->kv_heads + head) * c->dim + d : (head * c->keys + j) * c->dim + d;
      memcpy((char *)to->data + (j * c->dim + d) * size, bytes + at % have * size, size);
    }
  return status;
}

static int exact_row(bench_inputs *in, size_t i, char *const bytes[3], const size_t have[3]) {
  const bench_case *c = &in->c;
  array q = { 0 }, k = { 0 }, v = { 0 }, lse = { 0 }, error = { 0 };
  const array none = { 0 };
  size_t head = in->head[i], keys = c->causal ? c->keys - c->queries + in->query[i] + 1 : c->keys;
  size_t size = segattn_format_bytes(c->format, 1), kv = head / (c->q_heads / c->kv_heads);
  oracle_problem p = { .scale = 1 / sqrt((double)c->dim) };
  int status = array_alloc(&q, c->format, 1, 1, 1, c->dim);
  for (size_t d = 0; !status && d < c->dim; d++)
    memcpy((char *)q.data + d * size, bytes[0] + ((head * c->queries + in->query[i]) * c->dim + d) % have[0] * size, size);
  if (!status)
    status = head_of(&k, in, bytes[1], have[1], kv, keys);
  if (!status)
    status = head_of(&v, in, bytes[2], have[2], kv, keys);
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
  char *bytes[3] = { NULL };
  size_t have[3] = { 0 }, size = segattn_format_bytes(in->c.format, 1);
  int status = DONE;
  if (in->exact[ROWS - 1].data)
    return DONE;
  for (size_t i = 0; i < 3 && !status; i++) {
    char *path = path_join(in->folder, tensors[i]);
    status = path ? file_read(&bytes[i], &have[i], path) : FILES;
    have[i] /= size;
    free(path);
  }
  for (size_t i = 0; i < ROWS && !status; i++) {        /* spread over heads and queries, first and last among them */
    in->head[i] = i * (in->c.q_heads - 1) / (ROWS - 1);
    in->query[i] = (i * 3 % ROWS) * (in->c.queries - 1) / (ROWS - 1);
    status = exact_row(in, i, bytes, have);
  }
  for (size_t i = 0; i < 3; i++)
    free(bytes[i]);
  return status;
}

double bench_relative_rms(const bench_inputs *in) {
  const bench_case *c = &in->c;
  char *path = path_join(in->folder, "out"), *bytes = NULL;
  size_t n = 0, size = c->format == SEGATTN_F64 ? sizeof(double) : sizeof(float);
  double difference = 0, exact = 0;
  bool read = path && !access(path, R_OK) && !file_read(&bytes, &n, path) && n == c->q_heads * c->queries * c->dim * size;
  for (size_t i = 0; read && i < ROWS; i++)
    for (size_t d = 0; d < c->dim; d++) {
      const char *at = bytes + ((in->head[i] * c->queries + in->query[i]) * c->dim + d) * size;
      double x = ((const double *)in->exact[i].data)[d], got;
      segattn_decode(c->format == SEGATTN_F64 ? SEGATTN_F64 : SEGATTN_F32, at, &got, 1);
      difference += (got - x) * (got - x);
      exact += x * x;
    }
  if (path)
    unlink(path);
  free(bytes);
  free(path);
  return read ? sqrt(difference / exact) : NAN;
}
