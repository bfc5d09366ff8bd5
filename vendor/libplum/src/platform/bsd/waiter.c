/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* poll() with a pipe for other threads. Its time-out stands still while the machine sleeps, so no
 * wait is longer than a slice; then the clock, which does not, is asked again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/platform.h"

/* How late a deadline may be noticed after a suspend. */
#define SLICE_MS 15000

struct plum_waiter {
    int wake[2]; /* read here, write there */
    struct pollfd *fds;
    size_t room;
};

static bool make_room(plum_waiter *w, size_t count)
{
    if (count <= w->room)
        return true;
    struct pollfd *fds = realloc(w->fds, count * sizeof *fds);
    if (fds == NULL)
        return false;
    w->fds = fds;
    w->room = count;
    return true;
}

static bool open_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) != 0)
            return false;
    return true;
}

plum_waiter *plum_waiter_new(void)
{
    plum_waiter *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->wake[0] = w->wake[1] = -1;
    if (!open_pipe(w->wake) || !make_room(w, 1 + 16)) {
        plum_waiter_free(w);
        return NULL;
    }
    return w;
}

void plum_waiter_free(plum_waiter *w)
{
    if (w == NULL)
        return;
    for (int i = 0; i < 2; i++)
        if (w->wake[i] >= 0)
            close(w->wake[i]);
    free(w->fds);
    free(w);
}

void plum_waiter_wake(plum_waiter *w)
{
    static const char one = 1;
    ssize_t done;
    do
        done = write(w->wake[1], &one, 1);
    while (done < 0 && errno == EINTR);
    /* EAGAIN: the pipe is full, so a wake-up is pending already. */
}

static void swallow(int fd)
{
    char bytes[256];
    ssize_t got;
    do
        got = read(fd, bytes, sizeof bytes);
    while (got > 0 || (got < 0 && errno == EINTR));
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
    w->fds[0] = (struct pollfd){.fd = w->wake[0], .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        w->fds[1 + i] = (struct pollfd){.fd = items[i].socket, .events = POLLIN};

    int ready;
    do
        ready = poll(w->fds, (nfds_t)(1 + count), slice(deadline));
    while ((ready < 0 && errno == EINTR) || (ready == 0 && plum_platform_now() < deadline));
    if (ready <= 0)
        return;
    if (w->fds[0].revents != 0)
        swallow(w->wake[0]);
    for (size_t i = 0; i < count; i++)
        items[i].readable = (w->fds[1 + i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
}
