/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses of our own, so that the core needs no socket header. */
#ifndef PLUM_BASE_ADDR_H
#define PLUM_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* family: 0 none, 4 or 6. An IPv4 address lies in bytes[0..3], the rest is zero. */
typedef struct {
    uint8_t family;
    uint8_t bytes[16]; /* network byte order */
    uint32_t scope;    /* interface index of a link-local IPv6 address, else 0 */
} plum_ip;

typedef struct {
    plum_ip ip;
    uint16_t port; /* host byte order */
} plum_addr;

#define PLUM_ADDR_TEXT 64 /* room for any address with scope and port, NUL included */

plum_ip plum_ip_none(void);
plum_ip plum_ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
/* The wildcard of a family: 0.0.0.0 or ::. */
plum_ip plum_ip_any(uint8_t family);

bool plum_ip_equal(const plum_ip *a,
                   const plum_ip *b); /* scope included where it matters (link-local) */
bool plum_addr_equal(const plum_addr *a, const plum_addr *b);
bool plum_ip_is_any(const plum_ip *ip);       /* none, 0.0.0.0 or :: */
bool plum_ip_is_linklocal(const plum_ip *ip); /* fe80::/10, 169.254/16 */
/* Reachable from anywhere: not private (RFC 1918), shared (RFC 6598, 100.64/10), loopback,
 * link-local, multicast, documentation, reserved, unspecified; for IPv6 within 2000::/3 and not
 * documentation. */
bool plum_ip_is_public(const plum_ip *ip);

/* The 16 bytes as PCP carries them (RFC 6887 section 5): IPv4 as ::ffff:a.b.c.d. */
void plum_ip_to_wire(const plum_ip *ip, uint8_t out[16]);
/* All 96 prefix bits decide whether it is IPv4. */
plum_ip plum_ip_from_wire(const uint8_t in[16]);

/* Numeric text, NUL-terminated. Returns its length, 0 for family 0 (the text is then empty). */
size_t plum_ip_text(const plum_ip *ip, char out[PLUM_ADDR_TEXT]);
size_t plum_addr_text(const plum_addr *addr, char out[PLUM_ADDR_TEXT]);

/* Strict numeric addresses: four decimals without leading zeros, or RFC 4291 text with an optional
 * numeric %scope. False, and family 0, for anything else. */
bool plum_ip_parse(const char *text, plum_ip *out);

#endif
