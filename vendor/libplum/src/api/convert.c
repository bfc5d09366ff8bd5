/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "api/convert.h"

#include <string.h>

plum_address_t plum_address_from(const plum_addr *addr)
{
    plum_address_t a;
    memset(&a, 0, sizeof a);
    if (addr->ip.family == 0)
        return a;
    a.family = addr->ip.family;
    a.port = addr->port;
    a.scope_id = addr->ip.scope;
    memcpy(a.ip, addr->ip.bytes, sizeof a.ip);
    return a;
}

plum_address_t plum_address_from_ip(const plum_ip *ip)
{
    plum_addr addr = {.ip = *ip, .port = 0};
    return plum_address_from(&addr);
}

bool plum_address_to(const plum_address_t *address, plum_addr *out)
{
    memset(out, 0, sizeof *out);
    out->port = address->port;
    switch (address->family) {
    case 0:
        return true;
    case 4:
        memcpy(out->ip.bytes, address->ip, 4);
        break;
    case 6:
        memcpy(out->ip.bytes, address->ip, 16);
        out->ip.scope = address->scope_id;
        break;
    default:
        return false;
    }
    out->ip.family = address->family;
    return true;
}
