/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cases as caches.

   The segments of a case are its cache: the bulk is the format that most keys are stored in, what stands before and after it is
   kept in another one.  With n_s keys in segment s, whose elements take b_K,s and b_V,s bits (4.5 of q4_0: 32 codes of 4 bits
   and a scale of 16), a value takes

       sum n_s (D_k b_K,s + D_v b_V,s)  /  (n (D_k + D_v))     bits.  */

#include "report_cache.h"
#include <stdlib.h>
#include <string.h>
#include "call.h"
#include "message.h"

typedef struct cut { segment_spec *part; size_t n; } cut;

static size_t size_of(const result *r, const char *name) {
  return strtoull(report_setting(r, name), NULL, 10);
}

static segattn_format format_of(const result *r, const char *name) {
  segattn_format format = SEGATTN_F32;
  segattn_format_find(&format, report_setting(r, name), NULL);
  return format;
}

static bool same(const segment_spec *a, const segment_spec *b) {
  return a->k == b->k && a->v == b->v;
}

/* ---- bits ---- */

static double bits_of(segattn_format format) {
  const size_t block = segattn_format_block(format);
  return 8. * (double) segattn_format_bytes(format, block) / (double) block;
}

static double bits_per_value(const cut *c, size_t dim_k, size_t dim_v) {
  double bits = 0, values = 0;
  for (size_t i = 0; i < c->n; i++) {
    bits += (double) c->part[i].keys
          * ((double) dim_k * bits_of(c->part[i].k) + (double) dim_v * bits_of(c->part[i].v));
    values += (double) c->part[i].keys * (double) (dim_k + dim_v);
  }
  return bits / values;
}

/* ---- names ---- */

static void format_name(char *to, size_t size, const segment_spec *s) {
  if (s->k == s->v)
    snprintf(to, size, "%s", segattn_format_name(s->k));
  else
    snprintf(to, size, "K %s, V %s", segattn_format_name(s->k), segattn_format_name(s->v));
}

/* The first segment of the format that most keys have.  */
static size_t find_bulk(const cut *c) {
  size_t bulk = 0, most = 0;
  for (size_t i = 0; i < c->n; i++) {
    size_t keys = 0;
    for (size_t j = i; j < c->n; j++)
      keys += same(&c->part[i], &c->part[j]) ? c->part[j].keys : 0;
    if (keys > most) {
      most = keys;
      bulk = i;
    }
  }
  return bulk;
}

/* "q4_0", "q4_0, key 0 f16", "K q8_0, V q4_0, recent bf16".  Sets the number of recent keys.  */
static void series_name(char *to, size_t size, size_t *recent, const cut *c) {
  const size_t bulk = find_bulk(c);
  size_t first = 0, last = c->n - 1;
  char kept[32];
  for (size_t i = 0; i < bulk; i++)
    first += c->part[i].keys;
  for (*recent = 0; !same(&c->part[last], &c->part[bulk]); last--)
    *recent += c->part[last].keys;
  format_name(to, size, &c->part[bulk]);
  format_name(kept, sizeof kept, &c->part[0]);
  if (first == 1)
    snprintf(to + strlen(to), size - strlen(to), ", key 0 %s", kept);
  else if (first > 1)
    snprintf(to + strlen(to), size - strlen(to), ", first %zu %s", first, kept);
  const segment_spec *end = &c->part[c->n - 1];
  format_name(kept, sizeof kept, end);
  if (*recent > 0 && (end->k != SEGATTN_F16 || end->v != SEGATTN_F16))
    snprintf(to + strlen(to), size - strlen(to), ", recent %s", kept);
}

/* ---- subjects ---- */

static bool is_one(const char *name, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0)
      return true;
  return false;
}

/* What does not make a case another subject: storage, and what is asked for beside it.  */
static bool is_storage(const char *name) {
  static const char *const names[] = { "k", "v", "segments", "references" };
  return is_one(name, names, sizeof names / sizeof *names);
}

/* What a longer text changes.  */
static bool is_length(const char *name) {
  static const char *const names[] = { "keys", "queries", "q_start", "import" };
  return is_one(name, names, sizeof names / sizeof *names);
}

static bool same_subject(const result *a, const result *b, bool any_length) {
  if (a->n_settings != b->n_settings)
    return false;
  for (size_t i = 0; i < a->n_settings; i++)
    if (!is_storage(a->settings[i].name) && !(any_length && is_length(a->settings[i].name))
        && strcmp(a->settings[i].value, report_setting(b, a->settings[i].name)) != 0)
      return false;
  return true;
}

/* Does this setting tell apart two subjects that those chosen before it do not?  */
static bool tells_more(const caches *c, const char *const *chosen, size_t n, const char *name) {
  for (size_t i = 0; i < c->n_subjects; i++)
    for (size_t j = 0; j < i; j++) {
      const result *a = c->subjects[i].first, *b = c->subjects[j].first;
      bool apart = strcmp(report_setting(a, name), report_setting(b, name)) != 0;
      for (size_t k = 0; k < n; k++)
        apart = apart && strcmp(report_setting(a, chosen[k]), report_setting(b, chosen[k])) == 0;
      if (apart)
        return true;
    }
  return false;
}

static void label_add(char label[TEXT_SIZE], const char *name, const char *value) {
  static const char *const plain[] = { "family", "import", "arithmetic" };
  const size_t used = strlen(label);
  const bool bare = is_one(name, plain, sizeof plain / sizeof *plain);
  if (strcmp(name, "keys") == 0)
    snprintf(label + used, TEXT_SIZE - used, "%s%s keys", used ? ", " : "", value);
  else
    snprintf(label + used, TEXT_SIZE - used, "%s%s%s%s", used ? ", " : "", bare ? "" : name, bare ? "" : " ", value);
}

/* "layer 18, 1024 keys": the fewest settings, those that people think in first.  */
static void label_subjects(caches *c) {
  static const char *const turn[] = { "family", "layer", "keys", "arithmetic" };
  enum { TURNS = sizeof turn / sizeof *turn, MOST = 16 };
  const result *first = c->subjects[0].first;
  const char *chosen[MOST];
  size_t n = 0;
  for (size_t i = 0; i < TURNS + first->n_settings && n < MOST; i++) {
    const char *name = i < TURNS ? turn[i] : first->settings[i - TURNS].name;
    if (!is_storage(name) && tells_more(c, chosen, n, name))
      chosen[n++] = name;
  }
  for (cache_subject *s = c->subjects; s < c->subjects + c->n_subjects; s++)
    for (size_t i = 0; i < n; i++) {
      label_add(s->label, chosen[i], report_setting(s->first, chosen[i]));
      if (!is_length(chosen[i]))
        label_add(s->of_kin, chosen[i], report_setting(s->first, chosen[i]));
    }
}

/* ---- all of them ---- */

static size_t subject_of(caches *c, const result *r, size_t keys) {
  size_t i = 0, kin = 0;
  while (i < c->n_subjects && !same_subject(c->subjects[i].first, r, false))
    i++;
  while (kin < c->n_subjects && !same_subject(c->subjects[kin].first, r, true))
    kin++;
  if (i == c->n_subjects && i < MAX_SUBJECTS)
    c->subjects[c->n_subjects++] = (cache_subject) { .first = r, .keys = keys, .kin = kin };
  return i;
}

static size_t series_of(caches *c, const char *name) {
  size_t i = 0;
  while (i < c->n_series && strcmp(c->series[i].name, name) != 0)
    i++;
  if (i == c->n_series && i < MAX_CURVES) {
    snprintf(c->series[i].name, sizeof c->series[i].name, "%s", name);
    c->series[i].style = i % STYLES;
    c->n_series++;
  }
  return i;
}

/* Settings keep the beginning of a list of segments that is too long, and its hash: not to be read.  */
static bool listed(const char *segments) {
  return *segments != '\0' && strstr(segments, "sha256") == NULL;
}

static int cache_add(caches *to, const result *r) {
  const char *segments = report_setting(r, "segments");
  cached c = { .r = r, .keys = size_of(r, "keys"), .quantisation = result_errors(r, "oracle-unquantised"),
               .arithmetic = result_errors(r, "segmented-oracle"), .total = result_errors(r, "segmented-unquantised") };
  char name[sizeof to->series[0].name];
  cut parts;
  if (c.quantisation == NULL || c.arithmetic == NULL || c.keys == 0 || !listed(segments)) {
    to->left_out++;
    return DONE;
  }
  if (segments_parse(&parts.part, &parts.n, segments, c.keys, format_of(r, "k"), format_of(r, "v")) != DONE) {
    free(parts.part);
    return FILES;
  }
  c.bits = bits_per_value(&parts, size_of(r, "dim_k"), size_of(r, "dim_v"));
  series_name(name, sizeof name, &c.recent, &parts);
  free(parts.part);
  c.subject = subject_of(to, r, c.keys);
  c.series = series_of(to, name);
  if (c.subject < MAX_SUBJECTS && c.series < MAX_CURVES)
    to->cases[to->n++] = c;
  else
    to->left_out++;
  return DONE;
}

static int by_bits(const void *a, const void *b) {
  const cached *x = a, *y = b;
  if (x->subject != y->subject)
    return x->subject < y->subject ? -1 : 1;
  if (x->series != y->series)
    return x->series < y->series ? -1 : 1;
  return (x->bits > y->bits) - (x->bits < y->bits);
}

int caches_make(caches *to, const report *r) {
  int status = DONE;
  *to = (caches) { .cases = calloc(r->n_results + 1, sizeof *to->cases) };
  if (to->cases == NULL)
    return fail(FILES, "%s: out of memory", r->path);
  for (size_t i = 0; i < r->n_results && status == DONE; i++)
    status = cache_add(to, &r->results[i]);
  qsort(to->cases, to->n, sizeof *to->cases, by_bits);
  if (status == DONE && to->n > 0)
    label_subjects(to);
  return status;
}

void caches_free(caches *c) {
  if (c != NULL)
    free(c->cases);
  free(c);
}

bool caches_vary(const report *r) {
  const caches *c = r->caches;
  for (size_t i = 1; i < c->n; i++)
    for (size_t j = 0; j < i; j++)
      if (c->cases[i].subject == c->cases[j].subject && c->cases[i].bits != c->cases[j].bits)
        return true;
  return false;
}

size_t caches_shown(size_t shown[MAX_SUBJECTS], const caches *c) {
  size_t most = 0, n = 0;
  for (size_t i = 0; i < c->n_subjects; i++)
    most = c->subjects[i].keys > most ? c->subjects[i].keys : most;
  for (size_t i = 0; i < c->n_subjects; i++)
    if (c->subjects[i].keys == most)
      shown[n++] = i;
  return n;
}

size_t caches_kin(size_t kin[MAX_SUBJECTS], const caches *c) {
  size_t n = 0;
  for (size_t i = 0; i < c->n_subjects; i++) {
    bool several = false;
    for (size_t j = i + 1; j < c->n_subjects && c->subjects[i].kin == i; j++)
      several |= c->subjects[j].kin == i && c->subjects[j].keys != c->subjects[i].keys;
    if (several)
      kin[n++] = i;
  }
  return n;
}

bool caches_in_lengths(const report *r) {
  size_t kin[MAX_SUBJECTS];
  return caches_kin(kin, r->caches) > 0;
}

const cached *cache_find(const caches *c, size_t subject, size_t series, size_t recent) {
  for (size_t i = 0; i < c->n; i++)
    if (c->cases[i].subject == subject && c->cases[i].series == series && c->cases[i].recent == recent)
      return &c->cases[i];
  return NULL;
}
