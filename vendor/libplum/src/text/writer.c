/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/writer.h"

#include <string.h>

void plum_writer_init(plum_writer *w, void *out, size_t room)
{
    w->start = out;
    w->room = room;
    w->size = 0;
    w->failed = false;
}

/* The only place that advances. NULL: no room. */
static uint8_t *give(plum_writer *w, size_t size)
{
    if (w->failed || size > w->room - w->size) {
        w->failed = true;
        return NULL;
    }
    uint8_t *to = w->start + w->size;
    w->size += size;
    return to;
}

void plum_writer_u8(plum_writer *w, uint8_t v)
{
    uint8_t *p = give(w, 1);
    if (p)
        p[0] = v;
}

void plum_writer_be16(plum_writer *w, uint16_t v)
{
    uint8_t *p = give(w, 2);
    if (p) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

void plum_writer_be32(plum_writer *w, uint32_t v)
{
    uint8_t *p = give(w, 4);
    if (p) {
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
    }
}

void plum_writer_bytes(plum_writer *w, const void *bytes, size_t size)
{
    uint8_t *p = give(w, size);
    if (p && size)
        memcpy(p, bytes, size);
}

void plum_writer_zeros(plum_writer *w, size_t size)
{
    uint8_t *p = give(w, size);
    if (p && size)
        memset(p, 0, size);
}

void plum_writer_text(plum_writer *w, const char *text)
{
    plum_writer_bytes(w, text, strlen(text));
}

static void number(plum_writer *w, uint64_t v, unsigned base)
{
    uint8_t digits[20]; /* 2^64 has twenty decimals */
    size_t n = sizeof digits;
    do {
        digits[--n] = (uint8_t) "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    plum_writer_bytes(w, digits + n, sizeof digits - n);
}

void plum_writer_decimal(plum_writer *w, uint64_t v)
{
    number(w, v, 10);
}

void plum_writer_hex(plum_writer *w, uint32_t v)
{
    number(w, v, 16);
}

void plum_writer_end(plum_writer *w)
{
    if (w->room == 0)
        return;
    if (w->size == w->room)
        w->size--;
    w->start[w->size] = 0;
}
