/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One provider process: jobs go in as lines, answers come out as lines.

   Neither side may wait for the other with a full pipe: the end that we write to does not block, and one ppoll watches
   both. Signals are blocked outside ppoll, so that none can slip in between looking and waiting. Standard error of the
   child goes to a temporary file, whose last line is the reason when it dies ("ModuleNotFoundError: No module named
   'torch'"). A parent that is killed outright closes the pipe, which ends the child after the case in hand.

   A child that gives no answer for `timeout` seconds, or does not end after its last one, is sent SIGTERM, and SIGKILL
   where that does not help: Python runs its handlers between two instructions of its own, not inside a kernel.  */

#include "provider.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "message.h"

extern char **environ;

typedef struct child {
  pid_t pid;                    /* 0: none */
  int to, from;                 /* pipes; -1: closed */
  FILE *errors;
} child;

typedef struct text { char *bytes; size_t n, room; } text;

typedef struct session {
  const provider_program *provider;
  const sigset_t *mask;         /* while waiting */
  child child;
  const reference_job *const *jobs;
  answer *answers;
  size_t n, answered;
  double deadline;              /* of the next answer, by the clock of now() */
  bool late;
  text out, in;                 /* all lines for the child; the unfinished line from it */
  size_t sent;
  size_t done, total;           /* for the progress line */
} session;

/* ---- signals ---- */

static volatile sig_atomic_t caught;
static const int watched[] = {SIGINT, SIGTERM, SIGPIPE};
enum { WATCHED = sizeof watched / sizeof watched[0] };
typedef struct signals { sigset_t mask; struct sigaction before[WATCHED]; } signals;

static void remember(int number) {
  caught = number;
}

static void signals_watch(signals *s) {
  sigset_t block;
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  sigaddset(&block, SIGTERM);
  sigprocmask(SIG_BLOCK, &block, &s->mask);
  caught = 0;
  for (size_t i = 0; i < WATCHED; i++) {
    struct sigaction action = {.sa_handler = watched[i] == SIGPIPE ? SIG_IGN : remember};
    sigemptyset(&action.sa_mask);
    sigaction(watched[i], NULL, &s->before[i]);
    if (s->before[i].sa_handler != SIG_IGN)     /* nohup, a shell's background: stays ignored */
      sigaction(watched[i], &action, NULL);
  }
}

/* As it was; what came in the meantime is delivered now.  */
static void signals_restore(const signals *s) {
  for (size_t i = 0; i < WATCHED; i++)
    sigaction(watched[i], &s->before[i], NULL);
  if (caught)
    raise(caught);
  sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

/* ---- the child ---- */

enum { GRACE = 5 };             /* seconds from SIGTERM to SIGKILL */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void close_end(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

static int spawn(pid_t *pid, const char *python, const char *program, int in, int out, int err, const sigset_t *mask) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t defaults;
  char *argv[] = {(char *) python, (char *) program, NULL};
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  int reason = posix_spawn_file_actions_init(&actions);
  if (reason)
    return reason;
  if (!(reason = posix_spawnattr_init(&attributes))) {
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    reason = posix_spawnp(pid, python, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return reason;
}

/* 0 or an errno; whatever it says, child_end is due.  */
static int child_start(child *c, const char *python, const char *program, const sigset_t *mask) {
  int in[2] = {-1, -1}, out[2] = {-1, -1}, reason = 0;
  *c = (child) {0, -1, -1, tmpfile()};
  if (!c->errors || pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
    reason = errno;
  c->to = in[1];
  c->from = out[0];
  if (!reason && fcntl(c->to, F_SETFL, O_NONBLOCK) != 0)
    reason = errno;
  if (!reason && access(program, R_OK) != 0)
    reason = errno;
  if (!reason && (reason = spawn(&c->pid, python, program, in[0], out[1], fileno(c->errors), mask)))
    c->pid = 0;
  close_end(&in[0]);
  close_end(&out[1]);
  return reason;
}

/* Has the child ended, within so many seconds and before a signal?  *status is as wait(2) gives it.  */
static bool child_ended(const child *c, double seconds, const sigset_t *mask, int *status) {
  const struct timespec pause = {.tv_nsec = 10000000};
  double until = now() + seconds;
  int signal = caught;
  while (waitpid(c->pid, status, WNOHANG) == 0) {
    if (now() >= until || caught != signal)
      return false;
    ppoll(NULL, 0, &pause, mask);
  }
  return true;
}

/* Waits for the child, `patience` seconds at most, then ends it.  False: it had to be ended.  *status is as wait(2) gives it, 0
   where there was no child.  */
static bool child_end(child *c, double patience, const sigset_t *mask, int *status) {
  *status = 0;
  close_end(&c->to);
  close_end(&c->from);
  if (!c->pid || (patience > 0 && child_ended(c, patience, mask, status)))
    return true;
  kill(c->pid, SIGTERM);
  if (child_ended(c, GRACE, mask, status))
    return false;
  kill(c->pid, SIGKILL);
  while (waitpid(c->pid, status, 0) < 0 && errno == EINTR)
    ;
  return false;
}

/* The last line that it wrote on standard error, or how it ended; the caller frees.  */
static char *last_words(child *c, int status) {
  char *line = NULL, *last = NULL;
  size_t room = 0;
  ssize_t n;
  rewind(c->errors);
  while ((n = getline(&line, &room, c->errors)) >= 0) {
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
      line[--n] = 0;
    if (n > 0) {
      free(last);
      last = strdup(line);
    }
  }
  free(line);
  if (!last && WIFSIGNALED(status) && asprintf(&last, "it was ended by signal %d", WTERMSIG(status)) < 0)
    last = NULL;
  if (!last && asprintf(&last, "it ended with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : 0) < 0)
    last = NULL;
  return last;
}

/* ---- the exchange ---- */

static bool text_add(text *t, const char *bytes, size_t n) {
  if (t->n + n + 1 > t->room) {
    size_t room = 2 * (t->n + n + 1);
    char *more = realloc(t->bytes, room);
    if (!more)
      return false;
    t->bytes = more;
    t->room = room;
  }
  memcpy(t->bytes + t->n, bytes, n);
  t->n += n;
  t->bytes[t->n] = 0;
  return true;
}

static bool write_jobs(session *s) {
  for (size_t i = 0; i < s->n; i++) {
    char *line = job_line(s->jobs[i]);
    bool added = line && text_add(&s->out, line, strlen(line));
    free(line);
    if (!added)
      return false;
  }
  return true;
}

static void take_answer(session *s, const char *line) {
  answer_line a;
  if (!answer_parse(&a, line))
    return;
  for (size_t i = 0; i < s->n; i++) {
    answer *mine = &s->answers[i];
    bool open = mine->state == ANSWER_NONE && !mine->reason;
    if (!open || strcmp(s->jobs[i]->id, a.id) || strcmp(s->jobs[i]->provider, a.provider))
      continue;
    mine->state = strcmp(a.status, "done") == 0 ? ANSWER_DONE
      : strcmp(a.status, "unavailable") == 0 ? ANSWER_UNAVAILABLE : ANSWER_NONE;
    mine->reason = a.reason;
    a.reason = NULL;
    s->answered++;
    s->deadline = now() + s->provider->timeout;
    break;
  }
  answer_line_free(&a);
  progress("references", s->done + s->answered, s->total, s->answered < s->n ? s->jobs[s->answered]->provider : "");
}

static void send_some(session *s) {
  ssize_t n = write(s->child.to, s->out.bytes + s->sent, s->out.n - s->sent);
  if (n > 0)
    s->sent += (size_t) n;
  if (s->sent == s->out.n || (n < 0 && errno != EAGAIN && errno != EINTR))
    close_end(&s->child.to);
}

static bool receive_some(session *s) {
  char bytes[4096];
  ssize_t n = read(s->child.from, bytes, sizeof bytes);
  if (n <= 0) {
    if (n == 0 || errno != EINTR)
      close_end(&s->child.from);
    return true;
  }
  if (!text_add(&s->in, bytes, (size_t) n))
    return false;
  char *line = s->in.bytes;
  for (char *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    take_answer(s, line);
  }
  s->in.n = (size_t) (s->in.bytes + s->in.n - line);
  memmove(s->in.bytes, line, s->in.n + 1);
  return true;
}

static struct timespec time_left(const session *s) {
  double left = fmax(s->deadline - now(), 0), whole = floor(left);
  return (struct timespec) {.tv_sec = (time_t) whole, .tv_nsec = (long) (1e9 * (left - whole))};
}

/* Until the child closes its output, a signal, or the time is up.  */
static bool exchange(session *s) {
  progress("references", s->done, s->total, s->jobs[0]->provider);
  s->deadline = now() + s->provider->timeout;
  while (s->child.from >= 0 && !caught) {
    struct pollfd fds[] = {{.fd = s->child.from, .events = POLLIN}, {.fd = s->child.to, .events = POLLOUT}};
    struct timespec left = time_left(s);
    if ((s->late = now() >= s->deadline))
      return true;
    if (ppoll(fds, 2, &left, s->mask) < 0) {
      if (errno == EINTR)
        continue;
      return false;
    }
    if (fds[1].revents)
      send_some(s);
    if (fds[0].revents && !receive_some(s))
      return false;
  }
  return true;
}

static void explain_missing(session *s, const char *reason) {
  for (size_t i = 0; i < s->n; i++)
    if (s->answers[i].state == ANSWER_NONE && !s->answers[i].reason)
      s->answers[i].reason = strdup(reason);
}

/* Starts the child, exchanges, ends it: what the answers that are missing have for a reason; NULL: out of memory.  */
static char *converse(session *s, bool *whole) {
  const provider_program *p = s->provider;
  char *why = NULL;
  int status, reason = child_start(&s->child, p->python, p->program, s->mask);
  *whole = reason || exchange(s);
  int error = errno;
  bool stop = caught || !*whole || s->late;
  bool hangs = !child_end(&s->child, stop ? 0 : p->timeout, s->mask, &status) && !stop;
  if (reason) {
    if (asprintf(&why, "%s %s: %s", p->python, p->program, strerror(reason)) < 0)
      why = NULL;
  } else if (s->late || hangs) {
    if (asprintf(&why, "no answer within %d s (--provider-timeout)", p->timeout) < 0)
      why = NULL;
  } else if (s->child.errors)
    why = last_words(&s->child, status);
  errno = error;
  return why;
}

int provider_run(answer *answers, const provider_program *p, const reference_job *const *jobs, size_t n, size_t done,
                 size_t total) {
  signals before;
  session s = {.provider = p, .mask = &before.mask, .jobs = jobs, .answers = answers, .n = n, .done = done, .total = total};
  bool whole;
  if (!write_jobs(&s)) {
    free(s.out.bytes);
    return fail(FILES, "out of memory");
  }
  signals_watch(&before);
  char *why = converse(&s, &whole);
  int status = whole ? DONE : fail(FILES, "%s: %s", p->program, strerror(errno));
  explain_missing(&s, why ? why : "no answer");
  free(why);
  if (s.child.errors)
    fclose(s.child.errors);
  free(s.out.bytes);
  free(s.in.bytes);
  if (caught)
    progress_end();
  signals_restore(&before);
  return status;
}
