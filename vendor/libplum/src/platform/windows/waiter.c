/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* WSAPoll() with a datagram socket that is connected to itself for other threads. Its time-out
 * stands still while the machine sleeps, so no wait is longer than a slice; then the clock, which
 * does not, is asked again. */
#include "platform_sockets.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "platform/platform.h"

/* How late a deadline may be noticed after a suspend. */
#define SLICE_MS 15000

struct plum_waiter {
    plum_socket wake;
    atomic_bool pending; /* a datagram is on its way to it */
    WSAPOLLFD *fds;
    size_t room;
};

static bool make_room(plum_waiter *w, size_t count)
{
    if (count <= w->room)
        return true;
    WSAPOLLFD *fds = realloc(w->fds, count * sizeof *fds);
    if (fds == NULL)
        return false;
    w->fds = fds;
    w->room = count;
    return true;
}

/* What another program sends to it is not heard: it is connected. */
static plum_socket open_wake(void)
{
    SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
                          WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (s == INVALID_SOCKET)
        return PLUM_SOCKET_NONE;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = sizeof at;
    u_long on = 1;
    if (ioctlsocket(s, (long)FIONBIO, &on) != 0 || bind(s, (struct sockaddr *)&at, size) != 0 ||
        getsockname(s, (struct sockaddr *)&at, &size) != 0 ||
        connect(s, (struct sockaddr *)&at, size) != 0) {
        closesocket(s);
        return PLUM_SOCKET_NONE;
    }
    return s;
}

plum_waiter *plum_waiter_new(void)
{
    plum_waiter *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->wake = plum_platform_start() == 0 ? open_wake() : PLUM_SOCKET_NONE;
    if (w->wake == PLUM_SOCKET_NONE || !make_room(w, 1 + 16)) {
        plum_waiter_free(w);
        return NULL;
    }
    return w;
}

void plum_waiter_free(plum_waiter *w)
{
    if (w == NULL)
        return;
    plum_socket_close(w->wake);
    free(w->fds);
    free(w);
}

void plum_waiter_wake(plum_waiter *w)
{
    static const char one = 1;
    if (!atomic_exchange(&w->pending, true) && send(w->wake, &one, 1, 0) != 1)
        atomic_store(&w->pending, false); /* the next call tries again */
}

static void swallow(plum_waiter *w)
{
    char byte;
    /* First: who wakes from here on sends a datagram of his own. */
    atomic_store(&w->pending, false);
    while (recv(w->wake, &byte, 1, 0) >= 0 || WSAGetLastError() == WSAECONNRESET)
        ;
}

static int slice(plum_time deadline)
{
    if (deadline == PLUM_NEVER)
        return -1;
    plum_time left = plum_time_since(deadline, plum_platform_now());
    return (int)plum_time_min(left, SLICE_MS);
}

void plum_waiter_wait(plum_waiter *w, plum_poll_item *items, size_t count, plum_time deadline)
{
    for (size_t i = 0; i < count; i++)
        items[i].readable = false;
    if (!make_room(w, 1 + count))
        count = w->room - 1; /* out of memory: the rest is looked at when there is room */
    w->fds[0] = (WSAPOLLFD){.fd = w->wake, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        w->fds[1 + i] = (WSAPOLLFD){.fd = items[i].socket, .events = POLLIN};

    int ready;
    do
        ready = WSAPoll(w->fds, (ULONG)(1 + count), slice(deadline));
    while (ready == 0 && plum_platform_now() < deadline);
    if (ready <= 0)
        return;
    if (w->fds[0].revents != 0)
        swallow(w);
    for (size_t i = 0; i < count; i++)
        items[i].readable = w->fds[1 + i].revents != 0;
}
