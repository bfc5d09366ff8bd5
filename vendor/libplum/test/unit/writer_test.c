/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/writer.h"

#include "check.h"

static void writes_big_endian(void)
{
    static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 'x', 'y', 0, 0};
    uint8_t out[16];
    plum_writer w;
    plum_writer_init(&w, out, sizeof out);
    plum_writer_u8(&w, 1);
    plum_writer_be16(&w, 0x0203);
    plum_writer_be32(&w, 0x04050607);
    plum_writer_bytes(&w, "xy", 2);
    plum_writer_zeros(&w, 2);
    CHECK(!plum_writer_failed(&w));
    CHECK_EQ(plum_writer_size(&w), sizeof want);
    CHECK(memcmp(out, want, sizeof want) == 0);
}

static void what_does_not_fit_is_not_written(void)
{
    uint8_t out[4] = {9, 9, 9, 9};
    plum_writer w;
    plum_writer_init(&w, out, 3);
    plum_writer_be16(&w, 0);
    plum_writer_be32(&w, 0);
    CHECK(plum_writer_failed(&w));
    plum_writer_u8(&w, 1);
    CHECK_EQ(plum_writer_size(&w), 2);
    CHECK_EQ(out[2], 9);
}

static void writes_numbers_as_text(void)
{
    char out[64];
    plum_writer w;
    plum_writer_init(&w, out, sizeof out);
    plum_writer_decimal(&w, 0);
    plum_writer_text(&w, " ");
    plum_writer_decimal(&w, UINT64_MAX);
    plum_writer_text(&w, " ");
    plum_writer_hex(&w, 0xbeef);
    plum_writer_end(&w);
    CHECK_STR(out, "0 18446744073709551615 beef");
}

static void a_text_always_ends(void)
{
    char out[4];
    plum_writer w;
    plum_writer_init(&w, out, sizeof out);
    plum_writer_text(&w, "abcd");
    plum_writer_end(&w);
    CHECK_STR(out, "abc");
    plum_writer_init(&w, out, 0);
    plum_writer_end(&w);
}

int main(void)
{
    RUN(writes_big_endian);
    RUN(what_does_not_fit_is_not_written);
    RUN(writes_numbers_as_text);
    RUN(a_text_always_ends);
    return check_end();
}
