/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the files lie that the program brings along: scripts of reports/ and experiments/.  */

#ifndef PLACE_H
#define PLACE_H

/* FOLDER/name of the first folder, from that of this program upwards (a build inside its source tree), that has it.  The caller
   frees; NULL: none has it.  */
char *place_upwards(const char *name);

/* FOLDER/name ("reports", "style.gp"): in the folder that the environment variable names instead, else upwards, else where
   it is installed.  Need not exist.  The caller frees; NULL: out of memory.  */
char *place_of(const char *variable, const char *folder, const char *name);

#endif
