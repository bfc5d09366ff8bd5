/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "check.h"
#include "peer.h"
#include "platform/platform.h"

static void an_old_deadline_returns_at_once(void)
{
    plum_waiter *w = plum_waiter_new();
    plum_waiter_wait(w, NULL, 0, 0);
    plum_waiter_wait(w, NULL, 0, plum_platform_now());
    CHECK(true);
    plum_waiter_free(w);
}

static void a_deadline_is_kept_and_never_early(void)
{
    plum_waiter *w = plum_waiter_new();
    for (int i = 0; i < 5; i++) {
        plum_time deadline = plum_platform_now() + 20;
        plum_waiter_wait(w, NULL, 0, deadline);
        CHECK(plum_platform_now() >= deadline);
    }
    plum_waiter_free(w);
}

/* The same deadline again, after it was reached, and a nearer one while a far one is armed. */
static void deadlines_move(void)
{
    plum_waiter *w = plum_waiter_new();
    plum_time distant = plum_platform_now() + 3600 * PLUM_SECONDS;
    plum_waiter_wake(w);
    plum_waiter_wait(w, NULL, 0, distant);
    plum_time soon = plum_platform_now() + 10;
    plum_waiter_wait(w, NULL, 0, soon);
    CHECK(plum_platform_now() >= soon);
    plum_waiter_wait(w, NULL, 0, soon);
    plum_waiter_wake(w);
    plum_waiter_wait(w, NULL, 0, PLUM_NEVER);
    CHECK(plum_platform_now() < distant);
    plum_waiter_free(w);
}

static void several_wakes_are_one(void)
{
    plum_waiter *w = plum_waiter_new();
    for (int i = 0; i < 1000; i++)
        plum_waiter_wake(w);
    plum_waiter_wait(w, NULL, 0, PLUM_NEVER);
    plum_time deadline = plum_platform_now() + 10;
    plum_waiter_wait(w, NULL, 0, deadline);
    CHECK(plum_platform_now() >= deadline); /* nothing was left to wake it */
    plum_waiter_free(w);
}

static void wake_after_ten(void *arg)
{
    plum_waiter *own = plum_waiter_new();
    plum_waiter_wait(own, NULL, 0, plum_platform_now() + 10);
    plum_waiter_free(own);
    plum_waiter_wake(arg);
}

static void another_thread_wakes(void)
{
    plum_waiter *w = plum_waiter_new();
    plum_thread t;
    REQUIRE(plum_thread_start(&t, wake_after_ten, w) == 0);
    plum_waiter_wait(w, NULL, 0, PLUM_NEVER);
    plum_thread_join(&t);
    CHECK(true);
    plum_waiter_free(w);
}

/* More sockets than the waiter has room for at first; the readable one is named. */
static void the_readable_one_is_named(void)
{
    enum { COUNT = 40 };
    plum_socket sockets[COUNT];
    plum_poll_item items[COUNT];
    plum_ip loopback = plum_ip_v4(127, 0, 0, 1);
    plum_addr bound[COUNT], other;
    plum_socket peer = peer_open(&other);
    for (int i = 0; i < COUNT; i++) {
        REQUIRE(plum_udp_open(&loopback, &other, &sockets[i], &bound[i]) == PLUM_IO_OK);
        items[i].socket = sockets[i];
    }
    peer_send(peer, &bound[38], "x", 1);
    plum_waiter *w = plum_waiter_new();
    plum_waiter_wait(w, items, COUNT, plum_platform_now() + 5000);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(items[i].readable, i == 38);
    plum_waiter_free(w);
    for (int i = 0; i < COUNT; i++)
        plum_socket_close(sockets[i]);
    plum_socket_close(peer);
}

int main(void)
{
    REQUIRE(plum_platform_start() == 0);
    RUN(an_old_deadline_returns_at_once);
    RUN(a_deadline_is_kept_and_never_early);
    RUN(deadlines_move);
    RUN(several_wakes_are_one);
    RUN(another_thread_wakes);
    RUN(the_readable_one_is_named);
    return check_end();
}
