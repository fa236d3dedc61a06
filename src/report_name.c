/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of groups for people and for files: the fewest settings, in their order, that tell all groups of the file apart.  */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "report_data.h"

static bool is_storage(const char *name) {
  return strlen(name) == 1 && strchr("qkv", *name) != NULL;
}

/* "896:bf16,128:f16": each segment has its own format, and this is what k and v are stored in.  */
static const char *mixed(const result *c) {
  const char *segments = report_setting(c, "segments");
  return strchr(segments, ':') != NULL && strncmp(segments, "each:", 5) != 0 ? segments : NULL;
}

static const char *setting_name(const report *r, size_t i) {
  return r->groups[0].cases[0]->settings[i].name;
}

/* Setting i of the first group, in this one.  All cases of a file list the same settings in the same order, or nearly so.  */
static const char *value(const report *r, const group *g, size_t i) {
  const char *name = setting_name(r, i);
  const result *c = g->cases[0];
  if (is_storage(name) && *name != 'q' && mixed(c) != NULL)
    return mixed(c);
  if (i < c->n_settings && strcmp(c->settings[i].name, name) == 0)
    return c->settings[i].value;
  return report_setting(c, name);
}

static bool agree(const report *r, const bool *chosen, size_t n, size_t a, size_t b) {
  for (size_t i = 0; i < n; i++)
    if (chosen[i] && strcmp(value(r, &r->groups[a], i), value(r, &r->groups[b], i)) != 0)
      return false;
  return true;
}

/* How many groups the chosen settings tell apart.  */
static size_t classes(const report *r, const bool *chosen, size_t n) {
  size_t count = 0;
  for (size_t a = 0; a < r->n_groups; a++) {
    size_t b = 0;
    while (b < a && !agree(r, chosen, n, a, b))
      b++;
    count += b == a;
  }
  return count;
}

/* Segments come last: figures stand for all segmentations where these agree.  References do not make a case another.  */
static int turn(const char *name) {
  return strcmp(name, "references") == 0 ? 2 : strcmp(name, "segments") == 0 ? 1 : 0;
}

static void choose(const report *r, bool *chosen, size_t n) {
  size_t apart = 1;
  for (int now_at = 0; now_at < 2; now_at++)
    for (size_t i = 0; i < n && apart < r->n_groups; i++)
      if (turn(setting_name(r, i)) == now_at) {
        chosen[i] = true;
        size_t now = classes(r, chosen, n);
        chosen[i] = now > apart;
        apart = now > apart ? now : apart;
      }
}

static void append(char text[TEXT_SIZE], const char *name, const char *what) {
  size_t used = strlen(text);
  snprintf(text + used, TEXT_SIZE - used, "%s%s%s%s", used ? ", " : "", name, *name ? " " : "", what);
}

/* More than half of the groups have it: not worth saying, and saying nothing is still unambiguous.  */
static bool usual(const report *r, const group *g, size_t i) {
  size_t same = 0;
  for (size_t j = 0; j < r->n_groups; j++)
    same += strcmp(value(r, &r->groups[j], i), value(r, g, i)) == 0;
  return 2 * same > r->n_groups;
}

/* q, k and v together: "f16" where they are one format, otherwise those that matter: "q f32, k q4_0".  */
static bool append_storage(const report *r, group *g, size_t i, bool *said) {
  const result *c = g->cases[0];
  const char *q = report_setting(c, "q");
  bool one_format = strcmp(q, report_setting(c, "k")) == 0 && strcmp(q, report_setting(c, "v")) == 0;
  if (!is_storage(setting_name(r, i)))
    return false;
  if (mixed(c) == NULL && !one_format)
    append(g->label, setting_name(r, i), value(r, g, i));
  else if (!*said)
    append(g->label, "", mixed(c) != NULL ? mixed(c) : q);
  *said = true;
  return true;
}

/* "layer 18, f16".  What comes after the storage is said where it is not the usual.  */
static void label(const report *r, group *g, const bool *chosen, size_t n) {
  bool said = false, after = false;
  for (size_t i = 0; i < n; i++) {
    const char *name = setting_name(r, i), *what = value(r, g, i);
    after |= strcmp(name, "v") == 0;
    if (!chosen[i] || *what == '\0' || append_storage(r, g, i, &said) || (after && usual(r, g, i)))
      continue;
    append(g->label, strcmp(name, "family") == 0 ? "" : name, what);
  }
}

static void slug(group *g) {
  size_t n = 0;
  for (const char *p = g->label; *p && n < sizeof g->slug - 1; p++)
    if (isalnum((unsigned char) *p) || *p == '.')
      g->slug[n++] = (char) tolower((unsigned char) *p);
    else if (n > 0 && g->slug[n - 1] != '-')
      g->slug[n++] = '-';
  while (n > 0 && g->slug[n - 1] == '-')
    n--;
  g->slug[n] = '\0';
}

/* The case's own label and identifier, where settings do not make a name that is unique and short.  */
static void fall_back(report *r, size_t i) {
  group *g = &r->groups[i];
  bool taken = strlen(g->label) >= sizeof g->slug || *g->slug == '\0';
  for (size_t j = 0; j < i; j++)
    taken |= strcmp(r->groups[j].slug, g->slug) == 0;
  if (taken) {
    snprintf(g->label, sizeof g->label, "%s", g->cases[0]->label);
    snprintf(g->slug, sizeof g->slug, "%s", g->cases[0]->id);
  }
}

void groups_name(report *r) {
  const size_t n = r->groups[0].cases[0]->n_settings;
  bool *chosen = calloc(n + 1, sizeof *chosen);
  if (chosen != NULL && r->n_groups > 1)
    choose(r, chosen, n);
  for (size_t i = 0; i < r->n_groups && r->n_groups > 1; i++) {
    if (chosen != NULL)
      label(r, &r->groups[i], chosen, n);
    slug(&r->groups[i]);
    fall_back(r, i);
  }
  free(chosen);
}
