/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/url.h"

#include <string.h>

#include "text/ascii.h"
#include "text/writer.h"

/* What a request line may hold: a control character or blank in it would be the start of something
 * else. */
static bool is_url_byte(uint8_t c)
{
    return plum_ascii_is_printable(c) && c != ' ' && c != '"' && c != '<' && c != '>' &&
           c != '\\' && c != '^' && c != '`' && c != '{' && c != '|' && c != '}';
}

static bool is_clean(plum_span s)
{
    for (size_t i = 0; i < s.size; i++)
        if (!is_url_byte(s.at[i]))
            return false;
    return true;
}

static bool is_scheme_byte(uint8_t c)
{
    return plum_ascii_is_alpha(c) || plum_ascii_is_digit(c) || c == '+' || c == '-' || c == '.';
}

static bool is_authority_byte(uint8_t c)
{
    return c != '/' && c != '?' && c != '#';
}

static bool is_not_fragment(uint8_t c)
{
    return c != '#';
}

static bool is_not_bracket(uint8_t c)
{
    return c != ']';
}

static bool is_not_colon(uint8_t c)
{
    return c != ':';
}

static plum_ip host_ip(plum_span host)
{
    char text[PLUM_ADDR_TEXT];
    plum_writer w;
    plum_ip ip;
    plum_writer_init(&w, text, sizeof text);
    plum_writer_bytes(&w, host.at, host.size);
    plum_writer_u8(&w, 0);
    if (plum_writer_failed(&w) || !plum_ip_parse(text, &ip))
        return plum_ip_none();
    return ip;
}

/* host, [v6], either with :port */
static bool parse_authority(plum_span authority, plum_url *out)
{
    plum_reader r;
    uint64_t port = 80;
    plum_reader_init_span(&r, authority);
    if (plum_reader_accept(&r, "[")) {
        out->host = plum_reader_while(&r, is_not_bracket);
        if (!plum_reader_accept(&r, "]"))
            return false;
    } else {
        out->host = plum_reader_while(&r, is_not_colon);
    }
    if (plum_reader_accept(&r, ":") && plum_reader_left(&r)) {
        if (!plum_span_decimal(plum_reader_rest(&r), 65535, &port))
            return false;
    }
    for (size_t i = 0; i < out->host.size; i++)
        if (out->host.at[i] == '@')
            return false;
    out->port = (uint16_t)port;
    out->ip = host_ip(out->host);
    return plum_reader_left(&r) == 0 && out->host.size > 0 && port != 0;
}

static bool parse_after_scheme(plum_reader *r, plum_url *out)
{
    if (!parse_authority(plum_reader_while(r, is_authority_byte), out))
        return false;
    out->target = plum_reader_while(r, is_not_fragment);
    return true;
}

bool plum_url_parse(plum_span text, plum_url *out)
{
    static const plum_url none;
    plum_reader r;
    *out = none;
    text = plum_span_trim(text);
    plum_reader_init_span(&r, text);
    plum_span scheme = plum_reader_while(&r, is_scheme_byte);
    return is_clean(text) && plum_span_is_nocase(scheme, "http") && plum_reader_accept(&r, "://") &&
           parse_after_scheme(&r, out);
}

static bool write_target(char out[PLUM_URL_TARGET], plum_span head, plum_span tail)
{
    plum_writer w;
    plum_writer_init(&w, out, PLUM_URL_TARGET);
    bool rooted = head.size ? head.at[0] == '/' : tail.size && tail.at[0] == '/';
    if (!rooted)
        plum_writer_u8(&w, '/');
    plum_writer_bytes(&w, head.at, head.size);
    plum_writer_bytes(&w, tail.at, tail.size);
    plum_writer_u8(&w, 0);
    return !plum_writer_failed(&w);
}

/* The base's path up to its last slash, or the whole path without the query. */
static plum_span base_path(const plum_url *base, bool whole)
{
    plum_span s = base->target;
    size_t end = 0;
    for (size_t i = 0; i < s.size && s.at[i] != '?'; i++)
        if (whole || s.at[i] == '/')
            end = i + 1;
    s.size = end;
    return s;
}

/* Something like "mailto:": a colon before any slash, after a scheme. */
static bool has_scheme(plum_span s)
{
    plum_reader r;
    plum_reader_init_span(&r, s);
    plum_span scheme = plum_reader_while(&r, is_scheme_byte);
    return scheme.size > 0 && plum_ascii_is_alpha(scheme.at[0]) && plum_reader_accept(&r, "://");
}

bool plum_url_resolve(const plum_url *base, plum_span reference, uint16_t *port,
                      char out[PLUM_URL_TARGET])
{
    static const plum_span empty;
    plum_reader r;
    plum_url absolute;
    reference = plum_span_trim(reference);
    if (!is_clean(reference) || !is_clean(base->target))
        return false;
    *port = base->port;
    plum_reader_init_span(&r, reference);
    reference = plum_reader_while(&r, is_not_fragment);
    plum_reader_init_span(&r, reference);
    if (has_scheme(reference)) {
        if (!plum_url_parse(reference, &absolute))
            return false;
        *port = absolute.port;
        return write_target(out, absolute.target, empty);
    }
    if (plum_reader_accept(&r, "//")) {
        if (!parse_after_scheme(&r, &absolute))
            return false;
        *port = absolute.port;
        return write_target(out, absolute.target, empty);
    }
    uint8_t first = plum_reader_peek(&r);
    if (first == '/')
        return write_target(out, reference, empty);
    if (first == 0)
        return write_target(out, base->target, empty);
    return write_target(out, base_path(base, first == '?'), reference);
}
