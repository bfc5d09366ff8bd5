/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/queue.h"

#include "check.h"

static void a_thousand_commands_are_one_wake_up(void)
{
    static plum_link commands[1000];
    plum_queue q;
    plum_queue_init(&q);
    int wakes = 0;
    for (size_t i = 0; i < 1000; i++) {
        plum_link_init(&commands[i]);
        wakes += plum_queue_push(&q, &commands[i]);
    }
    CHECK_EQ(wakes, 1);

    plum_link taken;
    plum_link_init(&taken);
    plum_queue_take(&q, &taken);
    for (size_t i = 0; i < 1000; i++) {
        CHECK(taken.next == &commands[i]);
        plum_link_remove(&commands[i]);
    }
    CHECK(plum_link_is_alone(&taken));
}

static void after_a_take_the_next_push_wakes_again(void)
{
    plum_queue q;
    plum_queue_init(&q);
    plum_link a, taken;
    plum_link_init(&a);
    plum_link_init(&taken);
    CHECK(plum_queue_push(&q, &a));
    CHECK(!plum_queue_signal(&q));
    plum_queue_take(&q, &taken);
    CHECK(plum_queue_signal(&q));
}

static void a_command_that_waits_keeps_its_place(void)
{
    plum_queue q;
    plum_queue_init(&q);
    plum_link a, b, taken;
    plum_link_init(&a);
    plum_link_init(&b);
    plum_link_init(&taken);
    plum_queue_push(&q, &a);
    plum_queue_push(&q, &b);
    plum_queue_push(&q, &a);
    plum_queue_take(&q, &taken);
    CHECK(taken.next == &a && a.next == &b && b.next == &taken);

    /* Taken but not handled yet: a second push leaves it in the taker's list. */
    plum_queue_push(&q, &b);
    plum_link again;
    plum_link_init(&again);
    plum_queue_take(&q, &again);
    CHECK(plum_link_is_alone(&again));
    CHECK(a.next == &b);
}

static void an_empty_queue_gives_nothing(void)
{
    plum_queue q;
    plum_queue_init(&q);
    plum_link taken;
    plum_link_init(&taken);
    plum_queue_take(&q, &taken);
    CHECK(plum_link_is_alone(&taken));
}

int main(void)
{
    RUN(a_thousand_commands_are_one_wake_up);
    RUN(after_a_take_the_next_push_wakes_again);
    RUN(a_command_that_waits_keeps_its_place);
    RUN(an_empty_queue_gives_nothing);
    return check_end();
}
