/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numeric addresses as text; the base keeps free of text/, so this is a small cursor of its own. */
#include "base/addr.h"

#include <string.h>

typedef struct {
    char *out;
    size_t size; /* stays below PLUM_ADDR_TEXT: the longest text is 39 + 1 + 10 + 2 + 6 */
} text;

static void put(text *t, char c)
{
    if (t->size + 1 < PLUM_ADDR_TEXT)
        t->out[t->size++] = c;
}

static void number(text *t, uint32_t v, unsigned base)
{
    char digits[10];
    size_t n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (n)
        put(t, digits[--n]);
}

/* RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as "::". */
static void v6(text *t, const plum_ip *ip)
{
    uint16_t group[8];
    for (size_t i = 0; i < 8; i++)
        group[i] = (uint16_t)(ip->bytes[2 * i] << 8 | ip->bytes[2 * i + 1]);
    size_t best = 8, best_len = 1;
    for (size_t i = 0; i < 8; i++) {
        size_t n = 0;
        while (i + n < 8 && group[i + n] == 0)
            n++;
        if (n > best_len) {
            best = i;
            best_len = n;
        }
    }
    for (size_t i = 0; i < 8; i++) {
        if (i == best) {
            put(t, ':');
            put(t, ':');
            i += best_len - 1;
            continue;
        }
        if (i && i != best + best_len)
            put(t, ':');
        number(t, group[i], 16);
    }
    if (ip->scope && plum_ip_is_linklocal(ip)) {
        put(t, '%');
        number(t, ip->scope, 10);
    }
}

static void ip_text(text *t, const plum_ip *ip)
{
    if (ip->family == 4) {
        for (size_t i = 0; i < 4; i++) {
            if (i)
                put(t, '.');
            number(t, ip->bytes[i], 10);
        }
    } else if (ip->family == 6) {
        v6(t, ip);
    }
}

size_t plum_ip_text(const plum_ip *ip, char out[PLUM_ADDR_TEXT])
{
    text t = {out, 0};
    ip_text(&t, ip);
    out[t.size] = 0;
    return t.size;
}

size_t plum_addr_text(const plum_addr *addr, char out[PLUM_ADDR_TEXT])
{
    text t = {out, 0};
    if (addr->ip.family == 6)
        put(&t, '[');
    ip_text(&t, &addr->ip);
    if (addr->ip.family == 6)
        put(&t, ']');
    if (addr->ip.family) {
        put(&t, ':');
        number(&t, addr->port, 10);
    }
    out[t.size] = 0;
    return t.size;
}

/* A strict decimal of at most `max`; NULL when there is none. */
static const char *decimal(const char *s, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    const char *start = s;
    while (*s >= '0' && *s <= '9' && s - start < 10)
        v = v * 10 + (uint64_t)(*s++ - '0');
    if (s == start || (*start == '0' && s - start > 1) || v > max)
        return NULL;
    *out = (uint32_t)v;
    return s;
}

static const char *parse_v4(const char *s, uint8_t out[4])
{
    for (size_t i = 0; i < 4; i++) {
        uint32_t v;
        if (i && *s++ != '.')
            return NULL;
        s = decimal(s, 255, &v);
        if (!s)
            return NULL;
        out[i] = (uint8_t)v;
    }
    return s;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_v4_tail(const char *s)
{
    while (hex_digit(*s) >= 0)
        s++;
    return *s == '.';
}

static const char *parse_v6(const char *s, uint8_t out[16])
{
    size_t n = 0, gap = SIZE_MAX; /* bytes written; where "::" stood */
    if (s[0] == ':') {
        if (s[1] != ':')
            return NULL;
        gap = 0;
        s += 2;
    }
    while (n < 16 && hex_digit(*s) >= 0) {
        if (is_v4_tail(s)) {
            if (n > 12 || !(s = parse_v4(s, out + n)))
                return NULL;
            n += 4;
            break;
        }
        uint32_t v = 0;
        int digits = 0;
        while (hex_digit(*s) >= 0 && digits++ < 4)
            v = v << 4 | (uint32_t)hex_digit(*s++);
        if (hex_digit(*s) >= 0)
            return NULL;
        out[n++] = (uint8_t)(v >> 8);
        out[n++] = (uint8_t)v;
        if (*s != ':')
            break;
        s++;
        if (*s == ':') {
            if (gap != SIZE_MAX)
                return NULL;
            gap = n;
            s++;
        } else if (hex_digit(*s) < 0) {
            return NULL; /* a single colon at the end */
        }
    }
    if (gap == SIZE_MAX)
        return n == 16 ? s : NULL;
    if (n == 16)
        return NULL; /* "::" stands for at least one group */
    memmove(out + 16 - (n - gap), out + gap, n - gap);
    memset(out + gap, 0, 16 - n);
    return s;
}

bool plum_ip_parse(const char *s, plum_ip *out)
{
    plum_ip ip = {.family = 4};
    const char *end = parse_v4(s, ip.bytes);
    if (!end) {
        ip = plum_ip_any(6);
        end = parse_v6(s, ip.bytes);
        if (end && *end == '%')
            end = decimal(end + 1, UINT32_MAX, &ip.scope);
    }
    *out = end && *end == 0 ? ip : plum_ip_none();
    return out->family != 0;
}
