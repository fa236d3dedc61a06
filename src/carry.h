/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attend --state FILE: what keys that came before have left, from one call of the program to the next.  */

#ifndef CARRY_H
#define CARRY_H

#include "call.h"

typedef struct carry {
  const char *file;             /* NULL: none */
  bool start_given;
  int64_t start;                /* position of the call's key 0; decided by carry_read */
  char tag[SEGATTN_TAG];        /* which queries */
} carry;

/* The file into the state, where it is there; the call's keys get their positions.  0, USAGE (of another problem or other
   queries; keys that the state has) or FILES (damaged).  */
int carry_read(carry *c, call *of, segattn_state *state);
/* The state into the file, whole or not at all.  */
int carry_write(const carry *c, const segattn_state *state);

#endif
