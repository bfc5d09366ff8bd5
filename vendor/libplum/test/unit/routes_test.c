/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Default routes of a namespace of this test's own. */
#include <net/if.h>
#include <unistd.h>

#include "check.h"
#include "netns.h"
#include "platform/platform.h"

enum { ROOM = 64 };

static plum_route routes[ROOM];
static int count;

static void read_routes(const char *interface)
{
    memset(routes, 0, sizeof routes);
    count = plum_platform_routes(interface, routes, ROOM);
}

static void check_route(int line, int at, const char *interface, const char *gateway,
                        const char *local, uint32_t metric)
{
    char text[PLUM_ADDR_TEXT];
    if (at >= count) {
        check_fail(__FILE__, line, "a route is missing");
        return;
    }
    const plum_route *r = &routes[at];
    plum_ip bare = r->gateway;
    bare.scope = 0; /* as text without %scope; it is checked by itself */
    plum_ip_text(&bare, text);
    check_str(__FILE__, line, "gateway", text, gateway);
    plum_ip_text(&r->local, text);
    check_str(__FILE__, line, "local", text, local);
    check_eq(__FILE__, line, "ifindex", r->ifindex, if_nametoindex(interface));
    check_eq(__FILE__, line, "metric", r->metric, metric);
}
#define CHECK_ROUTE(at, interface, gateway, local, metric)                                         \
    check_route(__LINE__, at, interface, gateway, local, metric)

static bool source_towards_default(uint8_t family, char text[PLUM_ADDR_TEXT])
{
    plum_ip any = plum_ip_any(family), source;
    if (!plum_platform_source(&any, &source))
        return false;
    plum_ip_text(&source, text);
    return true;
}

static void nothing_without_a_route(void)
{
    char text[PLUM_ADDR_TEXT];
    read_routes(NULL);
    CHECK_EQ(count, 0);
    CHECK(!source_towards_default(4, text));
    CHECK(!source_towards_default(6, text));
    read_routes("no-such-if");
    CHECK_EQ(count, 0);
}

static void through_an_own_address(void)
{
    char text[PLUM_ADDR_TEXT];
    netns_with_router();
    read_routes(NULL);
    CHECK_EQ(count, 1);
    CHECK_ROUTE(0, "lo", "10.0.0.1", "10.0.0.1", 0);
    CHECK(source_towards_default(4, text));
    CHECK_STR(text, "10.0.0.1");
    netns_ip("route del default");
    netns_ip("addr del 10.0.0.1/24 dev lo");
}

static void two_interfaces(void)
{
    netns_ip("link add one type veth peer name one-peer");
    netns_ip("link add two type veth peer name two-peer");
    netns_ip("link set one up");
    netns_ip("link set one-peer up");
    netns_ip("link set two up");
    netns_ip("link set two-peer up");
    netns_wait_running("one");
    netns_wait_running("two");
    netns_ip("addr add 10.1.0.2/24 dev one");
    netns_ip("addr add 10.1.0.3/24 dev one");
    netns_ip("addr add 10.2.0.2/24 dev two");
}

static void the_lowest_metric_comes_first(void)
{
    char text[PLUM_ADDR_TEXT];
    netns_ip("route add default via 10.1.0.1 metric 200");
    netns_ip("route add default via 10.2.0.1 metric 100");
    read_routes(NULL);
    CHECK_EQ(count, 2);
    CHECK_ROUTE(0, "two", "10.2.0.1", "10.2.0.2", 100);
    CHECK_ROUTE(1, "one", "10.1.0.1", "10.1.0.2", 200);
    CHECK(source_towards_default(4, text));
    CHECK_STR(text, "10.2.0.2");
    read_routes("one");
    CHECK_EQ(count, 1);
    CHECK_ROUTE(0, "one", "10.1.0.1", "10.1.0.2", 200);
    CHECK_EQ(plum_platform_routes(NULL, routes, 1), 1); /* cut at the room there is */
    netns_ip("route flush default");
}

static void a_preferred_source_wins(void)
{
    netns_ip("route add default via 10.1.0.1 src 10.1.0.3");
    read_routes(NULL);
    CHECK_EQ(count, 1);
    CHECK_ROUTE(0, "one", "10.1.0.1", "10.1.0.3", 0);
    netns_ip("route flush default");
}

static void a_tunnel_has_no_next_hop(void)
{
    netns_ip("route add default dev two metric 5");
    read_routes(NULL);
    CHECK_EQ(count, 1);
    CHECK_ROUTE(0, "two", "", "10.2.0.2", 5);
    CHECK_EQ(routes[0].gateway.family, 0);
    netns_ip("route flush default");
}

static void each_hop_of_a_multipath_route(void)
{
    netns_ip(
        "route add default metric 7 nexthop via 10.1.0.1 dev one nexthop via 10.2.0.1 dev two");
    read_routes(NULL);
    CHECK_EQ(count, 2);
    CHECK_ROUTE(0, "one", "10.1.0.1", "10.1.0.2", 7);
    CHECK_ROUTE(1, "two", "10.2.0.1", "10.2.0.2", 7);
    netns_ip("route flush default");
}

static void other_routes_do_not_count(void)
{
    netns_ip("route add 10.77.0.0/16 via 10.1.0.1");
    netns_ip("route add blackhole default metric 900");
    netns_ip("route add default via 10.1.0.1 table 4242");
    read_routes(NULL);
    CHECK_EQ(count, 0);
    netns_ip("route flush table 4242");
    netns_ip("route del blackhole default");
}

/* More defaults than one buffer holds at first: the last is read as well. */
static void many_defaults(void)
{
    char path[] = "/tmp/plum-routes-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    FILE *f = fdopen(fd, "w");
    REQUIRE(f != NULL);
    for (int i = 0; i < 60; i++)
        fprintf(f, "route add default via 10.1.0.%d metric %d\n", 100 + i, 1000 + i);
    REQUIRE(fclose(f) == 0);
    char words[64] = "-batch ";
    memcpy(words + 7, path, sizeof path);
    netns_ip(words);
    unlink(path);
    read_routes(NULL);
    CHECK_EQ(count, 60);
    CHECK_ROUTE(0, "one", "10.1.0.100", "10.1.0.2", 1000);
    CHECK_ROUTE(59, "one", "10.1.0.159", "10.1.0.2", 1059);
    for (int i = 0; i < 60; i++)
        netns_ip("route del default");
    read_routes(NULL);
    CHECK_EQ(count, 0);
}

static void the_main_table_comes_first(void)
{
    netns_ip("route add default via 10.1.0.1 table default metric 1");
    netns_ip("route add default via 10.2.0.1 metric 900");
    read_routes(NULL);
    CHECK_EQ(count, 2);
    CHECK_ROUTE(0, "two", "10.2.0.1", "10.2.0.2", 900);
    CHECK_ROUTE(1, "one", "10.1.0.1", "10.1.0.2", 1);
    netns_ip("route flush table default");
    netns_ip("route flush default");
}

/* A dump of many messages, and one message of many hops. */
static void many_routes_are_read_to_the_end(void)
{
    char path[] = "/tmp/plum-routes-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    FILE *f = fdopen(fd, "w");
    REQUIRE(f != NULL);
    for (int i = 0; i < 6000; i++)
        fprintf(f, "route add 20.%d.%d.0/24 via 10.1.0.1\n", i / 250, i % 250);
    fprintf(f, "route add 30.0.0.0/8");
    for (int i = 0; i < 90; i++)
        fprintf(f, " nexthop via 10.1.0.%d dev one", 10 + i);
    fprintf(f, "\nroute add default via 10.2.0.9 metric 30\n");
    REQUIRE(fclose(f) == 0);
    char words[64] = "-batch ";
    memcpy(words + 7, path, sizeof path);
    netns_ip(words);
    unlink(path);
    read_routes(NULL);
    CHECK_EQ(count, 1);
    CHECK_ROUTE(0, "two", "10.2.0.9", "10.2.0.2", 30);
    netns_ip("route flush default");
}

static void a_default_of_many_hops(void)
{
    char path[] = "/tmp/plum-routes-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    FILE *f = fdopen(fd, "w");
    REQUIRE(f != NULL);
    fprintf(f, "route add default");
    for (int i = 0; i < 80; i++)
        fprintf(f, " nexthop via 10.1.0.%d dev one", 10 + i);
    fprintf(f, "\n");
    REQUIRE(fclose(f) == 0);
    char words[64] = "-batch ";
    memcpy(words + 7, path, sizeof path);
    netns_ip(words);
    unlink(path);
    read_routes(NULL);
    CHECK_EQ(count, ROOM);
    CHECK_ROUTE(0, "one", "10.1.0.10", "10.1.0.2", 0);
    CHECK_ROUTE(63, "one", "10.1.0.73", "10.1.0.2", 0);
    netns_ip("route flush default");
}

/* A home where the routers speak by link-local addresses: the source is the global one. */
static void ipv6(void)
{
    char text[PLUM_ADDR_TEXT];
    netns_ip("-6 addr add 2001:db8:1::2/64 dev one nodad");
    netns_ip("-6 route add default via fe80::1 dev one metric 50");
    read_routes(NULL);
    CHECK_EQ(count, 1);
    CHECK_ROUTE(0, "one", "fe80::1", "2001:db8:1::2", 50);
    CHECK_EQ(routes[0].gateway.scope, if_nametoindex("one"));
    CHECK(source_towards_default(6, text));
    CHECK_STR(text, "2001:db8:1::2");
    netns_ip("route add default via 10.1.0.1");
    read_routes(NULL);
    CHECK_EQ(count, 2);
    CHECK_EQ(routes[0].local.family, 4); /* IPv4 first */
    CHECK_EQ(routes[1].local.family, 6);
    netns_ip("route flush default");
    netns_ip("-6 route flush default");
}

int main(void)
{
    netns_enter();
    REQUIRE(plum_platform_start() == 0);
    RUN(nothing_without_a_route);
    RUN(through_an_own_address);
    two_interfaces();
    RUN(the_lowest_metric_comes_first);
    RUN(a_preferred_source_wins);
    RUN(a_tunnel_has_no_next_hop);
    RUN(each_hop_of_a_multipath_route);
    RUN(other_routes_do_not_count);
    RUN(the_main_table_comes_first);
    RUN(many_defaults);
    RUN(many_routes_are_read_to_the_end);
    RUN(a_default_of_many_hops);
    RUN(ipv6);
    return check_end();
}
