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

/* ---- text ---- */

/* Bytes of somebody else's buffer; not NUL-terminated. */
typedef struct {
    const uint8_t *at;
    size_t size;
} plum_span;

/* The next byte, 0 at the end: nothing fails, nothing is consumed. */
uint8_t plum_reader_peek(const plum_reader *r);

/* Consumes `literal` if it comes next. False, and nothing consumed: it does not. */
bool plum_reader_accept(plum_reader *r, const char *literal);

/* Consumes up to and with the first `literal`; *before is what came before it. False, and nothing
 * consumed: it is not there. */
bool plum_reader_until(plum_reader *r, const char *literal, plum_span *before);

/* Consumes bytes while `belongs` says so. */
plum_span plum_reader_while(plum_reader *r, bool (*belongs)(uint8_t c));

/* All that is left. */
plum_span plum_reader_rest(plum_reader *r);

static inline void plum_reader_init_span(plum_reader *r, plum_span s)
{
    plum_reader_init(r, s.at, s.size);
}

static inline size_t plum_reader_left(const plum_reader *r)
{
    return r->left;
}

static inline bool plum_reader_failed(const plum_reader *r)
{
    return r->failed;
}

#endif
