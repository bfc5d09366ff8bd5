/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A plain datagram socket on loopback that plays the other side, on every system. */
#ifndef PLUM_TEST_PEER_H
#define PLUM_TEST_PEER_H

#include <string.h>

#include "check.h"
#include "platform/platform.h"
#include "platform/shared/sockaddr.h"

static inline plum_addr peer_address(uint16_t port)
{
    plum_addr at = {.ip = plum_ip_v4(127, 0, 0, 1), .port = port};
    return at;
}

/* Port 0 in `at`: any; it is filled in. */
static inline plum_socket peer_open_at(plum_addr *at)
{
    plum_sockaddr sa;
    socklen_t size = plum_sockaddr_from(at, &sa);
    plum_socket s = socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(s != PLUM_SOCKET_NONE && bind(s, &sa.any, size) == 0 &&
            getsockname(s, &sa.any, &size) == 0);
    at->port = plum_sockaddr_to(&sa).port;
    return s;
}

static inline plum_socket peer_open(plum_addr *at)
{
    *at = peer_address(0);
    return peer_open_at(at);
}

static inline void peer_send(plum_socket s, const plum_addr *to, const void *bytes, size_t size)
{
    plum_sockaddr sa;
    socklen_t len = plum_sockaddr_from(to, &sa);
    REQUIRE(sendto(s, bytes, (plum_buffer_size)size, 0, &sa.any, len) == (int)size);
}

static inline bool peer_wait(plum_socket s)
{
    plum_waiter *w = plum_waiter_new();
    plum_poll_item item = {.socket = s};
    REQUIRE(w != NULL);
    plum_waiter_wait(w, &item, 1, plum_platform_now() + 5000);
    plum_waiter_free(w);
    return item.readable;
}

/* The size of the next datagram; -1 when none has come in five seconds. */
static inline int peer_recv(plum_socket s, void *buf, size_t room)
{
    return peer_wait(s) ? (int)recv(s, buf, (plum_buffer_size)room, 0) : -1;
}

#endif
