/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kernels decode with vectors is what the formats' own decoders give: every instruction set, every code of the floats in
   every lane, every code and every scale of the blocks; and not a byte around is read or written.

   (right-formats and right-blocks compare the formats' own decoders with the definitions.)  */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"
#include "tap.h"

enum { CODES = 65536, BLOCK = 32 };

static const struct { segattn_format format; sga_stored stored; } kinds[] = {
  { SEGATTN_F16, SGA_F16 }, { SEGATTN_BF16, SGA_BF16 }, { SEGATTN_F8E4M3, SGA_F8E4M3 }, { SEGATTN_F8E5M2, SGA_F8E5M2 },
  { SEGATTN_Q8_0, SGA_Q8_0 }, { SEGATTN_Q4_0, SGA_Q4_0 }, { SEGATTN_Q4_1, SGA_Q4_1 }, { SEGATTN_Q5_0, SGA_Q5_0 },
  { SEGATTN_Q5_1, SGA_Q5_1 }, { SEGATTN_IQ4_NL, SGA_IQ4_NL }
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool same(const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (memcmp(&a[i], &b[i], sizeof *a) && (a[i] == a[i] || b[i] == b[i]))      /* a NaN's bits are nobody's promise */
      return diag("element %zu of %zu: %a, expected %a", i, n, (double)a[i], (double)b[i]), false;
  return true;
}

/* All there is of a format, block by block; floats are blocks of one.  Returns how many elements.  */
static size_t everything(segattn_format format, unsigned char *to) {
  size_t bytes = segattn_format_bytes(format, 1);
  for (unsigned code = 0; code < CODES; code++, to += bytes) {
    to[0] = (unsigned char)(code & 255);
    if (bytes > 1)
      to[1] = (unsigned char)(code >> 8);
    for (size_t i = 2; i < bytes; i++)          /* all bytes come to all places; m, too, is of every kind */
      to[i] = (unsigned char)((code * 167 + i * 89) ^ code >> 8);
  }
  return CODES * segattn_format_block(format);
}

static void decodes(const sga_kernel *kernel, segattn_format format, sga_stored stored) {
  const sga_format *f = sga_format_of(format);
  size_t n = CODES * f->block;
  unsigned char *from = malloc(CODES * f->bytes);
  float *to = malloc(n * sizeof *to), *expected = malloc(n * sizeof *to);
  if (!from || !to || !expected)
    exit(99);
  everything(format, from);
  f->to_f32((const char *)from, (ptrdiff_t)f->bytes, expected, n);
  kernel->decode(stored, from, 0, 1, to, n);
  ok(same(to, expected, n), "%s %s: all codes", kernel->isa, f->name);
  free(from);
  free(to);
  free(expected);
}

/* Two pages, of which the second cannot be touched.  */
static char *pages(size_t page) {
  char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE))
    exit(99);
  return p;
}

/* Counts that are no whole vectors, from and to memory that ends where they do.  */
static void ends(const sga_kernel *kernel, segattn_format format, sga_stored stored) {
  const sga_format *f = sga_format_of(format);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *in = pages(page), *out = pages(page);
  bool good = true;
  for (size_t n = f->block; n <= 3 * BLOCK; n += f->block) {
    size_t bytes = segattn_format_bytes(format, n);
    unsigned char *from = (unsigned char *)in + page - bytes;
    float *to = (float *)(void *)(out + page) - n, expected[3 * BLOCK];
    for (size_t i = 0; i < bytes; i++)
      from[i] = (unsigned char)(i * 37 + n);
    f->to_f32((const char *)from, (ptrdiff_t)f->bytes, expected, n);
    kernel->decode(stored, from, 0, 1, to, n);
    good &= same(to, expected, n);
  }
  munmap(in, 2 * page);
  munmap(out, 2 * page);
  ok(good, "%s %s: 1 to 96 elements, not a byte past the end", kernel->isa, f->name);
}

int main(void) {
  for (int i = 0; segattn_isa_name(i); i++) {
    const sga_kernel *kernel = sga_kernel_find("f32", segattn_isa_name(i), NULL);
    for (size_t k = 0; k < KINDS; k++)
      if (kinds[k].stored <= kernel->decodes) {
        decodes(kernel, kinds[k].format, kinds[k].stored);
        ends(kernel, kinds[k].format, kinds[k].stored);
      }
  }
  return done();
}
