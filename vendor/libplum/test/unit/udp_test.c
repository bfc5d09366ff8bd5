/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Datagram sockets on loopback: the platform's, and the loop's table of them. */
#include "io/udp.h"

#include "check.h"
#include "guard.h"
#include "peer.h"

static plum_ip loopback(void)
{
    return plum_ip_v4(127, 0, 0, 1);
}

/* Wine 8 binds to addresses that are not this host's, and does not wake who waits for an ICMP
 * error; Windows does otherwise. */
static bool is_wine(void)
{
#ifdef _WIN32
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
#else
    return false;
#endif
}

static void both_ways(void)
{
    plum_addr peer, bound, from;
    plum_socket fd = peer_open(&peer);
    plum_ip any = plum_ip_any(4);
    plum_socket s;
    REQUIRE(plum_udp_open(&any, &peer, &s, &bound) == PLUM_IO_OK);
    plum_ip lo = loopback();
    CHECK(plum_ip_equal(&bound.ip, &lo)); /* the wildcard became the route's source */
    CHECK(bound.port != 0);

    uint8_t buf[16];
    size_t size = 0;
    bool truncated = true;
    CHECK_EQ(plum_udp_recv(s, buf, sizeof buf, &size, &from, &truncated), PLUM_IO_AGAIN);
    CHECK_EQ(plum_udp_send(s, (const uint8_t *)"hello", 5), PLUM_IO_OK);
    CHECK_EQ(peer_recv(fd, buf, sizeof buf), 5);
    peer_send(fd, &bound, "hi", 2);
    CHECK(peer_wait(s));
    CHECK_EQ(plum_udp_recv(s, buf, sizeof buf, &size, &from, &truncated), PLUM_IO_OK);
    CHECK_EQ(size, 2);
    CHECK(!truncated);
    CHECK(plum_addr_equal(&from, &peer));
    plum_socket_close(s);
    plum_socket_close(fd);
}

static void a_long_datagram_is_cut_and_said_so(void)
{
    plum_addr peer, bound, from;
    plum_socket fd = peer_open(&peer);
    plum_ip lo = loopback();
    plum_socket s;
    REQUIRE(plum_udp_open(&lo, &peer, &s, &bound) == PLUM_IO_OK);
    static const uint8_t bytes[64] = {1, 2, 3};
    peer_send(fd, &bound, bytes, sizeof bytes);
    peer_send(fd, &bound, bytes, 0);
    check_guard g = check_guard_new(16);
    uint8_t *buf = check_guard_put(&g, NULL, 16);
    size_t size = 0;
    bool truncated = false;
    CHECK(peer_wait(s));
    CHECK_EQ(plum_udp_recv(s, buf, 16, &size, &from, &truncated), PLUM_IO_OK);
    CHECK_EQ(size, 16);
    CHECK(truncated);
    CHECK_EQ(plum_udp_recv(s, buf, 16, &size, &from, &truncated), PLUM_IO_OK);
    CHECK_EQ(size, 0);
    CHECK(!truncated);
    check_guard_free(&g);
    plum_socket_close(s);
    plum_socket_close(fd);
}

static void strangers_are_not_heard(void)
{
    plum_addr peer, other, bound, from;
    plum_socket fd = peer_open(&peer), stranger = peer_open(&other);
    plum_ip lo = loopback();
    plum_socket s;
    REQUIRE(plum_udp_open(&lo, &peer, &s, &bound) == PLUM_IO_OK);
    peer_send(stranger, &bound, "no", 2);
    peer_send(fd, &bound, "yes", 3);
    uint8_t buf[16];
    size_t size = 0;
    bool truncated;
    CHECK(peer_wait(s));
    CHECK_EQ(plum_udp_recv(s, buf, sizeof buf, &size, &from, &truncated), PLUM_IO_OK);
    CHECK_EQ(size, 3);
    plum_socket_close(s);
    plum_socket_close(fd);
    plum_socket_close(stranger);
}

static void errors_have_names(void)
{
    plum_addr peer, bound;
    plum_socket fd = peer_open(&peer);
    plum_socket s = PLUM_SOCKET_NONE;
    plum_ip not_ours = plum_ip_v4(192, 0, 2, 77);
    CHECK_EQ(plum_udp_open(&not_ours, &peer, &s, &bound), PLUM_IO_UNREACHABLE);
    plum_ip v6 = plum_ip_any(6);
    v6.bytes[15] = 1;
    CHECK(plum_udp_open(&v6, &peer, &s, &bound) != PLUM_IO_OK); /* another family */
    CHECK_EQ(s, PLUM_SOCKET_NONE);
    plum_socket_close(fd);
}

static plum_action open_action(plum_sock sock, const plum_addr *remote)
{
    plum_action a;
    memset(&a, 0, sizeof a);
    a.kind = PLUM_ACT_OPEN;
    a.u.open.sock = sock;
    a.u.open.what = PLUM_OPEN_UDP;
    a.u.open.network = 1;
    a.u.open.local = loopback();
    a.u.open.remote = *remote;
    return a;
}

static void send_action(plum_udp *u, plum_sock sock, const char *text)
{
    plum_action a;
    memset(&a, 0, sizeof a);
    a.kind = PLUM_ACT_SEND;
    a.u.send.sock = sock;
    a.u.send.bytes = (const uint8_t *)text;
    a.u.send.size = strlen(text);
    plum_udp_act_send(u, &a);
}

static void opened_is_told_once(void)
{
    plum_addr peer;
    plum_socket fd = peer_open(&peer);
    plum_udp u;
    plum_udp_init(&u);
    plum_action open = open_action(7, &peer);
    plum_event event;
    CHECK(!plum_udp_next_event(&u, &event));
    CHECK(plum_udp_act_open(&u, &open));
    REQUIRE(plum_udp_next_event(&u, &event));
    CHECK_EQ(event.kind, PLUM_EV_OPENED);
    CHECK_EQ(event.u.opened.sock, 7);
    CHECK(event.u.opened.local.port != 0);
    CHECK(!plum_udp_next_event(&u, &event));
    plum_udp_act_close(&u, 7);
    plum_udp_act_close(&u, 7);
    plum_udp_act_close(&u, 0);
    send_action(&u, 7, "late");
    CHECK(!plum_udp_next_event(&u, &event));
    plum_udp_free(&u);
    plum_socket_close(fd);
}

#ifndef _WIN32
/* On Linux the ICMP error of the first datagram makes the next send fail without sending. */
static void after_a_refusal_the_next_send_still_goes_out(void)
{
    plum_addr peer;
    plum_socket fd = peer_open(&peer);
    plum_udp u;
    plum_udp_init(&u);
    plum_action open = open_action(1, &peer);
    plum_event event;
    plum_udp_act_open(&u, &open);
    REQUIRE(plum_udp_next_event(&u, &event));

    plum_socket_close(fd); /* nobody there: ICMP port unreachable */
    send_action(&u, 1, "lost");
    CHECK(peer_wait(u.slots[0].socket)); /* the error has come */
    fd = peer_open_at(&peer);
    send_action(&u, 1, "again");
    REQUIRE(plum_udp_next_event(&u, &event));
    CHECK_EQ(event.kind, PLUM_EV_FAIL);
    CHECK_EQ(event.u.fail.what, PLUM_FAIL_REFUSED);
    CHECK(!event.u.fail.dead);
    char buf[16];
    CHECK_EQ(peer_recv(fd, buf, sizeof buf), 5);
    plum_udp_free(&u);
    plum_socket_close(fd);
}
#endif

static void a_refusal_is_read_when_nothing_is_sent(void)
{
    plum_addr peer;
    plum_socket fd = peer_open(&peer);
    plum_socket_close(fd);
    plum_udp u;
    plum_udp_init(&u);
    plum_action open = open_action(1, &peer);
    plum_event event;
    plum_udp_act_open(&u, &open);
    REQUIRE(plum_udp_next_event(&u, &event));
    send_action(&u, 1, "lost");
    CHECK(peer_wait(u.slots[0].socket));
    uint8_t buf[16];
    CHECK(!plum_udp_receive(&u.slots[0], buf, sizeof buf, &event));
    REQUIRE(plum_udp_next_event(&u, &event));
    CHECK_EQ(event.u.fail.what, PLUM_FAIL_REFUSED);
    CHECK(!plum_udp_receive(&u.slots[0], buf, sizeof buf, &event)); /* cleared: no busy loop */
    CHECK(!plum_udp_next_event(&u, &event));
    plum_udp_free(&u);
}

static void what_cannot_be_opened_is_told_dead(void)
{
    plum_addr peer = {.ip = plum_ip_v4(127, 0, 0, 1), .port = 9};
    plum_udp u;
    plum_udp_init(&u);
    plum_action open = open_action(3, &peer);
    open.u.open.local = plum_ip_v4(192, 0, 2, 77);
    plum_event event;
    plum_udp_act_open(&u, &open);
    REQUIRE(plum_udp_next_event(&u, &event));
    CHECK_EQ(event.kind, PLUM_EV_FAIL);
    CHECK_EQ(event.u.fail.what, PLUM_FAIL_UNREACHABLE);
    CHECK(event.u.fail.dead);
    plum_poll_item items[PLUM_UDP_MAX];
    plum_udp_slot *slots[PLUM_UDP_MAX];
    CHECK_EQ(plum_udp_items(&u, items, slots), 0);
    plum_udp_free(&u);
}

static void one_socket_too_many_is_told(void)
{
    plum_addr peer = {.ip = plum_ip_v4(127, 0, 0, 1), .port = 9};
    plum_udp u;
    plum_udp_init(&u);
    plum_event event;
    for (plum_sock sock = 1; sock <= PLUM_UDP_MAX; sock++) {
        plum_action open = open_action(sock, &peer);
        plum_udp_act_open(&u, &open);
        REQUIRE(plum_udp_next_event(&u, &event));
        CHECK_EQ(event.kind, PLUM_EV_OPENED);
    }
    plum_action open = open_action(PLUM_UDP_MAX + 1, &peer);
    plum_udp_act_open(&u, &open);
    REQUIRE(plum_udp_next_event(&u, &event));
    CHECK_EQ(event.kind, PLUM_EV_FAIL);
    CHECK_EQ(event.u.fail.sock, PLUM_UDP_MAX + 1);
    CHECK_EQ(event.u.fail.what, PLUM_FAIL_NO_FDS);
    plum_udp_free(&u);
}

static void sources(void)
{
    plum_ip to = loopback(), source;
    CHECK(plum_platform_source(&to, &source));
    CHECK(plum_ip_equal(&to, &source));
}

int main(void)
{
    REQUIRE(plum_platform_start() == 0);
    RUN(both_ways);
    RUN(a_long_datagram_is_cut_and_said_so);
    RUN(strangers_are_not_heard);
    if (!is_wine())
        RUN(errors_have_names);
    RUN(opened_is_told_once);
#ifndef _WIN32 /* there recv() alone tells of ICMP */
    RUN(after_a_refusal_the_next_send_still_goes_out);
#endif
    if (!is_wine())
        RUN(a_refusal_is_read_when_nothing_is_sent);
    if (!is_wine())
        RUN(what_cannot_be_opened_is_told_dead);
    RUN(one_socket_too_many_is_told);
    RUN(sources);
    return check_end();
}
