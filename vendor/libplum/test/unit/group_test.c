/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Announcement sockets: 224.0.0.1 and ff02::1, port 5350, on one interface each. */
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "io/udp.h"
#include "netns.h"

static uint32_t one, two;

static int sender(int family, uint32_t ifindex)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    if (family == AF_INET6) {
        int index = (int)ifindex;
        REQUIRE(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) == 0);
    } else {
        struct ip_mreqn request;
        memset(&request, 0, sizeof request);
        request.imr_ifindex = (int)ifindex;
        REQUIRE(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0);
    }
    return fd;
}

/* As a router on that interface would; the system loops it back to the members there. */
static void announce(int family, uint32_t ifindex)
{
    int fd = sender(family, ifindex);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memset(&v4, 0, sizeof v4);
    memset(&v6, 0, sizeof v6);
    v4.sin_family = AF_INET;
    v4.sin_port = v6.sin6_port = htons(5350);
    v4.sin_addr.s_addr = htonl(0xe0000001);
    v6.sin6_family = AF_INET6;
    v6.sin6_addr.s6_addr[0] = 0xff;
    v6.sin6_addr.s6_addr[1] = 2;
    v6.sin6_addr.s6_addr[15] = 1;
    v6.sin6_scope_id = ifindex;
    const struct sockaddr *to =
        family == AF_INET6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t size = family == AF_INET6 ? sizeof v6 : sizeof v4;
    /* A link that has just come up has no route until the kernel's own worker has seen it. */
    const plum_time end = plum_platform_now() + 5000;
    ssize_t sent = -1;
    while (sent != 4 && plum_platform_now() < end)
        sent = sendto(fd, "news", 4, 0, to, size);
    REQUIRE(sent == 4);
    close(fd);
}

static void open_announce(plum_udp *u, plum_sock sock, uint8_t family, uint32_t ifindex)
{
    plum_action a;
    memset(&a, 0, sizeof a);
    a.kind = PLUM_ACT_OPEN;
    a.u.open.sock = sock;
    a.u.open.what = PLUM_OPEN_ANNOUNCE;
    a.u.open.ifindex = ifindex;
    a.u.open.local = plum_ip_any(family);
    CHECK(plum_udp_act_open(u, &a));
    plum_event event;
    REQUIRE(plum_udp_next_event(u, &event));
    CHECK_EQ(event.kind, PLUM_EV_OPENED);
}

/* Which of the sockets heard something, as bits; waits for the first. */
static unsigned hearers(plum_udp *u)
{
    plum_waiter *w = plum_waiter_new();
    plum_poll_item items[PLUM_UDP_MAX];
    plum_udp_slot *slots[PLUM_UDP_MAX];
    size_t count = plum_udp_items(u, items, slots);
    plum_waiter_wait(w, items, count, plum_platform_now() + 5000);
    plum_waiter_free(w);
    unsigned bits = 0;
    uint8_t buf[16];
    plum_event event;
    for (size_t i = 0; i < count; i++)
        while (plum_udp_receive(slots[i], buf, sizeof buf, &event)) {
            bits |= 1u << event.u.data.sock;
            CHECK_EQ(event.u.data.flags, PLUM_DATA_MULTICAST);
            CHECK_EQ(event.u.data.size, 4);
        }
    return bits;
}

static void only_its_interface_is_heard(uint8_t family)
{
    plum_udp u;
    plum_udp_init(&u);
    open_announce(&u, 1, family, one);
    open_announce(&u, 2, family, two);
    open_announce(&u, 3, family, one); /* the port is shared, as with another program */
    int domain = family == 6 ? AF_INET6 : AF_INET;
    announce(domain, one);
    CHECK_EQ(hearers(&u), 1u << 1 | 1u << 3);
    announce(domain, two);
    CHECK_EQ(hearers(&u), 1u << 2);
    plum_udp_free(&u);
}

static void ipv4(void)
{
    only_its_interface_is_heard(4);
}

static void ipv6(void)
{
    only_its_interface_is_heard(6);
}

static void a_port_that_is_taken_is_said(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_port = htons(5350);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    plum_udp u;
    plum_udp_init(&u);
    plum_action a;
    memset(&a, 0, sizeof a);
    a.kind = PLUM_ACT_OPEN;
    a.u.open.sock = 1;
    a.u.open.what = PLUM_OPEN_ANNOUNCE;
    a.u.open.ifindex = one;
    a.u.open.local = plum_ip_any(4);
    CHECK(!plum_udp_act_open(&u, &a)); /* a line for the log */
    plum_event event;
    REQUIRE(plum_udp_next_event(&u, &event));
    CHECK_EQ(event.kind, PLUM_EV_FAIL);
    CHECK(event.u.fail.dead);
    plum_udp_free(&u);
    close(fd);
}

int main(void)
{
    netns_enter();
    netns_ip("link add one type veth peer name one-peer");
    netns_ip("link add two type veth peer name two-peer");
    netns_ip("addr add 10.1.0.2/24 dev one");
    netns_ip("addr add 10.2.0.2/24 dev two");
    netns_ip("-6 addr add fe80::11/64 dev one nodad");
    netns_ip("-6 addr add fe80::22/64 dev two nodad");
    netns_ip("link set one up");
    netns_ip("link set one-peer up");
    netns_ip("link set two up");
    netns_ip("link set two-peer up");
    netns_wait_running("one");
    netns_wait_running("two");
    one = if_nametoindex("one");
    two = if_nametoindex("two");
    REQUIRE(plum_platform_start() == 0);
    RUN(ipv4);
    RUN(ipv6);
    RUN(a_port_that_is_taken_is_said);
    return check_end();
}
