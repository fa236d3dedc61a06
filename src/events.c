/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of query heads as files, tables and JSON name them.  */

#include "events.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define EVENT(name, usual) { #name, offsetof(segattn_events, name), usual }

const event *event_at(size_t i) {
  static const event all[] = {
    EVENT(rescales, true), EVENT(underflow, true), EVENT(overflow, false), EVENT(saturations, false), EVENT(nan, false),
    EVENT(inf, false), EVENT(nonfinite_values, false), EVENT(masked_rows, false)
  };
  return i < sizeof all / sizeof *all ? &all[i] : NULL;
}

uint64_t event_count(const segattn_events *e, const event *which) {
  uint64_t n;
  memcpy(&n, (const char *)e + which->offset, sizeof n);
  return n;
}

/* ---- JSON ---- */

static bool any(const segattn_events *e) {
  for (size_t i = 0; event_at(i); i++)
    if (event_count(e, event_at(i)))
      return true;
  return false;
}

static void members(FILE *to, const segattn_events *e) {
  for (size_t i = 0; event_at(i); i++)
    fprintf(to, "\"%s\":%" PRIu64 ",", event_at(i)->name, event_count(e, event_at(i)));
  if (e->first == SEGATTN_NOWHERE)
    fputs("\"first\":null", to);
  else
    fprintf(to, "\"first\":%" PRId64, e->first);
}

void events_json(FILE *to, const segattn_events *heads, size_t n) {
  segattn_events sum;
  const char *comma = "";
  segattn_events_sum(heads, n, &sum);
  fputc('{', to);
  members(to, &sum);
  fputs(",\"heads\":[", to);
  for (size_t h = 0; h < n; h++)
    if (any(&heads[h])) {
      fprintf(to, "%s{\"head\":%zu,", comma, h);
      members(to, &heads[h]);
      fputc('}', to);
      comma = ",";
    }
  fputs("]}", to);
}

/* ---- for people ---- */

/* A text that grows as far as there is room.  */
typedef struct growing { char *text; size_t size, used; } growing;

__attribute__((format(printf, 2, 3))) static void say(growing *t, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int n = t->used < t->size ? vsnprintf(t->text + t->used, t->size - t->used, format, list) : 0;
  va_end(list);
  t->used += n > 0 ? (size_t)n : 0;
}

/* A few by number.  */
static void say_heads(growing *to, const segattn_events *heads, size_t n, const event *which) {
  enum { NAMED = 4 };
  size_t found = 0, said = 0;
  for (size_t h = 0; h < n; h++)
    found += event_count(&heads[h], which) > 0;
  say(to, " (head%s", found > 1 ? "s" : "");
  for (size_t h = 0; h < n && said < NAMED; h++)
    if (event_count(&heads[h], which))
      say(to, "%s %zu", said++ ? "," : "", h);
  if (found > NAMED)
    say(to, " and %zu more", found - NAMED);
  say(to, ")");
}

void events_text(char *text, size_t size, const segattn_events *heads, size_t n) {
  segattn_events sum;
  growing to = { text, size, 0 };
  segattn_events_sum(heads, n, &sum);
  *text = 0;
  for (size_t i = 0; event_at(i); i++) {
    const event *e = event_at(i);
    if (e->usual || !event_count(&sum, e))
      continue;
    say(&to, "%s%s %" PRIu64, to.used ? ", " : "", e->name, event_count(&sum, e));
    say_heads(&to, heads, n, e);
  }
  if (sum.first != SEGATTN_NOWHERE)
    say(&to, "; the first at key position %" PRId64, sum.first);
}
