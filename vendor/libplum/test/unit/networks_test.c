/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/networks.h"

#include "check.h"

static plum_network_info network(uint32_t ifindex, uint8_t host)
{
    plum_network_info info;
    memset(&info, 0, sizeof info);
    info.ifindex = ifindex;
    info.local = plum_ip_v4(10, 0, 0, host);
    info.gateway.ip = plum_ip_v4(10, 0, 0, 1);
    info.gateway.port = 5351;
    return info;
}

static void a_change_is_told_once(void)
{
    plum_networks n;
    const plum_networks_config config = {.gateway_port = 5351};
    plum_networks_init(&n, &config);
    plum_network_info list[2] = {network(2, 7), network(3, 8)};
    CHECK(plum_networks_feed(&n, NULL, 0)); /* "none" is news as well, the first time */
    CHECK(!plum_networks_feed(&n, NULL, 0));
    CHECK(!plum_networks_have_gateway(&n));
    CHECK(plum_networks_feed(&n, list, 2));
    CHECK(!plum_networks_feed(&n, list, 2));
    CHECK(plum_networks_have_gateway(&n));
    list[1].local.bytes[3] = 9;
    CHECK(plum_networks_feed(&n, list, 2));
    CHECK(plum_networks_feed(&n, list, 1));
    plum_networks_free(&n);
}

static void numbers_stay_with_their_interface(void)
{
    plum_networks n;
    const plum_networks_config config = {.gateway_port = 5351};
    plum_networks_init(&n, &config);
    plum_network_info list[3] = {network(2, 7), network(3, 8), network(2, 9)};
    plum_networks_feed(&n, list, 3);
    uint32_t first = n.list[0].network, second = n.list[1].network, third = n.list[2].network;
    CHECK(first != 0 && second != 0 && third != 0);
    CHECK(first != second && first != third && second != third);
    CHECK_EQ(n.list[0].flags, PLUM_NET_DEFAULT);
    CHECK_EQ(n.list[1].flags, 0);
    plum_networks_feed(&n, &list[1], 1);
    CHECK_EQ(n.list[0].network, second);
    CHECK_EQ(n.list[0].flags, PLUM_NET_DEFAULT);
    plum_networks_feed(&n, list, 1);
    CHECK_EQ(n.list[0].network, first);
    plum_networks_free(&n);
}

static void a_configured_gateway_is_the_only_one(void)
{
    plum_networks n;
    plum_networks_config config = {.gateway_port = 77};
    config.gateway = plum_ip_v4(127, 0, 0, 1);
    plum_networks_init(&n, &config);
    CHECK(plum_networks_read(&n));
    CHECK(!plum_networks_read(&n));
    CHECK_EQ(n.count, 1);
    CHECK_EQ(n.list[0].flags, PLUM_NET_CONFIGURED | PLUM_NET_DEFAULT);
    CHECK_EQ(n.list[0].gateway.port, 77);
    plum_ip lo = plum_ip_v4(127, 0, 0, 1);
    CHECK(plum_ip_equal(&n.list[0].local, &lo)); /* the source towards it */
    plum_networks_free(&n);
}

int main(void)
{
    REQUIRE(plum_platform_start() == 0);
    RUN(a_change_is_told_once);
    RUN(numbers_stay_with_their_interface);
    RUN(a_configured_gateway_is_the_only_one);
    return check_end();
}
