/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/shared/sockaddr.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* then SO_NOSIGPIPE is set at the opening */
#endif

static plum_io io_from_errno(int err)
{
    switch (err) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
        return PLUM_IO_AGAIN;
    case ECONNREFUSED:
        return PLUM_IO_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENODEV:
    case EADDRNOTAVAIL: /* the address that was to be bound has left this host */
        return PLUM_IO_UNREACHABLE;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return PLUM_IO_NO_FDS;
    case EACCES:
    case EPERM:
    case EADDRINUSE:
        return PLUM_IO_DENIED;
    default:
        return PLUM_IO_DEAD;
    }
}

static int set_flag(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static plum_io fail_and_close(int fd)
{
    plum_io result = io_from_errno(errno);
    close(fd);
    return result == PLUM_IO_AGAIN ? PLUM_IO_DEAD : result;
}

static plum_io open_datagram(uint8_t family, int *out)
{
    int domain = family == 6 ? AF_INET6 : AF_INET;
#ifdef SOCK_CLOEXEC
    int fd = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return io_from_errno(errno);
#else
    int fd = socket(domain, SOCK_DGRAM, 0);
    if (fd < 0)
        return io_from_errno(errno);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        return fail_and_close(fd);
#endif
#ifdef SO_NOSIGPIPE
    if (set_flag(fd, SOL_SOCKET, SO_NOSIGPIPE, 1) != 0)
        return fail_and_close(fd);
#endif
    if (family == 6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0)
        return fail_and_close(fd);
    *out = fd;
    return PLUM_IO_OK;
}

static int bind_to(int fd, const plum_addr *addr)
{
    plum_sockaddr sa;
    socklen_t len = plum_sockaddr_from(addr, &sa);
    return bind(fd, &sa.any, len);
}

static int bound_address(int fd, plum_addr *out)
{
    plum_sockaddr sa;
    socklen_t len = sizeof sa;
    memset(&sa, 0, sizeof sa);
    if (getsockname(fd, &sa.any, &len) != 0)
        return -1;
    *out = plum_sockaddr_to(&sa);
    return 0;
}

plum_io plum_udp_open(const plum_ip *local, const plum_addr *remote, plum_socket *out,
                      plum_addr *bound)
{
    int fd = -1;
    plum_io result = open_datagram(remote->ip.family, &fd);
    if (result != PLUM_IO_OK)
        return result;

    plum_addr from = {.ip = *local, .port = 0}; /* port 0: the system draws one */
    if (plum_ip_is_any(local))
        from.ip = plum_ip_any(remote->ip.family);
    plum_sockaddr to;
    socklen_t to_len = plum_sockaddr_from(remote, &to);
    if (bind_to(fd, &from) != 0 || connect(fd, &to.any, to_len) != 0 ||
        bound_address(fd, bound) != 0)
        return fail_and_close(fd);
    *out = fd;
    return PLUM_IO_OK;
}

static int join_v4(int fd, const plum_ip *group, uint32_t ifindex)
{
    struct ip_mreqn request;
    memset(&request, 0, sizeof request);
    memcpy(&request.imr_multiaddr, group->bytes, 4);
    request.imr_ifindex = (int)ifindex;
#ifdef IP_MULTICAST_ALL
    /* Only what this interface heard, not what other programs joined elsewhere. */
    if (set_flag(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) != 0)
        return -1;
#endif
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
}

static int join_v6(int fd, const plum_ip *group, uint32_t ifindex)
{
    struct ipv6_mreq request;
    memset(&request, 0, sizeof request);
    memcpy(&request.ipv6mr_multiaddr, group->bytes, 16);
    request.ipv6mr_interface = ifindex;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request);
}

plum_io plum_udp_open_group(const plum_ip *group, uint16_t port, uint32_t ifindex, plum_socket *out)
{
    int fd = -1;
    plum_io result = open_datagram(group->family, &fd);
    if (result != PLUM_IO_OK)
        return result;

    plum_addr at = {.ip = *group, .port = port};
    if (group->family == 6)
        at.ip.scope = ifindex;
    /* Other programs listen there too: some systems want the one option, some the other. */
    if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 ||
        set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0 || bind_to(fd, &at) != 0)
        return fail_and_close(fd);
    int joined = group->family == 6 ? join_v6(fd, group, ifindex) : join_v4(fd, group, ifindex);
    if (joined != 0)
        return fail_and_close(fd);
    *out = fd;
    return PLUM_IO_OK;
}

plum_io plum_udp_send(plum_socket s, const uint8_t *bytes, size_t size)
{
    for (;;) {
        if (send(s, bytes, size, MSG_NOSIGNAL) >= 0)
            return PLUM_IO_OK;
        switch (errno) {
        case EINTR:
            continue;
        case ENOBUFS:
        case ENOMEM:
        case EMSGSIZE: /* a datagram lost on the way out is as lost as any */
            return PLUM_IO_AGAIN;
        default:
            return io_from_errno(errno);
        }
    }
}

plum_io plum_udp_recv(plum_socket s, uint8_t *buf, size_t room, size_t *size, plum_addr *from,
                      bool *truncated)
{
    plum_sockaddr sa;
    struct iovec piece = {.iov_base = buf, .iov_len = room};
    struct msghdr message;
    for (;;) {
        memset(&sa, 0, sizeof sa);
        memset(&message, 0, sizeof message);
        message.msg_name = &sa;
        message.msg_namelen = sizeof sa;
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        ssize_t got = recvmsg(s, &message, 0);
        if (got >= 0) {
            *size = (size_t)got;
            *from = plum_sockaddr_to(&sa);
            *truncated = (message.msg_flags & MSG_TRUNC) != 0;
            return PLUM_IO_OK;
        }
        if (errno != EINTR)
            return io_from_errno(errno);
    }
}

void plum_socket_close(plum_socket s)
{
    if (s != PLUM_SOCKET_NONE)
        close(s);
}
