/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/ascii.h"

#include <string.h>

bool plum_ascii_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

bool plum_ascii_is_alpha(uint8_t c)
{
    return plum_ascii_lower(c) >= 'a' && plum_ascii_lower(c) <= 'z';
}

bool plum_ascii_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

bool plum_ascii_is_space(uint8_t c)
{
    return plum_ascii_is_blank(c) || c == '\r' || c == '\n';
}

bool plum_ascii_is_printable(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e;
}

int plum_ascii_hex(uint8_t c)
{
    if (plum_ascii_is_digit(c))
        return c - '0';
    c = plum_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint8_t plum_ascii_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

plum_span plum_span_of(const char *text)
{
    plum_span s = {(const uint8_t *)text, text ? strlen(text) : 0};
    return s;
}

plum_span plum_span_trim(plum_span s)
{
    plum_reader r;
    plum_reader_init_span(&r, s);
    (void)plum_reader_while(&r, plum_ascii_is_space);
    s = plum_reader_rest(&r);
    while (s.size && plum_ascii_is_space(s.at[s.size - 1]))
        s.size--;
    return s;
}

static bool starts(plum_span s, const char *prefix, bool nocase)
{
    size_t size = strlen(prefix);
    if (size > s.size)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t a = s.at[i], b = (uint8_t)prefix[i];
        if (nocase ? plum_ascii_lower(a) != plum_ascii_lower(b) : a != b)
            return false;
    }
    return true;
}

bool plum_span_is(plum_span s, const char *text)
{
    return s.size == strlen(text) && starts(s, text, false);
}

bool plum_span_is_nocase(plum_span s, const char *text)
{
    return s.size == strlen(text) && starts(s, text, true);
}

bool plum_span_starts_nocase(plum_span s, const char *prefix)
{
    return starts(s, prefix, true);
}

bool plum_span_equal(plum_span a, plum_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

bool plum_span_decimal(plum_span s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    s = plum_span_trim(s);
    if (s.size == 0)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        uint64_t digit = (uint64_t)s.at[i] - '0';
        if (!plum_ascii_is_digit(s.at[i]) || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return v <= max;
}
