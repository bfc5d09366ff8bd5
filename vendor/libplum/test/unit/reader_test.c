/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/reader.h"

#include "check.h"
#include "guard.h"

static void reads_big_endian(void)
{
    static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint8_t two[2];
    plum_reader r;
    plum_reader_init(&r, in, sizeof in);
    CHECK_EQ(plum_reader_u8(&r), 1);
    CHECK_EQ(plum_reader_be16(&r), 0x0203);
    CHECK_EQ(plum_reader_be32(&r), 0x04050607);
    plum_reader_bytes(&r, two, 2);
    CHECK_EQ(two[0] * 256 + two[1], 0x0809);
    CHECK_EQ(plum_reader_left(&r), 0);
    CHECK(!plum_reader_failed(&r));
}

static void an_error_sticks(void)
{
    check_guard g = check_guard_new(16);
    static const uint8_t in[] = {1, 2, 3};
    uint8_t out[4] = {9, 9, 9, 9};
    plum_reader r;
    plum_reader_init(&r, check_guard_put(&g, in, sizeof in), sizeof in);
    CHECK_EQ(plum_reader_be32(&r), 0);
    CHECK(plum_reader_failed(&r));
    CHECK_EQ(plum_reader_u8(&r), 0); /* there would be a byte, but it cannot be trusted any more */
    plum_reader_bytes(&r, out, 4);
    CHECK_EQ(out[0] | out[1] | out[2] | out[3], 0);
    plum_reader_skip(&r, 0);
    CHECK(plum_reader_failed(&r));
    check_guard_free(&g);
}

static void skips_no_further_than_the_end(void)
{
    plum_reader r;
    plum_reader_init(&r, "abc", 3);
    plum_reader_skip(&r, 3);
    CHECK(!plum_reader_failed(&r));
    plum_reader_skip(&r, SIZE_MAX);
    CHECK(plum_reader_failed(&r));
    plum_reader_init(&r, NULL, 0);
    plum_reader_bytes(&r, NULL, 0);
    CHECK(!plum_reader_failed(&r));
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static void reads_text(void)
{
    plum_reader r;
    plum_span s;
    plum_reader_init(&r, "abc=de;", 7);
    CHECK_EQ(plum_reader_peek(&r), 'a');
    CHECK(!plum_reader_accept(&r, "abd") && plum_reader_accept(&r, "a"));
    s = plum_reader_while(&r, is_lower);
    CHECK(s.size == 2 && memcmp(s.at, "bc", 2) == 0);
    CHECK(!plum_reader_until(&r, "==", &s) && plum_reader_left(&r) == 4);
    CHECK(plum_reader_until(&r, "=", &s) && s.size == 0);
    CHECK(plum_reader_until(&r, "e;", &s) && s.size == 1);
    CHECK_EQ(plum_reader_peek(&r), 0);
    CHECK(!plum_reader_accept(&r, "x") && !plum_reader_until(&r, ";", &s) &&
          !plum_reader_failed(&r));
    plum_reader_init(&r, "xyz", 3);
    plum_reader_skip(&r, 1);
    s = plum_reader_rest(&r);
    CHECK(s.size == 2 && plum_reader_left(&r) == 0);
    plum_reader_skip(&r, 1); /* after a failure nothing is found any more */
    CHECK(plum_reader_failed(&r) && plum_reader_peek(&r) == 0 && plum_reader_rest(&r).size == 0);
    plum_reader_init_span(&r, s);
    CHECK(plum_reader_accept(&r, "yz"));
}

int main(void)
{
    RUN(reads_big_endian);
    RUN(an_error_sticks);
    RUN(skips_no_further_than_the_end);
    RUN(reads_text);
    return check_end();
}
