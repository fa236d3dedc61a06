/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts and their tables.  */

#include "verdict.h"

#include <math.h>
#include <string.h>

#include "events.h"
#include "json.h"
#include "message.h"

enum verdict verdict_bound(const errors *e) {
  if (e->nan_one_side || !(e->total[STAT_RATIO] <= 1))
    return FAIL;
  return e->vacuous ? UNDEFINED : PASS;
}

enum verdict verdict_bits(const errors *e) {
  return e->identical ? PASS : FAIL;
}

const char *verdict_name(enum verdict v) {
  static const char *const name[] = { "PASS", "FAIL", "undefined" };
  return name[v];
}

static void coloured(FILE *to, enum verdict v) {
  static const enum colour colour[] = { GREEN, RED, YELLOW };
  fprintf(to, "%s%-9s%s", colour_out(colour[v]), verdict_name(v), colour_out(PLAIN));
}

/* ---- the table ---- */

static void pair_row(FILE *to, const errors *e, enum verdict v, const char *what) {
  fprintf(to, "    ");
  coloured(to, v);
  fprintf(to, " %-34s max %.3e  rms %.3e  %8.3g ulp (%s)  %.3g of its bound\n", what, e->total[STAT_MAX], e->total[STAT_RMS],
          e->total[STAT_ULP], e->ulp_format, e->total[STAT_RATIO]);
  if (v == FAIL)
    fprintf(to, "              worst: batch %zu, head %zu, query %zu, element %zu: %.9g, exact %.9g, bound %.3g\n", e->worst[0],
            e->worst[1], e->worst[2], e->worst[3], e->worst_a, e->worst_b, e->worst_bound);
  if (e->vacuous)
    fprintf(to, "              the exact side is all zero or constant: this comparison says nothing\n");
  if (v == PASS && e->total[STAT_RATIO] > 0 && e->total[STAT_RATIO] < 1e-3)
    fprintf(to, "              the bound is more than 1000 times the error seen: of no use here\n");
}

static void reference_row(FILE *to, const result *r, const reference *ref) {
  char pair[2 * NAME_SIZE];
  snprintf(pair, sizeof pair, "%s-oracle", ref->provider);
  const errors *e = result_errors(r, pair);
  if (!ref->available || !e)
    fprintf(to, "    %s-         %s %s: unavailable%s%s\n", colour_out(DIM), ref->provider, colour_out(PLAIN),
            ref->reason ? ": " : "", ref->reason ? ref->reason : "");
  else
    fprintf(to, "    distance  %-34s max %.3e  rms %.3e  %8.3g ulp (%s)  relative %.2e\n", pair, e->total[STAT_MAX],
            e->total[STAT_RMS], e->total[STAT_ULP], e->ulp_format, e->relative_rms);
}

/* Not where storage holds every value, and not in files of versions that did not ask.  */
static void storage_row(FILE *to, const result *r) {
  const errors *e = result_errors(r, "oracle-unquantised");
  if (e && !e->identical)
    fprintf(to, "    distance  %-34s max %.3e  rms %.3e  relative %.2e\n", "storage: exact, before and after",
            e->total[STAT_MAX], e->total[STAT_RMS], e->relative_rms);
}

/* What happened that a person would want to know.  */
static void events_row(FILE *to, const result *r) {
  char text[1024] = "";
  if (r->events)
    events_text(text, sizeof text, r->events, r->n_events);
  if (*text)
    fprintf(to, "    events    %s\n", text);
}

static bool case_rows(FILE *to, const result *r) {
  const errors *bits = result_errors(r, "standard-segmented"), *standard = result_errors(r, "standard-oracle"),
               *segmented = result_errors(r, "segmented-oracle");
  fprintf(to, "%s%s%s  %s%s%s\n", colour_out(BOLD), r->label, colour_out(PLAIN), colour_out(DIM), r->id, colour_out(PLAIN));
  if (!bits || !standard || !segmented) {
    fprintf(to, "    no comparisons in the file\n");
    return false;
  }
  enum verdict v[] = { verdict_bits(bits), verdict_bound(standard), verdict_bound(segmented) };
  fprintf(to, "    ");
  coloured(to, v[0]);
  fprintf(to, " standard and segmented: %s", bits->identical ? "identical bits\n" : "different bits, ");
  if (!bits->identical)
    fprintf(to, "max %.3e at batch %zu, head %zu, query %zu, element %zu\n", bits->total[STAT_MAX], bits->worst[0],
            bits->worst[1],
            bits->worst[2], bits->worst[3]);
  pair_row(to, standard, v[1], "standard against the oracle");
  pair_row(to, segmented, v[2], "segmented against the oracle");
  storage_row(to, r);
  events_row(to, r);
  for (size_t i = 0; i < r->n_references; i++)
    reference_row(to, r, &r->references[i]);
  return v[0] != FAIL && v[1] != FAIL && v[2] != FAIL;
}

bool verdict_table(FILE *to, const result *results, size_t n) {
  bool good = true;
  for (size_t i = 0; i < n; i++)
    good = case_rows(to, &results[i]) && good;
  return good;
}

/* ---- JSON ---- */

static void worst_object(FILE *to, const errors *e) {
  fprintf(to, "{\"batch\":%zu,\"head\":%zu,\"query\":%zu,\"element\":%zu,", e->worst[0], e->worst[1], e->worst[2], e->worst[3]);
  json_member(to, "got", e->worst_a);
  fputc(',', to);
  json_member(to, "exact", e->worst_b);
  fputc(',', to);
  json_member(to, "error", e->worst_a - e->worst_b);
  fputc(',', to);
  json_member(to, "bound", e->worst_bound);
  fputc(',', to);
  json_member(to, "ratio", e->total[STAT_RATIO]);
  fputc('}', to);
}

static void heads_array(FILE *to, const errors *e) {
  fputs("\"heads\":[", to);
  for (size_t i = 0; i < e->batch * e->heads; i++) {
    const double *s = e->by_head + i * STATISTICS;
    fprintf(to, "%s{\"batch\":%zu,\"head\":%zu,", i ? "," : "", i / e->heads, i % e->heads);
    json_member(to, "max_error", s[STAT_MAX]);
    fputc(',', to);
    json_member(to, "rms_error", s[STAT_RMS]);
    fputc(',', to);
    json_member(to, "max_ratio", s[STAT_RATIO]);
    fputc('}', to);
  }
  fputc(']', to);
}

void verdict_object(FILE *to, const errors *e, const char *arithmetic, const char *const *notes, size_t n_notes) {
  static const char *const name[] = { "pass", "fail", "undefined" };
  static const struct { const char *name; enum statistic which; } member[] = {
    { "max_error", STAT_MAX }, { "rms_error", STAT_RMS }, { "bias", STAT_BIAS }, { "max_ratio", STAT_RATIO },
    { "max_ulp", STAT_ULP }
  };
  fprintf(to, "{\"verdict\":\"%s\",\"arithmetic\":", name[verdict_bound(e)]);
  json_text(to, arithmetic);
  fputs(",\"worst\":", to);
  worst_object(to, e);
  for (size_t i = 0; i < sizeof member / sizeof *member; i++) {
    fputc(',', to);
    json_member(to, member[i].name, e->total[member[i].which]);
  }
  fputc(',', to);
  json_member(to, "relative_rms", e->relative_rms);
  fprintf(to, ",\"statistical\":null,\"nan\":%zu,\"inf\":%zu,", e->nan_one_side + e->nan_both, e->inf_equal);
  heads_array(to, e);
  fputs(",\"notes\":[", to);
  for (size_t i = 0; i < n_notes; i++) {
    fputs(i ? "," : "", to);
    json_text(to, notes[i]);
  }
  fputs("]}", to);
}

static const char *arithmetic_of(const result *r) {
  for (size_t i = 0; i < r->n_settings; i++)
    if (!strcmp(r->settings[i].name, "arithmetic"))
      return r->settings[i].value;
  return NULL;
}

static void storage_object(FILE *to, const result *r) {
  const errors *e = result_errors(r, "oracle-unquantised");
  if (!e)
    return;
  fputs(",\"quantisation\":{", to);
  json_member(to, "max_error", e->total[STAT_MAX]);
  fputc(',', to);
  json_member(to, "rms_error", e->total[STAT_RMS]);
  fputc(',', to);
  json_member(to, "relative_rms", e->relative_rms);
  fputc('}', to);
}

static bool case_object(FILE *to, const result *r) {
  const errors *bits = result_errors(r, "standard-segmented"), *standard = result_errors(r, "standard-oracle"),
               *segmented = result_errors(r, "segmented-oracle");
  bool complete = bits && standard && segmented;
  fputs("{\"id\":", to);
  json_text(to, r->id);
  fputs(",\"label\":", to);
  json_text(to, r->label);
  fputs(",\"digest\":", to);
  json_text(to, r->digest);
  fprintf(to, ",\"identical_bits\":%s", bits && bits->identical ? "true" : "false");
  for (int i = 0; complete && i < 2; i++) {
    fprintf(to, ",\"%s\":", i ? "segmented" : "standard");
    verdict_object(to, i ? segmented : standard, arithmetic_of(r), NULL, 0);
  }
  storage_object(to, r);
  if (r->events) {
    fputs(",\"events\":", to);
    events_json(to, r->events, r->n_events);
  }
  fputs(",\"references\":[", to);
  for (size_t i = 0; i < r->n_references; i++) {
    char pair[2 * NAME_SIZE];
    snprintf(pair, sizeof pair, "%s-oracle", r->references[i].provider);
    const errors *e = result_errors(r, pair);
    fprintf(to, "%s{\"provider\":", i ? "," : "");
    json_text(to, r->references[i].provider);
    fprintf(to, ",\"available\":%s,", r->references[i].available ? "true" : "false");
    json_member(to, "max_error", e ? e->total[STAT_MAX] : NAN);
    fputc(',', to);
    json_member(to, "relative_rms", e ? e->relative_rms : NAN);
    fputc('}', to);
  }
  fputs("]}", to);
  return complete && bits->identical && verdict_bound(standard) != FAIL && verdict_bound(segmented) != FAIL;
}

bool verdict_json(FILE *to, const result *results, size_t n, const char *digest) {
  bool good = true;
  const char *comma = "";
  fputs("{\"cases\":[", to);
  for (size_t i = 0; i < n; i++)
    if (results[i].label) {
      fputs(comma, to);
      good = case_object(to, &results[i]) && good;
      comma = ",";
    }
  fprintf(to, "],\"verdict\":\"%s\",\"digest\":", good ? "pass" : "fail");
  json_text(to, digest);
  fputs("}\n", to);
  return good;
}
