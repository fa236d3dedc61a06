/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gnuplot as a child process.

   It runs inside a scratch folder, on files of fixed names, so that no path or label of the user is ever part of a command:
   labels are single-quoted strings, in which gnuplot expands nothing.  Finished pictures go to their place whole.  cairo
   writes the time of day into a PDF (1.16 ignores SOURCE_DATE_EPOCH); it is overwritten with the time at which the experiment
   finished, so that the same result gives the same bytes.  */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "file.h"
#include "message.h"
#include "place.h"
#include "report_data.h"

struct plotter {
  char *folder, *scripts;
  const char *scratch;
};

enum { MISSING = 127 };         /* exit status of the child that did not find gnuplot */

char *path_join(const char *folder, const char *name) {
  size_t n = strlen(folder) + strlen(name) + 2;
  char *path = malloc(n);
  if (path == NULL)
    fail(FILES, "%s/%s: out of memory", folder, name);
  else
    snprintf(path, n, "%s/%s", folder, name);
  return path;
}

/* ---- the job: terminals and variables ---- */

void job_text(FILE *job, const char *name, const char *text) {
  fprintf(job, "%s = '", name);
  for (const char *p = text; *p; p++)
    if (*p == '\'')
      fputs("''", job);
    else
      fputc(iscntrl((unsigned char) *p) ? ' ' : *p, job);
  fputs("'\n", job);
}

/* Type is 8 pt and a line width of 1 is one point on paper, at the true size; what each terminal counts in differs.  */
static const struct terminal { const char *format, *name; double dots_per_inch, font, line, point; } terminals[] = {
  { "pdf", "pdfcairo", 72, 0.75, 2, 1 },
  { "svg", "svg", 96, 4. / 3, 4. / 3, 4. / 3 },
  { "png", "pngcairo", 300, 3.125, 300. / 72, 300. / 72 },
};

static const struct terminal *terminal_find(const char *format, size_t n) {
  for (size_t i = 0; i < sizeof terminals / sizeof *terminals; i++)
    if (strlen(terminals[i].format) == n && strncmp(terminals[i].format, format, n) == 0)
      return &terminals[i];
  return NULL;
}

/* The next one of "pdf,svg,png"; NULL at the end.  Names that are none are skipped: report_write has refused them.  */
static const struct terminal *format_next(const char **formats) {
  const struct terminal *t = NULL;
  while (t == NULL && **formats) {
    size_t n = strcspn(*formats, ",");
    t = terminal_find(*formats, n);
    *formats += n + ((*formats)[n] == ',');
  }
  return t;
}

bool plotter_format(const char *name, size_t n) {
  return terminal_find(name, n) != NULL;
}

static void job_terminal(FILE *job, const canvas *c, const struct terminal *t, const char *scripts, const char *name) {
  double x = ceil(c->width / 25.4 * t->dots_per_inch), y = ceil(c->height / 25.4 * t->dots_per_inch);
  fprintf(job, "set terminal %s ", t->name);
  if (strcmp(t->format, "pdf") == 0)
    fprintf(job, "size %.6fin,%.6fin", (x + 0.01) / 72, (y + 0.01) / 72);        /* the terminal rounds down to points */
  else
    fprintf(job, "size %.0f,%.0f%s", x, y, strcmp(t->format, "svg") == 0 ? " fixed" : "");
  fprintf(job, " font 'Helvetica,8' fontscale %.6f linewidth %.6f\n", t->font, t->line);
  fprintf(job, "set output 'figure.%s'\npoint = %.6f\nvector = %d\n", t->format, t->point, strcmp(t->format, "svg") == 0);
  job_text(job, "scripts", scripts);
  fprintf(job, "load scripts.'/style.gp'\nload scripts.'/%s.gp'\nunset output\nreset\n", name);
}

void job_panels(FILE *job, const panel *p, size_t n) {
  fprintf(job, "panels = %zu\narray curves[%zu]\narray axis[%zu]\narray place[%zu]\n", n, n, n, n);
  for (size_t i = 0; i < n; i++) {
    fprintf(job, "curves[%zu] = '", i + 1);
    for (size_t j = 0; j < p[i].n; j++)
      fprintf(job, "%zu ", p[i].curve[j] + 1);
    /* floor, lowest decade, highest decade, where zeros are drawn (0: none) */
    fprintf(job, "'\naxis[%zu] = '%.6e %d %d %.6e'\n", i + 1, p[i].floor_at, p[i].lo, p[i].hi, p[i].zero ? p[i].zero_at : 0.);
    fprintf(job, "place[%zu] = '%.3f %.3f'\n", i + 1, p[i].bottom, p[i].top);
  }
}

double curve_key(canvas *c, const group *g) {
  enum { LINE = 4, CELL = 40 }; /* mm */
  size_t across = (size_t) fmax(1, c->width / CELL), rows = (g->n_curves + across - 1) / across;
  fprintf(c->job, "sides = %zu\nkey_across = %zu\nkey_rows = %zu\narray name[sides + 1]\narray style[sides + 1]\n", g->n_curves,
          across, rows);
  for (size_t i = 0; i < g->n_curves; i++) {
    char variable[32];
    snprintf(variable, sizeof variable, "name[%zu]", i + 1);
    job_text(c->job, variable, g->curves[i].name);
    fprintf(c->job, "style[%zu] = %zu\n", i + 1, g->curves[i].style + 1);
  }
  return (double) (rows * LINE) + 2;
}

/* ---- the child ---- */

static void child(const char *scratch) {
  int null = open("/dev/null", O_RDONLY), log = open(scratch, O_RDONLY | O_DIRECTORY);
  if (null < 0 || log < 0 || fchdir(log) != 0)
    _exit(126);
  close(log);
  log = open("log.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
    _exit(126);
  execlp("gnuplot", "gnuplot", "-d", "job.gp", (char *) NULL);
  _exit(errno == ENOENT || errno == EACCES ? MISSING : 126);
}

/* What gnuplot said, in one line: its messages are "job.gp" line N: ..., after the command itself.  */
static int complain(const plotter *p, const char *what) {
  char *path = path_join(p->scratch, "log.txt"), *text = NULL;
  size_t n = 0;
  if (path != NULL && access(path, R_OK) == 0)
    file_read(&text, &n, path);
  for (size_t i = 0; i < n; i++)
    if (iscntrl((unsigned char) text[i]))
      text[i] = ' ';
  char *message = text == NULL ? NULL : strstr(text, " line ");
  fail(FILES, "%s: gnuplot could not draw it: %.300s", what, message != NULL ? message + 1 : n > 0 ? text : "no message");
  free(text);
  free(path);
  return FILES;
}

static int run_gnuplot(const plotter *p, const char *what) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0)
    child(p->scratch);
  if (pid < 0)
    return fail(FILES, "gnuplot: cannot start it: %s", strerror(errno));
  scratch_worker(pid);
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return fail(FILES, "gnuplot: cannot wait for it: %s", strerror(errno));
  scratch_worker(0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == MISSING)
    return fail(FILES, "gnuplot: program not found in PATH: figures need it (Debian: apt-get install gnuplot-nox)");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? DONE : complain(p, what);
}

/* ---- the files of a job ---- */

static FILE *job_open(const plotter *p, const char *name) {
  char *path = path_join(p->scratch, name);
  FILE *f = path == NULL ? NULL : fopen(path, "w");
  if (path != NULL && f == NULL)
    fail(FILES, "%s: cannot write: %s", path, strerror(errno));
  free(path);
  return f;
}

static char *script_folder(void) {
  char *style = place_of("SEGATTN_REPORTS", "reports", "style.gp"), *absolute = style == NULL ? NULL : realpath(style, NULL);
  if (absolute == NULL || access(absolute, R_OK) != 0) {
    fail(FILES, "%s: cannot read: %s: expected the scripts that draw the figures (SEGATTN_REPORTS names their folder)",
         style != NULL ? style : "reports/style.gp", strerror(errno));
    free(absolute);
    absolute = NULL;
  }
  free(style);
  if (absolute != NULL)
    *strrchr(absolute, '/') = '\0';
  return absolute;
}

int plotter_open(plotter **to, const char *folder) {
  plotter *p = calloc(1, sizeof *p);
  *to = p;
  if (p == NULL || (p->folder = strdup(folder)) == NULL)
    return fail(FILES, "out of memory");
  if ((p->scripts = script_folder()) == NULL)
    return FILES;
  if ((p->scratch = scratch_open()) == NULL)
    return FILES;
  FILE *job = job_open(p, "job.gp");        /* an empty job: is there a gnuplot? */
  if (job == NULL || fclose(job) != 0)
    return FILES;
  return run_gnuplot(p, folder);
}

void plotter_close(plotter *p) {
  if (p == NULL)
    return;
  scratch_close();
  free(p->folder);
  free(p->scripts);
  free(p);
}

/* ---- pictures ---- */

/* Fourteen digits after "/CreationDate (D:" become those of `finished` (2026-01-31T12:34:56Z).  */
static void fix_date(char *bytes, size_t n, const char *finished) {
  static const char mark[] = "/CreationDate (D:";
  char digits[15] = "19700101000000";
  size_t d = 0;
  for (const char *p = finished; p != NULL && *p && d < 14; p++)
    if (isdigit((unsigned char) *p))
      digits[d++] = *p;
  char *at = memmem(bytes, n, mark, sizeof mark - 1);
  if (at != NULL && (size_t) (at - bytes) + sizeof mark + 14 <= n)
    memcpy(at + sizeof mark - 1, digits, 14);
}

static int picture_move(const plotter *p, const char *format, const char *base, const char *finished) {
  char from_name[16], to_name[TEXT_SIZE], *bytes = NULL;
  size_t n = 0;
  snprintf(from_name, sizeof from_name, "figure.%s", format);
  snprintf(to_name, sizeof to_name, "%s.%s", base, format);
  char *from = path_join(p->scratch, from_name), *to = path_join(p->folder, to_name);
  int status = from == NULL || to == NULL ? FILES : access(from, R_OK) != 0 ? complain(p, to) : file_read(&bytes, &n, from);
  if (status == DONE) {
    if (strcmp(format, "pdf") == 0)
      fix_date(bytes, n, finished);
    status = file_write(to, bytes, n);
  }
  free(bytes);
  free(from);
  free(to);
  return status;
}

static int job_write(const plotter *p, const report *r, const figure *f, const group *g, int columns, const char *formats) {
  canvas c = { .width = columns == 1 ? 85 : 175, .columns = columns };
  c.job = job_open(p, "job.gp");
  c.data = job_open(p, "data.txt");
  bool written = c.job != NULL && c.data != NULL;
  if (written) {
    f->draw(&c, r, g);
    fprintf(c.job, "width = %.3f\nheight = %.3f\ncolumns = %d\n", c.width, c.height, columns);
    for (const struct terminal *t = format_next(&formats); t != NULL; t = format_next(&formats))
      job_terminal(c.job, &c, t, p->scripts, f->name);
    written = !ferror(c.job) && !ferror(c.data);
  }
  written &= c.job != NULL && fclose(c.job) == 0;
  written &= c.data != NULL && fclose(c.data) == 0;
  return written ? DONE : fail(FILES, "%s: cannot write there", p->scratch);
}

int plotter_draw(const plotter *p, const report *r, const figure *f, const group *g, int columns, const char *base,
                 const char *formats) {
  scratch_clear();
  int status = job_write(p, r, f, g, columns, formats);
  if (status == DONE)
    status = run_gnuplot(p, base);
  for (const struct terminal *t; status == DONE && (t = format_next(&formats)) != NULL; )
    status = picture_move(p, t->format, base, r->header.finished);
  return status;
}
