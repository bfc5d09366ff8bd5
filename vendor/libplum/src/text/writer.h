/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A bounded cursor that writes; one sticky error. What does not fit is not written at all. */
#ifndef PLUM_TEXT_WRITER_H
#define PLUM_TEXT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *start;
    size_t room, size;
    bool failed;
} plum_writer;

void plum_writer_init(plum_writer *w, void *out, size_t room);

/* Binary, big-endian. */
void plum_writer_u8(plum_writer *w, uint8_t v);
void plum_writer_be16(plum_writer *w, uint16_t v);
void plum_writer_be32(plum_writer *w, uint32_t v);
void plum_writer_bytes(plum_writer *w, const void *bytes, size_t size);
void plum_writer_zeros(plum_writer *w, size_t size);

/* Text, without NUL. */
void plum_writer_text(plum_writer *w, const char *text);
void plum_writer_decimal(plum_writer *w, uint64_t v);
void plum_writer_hex(plum_writer *w, uint32_t v); /* lower case, no leading zeros */

/* Ends a text with NUL. What did not fit is cut off; the buffer holds a text in every case but room
 * 0. */
void plum_writer_end(plum_writer *w);

static inline size_t plum_writer_size(const plum_writer *w)
{
    return w->size;
}

static inline bool plum_writer_failed(const plum_writer *w)
{
    return w->failed;
}

#endif
