/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of query heads as files, tables and JSON name them.  */

#ifndef EVENTS_H
#define EVENTS_H

#include <segattn.h>
#include <stdio.h>

typedef struct event {
  const char *name;             /* of segattn_events' member, and everywhere else */
  size_t offset;
  bool usual;                   /* nothing that a person would have to be told */
} event;
const event *event_at(size_t i);                        /* NULL past the end */
uint64_t event_count(const segattn_events *e, const event *which);

/* All heads together: the counts and first, null without one; and the same of each head that had any event.  */
void events_json(FILE *to, const segattn_events *heads, size_t n);
/* "nan 12 (heads 3, 5)", and so on for what is not usual, and where it began; "" when there was nothing.  */
void events_text(char *text, size_t size, const segattn_events *heads, size_t n);

#endif
