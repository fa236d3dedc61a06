/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 (FIPS 180-4) by libmd, over pieces.  Elements are hashed as little-endian bytes on every machine.  */

#include "hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sha2.h>
#include "message.h"
#include "storage.h"

struct hash { SHA2_CTX context; };

hash *hash_alloc(void) {
  hash *h = malloc(sizeof *h);
  if (h == NULL)
    fail(FILES, "out of memory");
  else
    SHA256Init(&h->context);
  return h;
}

void hash_add(hash *h, const void *bytes, size_t n) {
  SHA256Update(&h->context, bytes, n);
}

void hash_text(hash *h, const char *text) {
  hash_add(h, text, strlen(text) + 1);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static void add_elements(hash *h, const unsigned char *from, size_t n, size_t bytes) {
  hash_add(h, from, n * bytes);
}
#else
static void add_elements(hash *h, const unsigned char *from, size_t n, size_t bytes) {
  unsigned char element[8];
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < bytes; j++)
      element[j] = from[i * bytes + bytes - 1 - j];
    hash_add(h, element, bytes);
  }
}
#endif

void hash_array(hash *h, const array *a) {
  char shape[4 * 21];
  snprintf(shape, sizeof shape, "%zu,%zu,%zu,%zu", a->shape[0], a->shape[1], a->shape[2], a->shape[3]);
  hash_text(h, segattn_format_name(a->format));
  hash_text(h, shape);
  if (a->data != NULL)
    add_elements(h, a->data, array_bytes(a) / storage_unit(a->format), storage_unit(a->format));
}

void hash_end(hash *h, char hex[65]) {
  static const char digit[] = "0123456789abcdef";
  uint8_t sum[SHA256_DIGEST_LENGTH];
  SHA256Final(sum, &h->context);
  for (size_t i = 0; i < sizeof sum; i++) {
    hex[2 * i] = digit[sum[i] >> 4];
    hex[2 * i + 1] = digit[sum[i] & 15];
  }
  hex[64] = 0;
  free(h);
}
