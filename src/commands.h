/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subcommands: each parses its own options with argp and returns an exit status.  */

#ifndef COMMANDS_H
#define COMMANDS_H

int command_attend(int argc, char **argv);
int command_run(int argc, char **argv);
int command_reference(int argc, char **argv);
int command_judge(int argc, char **argv);
int command_report(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_info(int argc, char **argv);

#endif
