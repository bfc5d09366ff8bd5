/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The k-th allocation fails, for every k: each call has its documented result, nothing leaks (under
 * AddressSanitizer), and what was made goes on. The linker puts the functions below in front of the
 * C library's, for the whole program. */
#include <plum/client.h>

#include "check.h"
#include "netns.h"
#include "responder.h"
#include "wait.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

/* Counts down to the failure; below 0: never. */
static atomic_int left = -1;
static atomic_int failed;

static bool fails(void)
{
    if (atomic_load(&left) < 0 || atomic_fetch_sub(&left, 1) != 0)
        return false;
    atomic_store(&failed, 1);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

static monitor m;
static int successes, ends, answers;

static void on_change(int id, const plum_mapping_info_t *info)
{
    (void)id;
    monitor_enter(&m);
    successes += info->state == PLUM_STATE_SUCCESS;
    ends += info->state == PLUM_STATE_DESTROYED;
    monitor_tell(&m);
}

static void on_answer(void *ctx, int result, const plum_answer_t *item)
{
    (void)ctx;
    (void)result;
    monitor_enter(&m);
    answers += item == NULL;
    monitor_tell(&m);
}

/* One life, the k-th allocation of it failing. False: it had fewer than k. */
static bool life(responder *router, int k)
{
    plum_client_options_t o;
    plum_map_options_t map;
    plum_client_t *client = NULL;
    plum_client_options_default(&o, sizeof o);
    plum_map_options_default(&map, sizeof map);
    o.gateway = "127.0.0.1";
    o.interface_name = "lo";
    o.gateway_port = responder_port(router);
    o.shutdown_timeout_ms = 500;
    o.discover_timeout_ms = 200;
    o.recheck_period_ms = 500;
    successes = ends = answers = 0;
    atomic_store(&failed, 0);
    atomic_store(&left, k);

    int result = plum_client_new(&o, &client);
    CHECK(result == PLUM_ERR_SUCCESS || result == PLUM_ERR_FAILED);
    if (result != PLUM_ERR_SUCCESS) {
        CHECK(client == NULL);
        CHECK(atomic_load(&failed) != 0);
        atomic_store(&left, -1);
        return true;
    }
    int made = 0, asked = 0;
    for (int i = 0; i < 20; i++) { /* enough to make the table grow */
        map.internal_port = (uint16_t)(8000 + i);
        map.description = "failing";
        int id = plum_client_map(client, &map, on_change);
        CHECK(id >= 0 || id == PLUM_ERR_FAILED);
        made += id >= 0;
    }
    int request = plum_client_ask(client, PLUM_ASK_PROBE, on_answer, NULL);
    CHECK(request >= 1 || request == PLUM_ERR_FAILED);
    asked += request >= 1;
    CHECK(made >= 19);

    monitor_enter(&m);
    CHECK(MONITOR_WAIT(&m, 10000, successes >= made)); /* memory is back: all get through */
    monitor_leave(&m);
    bool enough = atomic_load(&failed) != 0;
    atomic_store(&left, -1);
    CHECK_EQ(plum_client_close(client, NULL, NULL), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_client_join(client, 10000), PLUM_ERR_SUCCESS);
    CHECK_EQ(ends, made);
    CHECK_EQ(answers, asked);
    plum_client_free(client);
    return enough;
}

static void each_allocation_fails_once(void)
{
    responder *router = responder_start("127.0.0.1", 0);
    int k = 0;
    while (k < 1000 && life(router, k))
        k++;
    printf("%d allocations in a life\n", k);
    CHECK(k > 10 && k < 1000);
    responder_stop(router);
}

int main(void)
{
    netns_enter();
    netns_ip("addr add 10.0.0.1/24 dev lo");
    monitor_init(&m);
    RUN(each_allocation_fails_once);
    monitor_free(&m);
    return check_end();
}
