/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Providers that misbehave: each is a shell script in the place of torch_provider.py. Whatever it does, every job ends
   with a file that says what happened, nothing hangs, and a signal ends the provider too. The folder's name has a quote,
   a backslash and a blank.  */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "message.h"
#include "references.h"
#include "store.h"
#include "tap.h"

static char *work;

static char *path_in(const char *name) {
  char *path;
  if (asprintf(&path, "%s/%s", work, name) < 0)
    abort();
  return path;
}

static void set_up(void) {
  const char *base = getenv("TMPDIR");
  if (asprintf(&work, "%s/segattn \"re\\fer XXXXXX", base && *base ? base : "/tmp") < 0 || !mkdtemp(work))
    abort();
  char *folder = path_in("providers");
  if (mkdir(folder, 0777) != 0)
    abort();
  setenv("SEGATTN_PYTHON", "/bin/sh", 1);
  setenv("SEGATTN_PROVIDERS", folder, 1);
  free(folder);
}

static void tear_down(void) {
  pid_t pid = fork();
  if (pid == 0) {
    execlp("rm", "rm", "-rf", work, (char *) NULL);
    _exit(127);
  }
  waitpid(pid, NULL, 0);
  free(work);
}

static void write_script(const char *text) {
  char *path = path_in("providers/torch_provider.py");
  FILE *f = fopen(path, "w");
  if (!f || fputs(text, f) < 0 || fclose(f) != 0)
    abort();
  free(path);
}

static reference_job *jobs_make(size_t n) {
  reference_job *jobs = calloc(n, sizeof *jobs);
  if (!jobs)
    abort();
  for (size_t i = 0; i < n; i++) {
    jobs[i].case_path = path_in("case.h5");
    snprintf(jobs[i].id, sizeof jobs[i].id, "%012x", (unsigned) i);
    memset(jobs[i].inputs_digest, 'd', sizeof jobs[i].inputs_digest - 1);
    strcpy(jobs[i].provider, "torch-math-f32");
    char name[64];
    snprintf(name, sizeof name, "%s.torch-math-f32.h5", jobs[i].id);
    jobs[i].output = path_in(name);
  }
  return jobs;
}

static void jobs_free(reference_job *jobs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unlink(jobs[i].output);
    free(jobs[i].case_path);
    free(jobs[i].output);
  }
  free(jobs);
}

/* Is there a file for the job, without numbers, whose reason holds `words`?  */
static bool says(const reference_job *job, const char *words) {
  reference *ref = calloc(1, sizeof *ref);
  if (!ref || store_reference_read(ref, job->output) != DONE)
    return false;
  bool right = !ref->available && !ref->out.data && ref->reason && strstr(ref->reason, words);
  if (!right)
    diag("available %d, reason: %s", ref->available, ref->reason ? ref->reason : "none");
  result r = {.references = ref, .n_references = 1};
  result_free(&r);
  return right;
}

static void check_within(int timeout, const char *script, size_t n, const char *words, const char *text) {
  reference_job *jobs = jobs_make(n);
  write_script(script);
  bool right = references_make(jobs, n, timeout) == DONE;
  for (size_t i = 0; i < n && right; i++)
    right = says(&jobs[i], words);
  ok(right, "%s", text);
  jobs_free(jobs, n);
}

static void check(const char *script, size_t n, const char *words, const char *text) {
  check_within(60, script, n, words, text);
}

/* Each would sleep for a minute; all together they take a few seconds, most of them until SIGKILL.  */
static void test_hanging(void) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  check_within(1, "exec sleep 60\n", 2, "no answer within 1 s", "one that hangs is ended");
  check_within(1, "exec >&- 2>&-\nexec sleep 60\n", 2, "no answer within 1 s", "one that closes its output and hangs");
  check_within(1, "trap '' TERM\nwhile :; do sleep 1; done\n", 1, "no answer within 1 s", "one that hangs and ignores SIGTERM");
  clock_gettime(CLOCK_MONOTONIC, &to);
  ok(to.tv_sec - from.tv_sec < 30, "providers that hang are ended in time, %d s", (int) (to.tv_sec - from.tv_sec));
}

/* Four answers, each in less than the limit, that together take longer.  */
static void test_slow(void) {
  check_within(1, "n=0\nwhile read -r line; do sleep 0.4; echo '{\"case\": \"00000000000'$n'\","
               " \"provider\": \"torch-math-f32\", \"status\": \"error\", \"reason\": \"in time\"}'; n=$((n + 1)); done\n", 4,
               "in time", "the time limit is for each answer");
}

static void test_names(void) {
  const char *const good[] = {"torch-math-f64", "torch-flash-bf16-repeat", "ggml-f16"};
  const char *const bad[] = {"torch-math-f8", "torch-efficient-f32", "torch-math-f32-", "ggml-bf16", "onnx", "",
                             "xtorch-math-f32"};
  bool right = true;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    right = right && reference_known(good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    right = right && !reference_known(bad[i]);
  ok(right, "the names of providers are known, others are not");
}

static void test_lines(void) {
  reference_job *jobs = jobs_make(1);
  char line[1024] = "";
  write_script("cat > \"${0%/*}/lines\"\n");
  int status = references_make(jobs, 1, 60);
  char *path = path_in("providers/lines");
  FILE *f = fopen(path, "r");
  bool read = f && fgets(line, sizeof line, f);
  if (!ok(status == DONE && read && strstr(line, "segattn \\\"re\\\\fer ")
          && strstr(line, "\"provider\": \"torch-math-f32\""), "quotes and backslashes in paths are escaped"))
    diag("%s", line);
  if (f)
    fclose(f);
  free(path);
  jobs_free(jobs, 1);
}

static void pause_briefly(void) {
  nanosleep(&(struct timespec) {.tv_nsec = 20000000}, NULL);
}

/* The process id that the provider wrote, within ten seconds; 0: none.  */
static pid_t provider_pid(const char *path) {
  long pid = 0;
  for (int i = 0; i < 500 && pid == 0; i++) {
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%ld\n", &pid) != 1)
      pid = 0;
    if (f)
      fclose(f);
    pause_briefly();
  }
  return (pid_t) pid;
}

static bool gone(pid_t pid) {
  for (int i = 0; i < 500; i++, pause_briefly())
    if (kill(pid, 0) != 0 && errno == ESRCH)
      return true;
  return false;
}

static void test_signal(int number, const char *name) {
  reference_job *jobs = jobs_make(2);
  char *path = path_in("providers/pid");
  unlink(path);
  write_script("echo $$ > \"${0%/*}/pid.part\"; mv \"${0%/*}/pid.part\" \"${0%/*}/pid\"; exec sleep 60\n");
  pid_t me = fork();
  if (me == 0) {
    signal(number, SIG_DFL);
    _exit(references_make(jobs, 2, 60));
  }
  pid_t provider = provider_pid(path);
  int status = 0;
  kill(me, number);
  waitpid(me, &status, 0);
  bool ended = provider > 0 && gone(provider);
  if (!ok(ended && WIFSIGNALED(status) && WTERMSIG(status) == number, "%s ends the provider, then the program", name))
    diag("provider %ld, status %d", (long) provider, status);
  if (provider > 0 && !ended)
    kill(provider, SIGKILL);
  free(path);
  jobs_free(jobs, 2);
}

static void test_pack_damaged(void) {
  char *folder = path_in("data"), *pack = path_in("data/references.h5");
  mkdir(folder, 0777);
  FILE *f = fopen(pack, "w");
  if (!f || fputs("this is no HDF5 file", f) < 0 || fclose(f) != 0)
    abort();
  reference_job *jobs = jobs_make(1);
  write_script("exit 1\n");
  ok(references_make(jobs, 1, 60) == FILES, "a damaged pack is an error, not a missing reference");
  unlink(pack);
  free(folder);
  free(pack);
  jobs_free(jobs, 1);
}

int main(void) {
  set_up();
  test_names();
  test_lines();
  check("echo \"ModuleNotFoundError: No module named 'torch'\" >&2\nexit 1\n", 3, "No module named 'torch'",
        "a provider that dies at once: its last words are the reason");
  check("exit 7\n", 2, "it ended with status 7", "a provider that dies in silence");
  check("kill -9 $$\n", 2, "ended by signal 9", "a provider that is killed");
  check("echo garbage; echo '{\"case\"'; echo '[1, 2]'; echo '{}'; printf 'no end of line'; cat >/dev/null\n"
        "echo told >&2\n", 2, "told", "answers that are no answers");
  check("while read -r line; do echo '{\"case\": \"000000000000\", \"provider\": \"torch-math-f32\", \"status\": \"done\","
        " \"reason\": \"\"}'; done\n", 1, "it wrote no file", "`done` without a file");
  check("while read -r line; do echo '{\"case\": \"000000000000\", \"provider\": \"torch-math-f32\", \"status\": \"error\","
        " \"reason\": \"too \\\"big\\\"\"}'; done\n", 1, "too \"big\"", "an error's reason arrives, quotes and all");
  check("yes garbage | head -n 100000; echo full >&2; exit 1\n", 600, "full",
        "one that writes much and reads nothing does not block");
  test_signal(SIGTERM, "SIGTERM");
  test_signal(SIGINT, "SIGINT");
  test_hanging();
  test_slow();
  test_pack_damaged();
  setenv("SEGATTN_PYTHON", "/nonexistent/python3", 1);
  check("", 2, "No such file", "a python that is not there");
  tear_down();
  return done();
}
