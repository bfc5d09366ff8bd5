/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between our addresses and the system's. */
#ifndef PLUM_SHARED_SOCKADDR_H
#define PLUM_SHARED_SOCKADDR_H

#include "base/addr.h"
#include "platform_sockets.h"

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} plum_sockaddr;

/* The length for bind() and its like; 0 for family 0. */
socklen_t plum_sockaddr_from(const plum_addr *addr, plum_sockaddr *out);

/* Family 0 for any address family but IPv4 and IPv6. */
plum_addr plum_sockaddr_to(const plum_sockaddr *sa);

#endif
