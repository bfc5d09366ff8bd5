/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "api/options.h"

#include "check.h"

static plum_client_options_t client_options(void)
{
    plum_client_options_t o;
    plum_client_options_default(&o, sizeof o);
    return o;
}

static plum_map_options_t map_options(void)
{
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = 8080;
    return o;
}

static int read_client(const plum_client_options_t *o)
{
    plum_loop_config config;
    return plum_options_read(o, &config);
}

static int read_map(const plum_map_options_t *o)
{
    plum_create create;
    return plum_map_options_read(o, &create);
}

static void a_log(void *ctx, plum_log_level_t level, const char *message)
{
    (void)ctx;
    (void)level;
    (void)message;
}

static void defaults_are_read(void)
{
    plum_client_options_t o = client_options();
    plum_loop_config config;
    CHECK_EQ(plum_options_read(&o, &config), PLUM_ERR_SUCCESS);
    CHECK_EQ(config.engine.lifetime, 7200);
    CHECK_EQ(config.engine.discover_timeout, 10000);
    CHECK_EQ(config.engine.mapping_timeout, 10000);
    CHECK_EQ(config.engine.recheck_period, 300000);
    CHECK_EQ(config.engine.shutdown_timeout, 2000);
    CHECK_EQ(config.engine.restart_jitter, 5000);
    CHECK_EQ(config.networks.gateway_port, 5351);
    CHECK_EQ(config.networks.gateway.family, 0);
    CHECK_EQ(config.engine.log_level, PLUM_LOG_LEVEL_NONE); /* nobody listens */
    o.log_callback = a_log;
    CHECK_EQ(plum_options_read(&o, &config), PLUM_ERR_SUCCESS);
    CHECK_EQ(config.engine.log_level, PLUM_LOG_LEVEL_INFO);
}

static void sizes(void)
{
    struct {
        plum_client_options_t o;
        unsigned char newer[24];
    } longer;
    memset(&longer, 0xff, sizeof longer);
    plum_client_options_default(&longer.o, sizeof longer);
    CHECK_EQ(longer.o.size, sizeof longer);
    CHECK_EQ(longer.newer[23], 0);
    CHECK_EQ(read_client(&longer.o), PLUM_ERR_SUCCESS);
    longer.newer[3] = 7; /* what this version does not know is not looked at */
    CHECK_EQ(read_client(&longer.o), PLUM_ERR_SUCCESS);
    longer.o.size = sizeof longer.o - 1;
    CHECK_EQ(read_client(&longer.o), PLUM_ERR_INVALID);
    longer.o.size = 0;
    CHECK_EQ(read_client(&longer.o), PLUM_ERR_INVALID);
    CHECK_EQ(read_client(NULL), PLUM_ERR_INVALID);

    plum_map_options_t m = map_options();
    m.size--;
    CHECK_EQ(read_map(&m), PLUM_ERR_INVALID);
    CHECK_EQ(read_map(NULL), PLUM_ERR_INVALID);
    unsigned char few[8];
    memset(few, 0xff, sizeof few);
    plum_map_options_default((plum_map_options_t *)(void *)few, 4); /* never beyond `size` */
    CHECK_EQ(few[4], 0xff);
    plum_client_options_default(NULL, 8);
    plum_map_options_default(NULL, 8);
}

#define CLIENT_INVALID(change)                                                                     \
    do {                                                                                           \
        plum_client_options_t o = client_options();                                                \
        change;                                                                                    \
        if (read_client(&o) != PLUM_ERR_INVALID)                                                   \
            check_fail(__FILE__, __LINE__, #change " is taken");                                   \
    } while (0)

static void what_a_client_may_not_have(void)
{
    CLIENT_INVALID(o.protocols = 0);
    CLIENT_INVALID(o.protocols = 8);
    CLIENT_INVALID(o.flags = 2);
    CLIENT_INVALID(o.lifetime_s = 0);
    CLIENT_INVALID(o.log_level = (plum_log_level_t)7);
    CLIENT_INVALID(o.log_level = (plum_log_level_t)-1);
    CLIENT_INVALID(o.discover_timeout_ms = 0);
    CLIENT_INVALID(o.mapping_timeout_ms = -1);
    CLIENT_INVALID(o.recheck_period_ms = 0);
    CLIENT_INVALID(o.shutdown_timeout_ms = 0);
    CLIENT_INVALID(o.restart_jitter_ms = -1);
    CLIENT_INVALID(o.gateway_port = 0);
    CLIENT_INVALID(o.gateway = "");
    CLIENT_INVALID(o.gateway = "router.lan");
    CLIENT_INVALID(o.gateway = "0.0.0.0");
    CLIENT_INVALID(o.gateway = "224.0.0.1");
    CLIENT_INVALID(o.gateway = "ff02::1");
    CLIENT_INVALID(o.gateway = "::");
    CLIENT_INVALID(o.gateway = "192.168.001.1");
    CLIENT_INVALID(o.interface_name = "");
    CLIENT_INVALID(o.gateway = "10.0.0.1"; o.flags = PLUM_CLIENT_FEED_NETWORKS);
    CLIENT_INVALID(o.interface_name = "eth0"; o.flags = PLUM_CLIENT_FEED_NETWORKS);
}

#define MAP_INVALID(change)                                                                        \
    do {                                                                                           \
        plum_map_options_t o = map_options();                                                      \
        change;                                                                                    \
        if (read_map(&o) != PLUM_ERR_INVALID)                                                      \
            check_fail(__FILE__, __LINE__, #change " is taken");                                   \
    } while (0)

static void what_a_mapping_may_not_have(void)
{
    MAP_INVALID(o.internal_port = 0);
    MAP_INVALID(o.transport = (plum_ip_protocol_t)2);
    MAP_INVALID(o.transport = (plum_ip_protocol_t)-1);
    MAP_INVALID(o.flags = 2);
    MAP_INVALID(o.flags = PLUM_MAP_PREFER_FAILURE); /* without a port to insist on */
    MAP_INVALID(o.timeout_ms = -1);
    MAP_INVALID(o.family = 5);
    MAP_INVALID(o.family = -4);
    MAP_INVALID(o.suggested.family = 7);
    MAP_INVALID(o.family = 4; o.suggested.family = 6);
    MAP_INVALID(o.description = "two\nlines");
    MAP_INVALID(o.description = "caf\xc3\xa9");
    MAP_INVALID(o.transport = PLUM_IP_PROTOCOL_UDP; o.internal_port = 5350);
    MAP_INVALID(o.transport = PLUM_IP_PROTOCOL_UDP; o.internal_port = 5351);
}

static void a_mapping_is_read(void)
{
    plum_map_options_t o = map_options();
    plum_create c;
    o.transport = PLUM_IP_PROTOCOL_UDP;
    o.flags = PLUM_MAP_PREFER_FAILURE;
    o.suggested.family = 4;
    o.suggested.port = 9000;
    o.suggested.ip[0] = 9;
    o.lifetime_s = 60;
    o.timeout_ms = 500;
    o.description = "a game";
    CHECK_EQ(plum_map_options_read(&o, &c), PLUM_ERR_SUCCESS);
    CHECK_EQ(c.transport, PLUM_UDP);
    CHECK_EQ(c.flags, PLUM_CREATE_PREFER_FAILURE);
    CHECK_EQ(c.suggested.port, 9000);
    CHECK_EQ(c.suggested.ip.family, 4);
    CHECK_EQ(c.suggested.ip.bytes[0], 9);
    CHECK_EQ(c.lifetime, 60);
    CHECK_EQ(c.timeout, 500);
    CHECK_STR(c.description, "a game");
    o.suggested.ip[0] = 0; /* the wildcard: no hint, the port stays one */
    CHECK_EQ(plum_map_options_read(&o, &c), PLUM_ERR_SUCCESS);
    CHECK_EQ(c.suggested.ip.family, 0);
    CHECK_EQ(c.suggested.port, 9000);
    o = map_options();
    o.internal_port = 5351; /* TCP has no such rule */
    CHECK_EQ(read_map(&o), PLUM_ERR_SUCCESS);
}

static void networks_are_read(void)
{
    plum_network_info out[PLUM_NETWORKS_MAX];
    plum_network_t n[PLUM_NETWORKS_MAX + 1];
    memset(n, 0, sizeof n);
    CHECK_EQ(plum_networks_options_read(NULL, 0, out), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_networks_options_read(NULL, 1, out), PLUM_ERR_INVALID);
    CHECK_EQ(plum_networks_options_read(n, 1, out), PLUM_ERR_INVALID); /* neither address */
    for (size_t i = 0; i < PLUM_NETWORKS_MAX + 1; i++) {
        n[i].gateway.family = 4;
        n[i].gateway.ip[0] = 10;
        n[i].ifindex = (uint32_t)i;
    }
    CHECK_EQ(plum_networks_options_read(n, PLUM_NETWORKS_MAX + 1, out), PLUM_ERR_INVALID);
    CHECK_EQ(plum_networks_options_read(n, PLUM_NETWORKS_MAX, out), PLUM_ERR_SUCCESS);
    CHECK_EQ(out[63].ifindex, 63);
    CHECK_EQ(out[0].gateway.port, 5351);
    CHECK_EQ(out[0].local.family, 4);
    n[0].local.family = 6;
    CHECK_EQ(plum_networks_options_read(n, 1, out), PLUM_ERR_INVALID);
    n[0].local.family = 9;
    CHECK_EQ(plum_networks_options_read(n, 1, out), PLUM_ERR_INVALID);
    n[0].local.family = 4;
    n[0].gateway.family = 0;
    n[0].gateway.port = 7;
    CHECK_EQ(plum_networks_options_read(n, 1, out), PLUM_ERR_SUCCESS);
    CHECK_EQ(out[0].gateway.port, 0);
}

int main(void)
{
    RUN(defaults_are_read);
    RUN(sizes);
    RUN(what_a_client_may_not_have);
    RUN(what_a_mapping_may_not_have);
    RUN(a_mapping_is_read);
    RUN(networks_are_read);
    return check_end();
}
