/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* poll() with an eventfd for other threads and a timerfd for the deadline: poll's own time-out
 * stands still while the machine sleeps, CLOCK_BOOTTIME does not. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "platform/platform.h"

enum { AT_WAKE, AT_TIMER, AT_ITEMS };

struct plum_waiter {
    int wake;
    int timer;
    plum_time armed; /* what the timer is set to */
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

plum_waiter *plum_waiter_new(void)
{
    plum_waiter *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->armed = PLUM_NEVER;
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (w->wake < 0 || w->timer < 0 || !make_room(w, AT_ITEMS + 16)) {
        plum_waiter_free(w);
        return NULL;
    }
    return w;
}

void plum_waiter_free(plum_waiter *w)
{
    if (w == NULL)
        return;
    if (w->wake >= 0)
        close(w->wake);
    if (w->timer >= 0)
        close(w->timer);
    free(w->fds);
    free(w);
}

void plum_waiter_wake(plum_waiter *w)
{
    const uint64_t one = 1;
    ssize_t done;
    do
        done = write(w->wake, &one, sizeof one);
    while (done < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so a wake-up is pending already. */
}

static void arm(plum_waiter *w, plum_time deadline)
{
    if (deadline == w->armed)
        return;
    struct itimerspec at;
    memset(&at, 0, sizeof at); /* zero disarms */
    if (deadline != PLUM_NEVER) {
        at.it_value.tv_sec = (time_t)(deadline / PLUM_SECONDS);
        at.it_value.tv_nsec = (long)(deadline % PLUM_SECONDS) * 1000000L;
    }
    if (timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &at, NULL) == 0)
        w->armed = deadline;
}

static void swallow(int fd)
{
    uint64_t count;
    ssize_t done;
    do
        done = read(fd, &count, sizeof count);
    while (done < 0 && errno == EINTR);
}

void plum_waiter_wait(plum_waiter *w, plum_poll_item *items, size_t count, plum_time deadline)
{
    for (size_t i = 0; i < count; i++)
        items[i].readable = false;
    if (!make_room(w, AT_ITEMS + count))
        count = w->room - AT_ITEMS; /* out of memory: the rest is looked at when there is room */

    bool due = deadline <= plum_platform_now();
    if (!due)
        arm(w, deadline);
    w->fds[AT_WAKE] = (struct pollfd){.fd = w->wake, .events = POLLIN};
    w->fds[AT_TIMER] = (struct pollfd){.fd = due ? -1 : w->timer, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        w->fds[AT_ITEMS + i] = (struct pollfd){.fd = items[i].socket, .events = POLLIN};

    int ready;
    do
        ready = poll(w->fds, (nfds_t)(AT_ITEMS + count), due ? 0 : -1);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return;
    if (w->fds[AT_WAKE].revents != 0)
        swallow(w->wake);
    if (w->fds[AT_TIMER].revents != 0) {
        swallow(w->timer);
        w->armed = PLUM_NEVER;
    }
    for (size_t i = 0; i < count; i++)
        items[i].readable = (w->fds[AT_ITEMS + i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
}
