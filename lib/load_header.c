/* SPDX-License-Identifier: BSD-2-Clause */
/* Are bytes a saved state, whole and unchanged, and of this problem?  (doc/STATE; load.c reads what follows the header.)  */

#include "load.h"

const unsigned char *sga_read(sga_reader *r, size_t n, const char *of) {
  const unsigned char *p = r->at;
  if (n > r->left) {
    DAMAGED(r, "ends within %s", of);
    return NULL;
  }
  r->at += n;
  r->left -= n;
  return p;
}

/* ---- is it a state, whole and unchanged? ---- */

segattn_status sga_saved_whole(const unsigned char *bytes, size_t size, segattn_error *error) {
  const sga_reader r = { bytes, size, error };
  if (size < AT_VERSION || memcmp(bytes, SAVED_MAGIC, AT_VERSION))
    return DAMAGED(&r, "is no saved state: it does not begin as one");
  if (size < SAVED_HEADER + SAVED_CHECKSUM)
    return DAMAGED(&r, "has %zu bytes, expected at least %d", size, SAVED_HEADER + SAVED_CHECKSUM);
  if (get_u32(bytes + AT_VERSION) != SAVED_VERSION)
    return sga_fail(error, SEGATTN_EUNSUPPORTED, "saved", "is of version %u, expected %d", get_u32(bytes + AT_VERSION),
                    SAVED_VERSION);
  if (get_u64(bytes + AT_BYTES) != size)
    return DAMAGED(&r, "has %zu bytes, expected %llu: it was cut off, or something follows", size,
                   (unsigned long long)get_u64(bytes + AT_BYTES));
  if (get_u64(bytes + size - SAVED_CHECKSUM) != sga_checksum(bytes, size - SAVED_CHECKSUM))
    return DAMAGED(&r, "was changed: its checksum is not the one that it ends with");
  return SEGATTN_OK;
}

/* ---- is it of this problem? ---- */

static segattn_status same_numbers(const sga_reader *r, const unsigned char *from, const double *expected, size_t n,
                                   const char *name) {
  for (size_t i = 0; from && i < n; i++) {
    double x = get_f64(from + i * sizeof x);
    if (!(x <= expected[i] && x >= expected[i]))
      return sga_fail(r->error, SEGATTN_EINVAL, "saved", "is of a problem with %s %.17g at head %zu, expected %.17g", name,
                      x, i, expected[i]);
  }
  return SEGATTN_OK;
}

static segattn_status same_shape(const segattn_state *s, const unsigned char *h, segattn_error *error) {
  const struct { const char *name; int at; size_t expected; } field[] = {
    { "batch", AT_BATCH, s->batch }, { "queries", AT_QUERIES, s->queries }
  };
  char arithmetic[AT_NUMBER - AT_ARITHMETIC + 1] = "";
  memcpy(arithmetic, h + AT_ARITHMETIC, sizeof arithmetic - 1);
  if (strcmp(arithmetic, s->plan->kernel->arithmetic))
    return sga_fail(error, SEGATTN_EINVAL, "saved", "has arithmetic %s, expected %s as in the plan", arithmetic,
                    s->plan->kernel->arithmetic);
  for (size_t i = 0; i < sizeof field / sizeof *field; i++)
    if (get_u64(h + field[i].at) != field[i].expected)
      return sga_fail(error, SEGATTN_EINVAL, "saved", "has %s %llu, expected %zu as in state", field[i].name,
                      (unsigned long long)get_u64(h + field[i].at), field[i].expected);
  return SEGATTN_OK;
}

/* Numbers by head: those of the state until they are compared one by one, or any, or none.  */
static const double *there(bool saved, const double *of_state) {
  static const double any = 0;
  return !saved ? NULL : of_state ? of_state : &any;
}

segattn_status sga_saved_header(const segattn_state *s, const unsigned char *h, const void *tag, sga_reader *r) {
  const segattn_problem *p = &s->plan->problem;
  uint32_t flags = get_u32(h + AT_FLAGS);
  segattn_status status;
  if (get_u32(h + AT_BASE) != SAVED_BASE || get_u32(h + AT_BLOCK) != SGA_BLOCK || flags > 7 || get_u32(h + AT_ZERO))
    return DAMAGED(r, "has exponents of base %u, blocks of %u keys and flags %u, expected 2, %d and at most 7",
                   get_u32(h + AT_BASE),
                   get_u32(h + AT_BLOCK), flags, SGA_BLOCK);
  if ((status = same_shape(s, h, r->error)))
    return status;
  if (get_u32(h + AT_NUMBER) != s->plan->kernel->size)
    return DAMAGED(r, "has numbers of %u bytes, expected %zu", get_u32(h + AT_NUMBER), s->plan->kernel->size);
  const segattn_problem got = {
    .q_heads = get_u64(h + AT_Q_HEADS), .kv_heads = get_u64(h + AT_KV_HEADS), .dim_k = get_u64(h + AT_DIM_K),
    .dim_v = get_u64(h + AT_DIM_V), .scale = get_f64(h + AT_SCALE), .softcap = get_f64(h + AT_SOFTCAP),
    .causal = flags & SAVED_CAUSAL, .window = get_u64(h + AT_WINDOW), .slopes = there(flags & SAVED_SLOPES, p->slopes),
    .sinks = there(flags & SAVED_SINKS, p->sinks)
  };
  if ((status = sga_problem_same(&got, "saved", p, "the plan", r->error)))
    return status;
  const unsigned char *slopes = p->slopes ? sga_read(r, p->q_heads * sizeof(double), "the slopes") : NULL;
  const unsigned char *sinks = p->sinks ? sga_read(r, p->q_heads * sizeof(double), "the sinks") : NULL;
  if ((p->slopes && !slopes) || (p->sinks && !sinks))
    return SEGATTN_EDAMAGED;
  if ((status = same_numbers(r, slopes, p->slopes, p->q_heads, "slope")) ||
      (status = same_numbers(r, sinks, p->sinks, p->q_heads, "sink")))
    return status;
  if (tag && memcmp(h + AT_TAG, tag, SEGATTN_TAG))
    return sga_fail(r->error, SEGATTN_EINVAL, "tag", "is not the one that the state was saved with");
  return SEGATTN_OK;
}
