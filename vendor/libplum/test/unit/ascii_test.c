/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/ascii.h"

#include "check.h"

static void classes_know_ascii_alone(void)
{
    unsigned digits = 0, alphas = 0, spaces = 0, printables = 0, hex = 0;
    for (int c = 0; c < 256; c++) {
        digits += plum_ascii_is_digit((uint8_t)c);
        alphas += plum_ascii_is_alpha((uint8_t)c);
        spaces += plum_ascii_is_space((uint8_t)c);
        printables += plum_ascii_is_printable((uint8_t)c);
        hex += plum_ascii_hex((uint8_t)c) >= 0;
    }
    CHECK_EQ(digits, 10);
    CHECK_EQ(alphas, 52);
    CHECK_EQ(spaces, 4);
    CHECK_EQ(printables, 95);
    CHECK_EQ(hex, 22);
    CHECK_EQ(plum_ascii_hex('F'), 15);
    CHECK_EQ(plum_ascii_lower('Z'), 'z');
    CHECK_EQ(plum_ascii_lower(0xc4), 0xc4);
    CHECK(plum_ascii_is_blank('\t') && !plum_ascii_is_blank('\n'));
}

static void spans_compare(void)
{
    plum_span s = plum_span_trim(plum_span_of(" \r\n Host \t"));
    CHECK(plum_span_is(s, "Host"));
    CHECK(!plum_span_is(s, "host") && plum_span_is_nocase(s, "hOST"));
    CHECK(!plum_span_is(s, "Hos") && !plum_span_is(s, "Hosts"));
    CHECK(plum_span_starts_nocase(s, "ho") && !plum_span_starts_nocase(s, "hosts"));
    CHECK(plum_span_equal(s, plum_span_of("Host")) && !plum_span_equal(s, plum_span_of("Hose")));
    CHECK_EQ(plum_span_trim(plum_span_of("  ")).size, 0);
    CHECK_EQ(plum_span_of(NULL).size, 0);
}

static void decimals_are_strict(void)
{
    static const char *const bad[] = {
        "", " ", "-1", "+1", "0x10", "1 2", "1.0", "65536", "18446744073709551616", "a"};
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!plum_span_decimal(plum_span_of(bad[i]), 65535, &v));
    CHECK(plum_span_decimal(plum_span_of(" 00080 "), 65535, &v) && v == 80);
    CHECK(plum_span_decimal(plum_span_of("18446744073709551615"), UINT64_MAX, &v) &&
          v == UINT64_MAX);
}

int main(void)
{
    RUN(classes_know_ascii_alone);
    RUN(spans_compare);
    RUN(decimals_are_strict);
    return check_end();
}
