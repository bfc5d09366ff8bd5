/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/addr.h"

#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

plum_ip plum_ip_none(void)
{
    plum_ip ip = {0};
    return ip;
}

plum_ip plum_ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    plum_ip ip = {.family = 4, .bytes = {a, b, c, d}};
    return ip;
}

plum_ip plum_ip_any(uint8_t family)
{
    plum_ip ip = {.family = family};
    return ip;
}

static size_t width(uint8_t family)
{
    return family == 4 ? 4 : family == 6 ? 16 : 0;
}

bool plum_ip_equal(const plum_ip *a, const plum_ip *b)
{
    if (a->family != b->family || memcmp(a->bytes, b->bytes, width(a->family)) != 0)
        return false;
    /* A scope that one side does not know is no difference. */
    return !(a->family == 6 && plum_ip_is_linklocal(a)) || a->scope == b->scope || !a->scope ||
           !b->scope;
}

bool plum_addr_equal(const plum_addr *a, const plum_addr *b)
{
    return a->port == b->port && plum_ip_equal(&a->ip, &b->ip);
}

bool plum_ip_is_any(const plum_ip *ip)
{
    static const uint8_t zeros[16];
    return memcmp(ip->bytes, zeros, width(ip->family)) == 0;
}

bool plum_ip_is_linklocal(const plum_ip *ip)
{
    const uint8_t *b = ip->bytes;
    return ip->family == 4 ? b[0] == 169 && b[1] == 254
                           : ip->family == 6 && b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

/* Prefixes that no host on the internet has: the special-purpose registry of RFC 6890. */
static const struct {
    uint8_t a, b, c, bits;
} special[] = {
    {0, 0, 0, 8},     {10, 0, 0, 8},      {100, 64, 0, 10},  {127, 0, 0, 8},    {169, 254, 0, 16},
    {172, 16, 0, 12}, {192, 0, 0, 24},    {192, 0, 2, 24},   {192, 88, 99, 24}, {192, 168, 0, 16},
    {198, 18, 0, 15}, {198, 51, 100, 24}, {203, 0, 113, 24}, {224, 0, 0, 3},
};

static bool v4_is_public(const uint8_t *b)
{
    uint32_t ip = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        uint32_t net = (uint32_t)special[i].a << 24 | (uint32_t)special[i].b << 16 |
                       (uint32_t)special[i].c << 8;
        if ((ip ^ net) >> (32 - special[i].bits) == 0)
            return false;
    }
    return true;
}

bool plum_ip_is_public(const plum_ip *ip)
{
    const uint8_t *b = ip->bytes;
    if (ip->family == 4)
        return v4_is_public(b);
    if (ip->family != 6 || (b[0] & 0xe0) != 0x20) /* 2000::/3 (RFC 4291 section 2.4) */
        return false;
    /* RFC 3849: documentation */
    return !(b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8);
}

void plum_ip_to_wire(const plum_ip *ip, uint8_t out[16])
{
    if (ip->family == 4) {
        memcpy(out, mapped_prefix, sizeof mapped_prefix);
        memcpy(out + 12, ip->bytes, 4);
    } else {
        memcpy(out, ip->bytes, 16);
    }
}

plum_ip plum_ip_from_wire(const uint8_t in[16])
{
    plum_ip ip = {0};
    if (memcmp(in, mapped_prefix, sizeof mapped_prefix) == 0) {
        ip.family = 4;
        memcpy(ip.bytes, in + 12, 4);
    } else {
        ip.family = 6;
        memcpy(ip.bytes, in, 16);
    }
    return ip;
}
