/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A script of writes into a buffer of some size, then the same script of reads: what fitted comes
 * back, what did not was not written, and both errors stick. */
#include "fuzz.h"

#include "text/reader.h"
#include "text/writer.h"

enum { OP_U8, OP_BE16, OP_BE32, OP_BYTES, OP_ZEROS, OP_TEXT, OP_DECIMAL, OP_HEX, OPS };

static size_t number_size(uint64_t v, unsigned base)
{
    size_t n = 1;
    while (v /= base)
        n++;
    return n;
}

/* One step; returns how many bytes it wants. */
static size_t write_one(plum_writer *w, uint8_t op, fuzz_input *in)
{
    size_t got;
    const uint8_t *p;
    char text[17] = {0};
    uint32_t v;
    switch (op) {
    case OP_U8:
        plum_writer_u8(w, fuzz_u8(in));
        return 1;
    case OP_BE16:
        plum_writer_be16(w, fuzz_u16(in));
        return 2;
    case OP_BE32:
        plum_writer_be32(w, fuzz_u32(in));
        return 4;
    case OP_BYTES:
        p = fuzz_bytes(in, fuzz_u8(in), &got);
        plum_writer_bytes(w, p, got);
        return got;
    case OP_ZEROS:
        got = fuzz_u8(in);
        plum_writer_zeros(w, got);
        return got;
    case OP_TEXT:
        p = fuzz_bytes(in, 16, &got);
        if (got > 0)
            memcpy(text, p, got);
        plum_writer_text(w, text);
        return strlen(text);
    case OP_DECIMAL:
        v = fuzz_u32(in);
        plum_writer_decimal(w, (uint64_t)v * v);
        return number_size((uint64_t)v * v, 10);
    default:
        v = fuzz_u32(in);
        plum_writer_hex(w, v);
        return number_size(v, 16);
    }
}

static void read_one(plum_reader *r, uint8_t op, fuzz_input *in)
{
    size_t got;
    const uint8_t *p;
    uint8_t found[256], wanted[20];
    plum_writer w;
    switch (op) {
    case OP_U8:
        FUZZ_CHECK(plum_reader_u8(r) == fuzz_u8(in));
        return;
    case OP_BE16:
        FUZZ_CHECK(plum_reader_be16(r) == fuzz_u16(in));
        return;
    case OP_BE32:
        FUZZ_CHECK(plum_reader_be32(r) == fuzz_u32(in));
        return;
    case OP_BYTES:
        p = fuzz_bytes(in, fuzz_u8(in), &got);
        plum_reader_bytes(r, found, got);
        FUZZ_CHECK(got == 0 || memcmp(found, p, got) == 0);
        return;
    case OP_ZEROS:
        plum_reader_skip(r, fuzz_u8(in));
        return;
    default: /* texts: the writer once more, into a buffer that is large enough */
        plum_writer_init(&w, wanted, sizeof wanted);
        got = write_one(&w, op, in);
        plum_reader_bytes(r, found, got);
        FUZZ_CHECK(memcmp(found, wanted, got) == 0);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_input script = {bytes, size};
    size_t room = fuzz_u8(&script);
    uint8_t *out = malloc(room > 0 ? room : 1);
    FUZZ_CHECK(out != NULL);

    plum_writer w;
    plum_writer_init(&w, out, room);
    fuzz_input in = script;
    size_t steps = 0, before = 0;
    while (in.left > 0 && !plum_writer_failed(&w)) {
        before = plum_writer_size(&w);
        size_t wants = write_one(&w, fuzz_u8(&in) % OPS, &in);
        FUZZ_CHECK(plum_writer_size(&w) <= room);
        FUZZ_CHECK(plum_writer_failed(&w) == (wants > room - before));
        FUZZ_CHECK(plum_writer_size(&w) == before + (plum_writer_failed(&w) ? 0 : wants));
        steps += !plum_writer_failed(&w);
    }
    if (plum_writer_failed(&w)) {
        plum_writer_zeros(&w, 0);
        FUZZ_CHECK(plum_writer_failed(&w) && plum_writer_size(&w) == before);
    }

    plum_reader r;
    plum_reader_init(&r, out, plum_writer_size(&w));
    in = script;
    for (size_t i = 0; i < steps; i++)
        read_one(&r, fuzz_u8(&in) % OPS, &in);
    FUZZ_CHECK(!plum_reader_failed(&r) && plum_reader_left(&r) == 0);
    FUZZ_CHECK(plum_reader_u8(&r) == 0 && plum_reader_failed(&r));
    FUZZ_CHECK(plum_reader_be16(&r) == 0 && plum_reader_be32(&r) == 0 && plum_reader_failed(&r));

    plum_writer_end(&w);
    FUZZ_CHECK(room == 0 || memchr(out, 0, room) != NULL);
    free(out);
    return 0;
}
