/* SPDX-License-Identifier: GPL-3.0-or-later */
/* safetensors files: what the package safetensors wrote, value by value as numpy and ml_dtypes have them
   (experiments/providers/make_safetensors_golden.py), and every way to be damaged, written here byte by byte.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "file.h"
#include "golden.h"
#include "message.h"
#include "tap.h"
#include "tensor_file.h"

static char folder[200], path[256], golden_file[4096];

/* ---- what the package wrote ---- */

static int read_golden(array *a, const char *tensor, const char *axes) {
  char name[4300];
  snprintf(name, sizeof name, "%s:%s", golden_file, tensor);
  return tensor_read(a, name, axes, SEGATTN_FORMATS);
}

static bool same(double x, double y) {
  return (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
}

static void test_values(void) {
  static const struct { const char *name; segattn_format format; } t[] = {
    { "f64", SEGATTN_F64 }, { "f32", SEGATTN_F32 }, { "f16", SEGATTN_F16 }, { "bf16", SEGATTN_BF16 },
    { "f8e4m3", SEGATTN_F8E4M3 }, { "f8e5m2", SEGATTN_F8E5M2 }
  };
  enum { N = 256 };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char file[32];
    double expected[N], *got;
    size_t wrong = N;
    array a = { 0 };
    snprintf(file, sizeof file, "../safetensors/%s", t[i].name);
    golden_read(file, "f64", expected, sizeof expected, sizeof *expected);
    int status = read_golden(&a, t[i].name, NULL);
    bool shape = a.shape[0] == 1 && a.shape[1] == 2 && a.shape[2] == 4 && a.shape[3] == 32;
    if (status == DONE && shape && (got = array_values(&a))) {
      wrong = 0;
      for (size_t j = 0; j < N; j++)
        wrong += !same(got[j], expected[j]);
      free(got);
    }
    ok(wrong == 0 && a.format == t[i].format, "%s: %d elements as numpy and ml_dtypes have them (%zu wrong)", t[i].name, N,
       wrong);
    array_free(&a);
  }
}

/* Elements 0, 1, 2, ... in C order of the file, read in these axes.  */
static bool counts(const array *a, const size_t shape[4], const size_t step[4]) {
  double *x = array_values(a);
  size_t at = 0;
  bool right = x && !memcmp(a->shape, shape, sizeof a->shape);
  for (size_t b = 0; right && b < shape[0]; b++)
    for (size_t h = 0; h < shape[1]; h++)
      for (size_t p = 0; p < shape[2]; p++)
        for (size_t d = 0; d < shape[3]; d++)
          right &= x[at++] == (double)(b * step[0] + h * step[1] + p * step[2] + d * step[3]);
  free(x);
  return right;
}

static void test_others(void) {
  array a = { 0 };
  ok(read_golden(&a, "four axes", NULL) == DONE && counts(&a, (size_t[]){ 1, 2, 3, 4 }, (size_t[]){ 24, 12, 4, 1 }),
     "four axes");
  array_free(&a);
  ok(read_golden(&a, "four axes", "bphd") == DONE && counts(&a, (size_t[]){ 1, 3, 2, 4 }, (size_t[]){ 24, 4, 12, 1 }),
     "axes in another order");
  array_free(&a);
  ok(read_golden(&a, "layers.0/self_attn:q \303\251\"\\\n.safetensors:/x", NULL) == DONE &&
     counts(&a, (size_t[]){ 1, 1, 2, 3 }, (size_t[]){ 6, 6, 3, 1 }), "a name with a slash, a colon, quotes and more");
  array_free(&a);
  ok(read_golden(&a, "empty", NULL) == DONE && array_count(&a) == 0 && a.shape[1] == 2 && a.shape[3] == 4, "no elements");
  array_free(&a);
  ok(read_golden(&a, "mask", "mask") == DONE && a.format == SEGATTN_BOOL && a.shape[2] == 3 && a.shape[3] == 5,
     "a Boolean mask");
  array_free(&a);
  static const char *const useless[] = { "scalar", "vector", "i32", "u8" };
  for (size_t i = 0; i < sizeof useless / sizeof *useless; i++)
    ok(read_golden(&a, useless[i], NULL) == USAGE && !a.data, "%s is refused", useless[i]);
  ok(read_golden(&a, "f32", "hp") == USAGE && !a.data, "axes that do not fit are refused");
  ok(read_golden(&a, "f33", NULL) == FILES && !a.data, "a name that is not there");
  ok(read_golden(&a, "__metadata__", NULL) == FILES && !a.data, "metadata is no tensor");
  ok(tensor_read(&a, golden_file, NULL, SEGATTN_FORMATS) == USAGE && !a.data, "no name at all");
}

static void test_truncated(void) {
  char *bytes;
  size_t n, wrong = 0;
  array a = { 0 };
  if (file_read(&bytes, &n, golden_file) != DONE)
    return;
  char name[300];
  snprintf(name, sizeof name, "%s:f64", path);
  for (size_t cut = 0; cut < n; cut += cut < 1600 ? 1 : 37)
    wrong += file_write(path, bytes, cut) != DONE || tensor_read(&a, name, NULL, SEGATTN_FORMATS) != FILES || a.data;
  ok(wrong == 0, "a file cut short anywhere is refused, even where the tensor is whole (%zu times not)", wrong);
  free(bytes);
}

/* ---- byte by byte ---- */

/* A file of this header and so many bytes of elements: 0, 1, 2, ...  */
static int write_file(const char *header, uint64_t length, size_t bytes) {
  char all[4096];
  size_t n = 8;
  for (int i = 0; i < 8; i++)
    all[i] = (char)(length >> 8 * i & 255);
  memcpy(all + n, header, strlen(header));
  n += strlen(header);
  for (size_t i = 0; i < bytes; i++)
    all[n++] = (char)i;
  return file_write(path, all, n);
}

static int read_x(array *a, const char *header, size_t bytes) {
  char name[300];
  snprintf(name, sizeof name, "%s:x", path);
  return write_file(header, strlen(header), bytes) == DONE ? tensor_read(a, name, NULL, SEGATTN_FORMATS) : -1;
}

/* x is 24 bytes, 1 x 2 x 3 of F32.  */
#define X "\"x\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":[0,24]}"
#define Y(begin, end) "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" #begin "," #end "]}"

static void test_legal(void) {
  static const struct { const char *text, *header; size_t bytes; } t[] = {
    { "one tensor", "{" X "}", 24 }, { "blanks after it", "{" X "}    ", 24 },
    { "blanks in it", "{ \"x\" : {\"dtype\":\"F32\",\n"
      "\t\"shape\" : [ 1, 2, 3 ], \"data_offsets\":[0 , 24]} }", 24 },
    { "another after it", "{" Y(24, 32) "," X "}", 32 },
    { "empty ones at the same place", "{\"e\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[0,0]}," X
      ",\"f\":{\"dtype\":\"F64\",\"shape\":[4,0],\"data_offsets\":[24,24]}}", 24 },
    { "metadata", "{\"__metadata__\":{\"format\":\"pt\",\"x\":\"{}\"}," X "}", 24 },
    { "no metadata", "{\"__metadata__\":{}," X "}", 24 },
    { "a type that is not known", "{\"y\":{\"dtype\":\"F4\",\"shape\":[16],\"data_offsets\":[24,32]}," X "}", 32 },
    { "a name in escapes", "{\"\\u0078\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":[0,24]}}", 24 },
    { "more members", "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":[0,24],\"more\":[{}]}}", 24 }
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    array a = { 0 };
    int status = read_x(&a, t[i].header, t[i].bytes);
    bool right = status == DONE && a.format == SEGATTN_F32 && array_count(&a) == 6 && a.shape[2] == 2 && a.shape[3] == 3;
    for (size_t j = 0; right && j < 24; j++)
      right = ((unsigned char *)a.data)[j] == j;
    ok(right, "legal: %s", t[i].text);
    array_free(&a);
  }
}

#define SHAPE(text, end) "{\"x\":{\"dtype\":\"F32\",\"shape\":" text ",\"data_offsets\":[0," #end "]}}"
#define OFFSETS(text) "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":" text "}}"

static void test_bad(void) {
  static const struct { const char *text, *header; size_t bytes; } t[] = {
    { "nothing", "", 24 }, { "no object", "[1]", 24 }, { "a blank first", " {" X "}", 24 }, { "no end", "{" X, 24 },
    { "more than an object", "{" X "} {}", 24 }, { "a comma too many", "{" X ",}", 24 },
    { "no UTF-8", "{\"\xff\":1," X "}", 24 },
    { "NUL in a name", "{\"x\\u0000\":1," X "}", 24 },
    { "a name twice", "{" X "," X "}", 24 },
    { "a member twice", "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1,2,3],"
      "\"data_offsets\":[0,24]}}", 24 },
    { "a tensor that is no object", "{\"x\":3}", 24 }, { "nothing of a tensor", "{\"x\":{}}", 24 },
    { "an empty header", "{}", 24 },
    { "no type", "{\"x\":{\"shape\":[1,2,3],\"data_offsets\":[0,24]}}", 24 },
    { "a type that is a number", "{\"x\":{\"dtype\":4,\"shape\":[1,2,3],\"data_offsets\":[0,24]}}", 24 },
    { "no shape", "{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,24]}}", 24 },
    { "no offsets", "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,2,3]}}", 24 },
    { "metadata that is no object", "{\"__metadata__\":\"pt\"," X "}", 24 },
    { "metadata that are no texts", "{\"__metadata__\":{\"a\":1}," X "}", 24 },
    { "a negative length", SHAPE("[1,-2,-3]", 24), 24 }, { "a length with a point", SHAPE("[1,2.0,3]", 24), 24 },
    { "a length in words", SHAPE("[1,\"2\",3]", 24), 24 }, { "a shape that is no list", SHAPE("6", 24), 24 },
    { "a length beyond 2^63", SHAPE("[1,2,9223372036854775808]", 24), 24 },
    { "a product that is 24 modulo 2^64", SHAPE("[4611686018427387904,1,4,6]", 24), 24 },
    { "a product beyond the memory", SHAPE("[4294967296,4294967296,4]", 24), 24 },
    { "a shape too large", SHAPE("[1,2,4]", 24), 24 }, { "a shape too small", SHAPE("[1,2,2]", 24), 24 },
    { "one offset", OFFSETS("[0]"), 24 }, { "three offsets", OFFSETS("[0,24,24]"), 24 },
    { "offsets in words", OFFSETS("[\"0\",24]"), 24 },
    { "the end before the beginning", OFFSETS("[24,0]"), 24 }, { "a negative offset", OFFSETS("[-24,0]"), 24 },
    { "offsets beyond the file", OFFSETS("[24,48]"), 24 }, { "a gap at the beginning", OFFSETS("[1,25]"), 25 },
    { "offsets beyond 2^63", OFFSETS("[9223372036854775808,9223372036854775832]"), 24 },
    { "offsets near 2^63", OFFSETS("[9223372036854775783,9223372036854775807]"), 24 },
    { "elements cut short", "{" X "}", 23 }, { "bytes after the end", "{" X "}", 25 },
    { "an overlap", "{" X "," Y(20, 28) "}", 28 }, { "one in the other", "{" X "," Y(0, 8) "}", 24 },
    { "a gap", "{" X "," Y(28, 36) "}", 36 }
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    array a = { 0 };
    int status = read_x(&a, t[i].header, t[i].bytes);
    if (!ok(status == FILES && !a.data, "damaged: %s", t[i].text))
      diag("status %d, expected %d", status, FILES);
    array_free(&a);
  }
}

static void test_length(void) {
  static const uint64_t lengths[] = {
    0, 1, 90, 100000000, 100000001, UINT64_C(1) << 32, INT64_MAX, UINT64_MAX - 7, UINT64_MAX
  };
  char name[300];
  size_t wrong = 0;
  array a = { 0 };
  snprintf(name, sizeof name, "%s:x", path);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    wrong += write_file("{" X "}", lengths[i], 24) != DONE || tensor_read(&a, name, NULL, SEGATTN_FORMATS) != FILES || a.data;
  ok(wrong == 0, "wrong lengths of the header are refused (%zu not)", wrong);
  char deep[3001];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = 0;
  memcpy(deep, "{\"x\":", 5);
  ok(read_x(&a, deep, 24) == FILES && !a.data, "a header that nests too deep is refused");
}

/* No byte of the header, changed, gives another outcome than the right elements or a refusal.  */
static void test_changed(void) {
  static const char header[] = "{" X "," Y(24, 32) "}";
  char other[sizeof header];
  size_t crashed = 0, refused = 0;
  for (size_t i = 0; i < sizeof header - 1; i++)
    for (int bit = 0; bit < 8; bit++) {
      array a = { 0 };
      memcpy(other, header, sizeof other);
      other[i] = (char)(other[i] ^ 1 << bit);
      if (!other[i])
        continue;
      int status = read_x(&a, other, 32);
      refused += status != DONE;
      crashed += status == DONE ? array_count(&a) != 6 : status != FILES && status != USAGE;
      array_free(&a);
    }
  ok(crashed == 0 && refused > 0, "a changed bit of the header is refused (%zu) or changes nothing but names", refused);
}

int main(void) {
  const char *temporary = getenv("TMPDIR"), *source = getenv("srcdir");
  snprintf(golden_file, sizeof golden_file, "%s/tests/data/safetensors/tensors.safetensors", source ? source : ".");
  snprintf(folder, sizeof folder, "%s/segattn-safetensors-XXXXXX", temporary ? temporary : "/tmp");
  if (!mkdtemp(folder))
    skip_all("no temporary folder");
  snprintf(path, sizeof path, "%s/a b.safetensors", folder);
  test_values();
  test_others();
  test_truncated();
  test_legal();
  test_bad();
  test_length();
  test_changed();
  unlink(path);
  ok(rmdir(folder) == 0, "no temporary file is left");
  return done();
}
