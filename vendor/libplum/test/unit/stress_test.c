/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Many threads on one client, for ThreadSanitizer above all: create, query, destroy, ask, read the
 * statistics, and close in the middle of it. Bounded by a number of rounds, not by time. */
#include <plum/client.h>

#include <pthread.h>

#include "check.h"
#include "netns.h"
#include "responder.h"

enum { THREADS = 8, ROUNDS = 2000, HELD = 8 };

static plum_client_t *client;
static atomic_int live, created, mapped, destroyed, grammar_broken, refused;

/* One mapping's own history; its callback runs on the engine's thread only. */
typedef struct {
    atomic_int events, ended;
} slot;

static void on_change(int id, const plum_mapping_info_t *info)
{
    (void)id;
    slot *s = info->user_ptr;
    if (atomic_load(&s->ended) != 0)
        atomic_fetch_add(&grammar_broken, 1);
    if (info->state == PLUM_STATE_SUCCESS)
        atomic_fetch_add(&mapped, 1);
    if (info->state == PLUM_STATE_DESTROYED) {
        atomic_store(&s->ended, 1);
        atomic_fetch_add(&destroyed, 1);
        atomic_fetch_sub(&live, 1);
    } else if (info->state != PLUM_STATE_SUCCESS && info->state != PLUM_STATE_FAILURE) {
        atomic_fetch_add(&grammar_broken, 1);
    }
    plum_mapping_info_t own;
    if (plum_client_query(client, id, &own, sizeof own) == PLUM_ERR_SUCCESS &&
        own.user_ptr != info->user_ptr)
        atomic_fetch_add(&grammar_broken, 1);
    atomic_fetch_add(&s->events, 1);
}

static void on_answer(void *ctx, int result, const plum_answer_t *item)
{
    (void)result;
    if (item == NULL)
        atomic_fetch_sub((atomic_int *)ctx, 1);
}

static atomic_int asks;

static void *work(void *arg)
{
    slot *slots = arg;
    int ids[HELD];
    for (int i = 0; i < HELD; i++)
        ids[i] = -1;
    for (int round = 0; round < ROUNDS; round++) {
        int at = round % HELD;
        if (ids[at] >= 0)
            plum_client_unmap(client, ids[at]);
        plum_map_options_t o;
        plum_map_options_default(&o, sizeof o);
        o.transport = round % 2 != 0 ? PLUM_IP_PROTOCOL_TCP : PLUM_IP_PROTOCOL_UDP;
        o.internal_port = (uint16_t)(1000 + round % 40); /* threads share ports */
        o.user_ptr = &slots[round];
        atomic_fetch_add(&live, 1);
        ids[at] = plum_client_map(client, &o, on_change);
        if (ids[at] < 0) {
            atomic_fetch_sub(&live, 1);
            atomic_fetch_add(&refused, 1);
        } else {
            atomic_fetch_add(&created, 1);
        }
        /* Now and then let the engine come as far as a callback. */
        while (ids[at] >= 0 && at == 0 && atomic_load(&slots[round].events) == 0)
            sched_yield();
        plum_mapping_info_t info;
        plum_client_query(client, ids[round % 3], &info, sizeof info);
        plum_client_stats_t stats;
        plum_client_stats(client, &stats, sizeof stats);
        if (round % 20 == 0) {
            atomic_fetch_add(&asks, 1);
            int request = plum_client_ask(client, PLUM_ASK_PROBE, on_answer, &asks);
            if (request < 0)
                atomic_fetch_sub(&asks, 1);
            else if (round % 40 == 0)
                plum_client_ask_cancel(client, request);
        }
    }
    return NULL;
}

static void *close_in_the_middle(void *arg)
{
    (void)arg;
    while (atomic_load(&created) < THREADS * ROUNDS / 2)
        sched_yield();
    plum_client_close(client, NULL, NULL);
    return NULL;
}

static void storm(bool close_early)
{
    responder *router = responder_start("127.0.0.1", 0);
    plum_client_options_t o;
    plum_client_options_default(&o, sizeof o);
    o.gateway = "127.0.0.1";
    o.gateway_port = responder_port(router);
    o.shutdown_timeout_ms = 500;
    atomic_store(&created, 0);
    atomic_store(&destroyed, 0);
    atomic_store(&refused, 0);
    atomic_store(&mapped, 0);
    REQUIRE(plum_client_new(&o, &client) == PLUM_ERR_SUCCESS);

    slot *slots = calloc((size_t)THREADS * ROUNDS, sizeof *slots);
    REQUIRE(slots != NULL);
    pthread_t threads[THREADS], closer;
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, work, &slots[i * ROUNDS]) == 0);
    if (close_early)
        REQUIRE(pthread_create(&closer, NULL, close_in_the_middle, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (close_early)
        pthread_join(closer, NULL);
    else
        CHECK_EQ(plum_client_close(client, NULL, NULL), PLUM_ERR_SUCCESS);
    CHECK_EQ(plum_client_join(client, 30000), PLUM_ERR_SUCCESS);
    CHECK_EQ(atomic_load(&live), 0);
    CHECK_EQ(atomic_load(&asks), 0);
    CHECK_EQ(atomic_load(&destroyed), atomic_load(&created));
    CHECK_EQ(atomic_load(&created) + atomic_load(&refused), THREADS * ROUNDS);
    CHECK_EQ(atomic_load(&grammar_broken), 0);
    if (!close_early)
        CHECK_EQ(atomic_load(&refused), 0);
    CHECK(atomic_load(&mapped) > THREADS);
    printf("%d created, %d times mapped, %d refused while closing\n", atomic_load(&created),
           atomic_load(&mapped), atomic_load(&refused));
    plum_client_free(client);
    free(slots);
    responder_stop(router);
}

static void to_the_end(void)
{
    storm(false);
}

static void closed_in_the_middle(void)
{
    storm(true);
}

int main(void)
{
    netns_enter();
    RUN(to_the_end);
    RUN(closed_in_the_middle);
    return check_end();
}
