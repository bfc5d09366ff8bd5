/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "platform/shared/sockaddr.h"

#include <string.h>

socklen_t plum_sockaddr_from(const plum_addr *addr, plum_sockaddr *out)
{
    memset(out, 0, sizeof *out);
    switch (addr->ip.family) {
    case 4:
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(addr->port);
        memcpy(&out->v4.sin_addr, addr->ip.bytes, 4);
        return sizeof out->v4;
    case 6:
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(addr->port);
        out->v6.sin6_scope_id = addr->ip.scope;
        memcpy(&out->v6.sin6_addr, addr->ip.bytes, 16);
        return sizeof out->v6;
    default:
        return 0;
    }
}

plum_addr plum_sockaddr_to(const plum_sockaddr *sa)
{
    plum_addr addr;
    memset(&addr, 0, sizeof addr);
    if (sa->any.sa_family == AF_INET) {
        addr.ip.family = 4;
        memcpy(addr.ip.bytes, &sa->v4.sin_addr, 4);
        addr.port = ntohs(sa->v4.sin_port);
    } else if (sa->any.sa_family == AF_INET6) {
        addr.ip.family = 6;
        memcpy(addr.ip.bytes, &sa->v6.sin6_addr, 16);
        addr.port = ntohs(sa->v6.sin6_port);
        if (plum_ip_is_linklocal(&addr.ip))
            addr.ip.scope = sa->v6.sin6_scope_id;
    }
    return addr;
}
