/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attend --state FILE.

   A state knows its problem but not its queries: the file carries a hash of them, so that one query's keys are not continued
   with another's.  Positions: keys begin where the state ends, unless --k-start says more.  A step that is repeated although it
   was done would then absorb its keys twice; with --k-start it is refused.  */

#include "carry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "hash.h"
#include "message.h"

/* Half of the SHA-256 of the queries' values, and of their positions where these matter.  */
static int tag_of(char tag[SEGATTN_TAG], const call *c) {
  array wide = { 0 };
  char hex[65], position[32] = "";
  hash *h = hash_alloc();
  if (!h)
    return FILES;
  int status = array_convert(&wide, SEGATTN_F64, &c->tensor[TENSOR_Q]);
  if (c->causal || c->window || c->alibi)
    snprintf(position, sizeof position, "%" PRId64, c->w.queries.start);
  hash_text(h, position);
  hash_array(h, &wide);
  hash_end(h, hex);
  memcpy(tag, hex, SEGATTN_TAG);
  array_free(&wide);
  return status;
}

static int load_fail(const carry *c, const call *of, const segattn_error *error) {
  int status = error->code == SEGATTN_EINVAL ? USAGE : FILES;
  if (!strcmp(error->argument, "tag"))
    return fail(status, "%s is of other queries than %s%s", c->file, of->name[TENSOR_Q],
                of->q_start_given ? " at --q-start" : "");
  return fail(status, "%s%s", c->file, error->text + strlen(error->argument));
}

/* *end: the position after the last key of all sequences.  */
static int end_of(const carry *c, const segattn_state *state, size_t batch, int64_t *end) {
  *end = segattn_state_end(state, 0);
  for (size_t b = 0; b < batch; b++) {
    int64_t own = segattn_state_end(state, b);
    if (own != *end && !c->start_given)
      return fail(USAGE, "--k-start is needed: sequence 0 of %s ends at position %" PRId64 ", sequence %zu at %" PRId64,
                  c->file, *end, b,
                  own);
    *end = own > *end ? own : *end;
  }
  return DONE;
}

static int load(carry *c, const call *of, segattn_state *state) {
  char *bytes;
  size_t n;
  int64_t end;
  segattn_error error;
  int status = file_read(&bytes, &n, c->file);
  if (status)
    return status;
  if (segattn_state_load(state, c->tag, bytes, n, &error))
    status = load_fail(c, of, &error);
  free(bytes);
  if (status || (status = end_of(c, state, of->tensor[TENSOR_Q].shape[SEGATTN_BATCH], &end)) || end == INT64_MIN)
    return status;
  if (c->start_given && c->start < end && of->tensor[TENSOR_K].shape[SEGATTN_POS])
    return fail(USAGE, "--k-start is %" PRId64 ", but %s holds the keys before position %" PRId64 " already", c->start, c->file,
                end);
  if (!c->start_given)
    c->start = end;
  return DONE;
}

int carry_read(carry *c, call *of, segattn_state *state) {
  int status = c->file ? tag_of(c->tag, of) : DONE;
  if (!status && c->file && (access(c->file, F_OK) == 0 || errno != ENOENT))
    status = load(c, of, state);
  if (!status)
    call_keys_from(of, c->start);
  return status;
}

int carry_write(const carry *c, const segattn_state *state) {
  segattn_error error;
  if (!c->file)
    return DONE;
  size_t n = segattn_state_size(state);
  char *bytes = malloc(n);
  if (!bytes)
    return fail(FILES, "%s: out of memory for its %zu bytes", c->file, n);
  int status = segattn_state_save(state, c->tag, bytes, n, &error) ? work_fail(&error) : file_write(c->file, bytes, n);
  free(bytes);
  return status;
}
