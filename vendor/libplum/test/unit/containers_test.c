/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* base/: heap of timers, map, list, memory. */
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"

#include "check.h"
#include "heap_hooks.h"

static check_heap counted = {.countdown = -1};
static plum_mem mem;

static void timers_fire_in_order(void)
{
    enum { N = 500 };
    static plum_timer t[N];
    plum_heap h = {0};
    plum_rng rng = {7};
    REQUIRE(plum_heap_reserve(&h, &mem, N));
    for (int i = 0; i < N; i++) {
        plum_timer_init(&t[i], (uint8_t)(i % 3));
        plum_timer_set(&h, &t[i], plum_rng_upto(&rng, 100));
    }
    for (int i = 0; i < N; i += 3)
        plum_timer_clear(&h, &t[i]);
    for (int i = 1; i < N; i += 3)
        plum_timer_set(&h, &t[i], plum_rng_upto(&rng, 100)); /* moved */
    plum_time last = 0;
    int fired = 0;
    for (plum_time now = 0; now <= 100; now++)
        for (plum_timer *due; (due = plum_heap_due(&h, now)) != NULL; fired++) {
            CHECK(!plum_timer_is_set(due));
            CHECK((due - t) % 3 != 0); /* those were cleared */
            last = now;
        }
    CHECK(last > 50);
    CHECK_EQ(fired, N - (N + 2) / 3);
    CHECK_EQ(plum_heap_first(&h), PLUM_NEVER);
    plum_heap_free(&h, &mem);
}

static void equal_times_fire_as_they_were_set(void)
{
    plum_timer t[5];
    plum_heap h = {0};
    REQUIRE(plum_heap_reserve(&h, &mem, 5));
    for (int i = 0; i < 5; i++) {
        plum_timer_init(&t[i], 0);
        plum_timer_set(&h, &t[i], 42);
    }
    plum_timer_set(&h, &t[1], 42); /* set again: last now */
    static const int order[] = {0, 2, 3, 4, 1};
    CHECK(plum_heap_due(&h, 41) == NULL);
    for (int i = 0; i < 5; i++)
        CHECK(plum_heap_due(&h, 42) == &t[order[i]]);
    plum_timer_set(&h, &t[0], PLUM_NEVER);
    CHECK(!plum_timer_is_set(&t[0]));
    plum_heap_free(&h, &mem);
}

static void a_map_finds_what_it_was_given(void)
{
    enum { N = 2000 };
    plum_map m = {0};
    plum_rng rng = {3};
    static uint64_t keys[N];
    CHECK(plum_map_get(&m, 1) == NULL);
    for (size_t i = 0; i < N; i++) {
        keys[i] = plum_rng_next(&rng) | 1;
        REQUIRE(plum_map_reserve(&m, &mem));
        plum_map_insert(&m, keys[i], &keys[i]);
    }
    for (size_t i = 0; i < N; i += 2)
        plum_map_remove(&m, keys[i]);
    plum_map_remove(&m, 2); /* never there */
    CHECK_EQ(m.count, N / 2);
    for (size_t i = 0; i < N; i++)
        CHECK(plum_map_get(&m, keys[i]) == (i % 2 ? &keys[i] : NULL));
    plum_map_free(&m, &mem);
}

static void neighbours_stay_reachable(void)
{
    /* Small keys: long runs, every removal has a gap to close. */
    plum_map m = {0};
    int v[200];
    for (uint64_t k = 1; k < 200; k++) {
        REQUIRE(plum_map_reserve(&m, &mem));
        plum_map_insert(&m, k << 32, &v[k]);
    }
    for (uint64_t k = 1; k < 200; k++) {
        plum_map_remove(&m, k << 32);
        for (uint64_t j = k + 1; j < 200; j++)
            CHECK(plum_map_get(&m, j << 32) == &v[j]);
    }
    plum_map_free(&m, &mem);
}

static void lists_link_and_unlink(void)
{
    plum_link head, a, b, c;
    plum_link_init(&head);
    plum_link_init(&a);
    plum_link_init(&b);
    plum_link_init(&c);
    plum_link_append(&head, &a);
    plum_link_append(&head, &b);
    plum_link_prepend(&head, &c);
    CHECK(head.next == &c && c.next == &a && a.next == &b && b.next == &head);
    plum_link_append(&head, &c); /* from front to back */
    CHECK(head.next == &a && head.prev == &c);
    plum_link_append(&head, &c); /* where it is already */
    CHECK(head.prev == &c && c.prev == &b);
    plum_link_remove(&b);
    CHECK(plum_link_is_alone(&b) && a.next == &c);
    plum_link_remove(&a);
    plum_link_remove(&c);
    CHECK(plum_link_is_alone(&head));
}

static void memory_that_fails_changes_nothing(void)
{
    plum_heap h = {0};
    plum_map m = {0};
    counted.countdown = 0;
    CHECK(!plum_heap_reserve(&h, &mem, 1));
    CHECK(!plum_map_reserve(&m, &mem));
    CHECK(plum_mem_new(&mem, 8) == NULL);
    counted.countdown = -1;
    CHECK_EQ(h.room + h.reserved + m.room, 0);
    CHECK_EQ(counted.blocks, 0);
}

int main(void)
{
    mem.hooks = check_heap_hooks(&counted);
    RUN(timers_fire_in_order);
    RUN(equal_times_fire_as_they_were_set);
    RUN(a_map_finds_what_it_was_given);
    RUN(neighbours_stay_reachable);
    RUN(lists_link_and_unlink);
    RUN(memory_that_fails_changes_nothing);
    return check_end();
}
