/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/reader.h"

#include <string.h>

void plum_reader_init(plum_reader *r, const void *bytes, size_t size)
{
    r->at = bytes;
    r->left = size;
    r->failed = false;
}

/* The only place that advances. NULL: too short. */
static const uint8_t *take(plum_reader *r, size_t size)
{
    if (r->failed || size > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *from = r->at;
    if (size) /* of no bytes at all the start may be NULL */
        r->at += size;
    r->left -= size;
    return from;
}

uint8_t plum_reader_u8(plum_reader *r)
{
    const uint8_t *p = take(r, 1);
    return p ? p[0] : 0;
}

uint16_t plum_reader_be16(plum_reader *r)
{
    const uint8_t *p = take(r, 2);
    return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t plum_reader_be32(plum_reader *r)
{
    const uint8_t *p = take(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

void plum_reader_bytes(plum_reader *r, void *out, size_t size)
{
    const uint8_t *p = take(r, size);
    if (size == 0)
        return;
    if (p)
        memcpy(out, p, size);
    else
        memset(out, 0, size);
}

void plum_reader_skip(plum_reader *r, size_t size)
{
    (void)take(r, size);
}

uint8_t plum_reader_peek(const plum_reader *r)
{
    return !r->failed && r->left ? r->at[0] : 0;
}

bool plum_reader_accept(plum_reader *r, const char *literal)
{
    size_t size = strlen(literal);
    if (r->failed || size > r->left || memcmp(r->at, literal, size) != 0)
        return false;
    (void)take(r, size);
    return true;
}

bool plum_reader_until(plum_reader *r, const char *literal, plum_span *before)
{
    size_t size = strlen(literal);
    if (r->failed)
        return false;
    for (size_t i = 0; size <= r->left - i; i++) {
        if (memcmp(r->at + i, literal, size) == 0) {
            before->at = take(r, i);
            before->size = i;
            (void)take(r, size);
            return true;
        }
        if (i == r->left)
            break;
    }
    return false;
}

plum_span plum_reader_while(plum_reader *r, bool (*belongs)(uint8_t c))
{
    size_t n = 0;
    while (!r->failed && n < r->left && belongs(r->at[n]))
        n++;
    plum_span s = {r->at, n};
    (void)take(r, n);
    return s;
}

plum_span plum_reader_rest(plum_reader *r)
{
    plum_span s = {r->at, r->failed ? 0 : r->left};
    (void)take(r, s.size);
    return s;
}
