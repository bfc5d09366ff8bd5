/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* client.h and plum.h on every system: with a responder on 127.0.0.1 as the gateway. With an
 * address in PLUM_TEST_ROUTER, of this host and its default route, plum.h maps there as well (Linux
 * has plum_test for that). */
#include <plum/client.h>

#include "check.h"
#include "platform/platform.h"
#include "responder.h"

enum { SOON = 10000, MANY = 100 }; /* ms: a bound, not a measure */

static responder *router;

/* ---- what the callbacks saw ---- */

static plum_mutex lock;
static plum_cond changed;
static int successes, failures, destroyed;
static plum_mapping_info_t last;
static plum_mapping_t last_mapping;

static void forget(void)
{
    plum_mutex_lock(&lock);
    successes = failures = destroyed = 0;
    plum_mutex_unlock(&lock);
}

static void count(plum_state_t state)
{
    successes += state == PLUM_STATE_SUCCESS;
    failures += state == PLUM_STATE_FAILURE;
    destroyed += state == PLUM_STATE_DESTROYED;
    plum_cond_broadcast(&changed);
}

static void on_change(int id, const plum_mapping_info_t *info)
{
    (void)id;
    plum_mutex_lock(&lock);
    last = *info;
    count(info->state);
    plum_mutex_unlock(&lock);
}

static void on_state(int id, plum_state_t state, const plum_mapping_t *mapping)
{
    (void)id;
    plum_mutex_lock(&lock);
    last_mapping = *mapping;
    count(state);
    plum_mutex_unlock(&lock);
}

static bool wait_for(const int *counter, int n)
{
    plum_time end = plum_platform_now() + SOON;
    plum_mutex_lock(&lock);
    while (*counter < n && plum_platform_now() < end)
        plum_cond_wait(&changed, &lock, (int)plum_time_since(end, plum_platform_now()));
    bool there = *counter >= n;
    plum_mutex_unlock(&lock);
    return there;
}

/* ---- client.h ---- */

static plum_client_t *start(responder_mode mode, uint16_t port)
{
    plum_client_options_t o;
    plum_client_t *client = NULL;
    forget();
    responder_set(router, mode);
    plum_client_options_default(&o, sizeof o);
    o.gateway = "127.0.0.1";
    o.gateway_port = port;
    o.protocols = PLUM_PROTOCOLS_PCP;
    REQUIRE(plum_client_new(&o, &client) == PLUM_ERR_SUCCESS);
    return client;
}

static int map(plum_client_t *client, uint16_t port)
{
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = port;
    return plum_client_map(client, &o, on_change);
}

static void stop(plum_client_t *client)
{
    CHECK_EQ(plum_client_close(client, NULL, NULL), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_client_join(client, SOON), PLUM_ERR_SUCCESS);
    plum_client_free(client);
}

static void one_life(void)
{
    plum_client_t *client = start(RESPONDER_MAPS, responder_port(router));
    int id = map(client, 8080);
    plum_mapping_info_t info;
    CHECK(id >= 0);
    CHECK(wait_for(&successes, 1));
    REQUIRE(plum_client_query(client, id, &info, sizeof info) == PLUM_ERR_SUCCESS);
    CHECK_EQ(info.state, PLUM_STATE_SUCCESS);
    CHECK_EQ(info.mapping_protocol, PLUM_MAPPING_PROTOCOL_PCP);
    CHECK_EQ(info.external.port, 8080);
    CHECK(memcmp(info.external.ip, "\306\063\144\007", 4) == 0); /* 198.51.100.7 */
    CHECK_EQ(plum_client_unmap(client, id), PLUM_ERR_SUCCESS);
    CHECK(wait_for(&destroyed, 1));
    CHECK_EQ(responder_deletes(router), 1);
    stop(client);
    CHECK(successes == 1 && failures == 0 && destroyed == 1);
}

static void a_refusal_has_its_code(void)
{
    plum_client_t *client = start(RESPONDER_REFUSES, responder_port(router));
    map(client, 8080);
    CHECK(wait_for(&failures, 1));
    CHECK_EQ(last.reason, PLUM_REASON_REFUSED);
    CHECK_EQ(last.code, 2);
    stop(client);
    CHECK_EQ(destroyed, 1);
}

/* Each system tells of ICMP in its own way. */
static void a_closed_port_is_closed(void)
{
    responder *gone = responder_start("127.0.0.1", 0);
    uint16_t port = responder_port(gone);
    responder_stop(gone);
    plum_client_t *client = start(RESPONDER_MAPS, port);
    map(client, 8080);
    CHECK(wait_for(&failures, 1));
    CHECK_EQ(last.reason, PLUM_REASON_CLOSED);
    stop(client);
    CHECK_EQ(destroyed, 1);
}

static void silence_is_no_answer(void)
{
    plum_client_t *client = start(RESPONDER_SILENT, responder_port(router));
    map(client, 8080);
    CHECK(wait_for(&failures, 1));
    CHECK_EQ(last.reason, PLUM_REASON_NO_ANSWER);
    stop(client);
    CHECK_EQ(destroyed, 1);
}

static void a_hundred_are_cleaned_up(void)
{
    unsigned deletes = responder_deletes(router);
    plum_client_t *client = start(RESPONDER_MAPS, responder_port(router));
    for (int i = 0; i < MANY; i++)
        CHECK(map(client, (uint16_t)(10000 + i)) >= 0);
    CHECK(wait_for(&successes, MANY));
    stop(client);
    CHECK_EQ(destroyed, MANY);
    CHECK(responder_deletes(router) >= deletes + MANY);
}

static plum_client_t *shared;

static void come_and_go(void *arg)
{
    uint16_t port = *(uint16_t *)arg;
    for (int i = 0; i < MANY; i++) {
        int id = map(shared, port);
        plum_mapping_info_t info;
        CHECK(id >= 0);
        CHECK_EQ(plum_client_query(shared, id, &info, sizeof info), PLUM_ERR_SUCCESS);
        CHECK_EQ(plum_client_unmap(shared, id), PLUM_ERR_SUCCESS);
    }
}

static void many_threads(void)
{
    static uint16_t ports[4] = {9001, 9002, 9003, 9004};
    plum_thread threads[4];
    shared = start(RESPONDER_MAPS, responder_port(router));
    for (int i = 0; i < 4; i++)
        REQUIRE(plum_thread_start(&threads[i], come_and_go, &ports[i]) == 0);
    for (int i = 0; i < 4; i++)
        plum_thread_join(&threads[i]);
    CHECK(wait_for(&destroyed, 4 * MANY));
    stop(shared);
    CHECK_EQ(destroyed, 4 * MANY);
}

/* ---- plum.h ---- */

static void without_init(void)
{
    char buffer[PLUM_MAX_ADDRESS_LEN];
    plum_mapping_t mapping = {.internal_port = 8080};
    CHECK_EQ(plum_cleanup(), PLUM_ERR_FAILED);
    CHECK_EQ(plum_create_mapping(&mapping, NULL), PLUM_ERR_FAILED);
    CHECK_EQ(plum_query_mapping(1, NULL, NULL), PLUM_ERR_FAILED);
    CHECK_EQ(plum_init(NULL), PLUM_ERR_INVALID);
    int size = plum_get_local_address(buffer, sizeof buffer);
    CHECK(size == PLUM_ERR_NOT_AVAIL || (size > 0 && strlen(buffer) == (size_t)size));
}

static void quiet(plum_log_level_t level, const char *message)
{
    CHECK(level <= PLUM_LOG_LEVEL_FATAL && *message);
}

static void init_and_cleanup(void)
{
    const plum_config_t config = {.log_callback = quiet};
    plum_mapping_t mapping = {.internal_port = 0};
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(plum_init(&config), PLUM_ERR_SUCCESS);
        CHECK_EQ(plum_init(&config), PLUM_ERR_FAILED);
        CHECK_EQ(plum_create_mapping(&mapping, on_state), PLUM_ERR_INVALID);
        CHECK_EQ(plum_query_mapping(2000000000, NULL, NULL), PLUM_ERR_NOT_AVAIL);
        CHECK_EQ(plum_cleanup(), PLUM_ERR_SUCCESS);
    }
}

static const char *router_address;

static void the_default_route(void)
{
    plum_route routes[8];
    plum_ip gateway;
    int n = plum_platform_routes(NULL, routes, 8);
    REQUIRE(plum_ip_parse(router_address, &gateway));
    CHECK(n >= 1);
    if (n >= 1) {
        CHECK(plum_ip_equal(&routes[0].gateway, &gateway));
        CHECK(plum_ip_equal(&routes[0].local, &gateway)); /* the router is this host */
        CHECK(routes[0].ifindex != 0);
    }
    char buffer[PLUM_MAX_ADDRESS_LEN] = "";
    CHECK_EQ(plum_get_local_address(buffer, sizeof buffer), (intmax_t)strlen(router_address));
    CHECK_STR(buffer, router_address);
}

static void plum_h_maps_at_the_default_route(void)
{
    responder *at_home = responder_start(router_address, 5351);
    const plum_config_t config = {.log_callback = quiet, .protocol = PLUM_PROTOCOL_PCP};
    plum_mapping_t mapping = {.protocol = PLUM_IP_PROTOCOL_UDP, .internal_port = 8081};
    plum_state_t state;
    forget();
    REQUIRE(plum_init(&config) == PLUM_ERR_SUCCESS);
    int id = plum_create_mapping(&mapping, on_state);
    CHECK(id >= 0);
    CHECK(wait_for(&successes, 1));
    CHECK_EQ(plum_query_mapping(id, &state, &mapping), PLUM_ERR_SUCCESS);
    CHECK_EQ(state, PLUM_STATE_SUCCESS);
    CHECK_STR(mapping.external_host, RESPONDER_EXTERNAL);
    CHECK_EQ(mapping.external_port, 8081);
    CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_cleanup(), PLUM_ERR_SUCCESS);
    CHECK(successes == 1 && destroyed == 1);
    CHECK_EQ(responder_deletes(at_home), 1);
    responder_stop(at_home);
}

int main(void)
{
    REQUIRE(plum_platform_start() == 0 && plum_mutex_init(&lock) == 0 &&
            plum_cond_init(&changed) == 0);
    router = responder_start("127.0.0.1", 0);
    RUN(one_life);
    RUN(a_refusal_has_its_code);
    RUN(a_closed_port_is_closed);
    RUN(silence_is_no_answer);
    RUN(a_hundred_are_cleaned_up);
    RUN(many_threads);
    RUN(without_init);
    RUN(init_and_cleanup);
    router_address = getenv("PLUM_TEST_ROUTER");
    if (router_address) {
        RUN(the_default_route);
        RUN(plum_h_maps_at_the_default_route);
    }
    responder_stop(router);
    return check_end();
}
