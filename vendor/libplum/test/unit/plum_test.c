/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* plum.h, row by row of its contract, in a namespace whose router is the responder. */
#include <plum/plum.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "netns.h"
#include "responder.h"
#include "wait.h"

enum { SOON = 10000 }; /* ms: a bound, not a measure */

static responder *router;

/* ---- what the callbacks saw ---- */

enum { EVENTS_MAX = 4096 };

typedef struct {
    int id;
    plum_state_t state;
    plum_mapping_t mapping;
} seen_event;

static monitor m;
static seen_event events[EVENTS_MAX];
static int event_count;
static bool gate_closed; /* a callback waits here */
static int at_gate;

static void forget(void)
{
    monitor_enter(&m);
    event_count = 0;
    gate_closed = false;
    at_gate = 0;
    monitor_leave(&m);
}

static void record(int id, plum_state_t state, const plum_mapping_t *mapping)
{
    monitor_enter(&m);
    if (event_count < EVENTS_MAX) {
        events[event_count].id = id;
        events[event_count].state = state;
        events[event_count++].mapping = *mapping;
    }
    monitor_tell(&m);
}

static void at_the_gate(void)
{
    monitor_enter(&m);
    at_gate++;
    pthread_cond_broadcast(&m.changed);
    CHECK(MONITOR_WAIT(&m, SOON, !gate_closed));
    monitor_leave(&m);
}

static void set_gate(bool closed)
{
    monitor_enter(&m);
    gate_closed = closed;
    monitor_tell(&m);
}

static bool wait_at_gate(void)
{
    monitor_enter(&m);
    bool there = MONITOR_WAIT(&m, SOON, at_gate > 0);
    monitor_leave(&m);
    return there;
}

static int count_of(int id, plum_state_t state)
{
    int n = 0;
    for (int i = 0; i < event_count; i++)
        n += (id < 0 || events[i].id == id) && events[i].state == state;
    return n;
}

/* Waits for the n-th event of this kind; id -1: of any mapping. */
static bool wait_for(int id, plum_state_t state, int n)
{
    monitor_enter(&m);
    bool there = MONITOR_WAIT(&m, SOON, count_of(id, state) >= n);
    monitor_leave(&m);
    return there;
}

static seen_event last_of(int id)
{
    seen_event found;
    memset(&found, 0, sizeof found);
    found.id = -1;
    monitor_enter(&m);
    for (int i = 0; i < event_count; i++)
        if (events[i].id == id)
            found = events[i];
    monitor_leave(&m);
    return found;
}

/* (SUCCESS | FAILURE)* DESTROYED, each id once to its end. */
static void check_grammar(void)
{
    monitor_enter(&m);
    for (int i = 0; i < event_count; i++) {
        CHECK(events[i].state == PLUM_STATE_SUCCESS || events[i].state == PLUM_STATE_FAILURE ||
              events[i].state == PLUM_STATE_DESTROYED);
        if (events[i].state == PLUM_STATE_DESTROYED)
            for (int j = i + 1; j < event_count; j++)
                CHECK(events[j].id != events[i].id);
    }
    monitor_leave(&m);
}

/* ---- set-up ---- */

static plum_config_t quiet(void)
{
    plum_config_t config;
    memset(&config, 0, sizeof config);
    config.log_level = PLUM_LOG_LEVEL_NONE;
    return config;
}

static void start(void)
{
    plum_config_t config = quiet();
    forget();
    responder_set(router, RESPONDER_MAPS);
    REQUIRE(plum_init(&config) == PLUM_ERR_SUCCESS);
}

static void stop(void)
{
    CHECK_EQ(plum_cleanup(), PLUM_ERR_SUCCESS);
    check_grammar();
}

static plum_mapping_t tcp(uint16_t port)
{
    plum_mapping_t mapping;
    memset(&mapping, 0, sizeof mapping);
    mapping.protocol = PLUM_IP_PROTOCOL_TCP;
    mapping.internal_port = port;
    return mapping;
}

static int create(uint16_t port)
{
    plum_mapping_t mapping = tcp(port);
    return plum_create_mapping(&mapping, record);
}

static plum_state_t state_of(int id)
{
    plum_state_t state = PLUM_STATE_DESTROYED;
    return plum_query_mapping(id, &state, NULL) == PLUM_ERR_SUCCESS ? state : PLUM_STATE_DESTROYED;
}

static bool mapped(int id)
{
    return id >= 0 && wait_for(id, PLUM_STATE_SUCCESS, 1);
}

/* ---- the rows ---- */

static void without_init(void)
{
    plum_mapping_t mapping = tcp(8080);
    plum_state_t state;
    CHECK_EQ(plum_create_mapping(&mapping, record), PLUM_ERR_FAILED);
    CHECK_EQ(plum_query_mapping(1, &state, &mapping), PLUM_ERR_FAILED);
    CHECK_EQ(plum_destroy_mapping(1), PLUM_ERR_FAILED);
    CHECK_EQ(plum_cleanup(), PLUM_ERR_FAILED);
}

static void local_address(void)
{
    char buffer[PLUM_MAX_ADDRESS_LEN];
    const int length = (int)strlen(NETNS_ROUTER);
    CHECK_EQ(plum_get_local_address(buffer, sizeof buffer), length);
    CHECK_STR(buffer, NETNS_ROUTER);
    char small[5];
    CHECK_EQ(plum_get_local_address(small, sizeof small), length); /* as snprintf counts */
    CHECK_STR(small, "10.0");
    memset(small, 'x', sizeof small);
    CHECK_EQ(plum_get_local_address(small, 1), length);
    CHECK_STR(small, "");
    CHECK_EQ(small[1], 'x');
    CHECK_EQ(plum_get_local_address(NULL, 0), length);
    CHECK_EQ(plum_get_local_address(NULL, 8), PLUM_ERR_INVALID);
    netns_ip("route del default");
    CHECK_EQ(plum_get_local_address(buffer, sizeof buffer), PLUM_ERR_NOT_AVAIL);
    netns_ip("route add default via " NETNS_ROUTER " dev lo");
}

static void init_wants_a_sane_config(void)
{
    CHECK_EQ(plum_init(NULL), PLUM_ERR_INVALID);
    plum_config_t config = quiet();
    config.protocol = (plum_protocol_t)3;
    CHECK_EQ(plum_init(&config), PLUM_ERR_INVALID);
    config = quiet();
    config.log_level = (plum_log_level_t)7;
    CHECK_EQ(plum_init(&config), PLUM_ERR_INVALID);
    config = quiet();
    config.discover_timeout = -1;
    CHECK_EQ(plum_init(&config), PLUM_ERR_INVALID);
    config = quiet();
    config.mapping_timeout = -1;
    CHECK_EQ(plum_init(&config), PLUM_ERR_INVALID);
    config = quiet();
    config.recheck_period = -1;
    CHECK_EQ(plum_init(&config), PLUM_ERR_INVALID);
    CHECK_EQ(plum_cleanup(), PLUM_ERR_FAILED); /* nothing was started */
}

static void a_second_init_fails(void)
{
    start();
    plum_config_t config = quiet();
    CHECK_EQ(plum_init(&config), PLUM_ERR_FAILED);
    CHECK(mapped(create(8080))); /* the first one goes on */
    stop();
}

static void create_wants_a_sane_mapping(void)
{
    start();
    CHECK_EQ(plum_create_mapping(NULL, record), PLUM_ERR_INVALID);
    plum_mapping_t mapping = tcp(0);
    CHECK_EQ(plum_create_mapping(&mapping, record), PLUM_ERR_INVALID);
    mapping = tcp(8080);
    mapping.protocol = (plum_ip_protocol_t)2;
    CHECK_EQ(plum_create_mapping(&mapping, record), PLUM_ERR_INVALID);
    mapping = tcp(8080);
    memcpy(mapping.external_host, "router.lan", 11);
    CHECK_EQ(plum_create_mapping(&mapping, record), PLUM_ERR_INVALID);
    memset(mapping.external_host, '1', sizeof mapping.external_host); /* no NUL anywhere */
    CHECK_EQ(plum_create_mapping(&mapping, record), PLUM_ERR_INVALID);
    mapping = tcp(5351);
    mapping.protocol = PLUM_IP_PROTOCOL_UDP;
    CHECK_EQ(plum_create_mapping(&mapping, record), PLUM_ERR_INVALID);
    stop();
    CHECK_EQ(event_count, 0); /* below 0 the callback is never called */
}

static void one_life(void)
{
    start();
    int marker = 0;
    plum_mapping_t mapping = tcp(8080), seen;
    mapping.external_port = 9090;
    mapping.user_ptr = &marker;
    int id = plum_create_mapping(&mapping, record);
    REQUIRE(mapped(id));
    seen_event e = last_of(id);
    CHECK_EQ(e.state, PLUM_STATE_SUCCESS);
    CHECK_EQ(e.mapping.protocol, PLUM_IP_PROTOCOL_TCP);
    CHECK_EQ(e.mapping.mapping_protocol, PLUM_MAPPING_PROTOCOL_PCP);
    CHECK_EQ(e.mapping.internal_port, 8080);
    CHECK_EQ(e.mapping.external_port, 9090);
    CHECK_STR(e.mapping.external_host, RESPONDER_EXTERNAL);
    CHECK(e.mapping.user_ptr == &marker);

    plum_state_t state = PLUM_STATE_DESTROYED;
    CHECK_EQ(plum_query_mapping(id, &state, &seen), PLUM_ERR_SUCCESS);
    CHECK_EQ(state, PLUM_STATE_SUCCESS);
    CHECK_STR(seen.external_host, RESPONDER_EXTERNAL);
    CHECK_EQ(seen.external_port, 9090);
    CHECK(seen.user_ptr == &marker);
    CHECK_EQ(plum_query_mapping(id, NULL, NULL), PLUM_ERR_SUCCESS);

    CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_SUCCESS);
    REQUIRE(wait_for(id, PLUM_STATE_DESTROYED, 1));
    e = last_of(id);
    CHECK_STR(e.mapping.external_host, "");
    CHECK_EQ(e.mapping.external_port, 0);
    CHECK(e.mapping.user_ptr == &marker);
    CHECK_EQ(plum_query_mapping(id, &state, &seen), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_NOT_AVAIL);
    stop();
    CHECK_EQ(event_count, 2);
}

static void ids_never_issued(void)
{
    start();
    plum_state_t state;
    CHECK_EQ(plum_query_mapping(-1, &state, NULL), PLUM_ERR_INVALID);
    CHECK_EQ(plum_query_mapping(2000000000, &state, NULL), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(plum_destroy_mapping(-1), PLUM_ERR_INVALID);
    CHECK_EQ(plum_destroy_mapping(2000000000), PLUM_ERR_NOT_AVAIL);
    stop();
}

static void ids_are_not_used_again(void)
{
    start();
    int first = create(8080);
    stop();
    start();
    int second = create(8080);
    CHECK(first >= 0 && second > first);
    CHECK_EQ(plum_query_mapping(first, NULL, NULL), PLUM_ERR_NOT_AVAIL);
    stop();
}

static void a_mapping_without_a_callback(void)
{
    start();
    plum_mapping_t mapping = tcp(8080);
    int silent = plum_create_mapping(&mapping, NULL);
    CHECK(silent >= 0);
    CHECK(mapped(create(8081)));
    CHECK_EQ(plum_destroy_mapping(silent), PLUM_ERR_SUCCESS);
    stop();
}

static void record_and_wait(int id, plum_state_t state, const plum_mapping_t *mapping)
{
    record(id, state, mapping);
    at_the_gate();
}

/* The engine's thread sits in a callback meanwhile: none of the calls waits for it. */
static void destroy_shows_before_it_returns(void)
{
    start();
    int id = create(8080);
    REQUIRE(mapped(id));
    set_gate(true);
    plum_mapping_t mapping = tcp(8081);
    int blocker = plum_create_mapping(&mapping, record_and_wait);
    REQUIRE(blocker >= 0 && wait_at_gate());

    int unborn = create(8082);
    CHECK_EQ(state_of(unborn), PLUM_STATE_PENDING);
    CHECK_EQ(plum_destroy_mapping(unborn), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_SUCCESS);
    CHECK_EQ(state_of(id), PLUM_STATE_DESTROYING);
    CHECK_EQ(state_of(unborn), PLUM_STATE_DESTROYING);
    CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_SUCCESS); /* again, while it is going */
    plum_mapping_t seen;
    CHECK_EQ(plum_query_mapping(id, NULL, &seen), PLUM_ERR_SUCCESS);
    CHECK_STR(seen.external_host, "");
    set_gate(false);
    CHECK(wait_for(id, PLUM_STATE_DESTROYED, 1));
    CHECK(wait_for(unborn, PLUM_STATE_DESTROYED, 1));
    CHECK_EQ(count_of(unborn, PLUM_STATE_SUCCESS), 0); /* only DESTROYED started */
    stop();
}

static int cleanup_result, destroy_result, created_inside, again_result;

static void calls_from_inside(int id, plum_state_t state, const plum_mapping_t *mapping)
{
    if (state == PLUM_STATE_SUCCESS) {
        plum_config_t config = quiet();
        cleanup_result = plum_cleanup();
        again_result = plum_init(&config);
        created_inside = create(9001);
        destroy_result = plum_destroy_mapping(id);
        CHECK_EQ(state_of(id), PLUM_STATE_DESTROYING);
        char buffer[PLUM_MAX_ADDRESS_LEN];
        CHECK(plum_get_local_address(buffer, sizeof buffer) > 0);
    } else if (state == PLUM_STATE_DESTROYED) {
        CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_NOT_AVAIL);
        CHECK_EQ(plum_query_mapping(id, NULL, NULL), PLUM_ERR_NOT_AVAIL);
    }
    record(id, state, mapping);
}

static void every_call_but_cleanup_from_inside(void)
{
    start();
    plum_mapping_t mapping = tcp(8080);
    int id = plum_create_mapping(&mapping, calls_from_inside);
    REQUIRE(wait_for(id, PLUM_STATE_DESTROYED, 1));
    CHECK_EQ(cleanup_result, PLUM_ERR_FAILED);
    CHECK_EQ(again_result, PLUM_ERR_FAILED);
    CHECK_EQ(destroy_result, PLUM_ERR_SUCCESS);
    CHECK(mapped(created_inside)); /* nothing was changed by the cleanup that failed */
    stop();
}

static void *cleanup_thread(void *result)
{
    *(int *)result = plum_cleanup();
    return NULL;
}

static void cleanup_has_one_caller(void)
{
    start();
    int id = create(8080);
    REQUIRE(mapped(id));
    set_gate(true);
    plum_mapping_t mapping = tcp(8081);
    int blocker = plum_create_mapping(&mapping, record_and_wait);
    REQUIRE(blocker >= 0 && wait_at_gate());
    pthread_t thread;
    int first = 77;
    REQUIRE(pthread_create(&thread, NULL, cleanup_thread, &first) == 0);
    /* The first caller shows by what it did: every mapping is going. */
    monitor_enter(&m);
    while (state_of(id) != PLUM_STATE_DESTROYING) {
        struct timespec until = monitor_until(1);
        pthread_cond_timedwait(&m.changed, &m.lock, &until);
    }
    monitor_leave(&m);
    CHECK_EQ(plum_cleanup(), PLUM_ERR_FAILED);
    CHECK_EQ(create(8082), PLUM_ERR_FAILED); /* while closing */
    CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_SUCCESS);
    set_gate(false);
    pthread_join(thread, NULL);
    CHECK_EQ(first, PLUM_ERR_SUCCESS);
    CHECK_EQ(count_of(id, PLUM_STATE_DESTROYED), 1);
    CHECK_EQ(count_of(blocker, PLUM_STATE_DESTROYED), 1);
    check_grammar();
}

static void after_cleanup(void)
{
    start();
    int id = create(8080);
    stop();
    CHECK_EQ(count_of(id, PLUM_STATE_DESTROYED), 1);
    CHECK_EQ(plum_cleanup(), PLUM_ERR_FAILED);
    CHECK_EQ(create(8080), PLUM_ERR_FAILED);
    CHECK_EQ(plum_query_mapping(id, NULL, NULL), PLUM_ERR_FAILED);
    CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_FAILED);
}

/* ---- a lock of the caller's ---- */

static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static int lines_logged;

static void locking_record(int id, plum_state_t state, const plum_mapping_t *mapping)
{
    pthread_mutex_lock(&own_lock);
    record(id, state, mapping);
    pthread_mutex_unlock(&own_lock);
}

static void locking_log(plum_log_level_t level, const char *message)
{
    (void)level;
    pthread_mutex_lock(&own_lock);
    lines_logged += strlen(message) > 0;
    pthread_mutex_unlock(&own_lock);
}

static void a_lock_held_around_the_calls(void)
{
    plum_config_t config = quiet();
    config.log_level = PLUM_LOG_LEVEL_VERBOSE;
    config.log_callback = locking_log;
    forget();
    responder_set(router, RESPONDER_MAPS);
    pthread_mutex_lock(&own_lock);
    REQUIRE(plum_init(&config) == PLUM_ERR_SUCCESS);
    pthread_mutex_unlock(&own_lock);
    for (int i = 0; i < 50; i++) {
        plum_mapping_t mapping = tcp((uint16_t)(8000 + i));
        pthread_mutex_lock(&own_lock);
        int id = plum_create_mapping(&mapping, locking_record);
        pthread_mutex_unlock(&own_lock);
        if (i % 2 == 0)
            CHECK(mapped(id)); /* the engine has been in the callback, and is perhaps in the log */
        pthread_mutex_lock(&own_lock);
        CHECK_EQ(plum_query_mapping(id, NULL, NULL), PLUM_ERR_SUCCESS);
        CHECK_EQ(plum_destroy_mapping(id), PLUM_ERR_SUCCESS);
        pthread_mutex_unlock(&own_lock);
        CHECK(wait_for(id, PLUM_STATE_DESTROYED, 1));
    }
    stop();
    CHECK(lines_logged > 0);
}

/* ---- failure ---- */

static void failure_carries_no_address(void)
{
    start();
    responder_set(router, RESPONDER_REFUSES);
    int id = create(8080);
    REQUIRE(wait_for(id, PLUM_STATE_FAILURE, 1));
    seen_event e = last_of(id);
    CHECK_STR(e.mapping.external_host, "");
    CHECK_EQ(e.mapping.external_port, 0);
    CHECK_EQ(e.mapping.mapping_protocol, PLUM_MAPPING_PROTOCOL_UNKNOWN);
    CHECK_EQ(state_of(id), PLUM_STATE_FAILURE);
    stop();
    CHECK_EQ(count_of(id, PLUM_STATE_DESTROYED), 1);
}

static void silence_fails_by_its_time(void)
{
    plum_config_t config = quiet();
    config.discover_timeout = 300;
    config.mapping_timeout = 300;
    forget();
    responder_set(router, RESPONDER_SILENT);
    REQUIRE(plum_init(&config) == PLUM_ERR_SUCCESS);
    int id = create(8080);
    CHECK(wait_for(id, PLUM_STATE_FAILURE, 1));
    responder_set(router, RESPONDER_MAPS); /* and it goes on trying */
    CHECK(wait_for(id, PLUM_STATE_SUCCESS, 1));
    stop();
}

static void no_route_then_a_route(void)
{
    netns_ip("route del default");
    plum_config_t config = quiet();
    config.discover_timeout = 200;
    forget();
    responder_set(router, RESPONDER_MAPS);
    REQUIRE(plum_init(&config) == PLUM_ERR_SUCCESS);
    int id = create(8080);
    CHECK(wait_for(id, PLUM_STATE_FAILURE, 1));
    netns_ip("route add default via " NETNS_ROUTER " dev lo");
    CHECK(wait_for(id, PLUM_STATE_SUCCESS, 1)); /* found within about a second */
    stop();
}

/* ---- the end with many ---- */

static void cleanup_with_a_hundred(bool alive)
{
    enum { COUNT = 100 };
    start();
    unsigned before = responder_deletes(router);
    int ids[COUNT];
    for (int i = 0; i < COUNT; i++)
        ids[i] = create((uint16_t)(20000 + i));
    for (int i = 0; i < COUNT; i++)
        REQUIRE(mapped(ids[i]));
    if (!alive)
        responder_set(router, RESPONDER_SILENT);
    struct timespec begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    CHECK_EQ(plum_cleanup(), PLUM_ERR_SUCCESS);
    int64_t took = elapsed_ms(&begun);
    printf("cleanup of 100 mappings, router %s: %d ms\n", alive ? "alive" : "dead", (int)took);
    CHECK(took < 2000 + 500); /* its deadline, and the machine's own slowness */
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(count_of(ids[i], PLUM_STATE_DESTROYED), 1);
    if (alive)
        CHECK(responder_deletes(router) - before >= COUNT);
    check_grammar();
}

static void cleanup_with_a_living_router(void)
{
    cleanup_with_a_hundred(true);
}

static void cleanup_with_a_dead_router(void)
{
    cleanup_with_a_hundred(false);
}

/* ---- fork ---- */

/* The child reports by its exit code which call misbehaved. */
static int child_of_an_initialised_process(int id)
{
    plum_config_t config = quiet();
    plum_mapping_t mapping = tcp(8081);
    if (plum_create_mapping(&mapping, record) != PLUM_ERR_FAILED)
        return 1;
    if (plum_query_mapping(id, NULL, NULL) != PLUM_ERR_FAILED)
        return 2;
    if (plum_destroy_mapping(id) != PLUM_ERR_FAILED)
        return 3;
    if (plum_cleanup() != PLUM_ERR_FAILED)
        return 4;
    if (plum_init(&config) != PLUM_ERR_FAILED)
        return 5;
    char buffer[PLUM_MAX_ADDRESS_LEN];
    return plum_get_local_address(buffer, sizeof buffer) > 0 ? 0 : 6;
}

static void a_child_touches_nothing(void)
{
    start();
    int id = create(8080);
    REQUIRE(mapped(id));
    unsigned deletes = responder_deletes(router);
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(10); /* a hang is a failure, not a hang of the suite */
        _exit(child_of_an_initialised_process(id));
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    CHECK_EQ(responder_deletes(router), deletes);
    CHECK_EQ(state_of(id), PLUM_STATE_SUCCESS);
    CHECK(mapped(create(8082))); /* the parent's client goes on */
    stop();
}

static void a_child_of_an_idle_process_may_start(void)
{
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(10);
        plum_config_t config = quiet();
        bool fine = plum_init(&config) == PLUM_ERR_SUCCESS && plum_cleanup() == PLUM_ERR_SUCCESS;
        _exit(fine ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

int main(void)
{
    netns_enter();
    netns_with_router();
    monitor_init(&m);
    router = responder_start(NETNS_ROUTER, 5351);
    RUN(without_init);
    RUN(local_address);
    RUN(init_wants_a_sane_config);
    RUN(a_second_init_fails);
    RUN(create_wants_a_sane_mapping);
    RUN(one_life);
    RUN(ids_never_issued);
    RUN(ids_are_not_used_again);
    RUN(a_mapping_without_a_callback);
    RUN(destroy_shows_before_it_returns);
    RUN(every_call_but_cleanup_from_inside);
    RUN(cleanup_has_one_caller);
    RUN(after_cleanup);
    RUN(a_lock_held_around_the_calls);
    RUN(failure_carries_no_address);
    RUN(silence_fails_by_its_time);
    RUN(no_route_then_a_route);
    RUN(cleanup_with_a_living_router);
    RUN(cleanup_with_a_dead_router);
    RUN(a_child_touches_nothing);
    if (!CHECK_UNDER_TSAN) /* which knows no new threads in a child of a process with threads */
        RUN(a_child_of_an_idle_process_may_start);
    responder_stop(router);
    monitor_free(&m);
    return check_end();
}
