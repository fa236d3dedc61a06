/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layouts: the same numbers in any order of axes, forwards or backwards, with room between, or folded to stride 0.
   Memory that belongs to no element holds 0xff bytes, which is NaN in every float format.  */

#include <stdlib.h>
#include <string.h>
#include "layout.h"

const layout plain_layout = { .axes = "bhpd" };

const char *layout_axes(size_t i) {
  static const char orders[24][5] = {
    "bhpd", "bhdp", "bphd", "bpdh", "bdhp", "bdph", "hbpd", "hbdp", "hpbd", "hpdb", "hdbp", "hdpb",
    "pbhd", "pbdh", "phbd", "phdb", "pdbh", "pdhb", "dbhp", "dbph", "dhbp", "dhpb", "dpbh", "dphb" };
  return orders[i % 24];
}

void layout_draw(layout *l, rng *r) {
  *l = plain_layout;
  memcpy(l->axes, layout_axes(rng_chance(r, 30) ? 0 : rng_below(r, 24)), sizeof l->axes);
  for (size_t a = 0; a < SEGATTN_AXES; a++) {
    l->backwards[a] = rng_chance(r, 15);
    l->spare[a] = rng_chance(r, 15) ? 1 + rng_below(r, 3) : 0;
  }
  l->fold = rng_chance(r, 50);
}

void *memory_get(memory *m, size_t bytes) {
  if (m->n == m->room) {
    m->room = 2 * m->room + 16;
    m->blocks = realloc(m->blocks, m->room * sizeof *m->blocks);
    if (!m->blocks)
      abort();
  }
  return m->blocks[m->n++] = allocate(bytes, 1);
}

void memory_free(memory *m) {
  for (size_t i = 0; i < m->n; i++)
    free(m->blocks[i]);
  free(m->blocks);
  free(m);
}

/* Elements along each axis, along dim blocks.  */
static void steps_of(segattn_format format, const size_t shape[SEGATTN_AXES], size_t steps[SEGATTN_AXES]) {
  memcpy(steps, shape, SEGATTN_AXES * sizeof *steps);
  steps[SEGATTN_DIM] /= segattn_format_block(format);
}

/* Are the elements the same, bit for bit, all along the axis?  */
static bool uniform_along(const unsigned char *dense, const size_t shape[SEGATTN_AXES], size_t axis, size_t size) {
  size_t outer = 1, inner = size;
  for (size_t a = 0; a < axis; a++)
    outer *= shape[a];
  for (size_t a = axis + 1; a < SEGATTN_AXES; a++)
    inner *= shape[a];
  for (size_t i = 0; i < outer; i++, dense += shape[axis] * inner)
    for (size_t j = 1; j < shape[axis]; j++)
      if (memcmp(dense, dense + j * inner, inner))
        return false;
  return true;
}

static size_t axis_of(char letter) {
  return letter == 'b' ? SEGATTN_BATCH : letter == 'h' ? SEGATTN_HEAD : letter == 'p' ? SEGATTN_POS : SEGATTN_DIM;
}

segattn_tensor layout_make(memory *m, const layout *l, segattn_format format, const size_t shape[SEGATTN_AXES],
                           const unsigned char *dense, laid *where) {
  size_t size = segattn_format_bytes(format, 1), step = size, origin = 0, steps[SEGATTN_AXES];
  segattn_tensor t = { .format = format };
  memcpy(t.shape, shape, sizeof t.shape);
  steps_of(format, shape, steps);
  for (size_t i = SEGATTN_AXES; i-- > 0;) {
    size_t a = axis_of(l->axes[i]);
    bool folded = dense && l->fold && steps[a] > 1 && uniform_along(dense, steps, a, size);
    size_t n = folded ? 1 : steps[a];
    t.stride[a] = folded ? 0 : (ptrdiff_t) step;
    if (l->backwards[a] && n > 1) {
      origin += (n - 1) * step;
      t.stride[a] = -(ptrdiff_t) step;
    }
    step *= n + l->spare[a] + (n == 0);
  }
  where->bytes = step;
  where->block = memory_get(m, step);
  memset(where->block, 0xff, step);
  t.data = where->block + origin;
  if (dense)
    layout_copy(&t, (unsigned char *) (uintptr_t) dense, true);
  return t;
}

void layout_copy(const segattn_tensor *t, unsigned char *dense, bool to_tensor) {
  size_t size = segattn_format_bytes(t->format, 1), n = t->shape[SEGATTN_DIM] / segattn_format_block(t->format);
  if (t->stride[SEGATTN_DIM] == (ptrdiff_t) size) {             /* whole rows */
    size *= n;
    n = 1;
  }
  for (size_t b = 0; b < t->shape[0]; b++)
    for (size_t h = 0; h < t->shape[1]; h++)
      for (size_t p = 0; p < t->shape[2]; p++)
        for (size_t c = 0; c < n; c++, dense += size) {
          unsigned char *at = (unsigned char *) t->data + (ptrdiff_t) b * t->stride[0] + (ptrdiff_t) h * t->stride[1] +
            (ptrdiff_t) p * t->stride[2] + (ptrdiff_t) c * t->stride[3];
          memcpy(to_tensor ? at : dense, to_tensor ? dense : at, size);
        }
}

bool layout_untouched(const segattn_tensor *t, const laid *where) {
  size_t size = segattn_format_bytes(t->format, 1), n = t->shape[0] * t->shape[1] * t->shape[2] * t->shape[3];
  unsigned char *blank = allocate(n, size);
  memset(blank, 0xff, n * size);
  layout_copy(t, blank, true);
  free(blank);
  for (size_t i = 0; i < where->bytes; i++)
    if (where->block[i] != 0xff)
      return false;
  return true;
}
