/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .npy files, byte by byte: every version, type, byte order and order of axes that is legal, and every way to be damaged.

   The files are written here from their definition (NEP 1), not by the code under test.  */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "file.h"
#include "message.h"
#include "tap.h"
#include "tensor_file.h"

static char folder[200], path[256], other[256], nowhere[256];

/* ---- a .npy file from its parts ---- */

typedef struct npy { char bytes[4096]; size_t n; } npy;

static void put(npy *f, const void *bytes, size_t n) {
  memcpy(f->bytes + f->n, bytes, n);
  f->n += n;
}

/* Magic, version, length, header padded to 64 bytes.  */
static npy start(int version, const char *header) {
  npy f = { .n = 0 };
  size_t fixed = version == 1 ? 10 : 12, total = (fixed + strlen(header) + 1 + 63) / 64 * 64, length = total - fixed;
  unsigned char size[4] = { (unsigned char) length, (unsigned char) (length >> 8), 0, 0 };
  put(&f, "\x93NUMPY", 6);
  put(&f, (char[]) { (char) version, 0 }, 2);
  put(&f, size, fixed - 8);
  put(&f, header, strlen(header));
  memset(f.bytes + f.n, ' ', total - f.n);
  f.n = total;
  f.bytes[total - 1] = '\n';
  return f;
}

static void put_swapped(npy *f, const void *element, size_t n) {
  for (size_t i = n; i-- > 0;)
    put(f, (const char *) element + i, 1);
}

static int read_it(array *a, const npy *f, const char *axes, segattn_format raw) {
  if (file_write(path, f->bytes, f->n) != DONE)
    return -1;
  return tensor_read(a, path, axes, raw);
}

/* ---- what is legal ---- */

/* The test tensor: element [h][p][d] of [2][3][4] is 100 h + 10 p + d, exact in every format.  */
enum { H = 2, P = 3, D = 4, N = H * P * D };
static double value(size_t h, size_t p, size_t d) { return (double) (100 * h + 10 * p + d); }

static bool holds_values(const array *a) {
  double *x = array_values(a);
  bool same = x && a->shape[0] == 1 && a->shape[1] == H && a->shape[2] == P && a->shape[3] == D;
  for (size_t i = 0; same && i < N; i++)
    same = x[i] == value(i / (P * D), i / D % P, i % D);
  free(x);
  return same;
}

/* All elements in the order that three loops over `size` visit them; axis[i] tells which of h, p, d loop i is.  */
static void put_values(npy *f, segattn_format format, const size_t axis[3], bool swapped) {
  static const size_t size[3] = { H, P, D };
  size_t at[3];
  for (size_t i = 0; i < size[axis[0]]; i++)
    for (size_t j = 0; j < size[axis[1]]; j++)
      for (size_t k = 0; k < size[axis[2]]; k++) {
        char element[8];
        at[axis[0]] = i, at[axis[1]] = j, at[axis[2]] = k;
        double x = value(at[0], at[1], at[2]);
        segattn_encode(format, &x, element, 1);
        (swapped ? put_swapped : (void (*)(npy *, const void *, size_t)) put)(f, element, segattn_format_bytes(format, 1));
      }
}

static void test_legal(void) {
  static const struct {
    const char *text, *descr, *fortran, *shape, *axes;
    int version;
    segattn_format format, raw;
    size_t order[3];
    bool swap;
  } t[] = {
    { "f8", "<f8", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F64, SEGATTN_FORMATS, { 0, 1, 2 }, false },
    { "f4", "<f4", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F32, SEGATTN_FORMATS, { 0, 1, 2 }, false },
    { "f2", "<f2", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F16, SEGATTN_FORMATS, { 0, 1, 2 }, false },
    { "f8 of the other byte order", ">f8", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F64, SEGATTN_FORMATS, { 0, 1, 2 }, true },
    { "f4 of the other byte order", ">f4", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F32, SEGATTN_FORMATS, { 0, 1, 2 }, true },
    { "f2 of the other byte order", ">f2", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F16, SEGATTN_FORMATS, { 0, 1, 2 }, true },
    { "Fortran order", "<f4", "True", "(2, 3, 4)", NULL, 1, SEGATTN_F32, SEGATTN_FORMATS, { 2, 1, 0 }, false },
    { "version 2.0", "<f4", "False", "(2, 3, 4)", NULL, 2, SEGATTN_F32, SEGATTN_FORMATS, { 0, 1, 2 }, false },
    { "version 3.0", "<f4", "False", "(2, 3, 4)", NULL, 3, SEGATTN_F32, SEGATTN_FORMATS, { 0, 1, 2 }, false },
    { "four axes", "<f4", "False", "(1, 2, 3, 4)", NULL, 1, SEGATTN_F32, SEGATTN_FORMATS, { 0, 1, 2 }, false },
    { "axes phd", "<f4", "False", "(3, 2, 4)", "phd", 1, SEGATTN_F32, SEGATTN_FORMATS, { 1, 0, 2 }, false },
    { "axes bdhp in Fortran order", "<f4", "True", "(1, 4, 2, 3)", "bdhp", 1, SEGATTN_F32, SEGATTN_FORMATS, { 1, 0, 2 },
      false },
    { "raw u2 as bf16", "<u2", "False", "(2, 3, 4)", NULL, 1, SEGATTN_BF16, SEGATTN_BF16, { 0, 1, 2 }, false },
    { "raw V2 as f16", "|V2", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F16, SEGATTN_F16, { 0, 1, 2 }, false },
    { "raw u2 of the other byte order", ">u2", "False", "(2, 3, 4)", NULL, 1, SEGATTN_F16, SEGATTN_F16, { 0, 1, 2 }, true }
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char header[160];
    array a = { 0 };
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", t[i].descr, t[i].fortran,
             t[i].shape);
    npy f = start(t[i].version, header);
    put_values(&f, t[i].format, t[i].order, t[i].swap);
    int status = read_it(&a, &f, t[i].axes, t[i].raw);
    /* bf16 has 8 bits: 123 and below are exact */
    ok(status == DONE && a.format == t[i].format && holds_values(&a), "%s is read", t[i].text);
    array_free(&a);
  }
}

static void test_mask(void) {
  npy f = start(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), }");
  array a = { 0 };
  put(&f, "\1\0\1\0\0\1", 6);
  int status = read_it(&a, &f, "mask", SEGATTN_FORMATS);
  ok(status == DONE && a.format == SEGATTN_BOOL && a.shape[2] == 2 && a.shape[3] == 3 && memcmp(a.data, "\1\0\1\0\0\1", 6) == 0,
     "a bool mask [query][key] is read");
  array_free(&a);
  ok(read_it(&a, &f, NULL, SEGATTN_FORMATS) == USAGE, "two axes are an error for what is no mask");
}

static void test_header_text(void) {
  static const char *const legal[] = {
    "{'shape': (2, 3, 4), 'fortran_order': False, 'descr': '<f4'}",
    "{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(2,3,4,)}",
    "{ 'descr' : '=f4' , 'fortran_order' : False , 'shape' : ( 2 , 3 , 4 ) , }"
  };
  for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) {
    npy f = start(1, legal[i]);
    array a = { 0 };
    put_values(&f, SEGATTN_F32, (size_t[]) { 0, 1, 2 }, false);
    ok(read_it(&a, &f, NULL, SEGATTN_FORMATS) == DONE && holds_values(&a), "legal header %s", legal[i]);
    array_free(&a);
  }
}

/* ---- what is not ---- */

static void test_bad_headers(void) {
  static const struct { int status; const char *header; } t[] = {
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 5), }" },        /* 30 elements, 24 there */
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 3), }" },        /* 18 */
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }" },
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 4611686018427387928), }" },     /* 96 modulo 2^64 */
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 1, 1), }" },
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3, 4), }" },
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4" },
    { FILES, "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3, 4), }" },
    { FILES, "{'descr': '<f4', 'shape': (2, 3, 4), }" },
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), 'x': 1, }" },
    { FILES, "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2, 3, 4), }" },
    { FILES, "{'descr': '<f4, 'fortran_order': False, 'shape': (2, 3, 4), }" },
    { FILES, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), } x" },
    { FILES, "" },
    { USAGE, "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3, 4), }" },
    { USAGE, "{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3, 2), }" },
    { USAGE, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3, 4), }" },
    { USAGE, "{'descr': '<f16', 'fortran_order': False, 'shape': (2, 3, 1), }" },
    { USAGE, "{'descr': '<u2', 'fortran_order': False, 'shape': (4, 3, 4), }" },        /* raw, and nobody said of what */
    { USAGE, "{'descr': '<f4', 'fortran_order': False, 'shape': (24,), }" },
    { USAGE, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }" },
    { USAGE, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2, 3, 4), }" }
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    npy f = start(1, t[i].header);
    array a = { 0 };
    put_values(&f, SEGATTN_F32, (size_t[]) { 0, 1, 2 }, false);
    int status = read_it(&a, &f, NULL, SEGATTN_FORMATS);
    if (!ok(status == t[i].status && !a.data, "bad header %s", t[i].header))
      diag("status %d, expected %d", status, t[i].status);
    array_free(&a);
  }
}

static void test_truncated(void) {
  npy f = start(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }");
  put_values(&f, SEGATTN_F32, (size_t[]) { 0, 1, 2 }, false);
  size_t whole = f.n, wrong = 0;
  array a = { 0 };
  for (f.n = 0; f.n < whole; f.n++)
    wrong += read_it(&a, &f, NULL, SEGATTN_FORMATS) != FILES || a.data;
  ok(wrong == 0, "a file cut after any of its %zu bytes is refused", whole);
  f.bytes[0] = 'X';
  f.n = whole;
  ok(read_it(&a, &f, NULL, SEGATTN_FORMATS) == FILES, "a wrong magic is refused");
  f.bytes[0] = '\x93';
  f.bytes[6] = 4;
  ok(read_it(&a, &f, NULL, SEGATTN_FORMATS) == FILES, "version 4.0 is refused");
  f.bytes[6] = 1;
  put(&f, "more", 4);
  ok(read_it(&a, &f, NULL, SEGATTN_FORMATS) == FILES, "bytes after the end are refused");
}

static void test_axes(void) {
  static const char *const bad[] = { "hp", "bhpd", "hpp", "hpx", "", "hpdhpd" };
  npy f = start(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }");
  put_values(&f, SEGATTN_F32, (size_t[]) { 0, 1, 2 }, false);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    array a = { 0 };
    ok(read_it(&a, &f, bad[i], SEGATTN_FORMATS) == USAGE && !a.data, "axes '%s' do not fit", bad[i]);
  }
}

/* ---- raw bytes ---- */

/* fp8 codes one by one; blocks along the last axis, which counts their bytes.  */
static void test_raw(void) {
  static const char *const header[] = { "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 36), }",
    "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 36), }",
    "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3, 18), }" };
  unsigned char bytes[216];
  array a = { 0 };
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (unsigned char) (i * 7);
  npy f = start(1, header[0]);
  put(&f, bytes, sizeof bytes);
  ok(read_it(&a, &f, NULL, SEGATTN_F8E5M2) == DONE && a.format == SEGATTN_F8E5M2 && a.shape[SEGATTN_DIM] == 36 &&
     !memcmp(a.data, bytes, sizeof bytes), "raw bytes as f8e5m2");
  array_free(&a);
  ok(read_it(&a, &f, NULL, SEGATTN_Q4_0) == DONE && a.format == SEGATTN_Q4_0 && a.shape[SEGATTN_DIM] == 64 &&
     a.shape[SEGATTN_POS] == 3 && !memcmp(a.data, bytes, sizeof bytes), "raw bytes as blocks of q4_0");
  array_free(&a);
  unsigned char turned[216];
  for (size_t h = 0; h < 2; h++)
    for (size_t p = 0; p < 3; p++)
      memcpy(turned + (p * 2 + h) * 36, bytes + (h * 3 + p) * 36, 36);
  npy g = start(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 36), }");
  put(&g, turned, sizeof turned);
  ok(read_it(&a, &g, "phd", SEGATTN_Q4_0) == DONE && a.shape[SEGATTN_HEAD] == 2 && !memcmp(a.data, bytes, sizeof bytes),
     "blocks in axes phd");
  array_free(&a);
  ok(read_it(&a, &f, "hdp", SEGATTN_Q4_0) == USAGE && !a.data, "blocks that do not lie along the last axis are refused");
  ok(read_it(&a, &f, NULL, SEGATTN_Q8_0) == USAGE && !a.data, "36 bytes are no whole blocks of q8_0");
  f = start(1, header[1]);
  put(&f, bytes, sizeof bytes);
  ok(read_it(&a, &f, NULL, SEGATTN_Q4_0) == USAGE && !a.data, "blocks in Fortran order are refused");
  f = start(1, header[2]);
  put(&f, bytes, sizeof bytes);
  ok(read_it(&a, &f, NULL, SEGATTN_Q4_0) == USAGE && !a.data, "blocks are no 16-bit integers");
}

/* ---- writing ---- */

static bool same_file(const char *name, const npy *f) {
  char *bytes;
  size_t n;
  if (file_read(&bytes, &n, name) != DONE)
    return false;
  bool same = n == f->n && memcmp(bytes, f->bytes, n) == 0;
  free(bytes);
  return same;
}

/* A device that is always full.  As root it is one of our own: code that replaced it would replace the machine's.  */
static void test_full(const array *a) {
  char name[256];
  snprintf(name, sizeof name, "%s/full.npy", folder);
  int made = geteuid() == 0 ? mknod(name, S_IFCHR | 0666, makedev(1, 7)) : symlink("/dev/full", name);
  if (made == 0 && access("/dev/full", W_OK) == 0)
    ok(tensor_write(name, a, NULL, NULL) == FILES, "a full device is an error");
  else
    skip("no full device");
  unlink(name);
}

static void test_write(void) {
  array a = { 0 };
  npy in = start(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }");
  npy turned = start(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4, 2), }");
  put_values(&in, SEGATTN_F32, (size_t[]) { 0, 1, 2 }, false);
  put_values(&turned, SEGATTN_F32, (size_t[]) { 1, 2, 0 }, false);
  bool read = read_it(&a, &in, NULL, SEGATTN_FORMATS) == DONE;
  ok(read && tensor_write(other, &a, NULL, NULL) == DONE && same_file(other, &in),
     "what is written has the bytes of the definition");
  ok(read && tensor_write(other, &a, "pdh", NULL) == DONE && same_file(other, &turned), "axes pdh are written in this order");
  ok(tensor_write(other, &a, "hp", NULL) == USAGE && same_file(other, &turned),
     "an axis cannot be left out; the old file stays");
  ok(tensor_write(nowhere, &a, NULL, NULL) == FILES, "a folder that is not there");
  ok(tensor_write("x.txt", &a, NULL, NULL) == USAGE, "an ending that is none of ours");
  test_full(&a);
  array_free(&a);
}

int main(void) {
  const char *temporary = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/segattn-npy-XXXXXX", temporary ? temporary : "/tmp");
  if (!mkdtemp(folder))
    skip_all("no temporary folder");
  snprintf(path, sizeof path, "%s/a b.npy", folder);
  snprintf(nowhere, sizeof nowhere, "%s/nowhere/x.npy", folder);
  snprintf(other, sizeof other, "%s/out.npy", folder);
  if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
    skip_all("written for little-endian machines");
  test_legal();
  test_mask();
  test_header_text();
  test_bad_headers();
  test_truncated();
  test_axes();
  test_raw();
  test_write();
  unlink(path);
  unlink(other);
  ok(rmdir(folder) == 0, "no temporary file is left");
  return done();
}
