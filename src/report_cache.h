/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cases as caches: which keys are stored in which format, how many bits that takes, and what it costs.  */

#ifndef REPORT_CACHE_H
#define REPORT_CACHE_H

#include "report_data.h"

enum { MAX_SUBJECTS = 12 };

typedef struct cached {
  const result *r;
  const errors *quantisation;   /* oracle-unquantised: exact attention on the stored inputs, against that before storage */
  const errors *arithmetic;     /* segmented-oracle */
  const errors *total;          /* segmented-unquantised; what quantisation lost nothing from has only the arithmetic */
  double bits;                  /* a value: the mean over the elements of all K and V, scales of blocks included */
  size_t keys, recent;          /* all; those at the end that are not stored as the bulk is */
  size_t subject, series;
} cached;

/* A subject is all that is not storage: cases of one subject can be compared.  A series is the format of the bulk, and what
   stands before it: its cases differ in the number of recent keys.  */
typedef struct cache_subject {
  const result *first;
  size_t keys, kin;             /* kin: the first subject that differs in its length only */
  char label[TEXT_SIZE];        /* "layer 18, 1024 keys" */
  char of_kin[TEXT_SIZE];       /* "layer 18" */
} cache_subject;

typedef struct caches {
  cached *cases;                /* n of them; of a series those with fewer bits first */
  size_t n;
  cache_subject subjects[MAX_SUBJECTS];
  size_t n_subjects;
  curve series[MAX_CURVES];     /* name and style; e is NULL */
  size_t n_series;
  size_t left_out;              /* cases beyond MAX_SUBJECTS and MAX_CURVES, or whose segments the file does not list */
} caches;

/* From the cases that have the errors and name their segments.  0 or FILES.  */
int caches_make(caches *to, const report *r);
void caches_free(caches *c);
bool caches_vary(const report *r);      /* are there two caches of one subject that differ in their bits? */

/* What figures show: the subjects with the most keys (all where they have the same number).  Numbers in caches.subjects.  */
size_t caches_shown(size_t shown[MAX_SUBJECTS], const caches *c);
size_t caches_kin(size_t kin[MAX_SUBJECTS], const caches *c);  /* those that there are in several lengths */
bool caches_in_lengths(const report *r);
const cached *cache_find(const caches *c, size_t subject, size_t series, size_t recent);        /* NULL: none */

/* Variables for gnuplot: cells, title[] (labels of these subjects); a line of text between the key and the panels.  */
void cache_titles(FILE *job, const caches *c, const size_t *shown, size_t n, bool of_kin);

/* The numbers as a table, and for LaTeX.  */
void cache_table(FILE *f, const report *r);
void cache_tex(FILE *f, const report *r);
void cache_csv(FILE *f, const report *r, const group *g);

#endif
