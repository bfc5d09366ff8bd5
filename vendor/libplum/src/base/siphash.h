/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed function whose values nobody guesses who has
 * not the key. */
#ifndef PLUM_BASE_SIPHASH_H
#define PLUM_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define PLUM_SIPHASH_KEY 16

uint64_t plum_siphash(const uint8_t key[PLUM_SIPHASH_KEY], const uint8_t *bytes, size_t size);

#endif
