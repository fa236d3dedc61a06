/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: a table of subcommands.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"
#include <segattn.h>

static const struct command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *title;
} commands[] = {
  { "attend", command_attend, "attention of tensors in files" },
  { "run", command_run, "run or resume an experiment" },
  { "reference", command_reference, "fill in references by PyTorch and ggml" },
  { "judge", command_judge, "verdicts against a certified bound" },
  { "report", command_report, "figures and tables of an experiment" },
  { "bench", command_bench, "speed beside PyTorch, ONNX Runtime, ggml and a BLAS" },
  { "info", command_info, "version, instruction sets, libraries" },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int help(FILE *to) {
  fputs("Usage: segattn COMMAND [OPTION...] [ARGUMENT...]\n"
        "Segmented attention with carried state, and the evidence of its numerics.\n\n", to);
  for (size_t i = 0; i < COMMANDS; i++)
    fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].title);
  fputs("\n  --help     this list; segattn COMMAND --help for one command's options\n"
        "  --version  version and licence\n\n"
        "Exit status: 0 all right, 1 a verdict is FAIL, 2 usage, 3 files.\n", to);
  return DONE;
}

static int version(void) {
  printf("segattn %s\n"
         "Licence: GPL-3.0-or-later for this program, BSD-2-Clause for libsegattn.\n"
         "There is NO WARRANTY, to the extent permitted by law.\n", segattn_version());
  return DONE;
}

/* Output that did not reach its file (a full disk, a closed pipe) is a failure, not a success.  */
static int finish(int status) {
  if (fflush(stdout) || ferror(stdout))
    return fail(FILES, "standard output could not be written");
  return status;
}

/* After a call OpenMP's threads shall sleep, not spin until the next one.  The runtime reads its wait policy as it is loaded,
   so the program starts anew with it, unless one is set; where that fails it goes on as it is.  The bench says what its
   children do.  */
static void wait_passively(char **argv) {
  char path[4096];
  /* Under a debugger the link may not be us, what it says is.  */
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n > 0 && !getenv("OMP_WAIT_POLICY") && strcmp(argv[1], "bench") && !setenv("OMP_WAIT_POLICY", "passive", 1)) {
    path[n] = 0;
    execv(path, argv);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) {
    help(stderr);
    return USAGE;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?") || !strcmp(argv[1], "help"))
    return finish(help(stdout));
  if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
    return finish(version());
  for (size_t i = 0; i < COMMANDS; i++)
    if (!strcmp(argv[1], commands[i].name)) {
      char name[32];
      wait_passively(argv);
      snprintf(name, sizeof name, "segattn %s", commands[i].name);
      argv[1] = name;
      return finish(commands[i].run(argc - 1, argv + 1));
    }
  return fail(USAGE, "'%s' is no command; segattn --help lists them", argv[1]);
}
