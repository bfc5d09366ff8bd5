/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "check.h"
#include "platform/platform.h"

typedef struct {
    plum_thread thread;
    bool is_current;
} seen;

static void look(void *arg)
{
    seen *s = arg;
    s->is_current = plum_thread_is_current(&s->thread);
}

static void a_thread_knows_itself(void)
{
    seen s = {0};
    REQUIRE(plum_thread_start(&s.thread, look, &s) == 0);
    CHECK(!plum_thread_is_current(&s.thread));
    plum_thread_join(&s.thread);
    CHECK(s.is_current);
}

static void a_wait_ends_by_its_time(void)
{
    plum_mutex m;
    plum_cond c;
    REQUIRE(plum_mutex_init(&m) == 0 && plum_cond_init(&c) == 0);
    plum_mutex_lock(&m);
    plum_time start = plum_platform_now();
    while (plum_cond_wait(&c, &m, 20))
        continue; /* spurious */
    CHECK(plum_platform_now() >= start + 19);
    plum_mutex_unlock(&m);
    plum_cond_free(&c);
    plum_mutex_free(&m);
}

static void random_bytes_differ(void)
{
    uint8_t a[32] = {0}, b[32] = {0};
    CHECK_EQ(plum_platform_random(a, sizeof a), 0);
    CHECK_EQ(plum_platform_random(b, sizeof b), 0);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

int main(void)
{
    REQUIRE(plum_platform_start() == 0);
    REQUIRE(plum_platform_start() == 0); /* safe to call again */
    RUN(a_thread_knows_itself);
    RUN(a_wait_ends_by_its_time);
    RUN(random_bytes_differ);
    return check_end();
}
