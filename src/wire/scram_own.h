/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of SCRAM share. */
#ifndef PAWL_SCRAM_OWN_H
#define PAWL_SCRAM_OWN_H

#include "wire/scram.h"

/* Base64 of RFC 4648 with padding. Writes a zero byte behind it; returns the size without. */
size_t pawl_scram_encode(char *to, const unsigned char *bytes, size_t size);
/* false: it is none, or has none or more than room bytes. */
bool pawl_scram_decode(struct pawl_bytes text, unsigned char *to, size_t room, size_t *size);
void pawl_scram_hash(unsigned char digest[PAWL_SCRAM_KEY_BYTES],
                     const unsigned char bytes[PAWL_SCRAM_KEY_BYTES]);

#endif
