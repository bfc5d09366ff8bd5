/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A bounded cursor over bytes with one sticky error: read everything, check once at the end. */
#ifndef PLUM_TEXT_READER_H
#define PLUM_TEXT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *at;
    size_t left;
    bool failed;
} plum_reader;

void plum_reader_init(plum_reader *r, const void *bytes, size_t size);

/* Each returns 0 (or fills zeros) once the input has run short, and stays failed. Big-endian. */
uint8_t plum_reader_u8(plum_reader *r);
uint16_t plum_reader_be16(plum_reader *r);
uint32_t plum_reader_be32(plum_reader *r);
void plum_reader_bytes(plum_reader *r, void *out, size_t size);
void plum_reader_skip(plum_reader *r, size_t size);

static inline size_t plum_reader_left(const plum_reader *r)
{
    return r->left;
}

static inline bool plum_reader_failed(const plum_reader *r)
{
    return r->failed;
}

#endif
