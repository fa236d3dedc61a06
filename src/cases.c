/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of all cases of an experiment together.

   A case's identity is the SHA-256 of the settings that differ from their defaults, so that adding a case, or a setting
   that did not exist before, changes no other.  Cases with the same identity are one case: it is kept once, with the
   references of all.  Streams are 32 bits wide: two different inputs may meet on one by chance (or by the family
   first-report, whose stream is the seed itself), and numbers that ought to be independent would not be; that is an
   error.  */

#include "cases.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hash.h"
#include "inputs.h"
#include "message.h"

bool positions_matter(const case_spec *c) {
  return c->causal || c->alibi || c->window > 0;
}

void case_free(case_spec *c) {
  for (size_t i = 0; i < c->n_references; i++)
    free(c->references[i]);
  free(c->references);
  free(c->segments);
  free(c->label);
  free(c->input.path);
  free(c->input.path_given);
}

void experiment_free(experiment *e) {
  for (size_t i = 0; i < e->n_cases; i++)
    case_free(&e->cases[i]);
  for (size_t i = 0; i < e->n_report; i++)
    free(e->report[i]);
  free(e->cases);
  free(e->report);
  free(e->path);
  free(e->text);
  free(e->name);
  memset(e, 0, sizeof *e);
}

/* ---- identities ---- */

static int set_id(case_spec *c) {
  char hex[65];
  setting s;
  hash *h = hash_alloc();
  if (!h)
    return fail(FILES, "out of memory");
  for (size_t i = 0; case_setting(c, i, &s); i++)
    if (s.differs) {
      hash_text(h, s.name);
      hash_text(h, s.value);
    }
  hash_end(h, hex);
  snprintf(c->id, ID_SIZE, "%.*s", ID_SIZE - 1, hex);
  return DONE;
}

/* ---- labels ---- */

enum { MOST_SETTINGS = 64 };
struct variety { const char *name; char first[sizeof ((setting *) 0)->value]; bool varies; };

static struct variety *find_variety(struct variety *list, const char *name) {
  while (list->name && strcmp(list->name, name) != 0)
    list++;
  return list;
}

static void find_varieties(struct variety list[MOST_SETTINGS], const experiment *e) {
  setting s;
  for (size_t c = 0; c < e->n_cases; c++)
    for (size_t i = 0; case_setting(&e->cases[c], i, &s); i++) {
      struct variety *v = find_variety(list, s.name);
      if (!v->name) {
        v->name = s.name;
        strcpy(v->first, s.value);
      } else
        v->varies = v->varies || strcmp(v->first, s.value) != 0;
    }
}

static bool is_one_of(const char *name, const char *const *list) {
  for (; *list; list++)
    if (strcmp(*list, name) == 0)
      return true;
  return false;
}

/* One setting as people say it: "causal", "layer 18", "each 64".  */
static void say(FILE *stream, const case_spec *c, const setting *s) {
  static const char *const plain[] = { "family", "import", "segments", NULL };
  static const char *const switches[] = { "causal", "alibi", NULL };
  static const char *const optional[] = { "causal", "alibi", "mask", "softcap", "window", NULL };
  static const char *const derived[] = { "kv_heads", "dim_v", "scale", "q_start", NULL };
  if (!s->differs && (is_one_of(s->name, derived) || is_one_of(s->name, optional)))
    return;                     /* follows from others, or is not there */
  if (strncmp(s->value, "each:", 5) == 0)
    fprintf(stream, " each %s", s->value + 5);
  else if (is_one_of(s->name, plain))
    fprintf(stream, " %s", s->value);
  else if (is_one_of(s->name, switches))
    fprintf(stream, " %s", s->name);
  else if (c->mixed && (strcmp(s->name, "k") == 0 || strcmp(s->name, "v") == 0))
    return;                     /* the segments say it */
  else
    fprintf(stream, " %s %s", s->name, s->value);
}

/* The three storage formats in one word where they are the same.  */
static bool storage_said(FILE *stream, const case_spec *c, const setting *s, bool *said) {
  static const char *const storage[] = { "q", "k", "v", NULL };
  if (!is_one_of(s->name, storage) || c->mixed || c->q != c->k || c->q != c->v)
    return false;
  if (!*said)
    fprintf(stream, " %s", s->value);
  return *said = true;
}

static int set_label(case_spec *c, struct variety *varieties) {
  char *text = NULL;
  size_t length;
  setting s;
  bool said = false;
  FILE *stream = open_memstream(&text, &length);
  if (!stream)
    return fail(FILES, "out of memory");
  for (size_t i = 0; case_setting(c, i, &s); i++)
    if (find_variety(varieties, s.name)->varies && !storage_said(stream, c, &s, &said))
      say(stream, c, &s);
  fclose(stream);
  c->label = strdup(length > 0 ? text + 1 : c->input.family);
  free(text);
  return c->label ? DONE : fail(FILES, "out of memory");
}

static int set_labels(experiment *e) {
  struct variety *varieties = calloc(MOST_SETTINGS, sizeof *varieties);
  int status = varieties ? DONE : fail(FILES, "out of memory");
  if (varieties)
    find_varieties(varieties, e);
  for (size_t i = 0; i < e->n_cases && status == DONE; i++)
    status = set_label(&e->cases[i], varieties);
  free(varieties);
  return status;
}

/* ---- duplicates and streams: sorted by what must not meet ---- */

struct place { uint64_t number; size_t index; };

static int compare_places(const void *a, const void *b) {
  const struct place *x = a, *y = b;
  if (x->number != y->number)
    return x->number < y->number ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* Moves the references of `from` that `to` lacks.  */
static int merge_references(case_spec *to, case_spec *from) {
  char **all = realloc(to->references, (to->n_references + from->n_references + 1) * sizeof *all);
  if (!all)
    return fail(FILES, "out of memory");
  to->references = all;
  for (size_t i = 0; i < from->n_references; i++) {
    bool has = false;
    for (size_t j = 0; j < to->n_references; j++)
      has = has || strcmp(all[j], from->references[i]) == 0;
    if (!has) {
      all[to->n_references++] = from->references[i];
      from->references[i] = NULL;
    }
  }
  return DONE;
}

static int merge_duplicates(experiment *e, struct place *place) {
  size_t kept = 0, merged = 0;
  int status = DONE;
  for (size_t i = 0; i < e->n_cases; i++)
    place[i] = (struct place) { strtoull(e->cases[i].id, NULL, 16), i };
  qsort(place, e->n_cases, sizeof *place, compare_places);
  for (size_t i = 0, first = 0; i < e->n_cases && status == DONE; i++)
    if (place[i].number != place[first].number)
      first = i;
    else if (i != first) {
      case_spec *again = &e->cases[place[i].index];
      status = merge_references(&e->cases[place[first].index], again);
      again->id[0] = 0;
      merged++;
    }
  for (size_t i = 0; i < e->n_cases; i++)
    if (e->cases[i].id[0])
      e->cases[kept++] = e->cases[i];
    else
      case_free(&e->cases[i]);
  e->n_cases = kept;
  if (merged > 0)
    note("%s: %zu of %zu cases were the same as another one, and are run once", e->path, merged, kept + merged);
  return status;
}

static bool same_inputs(const case_spec *a, const case_spec *b) {
  setting s, t;
  for (size_t i = 0;; i++) {
    bool more = case_setting(a, i, &s);
    if (more != case_setting(b, i, &t))
      return false;
    if (!more)
      return true;
    if (s.determines_inputs && (strcmp(s.name, t.name) != 0 || strcmp(s.value, t.value) != 0))
      return false;
  }
}

static int check_streams(const experiment *e, struct place *place) {
  size_t n = 0;
  for (size_t i = 0; i < e->n_cases; i++)
    if (strcmp(e->cases[i].input.family, "import") != 0)
      place[n++] = (struct place) { inputs_stream(&e->cases[i], e->seed), i };
  qsort(place, n, sizeof *place, compare_places);
  for (size_t i = 1; i < n; i++) {
    const case_spec *a = &e->cases[place[i - 1].index], *b = &e->cases[place[i].index];
    if (place[i].number == place[i - 1].number && !same_inputs(a, b))
      return fail(USAGE, "%s: inputs: cases %s (%s, %s) and %s (%s, %s) have different inputs but the same random stream "
                         "%" PRIu64
                  ", expected independent ones: choose another seed or family for one of them", e->path, a->id, a->label,
                  a->input.family, b->id, b->label, b->input.family, place[i].number);
  }
  return DONE;
}

int cases_finish(experiment *e) {
  struct place *place = calloc(e->n_cases + 1, sizeof *place);
  int status = place ? DONE : fail(FILES, "out of memory");
  for (size_t i = 0; i < e->n_cases && status == DONE; i++)
    status = set_id(&e->cases[i]);
  if (status == DONE)
    status = merge_duplicates(e, place);
  if (status == DONE)
    status = set_labels(e);
  if (status == DONE)
    status = check_streams(e, place);
  free(place);
  return status;
}
