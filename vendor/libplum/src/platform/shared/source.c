/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <string.h>

#include "platform/platform.h"

/* RFC 7723: the PCP anycast addresses. They lie beyond every default route and on no home network;
 * nothing is sent to them here. */
static const uint8_t anycast_v4[4] = {192, 0, 0, 9};
static const uint8_t anycast_v6[16] = {0x20, 0x01, 0x00, 0x01, [15] = 0x01};

static bool is_loopback(const plum_ip *ip)
{
    if (ip->family == 4)
        return ip->bytes[0] == 127;
    static const uint8_t one[16] = {[15] = 1};
    return memcmp(ip->bytes, one, sizeof one) == 0;
}

bool plum_platform_source(const plum_ip *to, plum_ip *out)
{
    plum_addr remote = {.ip = *to, .port = 9};
    bool towards_default = plum_ip_is_any(to);
    if (towards_default) {
        if (to->family == 6)
            memcpy(remote.ip.bytes, anycast_v6, sizeof anycast_v6);
        else
            memcpy(remote.ip.bytes, anycast_v4, sizeof anycast_v4);
    }
    /* connect() on a datagram socket only looks up the route. */
    plum_ip any = plum_ip_any(to->family);
    plum_socket fd = PLUM_SOCKET_NONE;
    plum_addr bound;
    if (plum_udp_open(&any, &remote, &fd, &bound) != PLUM_IO_OK)
        return false;
    plum_socket_close(fd);
    if (plum_ip_is_any(&bound.ip) || (towards_default && is_loopback(&bound.ip)))
        return false;
    *out = bound.ip;
    return true;
}
