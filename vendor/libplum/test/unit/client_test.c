/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* client.h: instances with a responder on 127.0.0.1 as their gateway. */
#include <plum/client.h>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "netns.h"
#include "responder.h"
#include "wait.h"

enum { SOON = 10000 }; /* ms: a bound, not a measure */

static responder *router;
static monitor m;

/* ---- what the callbacks saw ---- */

typedef struct {
    int id;
    int successes, failures, destroyed;
    plum_mapping_info_t last;
} seen_mapping;

enum { SEEN_MAX = 1024 };
static seen_mapping seen[SEEN_MAX];
static int seen_count;
static int done_calls;
static bool done_was_last;

static void forget(void)
{
    monitor_enter(&m);
    memset(seen, 0, sizeof seen);
    seen_count = 0;
    done_calls = 0;
    done_was_last = true;
    monitor_leave(&m);
}

static seen_mapping *of(int id)
{
    for (int i = 0; i < seen_count; i++)
        if (seen[i].id == id)
            return &seen[i];
    REQUIRE(seen_count < SEEN_MAX);
    seen[seen_count].id = id;
    return &seen[seen_count++];
}

static void record(int id, const plum_mapping_info_t *info)
{
    monitor_enter(&m);
    seen_mapping *s = of(id);
    s->successes += info->state == PLUM_STATE_SUCCESS;
    s->failures += info->state == PLUM_STATE_FAILURE;
    s->destroyed += info->state == PLUM_STATE_DESTROYED;
    s->last = *info;
    if (done_calls > 0)
        done_was_last = false;
    monitor_tell(&m);
}

static void on_done(void *ctx)
{
    monitor_enter(&m);
    *(int *)ctx += 1;
    done_calls++;
    monitor_tell(&m);
}

static bool wait_done(void)
{
    monitor_enter(&m);
    bool there = MONITOR_WAIT(&m, SOON, done_calls > 0);
    monitor_leave(&m);
    return there;
}

#define WAIT_FOR(id, field, n)                                                                     \
    __extension__({                                                                                \
        monitor_enter(&m);                                                                         \
        bool there_ = MONITOR_WAIT(&m, SOON, of(id)->field >= (n));                                \
        monitor_leave(&m);                                                                         \
        there_;                                                                                    \
    })

/* ---- set-up ---- */

static plum_client_options_t options(void)
{
    plum_client_options_t o;
    plum_client_options_default(&o, sizeof o);
    o.gateway = "127.0.0.1";
    o.gateway_port = responder_port(router);
    o.protocols = PLUM_PROTOCOLS_PCP;
    o.restart_jitter_ms = 0;
    return o;
}

static plum_client_t *new_client(const plum_client_options_t *o)
{
    plum_client_t *client = NULL;
    REQUIRE(plum_client_new(o, &client) == PLUM_ERR_SUCCESS && client != NULL);
    return client;
}

static plum_client_t *start(void)
{
    forget();
    responder_set(router, RESPONDER_MAPS);
    plum_client_options_t o = options();
    return new_client(&o);
}

static void stop(plum_client_t *client)
{
    CHECK_EQ(plum_client_close(client, NULL, NULL), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_client_join(client, SOON), PLUM_ERR_SUCCESS);
    plum_client_free(client);
}

static int map(plum_client_t *client, uint16_t port)
{
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = port;
    return plum_client_map(client, &o, record);
}

static plum_mapping_info_t query(plum_client_t *client, int id)
{
    plum_mapping_info_t info;
    memset(&info, 0, sizeof info);
    CHECK_EQ(plum_client_query(client, id, &info, sizeof info), PLUM_ERR_SUCCESS);
    return info;
}

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    REQUIRE(d != NULL);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static int threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    REQUIRE(d != NULL);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* ---- tests ---- */

static void bad_arguments(void)
{
    plum_client_options_t o = options();
    plum_client_t *client = (plum_client_t *)&o;
    CHECK_EQ(plum_client_new(NULL, &client), PLUM_ERR_INVALID);
    CHECK(client == NULL);
    CHECK_EQ(plum_client_new(&o, NULL), PLUM_ERR_INVALID);
    o.gateway = "router.lan";
    CHECK_EQ(plum_client_new(&o, &client), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_close(NULL, NULL, NULL), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_join(NULL, 0), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_map(NULL, NULL, NULL), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_unmap(NULL, 1), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_query(NULL, 1, NULL, 0), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_ask(NULL, PLUM_ASK_PROBE, NULL, NULL), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_ask_cancel(NULL, 1), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_stats(NULL, NULL, 0), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_set_networks(NULL, NULL, 0), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_local_address(4, NULL), PLUM_ERR_INVALID);
    plum_address_t address;
    CHECK_EQ(plum_client_local_address(5, &address), PLUM_ERR_INVALID);
    plum_client_free(NULL);

    client = start();
    plum_mapping_info_t info;
    plum_client_stats_t stats;
    CHECK_EQ(plum_client_map(client, NULL, record), PLUM_ERR_INVALID);
    CHECK_EQ(map(client, 0), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_unmap(client, -1), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_unmap(client, 2000000000), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(plum_client_query(client, -1, &info, sizeof info), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_query(client, 1, &info, sizeof info - 1), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_query(client, 2000000000, &info, sizeof info), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(plum_client_stats(client, &stats, sizeof stats - 1), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_stats(client, NULL, sizeof stats), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_ask(client, PLUM_ASK_PROBE, NULL, NULL), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_ask_cancel(client, 0), PLUM_ERR_INVALID);
    CHECK_EQ(plum_client_ask_cancel(client, 99), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(plum_client_set_networks(client, NULL, 0), PLUM_ERR_FAILED); /* not fed */
    CHECK_EQ(plum_client_join(client, 0), PLUM_ERR_FAILED);               /* not closed */
    stop(client);
}

static void one_life(void)
{
    plum_client_t *client = start();
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    int marker = 0;
    o.transport = PLUM_IP_PROTOCOL_UDP;
    o.internal_port = 7000;
    o.suggested.port = 7777;
    o.lifetime_s = 600;
    o.description = "a test";
    o.user_ptr = &marker;
    int id = plum_client_map(client, &o, record);
    REQUIRE(id >= 0 && WAIT_FOR(id, successes, 1));
    plum_mapping_info_t info = query(client, id);
    CHECK_EQ(info.state, PLUM_STATE_SUCCESS);
    CHECK_EQ(info.transport, PLUM_IP_PROTOCOL_UDP);
    CHECK_EQ(info.mapping_protocol, PLUM_MAPPING_PROTOCOL_PCP);
    CHECK_EQ(info.internal_port, 7000);
    CHECK_EQ(info.external.family, 4);
    CHECK_EQ(info.external.port, 7777);
    CHECK_EQ(info.external.ip[0], 198);
    CHECK_EQ(info.external.ip[3], 7);
    CHECK_EQ(info.local.family, 4);
    CHECK_EQ(info.local.ip[0], 127);
    CHECK_EQ(info.gateway.ip[0], 127);
    CHECK_EQ(info.gateway.port, responder_port(router));
    CHECK_EQ(info.lifetime_s, 600);
    CHECK(info.remaining_s > 590 && info.remaining_s <= 600);
    CHECK_EQ(info.changes, 1);
    CHECK(info.user_ptr == &marker);
    /* A newer caller's longer record: the rest is zero. */
    struct {
        plum_mapping_info_t info;
        uint64_t newer;
    } longer;
    memset(&longer, 0xff, sizeof longer);
    CHECK_EQ(plum_client_query(client, id, &longer.info, sizeof longer), PLUM_ERR_SUCCESS);
    CHECK_EQ(longer.info.external.port, 7777);
    CHECK_EQ(longer.newer, 0);

    CHECK_EQ(plum_client_unmap(client, id), PLUM_ERR_SUCCESS);
    CHECK(WAIT_FOR(id, destroyed, 1));
    monitor_enter(&m);
    info = of(id)->last;
    monitor_leave(&m);
    CHECK_EQ(info.external.family, 0);
    CHECK_EQ(info.remaining_s, 0);
    CHECK_EQ(info.reason, PLUM_REASON_NONE);
    CHECK(info.user_ptr == &marker);
    stop(client);
}

static void a_refusal_says_who_and_why(void)
{
    plum_client_t *client = start();
    responder_set(router, RESPONDER_REFUSES);
    int id = map(client, 8080);
    REQUIRE(WAIT_FOR(id, failures, 1));
    plum_mapping_info_t info = query(client, id);
    CHECK_EQ(info.state, PLUM_STATE_FAILURE);
    CHECK_EQ(info.reason, PLUM_REASON_REFUSED);
    CHECK_EQ(info.reason_protocol, PLUM_MAPPING_PROTOCOL_PCP);
    CHECK_EQ(info.code, 2); /* NOT_AUTHORIZED */
    CHECK_EQ(info.external.family, 0);
    CHECK_EQ(info.remaining_s, 0);
    CHECK_EQ(info.mapping_protocol, PLUM_MAPPING_PROTOCOL_UNKNOWN);
    stop(client);
}

static void a_mapping_has_its_own_timeout(void)
{
    plum_client_t *client = start();
    responder_set(router, RESPONDER_SILENT);
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = 8080;
    o.timeout_ms = 50;
    int id = plum_client_map(client, &o, record);
    REQUIRE(id >= 0 && WAIT_FOR(id, failures, 1));
    CHECK_EQ(query(client, id).reason, PLUM_REASON_TIMED_OUT);
    stop(client);
}

static void close_calls_done_last(void)
{
    plum_client_t *client = start();
    int ids[20], calls = 0, other = 0;
    for (int i = 0; i < 20; i++)
        ids[i] = map(client, (uint16_t)(8000 + i));
    CHECK(WAIT_FOR(ids[0], successes, 1));
    CHECK_EQ(plum_client_close(client, on_done, &calls), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_client_close(client, on_done, &other), PLUM_ERR_FAILED);
    CHECK_EQ(map(client, 9000), PLUM_ERR_FAILED);
    CHECK_EQ(plum_client_join(client, SOON), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_client_join(client, 0), PLUM_ERR_SUCCESS); /* it had ended before */
    CHECK_EQ(calls, 1);
    CHECK_EQ(other, 0);
    CHECK(done_was_last);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(of(ids[i])->destroyed, 1);
    CHECK_EQ(plum_client_query(client, ids[0], NULL, 0), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(plum_client_unmap(client, ids[0]), PLUM_ERR_NOT_AVAIL);
    plum_client_free(client);
}

/* ---- joining ---- */

static bool gate_closed;
static int at_gate;
static plum_client_t *inside_client;
static int inside_join;

static void record_at_gate(int id, const plum_mapping_info_t *info)
{
    if (info->state == PLUM_STATE_SUCCESS) {
        inside_join = plum_client_join(inside_client, -1);
        monitor_enter(&m);
        at_gate++;
        pthread_cond_broadcast(&m.changed);
        CHECK(MONITOR_WAIT(&m, SOON, !gate_closed));
        monitor_leave(&m);
    }
    record(id, info);
}

static void *join_thread(void *result)
{
    *(int *)result = plum_client_join(inside_client, SOON);
    return NULL;
}

static void join_is_bounded_and_shared(void)
{
    plum_client_t *client = inside_client = start();
    gate_closed = true;
    at_gate = 0;
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = 8080;
    int id = plum_client_map(client, &o, record_at_gate);
    monitor_enter(&m);
    CHECK(MONITOR_WAIT(&m, SOON, at_gate > 0));
    monitor_leave(&m);
    CHECK_EQ(inside_join, PLUM_ERR_FAILED); /* on the engine's own thread */
    CHECK_EQ(plum_client_close(client, NULL, NULL), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_client_join(client, 0), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(plum_client_join(client, 20), PLUM_ERR_NOT_AVAIL);
    pthread_t others[3];
    int results[3] = {77, 77, 77};
    for (int i = 0; i < 3; i++)
        REQUIRE(pthread_create(&others[i], NULL, join_thread, &results[i]) == 0);
    monitor_enter(&m);
    gate_closed = false;
    monitor_tell(&m);
    CHECK_EQ(plum_client_join(client, -1), PLUM_ERR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        pthread_join(others[i], NULL);
        CHECK_EQ(results[i], PLUM_ERR_SUCCESS);
    }
    CHECK_EQ(of(id)->destroyed, 1);
    plum_client_free(client);
}

/* ---- letting go ---- */

static void wait_until_alone(int files, int tasks)
{
    /* The last of a detached thread can only be seen from outside. */
    struct timespec begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    monitor_enter(&m);
    while ((open_files() != files || threads() != tasks) && elapsed_ms(&begun) < SOON) {
        struct timespec until = monitor_until(1);
        pthread_cond_timedwait(&m.changed, &m.lock, &until);
    }
    monitor_leave(&m);
    CHECK_EQ(open_files(), files);
    CHECK_EQ(threads(), tasks);
}

static void free_closes_by_itself(void)
{
    int files = open_files(), tasks = threads();
    plum_client_t *client = start();
    int id = map(client, 8080);
    CHECK(WAIT_FOR(id, successes, 1));
    plum_client_free(client);
    CHECK(WAIT_FOR(id, destroyed, 1));
    wait_until_alone(files, tasks);
}

static void free_after_close_goes_on(void)
{
    int files = open_files(), tasks = threads();
    plum_client_t *client = start();
    static int calls;
    calls = 0;
    int id = map(client, 8080);
    CHECK(WAIT_FOR(id, successes, 1));
    CHECK_EQ(plum_client_close(client, on_done, &calls), PLUM_ERR_SUCCESS);
    plum_client_free(client);
    CHECK(wait_done());
    CHECK_EQ(of(id)->destroyed, 1);
    wait_until_alone(files, tasks);
}

static void free_inside(int id, const plum_mapping_info_t *info)
{
    if (info->state == PLUM_STATE_SUCCESS)
        plum_client_free(inside_client);
    record(id, info);
}

static void the_last_handle_on_the_engines_thread(void)
{
    int files = open_files(), tasks = threads();
    inside_client = start();
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = 8080;
    int id = plum_client_map(inside_client, &o, free_inside);
    CHECK(WAIT_FOR(id, destroyed, 1));
    wait_until_alone(files, tasks);
}

static void free_in_done(void *ctx)
{
    plum_client_free(inside_client);
    on_done(ctx);
}

static void the_last_handle_in_done(void)
{
    int files = open_files(), tasks = threads();
    static int calls;
    inside_client = start();
    map(inside_client, 8080);
    plum_client_close(inside_client, free_in_done, &calls);
    CHECK(wait_done());
    wait_until_alone(files, tasks);
}

static void a_hundred_short_lives(void)
{
    int files = open_files(), tasks = threads();
    for (int i = 0; i < 100; i++) {
        plum_client_t *client = start();
        map(client, 8080);
        if (i % 2 == 0)
            plum_client_free(client);
        else
            stop(client);
    }
    wait_until_alone(files, tasks);
}

/* ---- asks ---- */

typedef struct {
    int items, ends, result;
    plum_answer_t last;
} asked;

static void on_answer(void *ctx, int result, const plum_answer_t *item)
{
    asked *a = ctx;
    monitor_enter(&m);
    if (item != NULL) {
        a->items++;
        a->last = *item;
    } else {
        a->ends++;
        a->result = result;
    }
    monitor_tell(&m);
}

static bool wait_end(asked *a)
{
    monitor_enter(&m);
    bool there = MONITOR_WAIT(&m, SOON, a->ends > 0);
    monitor_leave(&m);
    return there;
}

static void a_probe(void)
{
    plum_client_t *client = start();
    asked a = {0};
    CHECK(plum_client_ask(client, PLUM_ASK_PROBE, on_answer, &a) >= 1);
    CHECK(wait_end(&a));
    CHECK_EQ(a.result, PLUM_ERR_SUCCESS);
    CHECK_EQ(a.items, 1);
    CHECK_EQ(a.last.protocol, PLUM_MAPPING_PROTOCOL_PCP);
    CHECK_EQ(a.last.reason, PLUM_REASON_NONE);
    CHECK(a.last.epoch_s >= 1000);
    stop(client);
    CHECK_EQ(a.ends, 1);
}

static void an_external_address_that_nobody_tells(void)
{
    plum_client_options_t o = options();
    forget();
    o.discover_timeout_ms = 300;
    responder_set(router, RESPONDER_SILENT);
    plum_client_t *client = new_client(&o);
    asked a = {0};
    CHECK(plum_client_ask(client, PLUM_ASK_EXTERNAL_ADDRESS, on_answer, &a) >= 1);
    CHECK(wait_end(&a));
    CHECK_EQ(a.result, PLUM_ERR_NOT_AVAIL);
    stop(client);
}

static void an_ask_ends_early(void)
{
    plum_client_t *client = start();
    responder_set(router, RESPONDER_SILENT);
    asked a = {0}, b = {0};
    int first = plum_client_ask(client, PLUM_ASK_PROBE, on_answer, &a);
    int second = plum_client_ask(client, PLUM_ASK_PROBE, on_answer, &b);
    CHECK(first >= 1 && second > first);
    CHECK_EQ(plum_client_ask_cancel(client, first), PLUM_ERR_SUCCESS);
    CHECK(wait_end(&a));
    CHECK_EQ(a.result, PLUM_ERR_FAILED);
    CHECK_EQ(plum_client_ask_cancel(client, first), PLUM_ERR_NOT_AVAIL);
    stop(client); /* and a close ends the other */
    CHECK_EQ(a.ends, 1);
    CHECK_EQ(b.ends, 1);
    CHECK_EQ(b.result, PLUM_ERR_FAILED);
}

/* ---- networks ---- */

static void networks_are_fed(void)
{
    plum_client_options_t o = options();
    forget();
    responder_set(router, RESPONDER_MAPS);
    o.gateway = NULL;
    o.flags = PLUM_CLIENT_FEED_NETWORKS;
    o.discover_timeout_ms = 100;
    plum_client_t *client = new_client(&o);
    int id = map(client, 8080);
    REQUIRE(WAIT_FOR(id, failures, 1));
    CHECK_EQ(query(client, id).reason, PLUM_REASON_NO_GATEWAY);
    plum_network_t network;
    memset(&network, 0, sizeof network);
    network.gateway.family = 4;
    network.gateway.port = responder_port(router);
    network.gateway.ip[0] = 127;
    network.gateway.ip[3] = 1;
    CHECK_EQ(plum_client_set_networks(client, &network, 1), PLUM_ERR_SUCCESS);
    CHECK(WAIT_FOR(id, successes, 1));
    network.local.family = 6;
    CHECK_EQ(plum_client_set_networks(client, &network, 1), PLUM_ERR_INVALID);
    stop(client);
}

static void an_interface_is_chosen(void)
{
    plum_client_options_t o = options();
    forget();
    o.gateway = NULL;
    o.interface_name = "no-such-if";
    o.discover_timeout_ms = 100;
    plum_client_t *client = new_client(&o);
    int id = map(client, 8080);
    REQUIRE(WAIT_FOR(id, failures, 1));
    CHECK_EQ(query(client, id).reason, PLUM_REASON_NO_GATEWAY);
    stop(client);
}

static void local_addresses(void)
{
    plum_address_t address;
    CHECK_EQ(plum_client_local_address(0, &address), PLUM_ERR_SUCCESS);
    CHECK_EQ(address.family, 4);
    CHECK_EQ(address.ip[0], 10);
    CHECK_EQ(plum_client_local_address(6, &address), PLUM_ERR_NOT_AVAIL);
}

/* ---- figures ---- */

static plum_client_stats_t stats_of(plum_client_t *client)
{
    plum_client_stats_t s;
    memset(&s, 0, sizeof s);
    CHECK_EQ(plum_client_stats(client, &s, sizeof s), PLUM_ERR_SUCCESS);
    return s;
}

static void a_hundred_idle_mappings_cost_little(void)
{
    enum { COUNT = 100 };
    int tasks = threads();
    plum_client_t *client = start();
    CHECK_EQ(threads(), tasks + 1);
    uint64_t empty = stats_of(client).heap_bytes;
    int ids[COUNT];
    for (int i = 0; i < COUNT; i++)
        ids[i] = map(client, (uint16_t)(30000 + i));
    for (int i = 0; i < COUNT; i++)
        REQUIRE(WAIT_FOR(ids[i], successes, 1));

    /* Two looks with nothing between them: the loop sleeps. A wake-up that was under way at the
     * first look may still show. */
    struct timespec begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    plum_client_stats_t before = stats_of(client);
    monitor_enter(&m);
    CHECK(!MONITOR_WAIT(&m, 2000, of(ids[0])->successes > 1));
    monitor_leave(&m);
    plum_client_stats_t after = stats_of(client);
    printf("100 idle mappings: %u poll returns in 2 s, %u bytes of heap a mapping, peak %u\n",
           (unsigned)(after.wakeups - before.wakeups),
           (unsigned)((after.heap_bytes - empty) / COUNT), (unsigned)after.heap_peak_bytes);
    CHECK(after.wakeups - before.wakeups <= 3);
    CHECK(after.heap_bytes - empty < 1024 * COUNT);
    CHECK_EQ(after.mappings, COUNT);
    CHECK(after.sent >= COUNT && after.received >= COUNT);
    stop(client);
}

static void hundreds_come_and_go(void)
{
    plum_client_t *client = start();
    int ids[400];
    for (int i = 0; i < 400; i++)
        ids[i] = map(client, (uint16_t)(20000 + i));
    for (int i = 0; i < 400; i += 2)
        CHECK_EQ(plum_client_unmap(client, ids[i]), PLUM_ERR_SUCCESS);
    for (int i = 0; i < 400; i++)
        CHECK(i % 2 == 0 ? WAIT_FOR(ids[i], destroyed, 1) : WAIT_FOR(ids[i], successes, 1));
    stop(client);
    for (int i = 0; i < 400; i++)
        CHECK_EQ(of(ids[i])->destroyed, 1);
}

static void hold(void *ctx, int result, const plum_answer_t *item)
{
    (void)ctx;
    (void)result;
    (void)item;
    monitor_enter(&m);
    at_gate++;
    pthread_cond_broadcast(&m.changed);
    CHECK(MONITOR_WAIT(&m, SOON, !gate_closed));
    monitor_leave(&m);
}

static void a_thousand_creates_are_one_wake_up(void)
{
    plum_client_options_t o = options();
    forget();
    o.gateway = NULL;
    o.flags = PLUM_CLIENT_FEED_NETWORKS; /* and none is fed: nothing else wakes the loop */
    plum_client_t *client = new_client(&o);
    gate_closed = true;
    at_gate = 0;
    CHECK(plum_client_ask(client, PLUM_ASK_PROBE, hold, NULL) >= 1);
    monitor_enter(&m);
    CHECK(MONITOR_WAIT(&m, SOON, at_gate > 0));
    monitor_leave(&m);
    for (int i = 0; i < 1000; i++)
        CHECK(map(client, (uint16_t)(10000 + i)) >= 0);
    uint64_t before = stats_of(client).wakeups;
    monitor_enter(&m);
    gate_closed = false;
    monitor_tell(&m);
    /* An ask behind them in the queue tells when they are through. */
    asked a = {0};
    CHECK(plum_client_ask(client, PLUM_ASK_PROBE, on_answer, &a) >= 1);
    CHECK(wait_end(&a));
    plum_client_stats_t after = stats_of(client);
    CHECK(after.wakeups - before <= 2); /* theirs, and the ask's */
    CHECK_EQ(after.mappings, 1000);
    stop(client);
}

static void statistics_are_as_new_as_the_news(int id, const plum_mapping_info_t *info)
{
    plum_client_stats_t s;
    CHECK_EQ(plum_client_stats(inside_client, &s, sizeof s), PLUM_ERR_SUCCESS);
    CHECK(s.received > 0 || info->state == PLUM_STATE_DESTROYED);
    record(id, info);
}

static void statistics_inside_a_callback(void)
{
    inside_client = start();
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = 8080;
    int id = plum_client_map(inside_client, &o, statistics_are_as_new_as_the_news);
    CHECK(WAIT_FOR(id, successes, 1));
    stop(inside_client);
}

/* Junk without end on the client's own socket: commands, timers and the close still get through. */
static void a_flood_starves_nobody(void)
{
    plum_client_t *client = start();
    responder_set(router, RESPONDER_FLOODS);
    for (int i = 0; i < 5; i++) {
        int id = map(client, (uint16_t)(8000 + i));
        REQUIRE(WAIT_FOR(id, successes, 1));
        CHECK_EQ(plum_client_unmap(client, id), PLUM_ERR_SUCCESS);
        CHECK(WAIT_FOR(id, destroyed, 1));
    }
    CHECK(stats_of(client).dropped > 1000);
    stop(client);
    responder_set(router, RESPONDER_MAPS);
}

static uint64_t received_at_the_end;

static void note_received(int id, const plum_mapping_info_t *info)
{
    if (info->state == PLUM_STATE_DESTROYED)
        received_at_the_end = stats_of(inside_client).received;
    record(id, info);
}

/* A full socket and a command wait at the same time: the command has its turn after a few
 * datagrams, not after all. */
static void a_command_waits_for_few_datagrams(void)
{
    inside_client = start();
    gate_closed = true;
    at_gate = 0;
    plum_map_options_t o;
    plum_map_options_default(&o, sizeof o);
    o.internal_port = 8080;
    CHECK(plum_client_map(inside_client, &o, record_at_gate) >= 0);
    monitor_enter(&m);
    CHECK(MONITOR_WAIT(&m, SOON, at_gate > 0));
    monitor_leave(&m);
    uint64_t before = stats_of(inside_client).received;
    responder_send_junk(router, 150);
    o.internal_port = 8081;
    int id = plum_client_map(inside_client, &o, note_received);
    CHECK_EQ(plum_client_unmap(inside_client, id), PLUM_ERR_SUCCESS);
    monitor_enter(&m);
    gate_closed = false;
    monitor_tell(&m);
    CHECK(WAIT_FOR(id, destroyed, 1));
    CHECK(received_at_the_end - before > 0);
    CHECK(received_at_the_end - before < 100);
    stop(inside_client);
}

static void without_descriptors(void)
{
    struct rlimit before, none;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    plum_client_options_t o = options();
    plum_client_t *client = NULL;
    none = before;
    none.rlim_cur = 0;
    int files = open_files();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_EQ(plum_client_new(&o, &client), PLUM_ERR_FAILED);
    plum_address_t address;
    CHECK_EQ(plum_client_local_address(0, &address), PLUM_ERR_NOT_AVAIL);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_EQ(open_files(), files);

    /* A client that gets its thread but no socket says so, and maps once there are some. */
    forget();
    o.gateway = NULL;
    o.flags = PLUM_CLIENT_FEED_NETWORKS;
    o.discover_timeout_ms = 100;
    o.mapping_timeout_ms = 100;
    client = new_client(&o);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    plum_network_t network;
    memset(&network, 0, sizeof network);
    network.gateway.family = 4;
    network.gateway.port = responder_port(router);
    network.gateway.ip[0] = 127;
    network.gateway.ip[3] = 1;
    CHECK_EQ(plum_client_set_networks(client, &network, 1), PLUM_ERR_SUCCESS);
    int id = map(client, 8080);
    CHECK(WAIT_FOR(id, failures, 1));
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(WAIT_FOR(id, successes, 1));
    stop(client);
}

int main(void)
{
    netns_enter();
    netns_with_router();
    monitor_init(&m);
    router = responder_start("127.0.0.1", 0);
    RUN(bad_arguments);
    RUN(one_life);
    RUN(a_refusal_says_who_and_why);
    RUN(a_mapping_has_its_own_timeout);
    RUN(close_calls_done_last);
    RUN(join_is_bounded_and_shared);
    RUN(free_closes_by_itself);
    RUN(free_after_close_goes_on);
    RUN(the_last_handle_on_the_engines_thread);
    RUN(the_last_handle_in_done);
    RUN(a_hundred_short_lives);
    RUN(a_probe);
    RUN(an_external_address_that_nobody_tells);
    RUN(an_ask_ends_early);
    RUN(networks_are_fed);
    RUN(an_interface_is_chosen);
    RUN(local_addresses);
    RUN(a_hundred_idle_mappings_cost_little);
    RUN(hundreds_come_and_go);
    RUN(a_thousand_creates_are_one_wake_up);
    RUN(statistics_inside_a_callback);
    RUN(a_flood_starves_nobody);
    RUN(a_command_waits_for_few_datagrams);
    RUN(without_descriptors);
    responder_stop(router);
    monitor_free(&m);
    return check_end();
}
