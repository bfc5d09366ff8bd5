/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "platform/shared/sockaddr.h"

#include <mswsock.h>
#include <string.h>

#include "platform/platform.h"

#ifndef SIO_UDP_CONNRESET
#define SIO_UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)
#endif

static plum_io io_from_error(int err)
{
    switch (err) {
    case WSAEWOULDBLOCK:
        return PLUM_IO_AGAIN;
    case WSAECONNRESET: /* ICMP port unreachable, told by the next call */
    case WSAECONNREFUSED:
        return PLUM_IO_REFUSED;
    case WSAENETUNREACH:
    case WSAEHOSTUNREACH:
    case WSAENETDOWN:
    case WSAEHOSTDOWN:
    case WSAENETRESET:     /* ICMP: the datagram's time to live was over */
    case WSAEADDRNOTAVAIL: /* the address that was to be bound has left this host */
        return PLUM_IO_UNREACHABLE;
    case WSAEMFILE:
    case WSAENOBUFS:
    case WSA_NOT_ENOUGH_MEMORY:
        return PLUM_IO_NO_FDS;
    case WSAEACCES:
    case WSAEADDRINUSE:
        return PLUM_IO_DENIED;
    default:
        return PLUM_IO_DEAD;
    }
}

static int set_flag(SOCKET s, int level, int name, DWORD value)
{
    return setsockopt(s, level, name, (const char *)&value, sizeof value);
}

static plum_io fail_and_close(SOCKET s)
{
    plum_io result = io_from_error(WSAGetLastError());
    closesocket(s);
    return result == PLUM_IO_AGAIN ? PLUM_IO_DEAD : result;
}

static plum_io open_datagram(uint8_t family, SOCKET *out)
{
    SOCKET s = WSASocketW(family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
                          WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (s == INVALID_SOCKET)
        return io_from_error(WSAGetLastError());
    u_long on = 1;
    if (ioctlsocket(s, (long)FIONBIO, &on) != 0 ||
        (family == 6 && set_flag(s, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0))
        return fail_and_close(s);
    *out = s;
    return PLUM_IO_OK;
}

static int bind_to(SOCKET s, const plum_addr *addr)
{
    plum_sockaddr sa;
    socklen_t len = plum_sockaddr_from(addr, &sa);
    return bind(s, &sa.any, len);
}

static int bound_address(SOCKET s, plum_addr *out)
{
    plum_sockaddr sa;
    socklen_t len = sizeof sa;
    memset(&sa, 0, sizeof sa);
    if (getsockname(s, &sa.any, &len) != 0)
        return -1;
    *out = plum_sockaddr_to(&sa);
    return 0;
}

plum_io plum_udp_open(const plum_ip *local, const plum_addr *remote, plum_socket *out,
                      plum_addr *bound)
{
    SOCKET s = INVALID_SOCKET;
    plum_io result = open_datagram(remote->ip.family, &s);
    if (result != PLUM_IO_OK)
        return result;

    /* On is the default, but a debugger's hook or a filter may have changed it. */
    BOOL tell = TRUE;
    DWORD size = 0;
    (void)WSAIoctl(s, SIO_UDP_CONNRESET, &tell, sizeof tell, NULL, 0, &size, NULL, NULL);

    plum_addr from = {.ip = *local, .port = 0}; /* port 0: the system draws one */
    if (plum_ip_is_any(local))
        from.ip = plum_ip_any(remote->ip.family);
    plum_sockaddr to;
    socklen_t to_len = plum_sockaddr_from(remote, &to);
    if (bind_to(s, &from) != 0 || connect(s, &to.any, to_len) != 0 || bound_address(s, bound) != 0)
        return fail_and_close(s);
    *out = s;
    return PLUM_IO_OK;
}

static int join_v4(SOCKET s, const plum_ip *group, uint32_t ifindex)
{
    struct ip_mreq request;
    memset(&request, 0, sizeof request);
    memcpy(&request.imr_multiaddr, group->bytes, 4);
    /* An address 0.x.x.x names an interface by its index. */
    request.imr_interface.s_addr = htonl(ifindex);
    return setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (const char *)&request, sizeof request);
}

static int join_v6(SOCKET s, const plum_ip *group, uint32_t ifindex)
{
    struct ipv6_mreq request;
    memset(&request, 0, sizeof request);
    memcpy(&request.ipv6mr_multiaddr, group->bytes, 16);
    request.ipv6mr_interface = ifindex;
    return setsockopt(s, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, (const char *)&request, sizeof request);
}

plum_io plum_udp_open_group(const plum_ip *group, uint16_t port, uint32_t ifindex, plum_socket *out)
{
    SOCKET s = INVALID_SOCKET;
    plum_io result = open_datagram(group->family, &s);
    if (result != PLUM_IO_OK)
        return result;
    /* Windows binds to no group, so what is sent to the port itself is heard too. It is a hint all
     * the same, and the engine looks at who sent it. */
    plum_addr at = {.ip = plum_ip_any(group->family), .port = port};
    if (set_flag(s, SOL_SOCKET, SO_REUSEADDR, 1) != 0 || bind_to(s, &at) != 0)
        return fail_and_close(s);
    int joined = group->family == 6 ? join_v6(s, group, ifindex) : join_v4(s, group, ifindex);
    if (joined != 0)
        return fail_and_close(s);
    *out = s;
    return PLUM_IO_OK;
}

plum_io plum_udp_send(plum_socket s, const uint8_t *bytes, size_t size)
{
    if (send(s, (const char *)bytes, (int)size, 0) >= 0)
        return PLUM_IO_OK;
    int err = WSAGetLastError();
    if (err == WSAENOBUFS || err == WSAEMSGSIZE || err == WSAEINTR)
        return PLUM_IO_AGAIN; /* a datagram lost on the way out is as lost as any */
    return io_from_error(err);
}

plum_io plum_udp_recv(plum_socket s, uint8_t *buf, size_t room, size_t *size, plum_addr *from,
                      bool *truncated)
{
    plum_sockaddr sa;
    socklen_t len = sizeof sa;
    memset(&sa, 0, sizeof sa);
    int got = recvfrom(s, (char *)buf, (int)room, 0, &sa.any, &len);
    int err = got < 0 ? WSAGetLastError() : 0;
    if (got < 0 && err != WSAEMSGSIZE)
        return io_from_error(err);
    *truncated = got < 0; /* the buffer is full, and the rest gone */
    *size = got < 0 ? room : (size_t)got;
    *from = plum_sockaddr_to(&sa);
    return PLUM_IO_OK;
}

void plum_socket_close(plum_socket s)
{
    if (s != PLUM_SOCKET_NONE)
        closesocket(s);
}
