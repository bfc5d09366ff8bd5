/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ASCII without a locale: what isalpha() and strcasecmp() say depends on the program's. */
#ifndef PLUM_TEXT_ASCII_H
#define PLUM_TEXT_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/reader.h"

bool plum_ascii_is_digit(uint8_t c);
bool plum_ascii_is_alpha(uint8_t c);
bool plum_ascii_is_space(uint8_t c);     /* blank, tab, CR, LF */
bool plum_ascii_is_blank(uint8_t c);     /* blank and tab */
bool plum_ascii_is_printable(uint8_t c); /* 0x20 to 0x7e */
int plum_ascii_hex(uint8_t c);           /* 0 to 15, or -1 */
uint8_t plum_ascii_lower(uint8_t c);

plum_span plum_span_of(const char *text); /* NULL: empty */
plum_span plum_span_trim(plum_span s);    /* white space at both ends */
bool plum_span_is(plum_span s, const char *text);
bool plum_span_is_nocase(plum_span s, const char *text);
bool plum_span_equal(plum_span a, plum_span b);
bool plum_span_starts_nocase(plum_span s, const char *prefix);

/* A strict unsigned decimal of at most `max`: digits alone, white space around them allowed. */
bool plum_span_decimal(plum_span s, uint64_t max, uint64_t *out);

#endif
