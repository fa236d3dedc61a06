/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contestants as child processes.

   Each one, segattn included, is a program that talks in lines over its standard input and output.  It begins with
       hello TAB version TAB isa       or      missing TAB reason
   and answers each of
       case WORK Q_FORMAT PARTS LAYOUT CAUSAL Q_HEADS KV_HEADS DIM QUERIES SEGMENTS FOLDER
                                       ready [TAB seconds], or no TAB reason
       run N                           times TAB seconds of each of N calls
       out                             ready; FOLDER/out is written, f32 (f64) [q_heads][queries][dim]
       free                            ready
   and ends at the end of its input.  PARTS: the format and number of the keys, "f16:32768", "q4_0:28672+f16:4096"; SEGMENTS:
   those of each part.  The seconds of `ready` are those of a first call, which warms up and shows whether the
   contestant can do the case.  Calls are timed by the child, around the call alone.  Pipes are all that is shared, so a
   contestant that dies takes nobody with it, and threads or settings of one do not reach another.  */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "place.h"
#include "references.h"

extern char **environ;

enum { LINE = 1 << 14, PATIENCE = 300 /* s */ };

struct bench_child {
  const bench_peer *peer;
  pid_t pid;                    /* 0: none */
  int end;                      /* of a process that ended, as waitpid has it */
  int to, from;                 /* -1: closed */
  FILE *errors;
  char line[LINE];              /* what was answered, and what came after it */
  size_t n;
  char reason[256], version[128], isa[256];
};

const bench_peer *bench_peer_at(size_t i) {
  static const bench_peer peers[PEERS] = {
    { "segattn", NULL, "segattn", "", false, false },
    { "segattn-1thread", NULL, "segattn", "", true, false },
    { "segattn-i8", NULL, "segattn-i8", "", false, true },
    { "torch-flash", "bench_torch.py", "flash", "pip install torch numpy", false, false },
    { "torch-math", "bench_torch.py", "math", "pip install torch numpy", false, false },
    { "ort-mha", "bench_ort.py", "mha", "pip install onnxruntime onnx numpy", false, false },
    { "ort-gqa", "bench_ort.py", "gqa", "pip install onnxruntime onnx numpy", false, false },
    { "ort-attention", "bench_ort.py", "attention", "pip install onnxruntime onnx numpy", false, false },
    { "ggml", "bench_ggml.py", "flash_attn_ext", "pip install libggml-python numpy h5py", false, false },
    { "blas", NULL, "blas", "apt-get install libopenblas0-pthread", false, false },
  };
  return i < PEERS ? &peers[i] : NULL;
}

/* ---- the environment ---- */

static const char *const withheld[] = {         /* what begins so decides on threads, pinning, or instruction sets */
  "OMP_", "GOMP_", "KMP_", "OPENBLAS_", "GOTO_", "BLIS_", "MKL_", "ATEN_", "DNNL_", "ONEDNN_", "VECLIB_", "NUMEXPR_",
  "LD_PRELOAD="
};

static bool is_withheld(const char *variable) {
  for (size_t i = 0; i < sizeof withheld / sizeof *withheld; i++)
    if (!strncmp(variable, withheld[i], strlen(withheld[i])))
      return true;
  return false;
}

char *bench_withheld(void) {
  char *text = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  for (char **e = environ; f && *e; e++)
    if (is_withheld(*e))
      fprintf(f, "%s%s", ftell(f) ? " " : "", *e);
  if (!f || fclose(f))
    fail(FILES, "out of memory");
  return text;
}

/* Threads of OpenMP wait for the next call awake, but no longer than bench_child_rest waits for them: without a bound
   an active policy would take the CPUs from all others for good.  */
char *bench_given(int threads) {
  char *text = NULL;
  if (asprintf(&text, "OMP_NUM_THREADS=%d OMP_DYNAMIC=false OMP_PROC_BIND=true OMP_WAIT_POLICY=active GOMP_SPINCOUNT=300000 "
               "KMP_BLOCKTIME=20 OPENBLAS_NUM_THREADS=%d MKL_NUM_THREADS=%d", threads, threads, threads) < 0) {
    fail(FILES, "out of memory");
    return NULL;
  }
  return text;
}

/* The environment of a child: `given` is cut at its blanks.  The caller frees the list.  */
static char **environment(char *given) {
  size_t n = 0;
  while (environ[n])
    n++;
  char **list = calloc(n + 16, sizeof *list), *rest = given;
  size_t k = 0;
  for (size_t i = 0; list && i < n; i++)
    if (!is_withheld(environ[i]))
      list[k++] = environ[i];
  for (char *word; list && k < n + 15 && (word = strsep(&rest, " ")); )
    list[k++] = word;
  return list;
}

int bench_pin(int threads) {
  cpu_set_t may, use;
  int n = 0;
  if (sched_getaffinity(0, sizeof may, &may))
    return fail(USAGE, "cannot ask which CPUs may be used: %s", strerror(errno));
  CPU_ZERO(&use);
  for (size_t i = 0; i < CPU_SETSIZE && n < threads; i++)
    if (CPU_ISSET(i, &may)) {
      CPU_SET(i, &use);
      n++;
    }
  if (n < threads)
    return fail(USAGE, "--threads %d: expected at most %d, the CPUs that this process may use", threads, n);
  return sched_setaffinity(0, sizeof use, &use) ? fail(USAGE, "cannot pin to %d CPUs: %s", n, strerror(errno)) : DONE;
}

/* ---- talking ---- */

static void missing(bench_child *c, const char *reason) {
  if (!*c->reason)
    snprintf(c->reason, sizeof c->reason, "%s", reason);
}

/* The last line that it wrote on standard error, or what ended it.  */
static void last_words(bench_child *c) {
  char line[256], last[256] = "it ended without a word";
  if (WIFSIGNALED(c->end))
    snprintf(last, sizeof last, "it was ended by a signal: %s%s", strsignal(WTERMSIG(c->end)),
             WTERMSIG(c->end) == SIGKILL ? " (is the memory full?)" : "");
  if (c->errors) {
    rewind(c->errors);
    while (fgets(line, sizeof line, c->errors))
      if (line[strspn(line, " \t\r\n")])
        snprintf(last, sizeof last, "%.*s", (int)strcspn(line, "\r\n"), line);
  }
  missing(c, last);
}

static void hang_up(bench_child *c, bool now) {
  if (c->to >= 0)
    close(c->to);
  if (c->from >= 0)
    close(c->from);
  c->to = c->from = -1;
  if (c->pid && now)
    kill(c->pid, SIGKILL);
  while (c->pid && waitpid(c->pid, &c->end, 0) < 0 && errno == EINTR)
    ;
  c->pid = 0;
}

/* The next line, its end cut off; NULL when there is none: then it is missing.  */
static char *answer(bench_child *c) {
  char *end;
  while (!(end = memchr(c->line, '\n', c->n))) {
    struct pollfd fd = { .fd = c->from, .events = POLLIN };
    int ready = c->from < 0 || c->n == LINE ? -1 : poll(&fd, 1, PATIENCE * 1000);
    ssize_t n = ready > 0 ? read(c->from, c->line + c->n, LINE - c->n) : 0;
    if (n <= 0) {
      hang_up(c, ready <= 0);
      if (ready == 0)
        missing(c, "it gave no answer for five minutes");
      last_words(c);
      return NULL;
    }
    c->n += (size_t)n;
  }
  *end = 0;
  return c->line;
}

static char *ask(bench_child *c, const char *question) {
  size_t n = strlen(question);
  if (*c->reason)
    return NULL;
  c->n = 0;
  if (write(c->to, question, n) != (ssize_t)n) {
    hang_up(c, true);
    last_words(c);
    return NULL;
  }
  return answer(c);
}

/* ---- beginning and end ---- */

static void spawn(bench_child *c, char *const *argv, char *const *variables) {
  posix_spawn_file_actions_t actions;
  int in[2] = { -1, -1 }, out[2] = { -1, -1 }, reason = errno;
  if (c->errors && !pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC) && !(reason = posix_spawn_file_actions_init(&actions))) {
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(c->errors), STDERR_FILENO);
    reason = posix_spawnp(&c->pid, argv[0], &actions, NULL, argv, variables);
    posix_spawn_file_actions_destroy(&actions);
  }
  if (reason) {
    c->pid = 0;
    snprintf(c->reason, sizeof c->reason, "%.100s: %s", argv[0], strerror(reason));
  }
  c->to = in[1];
  c->from = out[0];
  if (in[0] >= 0)
    close(in[0]);
  if (out[1] >= 0)
    close(out[1]);
}

static void hello(bench_child *c) {
  char *line = *c->reason ? NULL : answer(c), *word = line ? strsep(&line, "\t") : NULL;
  if (!word)
    return;
  const char *first = strsep(&line, "\t"), *second = strsep(&line, "\t");
  if (strcmp(word, "hello"))
    missing(c, first ? first : "it does not say hello");
  snprintf(c->version, sizeof c->version, "%s", first ? first : "");
  snprintf(c->isa, sizeof c->isa, "%s", second ? second : "");
}

bench_child *bench_child_alloc(const bench_peer *peer, int threads) {
  bench_child *c = calloc(1, sizeof *c);
  char *script = peer->program ? place_of("SEGATTN_PROVIDERS", "experiments/providers", peer->program) : NULL;
  char *given = bench_given(threads), **variables = given ? environment(given) : NULL, number[16], self[] = "/proc/self/exe";
  if (!c || !variables || (peer->program && !script)) {
    fail(FILES, "out of memory");
    free(c);
    c = NULL;
  } else {
    snprintf(number, sizeof number, "%d", threads);
    char *ours[] = { self, (char[]){ "bench" }, (char[]){ "--serve" }, (char *)peer->variant, (char[]){ "--threads" }, number,
                     NULL };
    char *python[] = { (char *)reference_python(), script, (char *)peer->variant, number, NULL };
    *c = (bench_child){ .peer = peer, .to = -1, .from = -1, .errors = tmpfile() };
    signal(SIGPIPE, SIG_IGN);
    spawn(c, script ? python : ours, variables);
    hello(c);
  }
  free(variables);
  free(given);
  free(script);
  return c;
}

void bench_child_free(bench_child *c) {
  if (!c)
    return;
  hang_up(c, false);
  if (c->errors)
    fclose(c->errors);
  free(c);
}

const char *bench_child_missing(const bench_child *c) {
  return *c->reason ? c->reason : NULL;
}

const char *bench_child_version(const bench_child *c) {
  return c->version;
}

const char *bench_child_isa(const bench_child *c) {
  return c->isa;
}

/* ---- one case ---- */

const char *bench_child_case(bench_child *child, const bench_case *c, const char *folder, double *first) {
  char question[4096], parts[64];
  int n = 0;
  for (size_t i = 0; i < c->parts; i++)
    n += snprintf(parts + n, sizeof parts - (size_t)n, "%s%s:%zu", i ? "+" : "", segattn_format_name(c->part[i].format),
                  c->part[i].keys);
  n = snprintf(question, sizeof question, "case %s %s %s %s %d %zu %zu %zu %zu %zu %s %s\n", bench_work_name[c->work],
               segattn_format_name(c->q_format), parts, c->token_major ? "token" : "head", c->causal, c->q_heads, c->kv_heads,
               c->dim, c->queries, c->segments, c->arithmetic, folder);
  char *line = n < (int)sizeof question ? ask(child, question) : NULL;
  if (!line)
    return child->reason;
  const char *word = strsep(&line, "\t");
  bool ready = !strcmp(word, "ready");
  *first = ready && line ? strtod(line, NULL) : 0;
  return ready ? NULL : line ? line : word;
}

bool bench_child_run(bench_child *child, size_t n, double *times) {
  char question[32];
  snprintf(question, sizeof question, "run %zu\n", n);
  char *line = ask(child, question), *word = line ? strsep(&line, "\t") : NULL;
  if (word && strcmp(word, "times"))
    missing(child, line ? line : word);
  for (size_t i = 0; i < n && !*child->reason; i++) {
    char *end = line;
    times[i] = line ? strtod(line, &end) : 0;
    if (end == line || !(times[i] > 0))
      missing(child, "its times could not be understood");
    line = end;
  }
  return !*child->reason;
}

void bench_child_rest(const bench_child *child) {
  enum { STEP = 5000000 /* ns */, STEPS = 60 };         /* ggml's threads spin for a tenth of a second, others for some 10 ms */
  const double asleep = 0.1;    /* of a CPU */
  struct timespec used;
  clockid_t clock;
  double before = 0, now = 0;
  bool known = child->pid && !clock_getcpuclockid(child->pid, &clock);
  for (int i = 0; known && i < STEPS && (i < 2 || now - before > asleep * STEP); i++) {
    nanosleep(&(struct timespec){ .tv_nsec = STEP }, NULL);
    before = now;
    known = !clock_gettime(clock, &used);
    now = 1e9 * (double)used.tv_sec + (double)used.tv_nsec;
  }
}

bool bench_child_out(bench_child *child) {
  const char *line = ask(child, "out\n");
  return line && !strcmp(line, "ready");
}

void bench_child_done(bench_child *child) {
  ask(child, "free\n");
}
