/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The references are what PyTorch and ggml really answer, and what they answer agrees with the oracle.

   Twice: first without Python, where all comes from the committed pack; then, where torch, ggml and h5py are there, with
   the providers themselves. The numbers of the first report are reproduced digit by digit from the pack. The yardstick
   for f32 answers is the bound of our own f32 evaluation: what `judge` would hold against them.  */

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "message.h"
#include "store.h"
#include "tap.h"

static const char *source, *program;
static char *work;

static char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text(const char *format, ...) {
  char *made;
  va_list list;
  va_start(list, format);
  if (vasprintf(&made, format, list) < 0)
    abort();
  va_end(list);
  return made;
}

/* Its exit status; what it prints on standard output is dropped.  */
static int run(const char *const *argv) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    if (freopen("/dev/null", "w", stdout))
      execvp(argv[0], (char **) argv);
    _exit(127);
  }
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- a result file ---- */

typedef struct results { result *at; size_t n; } results;

static results read_results(const char *path) {
  results r = {0};
  char (*ids)[ID_SIZE];
  size_t n = 0;
  if (store_ids(&ids, &n, path) != DONE)
    return r;
  r.at = calloc(n, sizeof *r.at);
  while (r.at && r.n < n && store_case_read(&r.at[r.n], path, ids[r.n]) == DONE)
    r.n++;
  free(ids);
  return r;
}

static void results_free(results *r) {
  for (size_t i = 0; i < r->n; i++)
    result_free(&r->at[i]);
  free(r->at);
}

static const char *attribute_of(const reference *ref, const char *name) {
  for (size_t i = 0; i < ref->n_attributes; i++)
    if (strcmp(ref->attributes[i].name, name) == 0)
      return ref->attributes[i].value;
  return "";
}

/* All references there, and from where they should be?  */
static bool all_from(const results *r, const char *from) {
  size_t n = 0;
  for (size_t i = 0; i < r->n; i++)
    for (size_t j = 0; j < r->at[i].n_references; j++, n++) {
      const reference *ref = &r->at[i].references[j];
      if (!ref->available || strcmp(attribute_of(ref, "source"), from) != 0) {
        diag("%s %s: available %d, source %s, %s", r->at[i].label, ref->provider, ref->available,
             attribute_of(ref, "source"), ref->reason ? ref->reason : "");
        return false;
      }
    }
  return n > 0;
}

/* The largest |reference - oracle| / bound over all cases that have the reference; infinite where a number is missing.  */
static double worst_ratio(const results *r, const char *provider) {
  double worst = 0;
  size_t seen = 0;
  for (size_t i = 0; i < r->n; i++) {
    const reference *ref = result_reference(&r->at[i], provider);
    if (!ref || !ref->available)
      continue;
    double *out = array_values(&ref->out), *exact = array_values(&r->at[i].oracle_out);
    double *bound = array_values(&r->at[i].bound);
    size_t n = array_count(&ref->out);
    if (!out || !exact || !bound || n != array_count(&r->at[i].oracle_out))
      abort();
    for (size_t k = 0; k < n; k++, seen++) {
      double ratio = fabs(out[k] - exact[k]) / bound[k];
      worst = ratio <= worst ? worst : isnan(ratio) ? INFINITY : ratio;
    }
    free(out);
    free(exact);
    free(bound);
  }
  return seen ? worst : INFINITY;
}

static void check_ratio(const results *r, const char *provider, const char *from) {
  double worst = worst_ratio(r, provider);
  ok(worst <= 1, "%s: %s agrees with the oracle within the f32 bound", from, provider);
  diag("largest |%s - oracle| / bound: %.3g", provider, worst);
}

/* ---- the first report's numbers ---- */

typedef struct distance { double max, mean, first, last; } distance;

/* |ggml - torch|, element by element of [head][query][dim], or of the memory of both: ggml's is [query][head][dim].
   Subtracted in f32, as the report did: in f64 the last of its seven digits is another one (7.568863e-01).  `first` and
   `last` are the maxima over the first and the last head and query, which lie at the same place in both.  */
static distance distance_of(const double *ggml, const double *torch, const size_t shape[4], bool in_memory) {
  distance d = {0};
  size_t H = shape[1], Q = shape[2], D = shape[3];
  for (size_t h = 0; h < H; h++)
    for (size_t q = 0; q < Q; q++)
      for (size_t c = 0; c < D; c++) {
        size_t there = (h * Q + q) * D + c, other = in_memory ? (q * H + h) * D + c : there;
        double x = fabs((double) ((float) ggml[there] - (float) torch[other]));
        d.max = fmax(d.max, x);
        d.mean += x / (double) (H * Q * D);
        if (h == 0 && q == 0)
          d.first = fmax(d.first, x);
        if (h == H - 1 && q == Q - 1)
          d.last = fmax(d.last, x);
      }
  return d;
}

static void digits(double value, const char *format, const char *expected, const char *what) {
  char got[32];
  snprintf(got, sizeof got, strcmp(format, "%.6e") == 0 ? "%.6e" : "%.2e", value);
  if (!ok(strcmp(got, expected) == 0, "%s: %s", what, expected))
    diag("got %s", got);
}

/* The case as the report had it: q f32, 2 queries.  NULL: it is not there.  */
static const result *report_case(const results *r) {
  for (size_t i = 0; i < r->n; i++)
    if (r->at[i].in.q.format == SEGATTN_F32 && r->at[i].in.q.shape[SEGATTN_POS] == 2)
      return &r->at[i];
  return NULL;
}

static void check_report(const results *r, const char *from) {
  const result *c = report_case(r);
  const reference *g = c ? result_reference(c, "ggml-f16") : NULL, *t = c ? result_reference(c, "torch-flash-f32") : NULL;
  if (!ok(g && t && g->available && t->available, "%s: the first report's case has ggml-f16 and torch-flash-f32", from))
    return;
  double *ggml = array_values(&g->out), *torch = array_values(&t->out);
  if (!ggml || !torch)
    abort();
  distance axes = distance_of(ggml, torch, g->out.shape, false), memory = distance_of(ggml, torch, g->out.shape, true);
  digits(memory.max, "%.6e", "7.568864e-01", "in memory order, at most");
  digits(memory.mean, "%.2e", "1.91e-01", "in memory order, on average");
  digits(axes.max, "%.2e", "3.69e-04", "by axis names, at most");
  ok(memory.first <= axes.max && memory.last <= axes.max, "in memory order elements 0-31 and 480-511 agree all the same");
  free(ggml);
  free(torch);
}

/* ---- the runs ---- */

static results run_experiment(const char *yaml, const char *name) {
  char *path = text("%s/%s", work, name);
  int status = run((const char *const []) {program, "run", yaml, "-o", path, NULL});
  ok(status == 0, "segattn run ends with 0");
  results r = status == 0 ? read_results(path) : (results) {0};
  free(path);
  return r;
}

static void test_pack(void) {
  char *yaml = text("%s/experiments/first-report.yaml", source), *python = getenv("SEGATTN_PYTHON");
  char *before = python ? strdup(python) : NULL;
  setenv("SEGATTN_PYTHON", "/nonexistent/python3", 1);
  results r = run_experiment(yaml, "pack.h5");
  ok(all_from(&r, "pack"), "without Python every reference of first-report comes from the pack");
  check_report(&r, "pack");
  check_ratio(&r, "torch-math-f64", "pack");
  check_ratio(&r, "torch-math-f32", "pack");
  check_ratio(&r, "torch-flash-f32", "pack");
  check_ratio(&r, "ggml-f32", "pack");
  results_free(&r);
  unsetenv("SEGATTN_PYTHON");
  if (before)
    setenv("SEGATTN_PYTHON", before, 1);
  free(before);
  free(yaml);
}

/* Every way in which a provider has to say the problem in its library's words.  Softcap: PyTorch has none.  */
static const char semantics[] =
  "experiment: semantics\n"
  "seed: 3\n"
  "blocks:\n"
  "  - problem: {q_heads: 6, kv_heads: 2, dim: 24, queries: 9, keys: 40,\n"
  "              causal: [true, false], window: [0, 7], alibi: [true, false]}\n"
  "    inputs: [{family: normal}]\n"
  "    segments: [[25, 15]]\n"
  "    references: [torch-math-f64, torch-math-f32-repeat, torch-flash-f32, ggml-f32]\n"
  "  - problem: {q_heads: 3, kv_heads: 3, dim: 16, queries: 5, keys: 20, mask: [zero, padded], scale: 0.5}\n"
  "    inputs: [{family: normal}]\n"
  "    references: [torch-math-f64, torch-flash-f32, ggml-f32]\n"
  "  - problem: {q_heads: 4, kv_heads: 1, dim: 16, queries: 5, keys: 20, softcap: 3.0}\n"
  "    inputs: [{family: normal}]\n"
  "    references: [ggml-f32]\n";

static void test_semantics(void) {
  char *yaml = text("%s/semantics.yaml", work);
  FILE *f = fopen(yaml, "w");
  if (!f || fputs(semantics, f) < 0 || fclose(f) != 0)
    abort();
  results r = run_experiment(yaml, "semantics.h5");
  ok(all_from(&r, "computed"), "every reference is computed");
  check_ratio(&r, "torch-math-f64", "causal, window, slopes, masks");
  check_ratio(&r, "torch-math-f32-repeat", "causal, window, slopes");
  check_ratio(&r, "torch-flash-f32", "causal, window, slopes, masks");
  check_ratio(&r, "ggml-f32", "causal, window, slopes, masks, softcap");
  results_free(&r);
  free(yaml);
}

static void test_providers(void) {
  char *yaml = text("%s/experiments/first-report.yaml", source);
  results r = run_experiment(yaml, "computed.h5");
  ok(all_from(&r, "computed"), "with torch and ggml every reference of first-report is computed");
  const result *c = report_case(&r);
  const reference *flash = c ? result_reference(c, "torch-flash-f32") : NULL;
  const reference *math = c ? result_reference(c, "torch-math-f32") : NULL;
  ok(flash && strstr(attribute_of(flash, "backend"), "flash_attention_for_cpu")
     && math && strstr(attribute_of(math, "backend"), "attention_math"),
     "the back ends that PyTorch really used are the ones asked for");
  ok(flash && flash->lse.data && math && !math->lse.data, "lse comes with the flash kernel, and not with the other");
  check_report(&r, "computed");
  check_ratio(&r, "torch-math-f64", "computed");
  check_ratio(&r, "torch-flash-f32-repeat", "computed");
  results_free(&r);
  free(yaml);
}

static bool providers_can_run(void) {
  const char *python = getenv("SEGATTN_PYTHON");
  const char *ask = "import importlib.util as u, sys\n"
    "sys.exit(any(u.find_spec(m) is None for m in ('torch', 'h5py', 'libggml')))";
  return run((const char *const []) {python ? python : "python3", "-c", ask, NULL}) == 0;
}

int main(void) {
  const char *base = getenv("TMPDIR");
  source = getenv("srcdir");
  program = getenv("SEGATTN");
  if (!source || !program)
    skip_all("srcdir or SEGATTN is not set");
  work = text("%s/segattn test.XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(work))
    abort();
  test_pack();
  if (providers_can_run()) {
    test_providers();
    test_semantics();
  } else
    skip("torch, ggml (libggml-python) or h5py is not there: only the pack was compared");
  run((const char *const []) {"rm", "-rf", work, NULL});
  free(work);
  return done();
}
