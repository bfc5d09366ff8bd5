/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* engine/pacing and engine/schedule: arithmetic. */
#include "engine/pacing.h"
#include "engine/schedule.h"

#include "check.h"

static void an_ideal_server_opens_the_window(void)
{
    plum_pacing p;
    plum_pacing_init(&p);
    CHECK(p.window >= 2 && p.window <= 8);
    for (int i = 0; i < 300; i++)
        plum_pacing_answered(&p, 1, true);
    CHECK_EQ(p.window, 128);
}

static void a_queue_at_the_server_closes_it(void)
{
    plum_pacing p;
    plum_pacing_init(&p);
    for (int i = 0; i < 60; i++)
        plum_pacing_answered(&p, 20, true);
    uint32_t open = p.window;
    plum_pacing_answered(&p, 90, true);
    CHECK(p.window <= open / 2);
    for (int i = 0; i < 20; i++)
        plum_pacing_lost(&p);
    CHECK(p.window >= 2);
}

static void the_time_out_follows_the_server(void)
{
    plum_pacing p;
    plum_pacing_init(&p);
    CHECK_EQ(plum_pacing_timeout(&p), 3000); /* RFC 6887 section 8.1.1: IRT */
    plum_pacing_answered(&p, 5, true);
    CHECK_EQ(plum_pacing_timeout(&p), 250);
    for (int i = 0; i < 100; i++)
        plum_pacing_answered(&p, 500, true);
    CHECK(plum_pacing_timeout(&p) > 1900 && plum_pacing_timeout(&p) <= 2000);
    plum_pacing q = p;
    plum_pacing_answered(&q, 1, false); /* a repeated request tells no time */
    CHECK_EQ(plum_pacing_timeout(&q), plum_pacing_timeout(&p));
}

static void rand_stays_within_a_tenth(void)
{
    plum_rng rng = {1};
    uint32_t least = UINT32_MAX, most = 0;
    for (int i = 0; i < 10000; i++) {
        uint32_t ms = plum_pacing_rand(&rng, 1000);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    CHECK(least >= 900 && least < 905);
    CHECK(most <= 1100 && most > 1095);
}

static void renewals_rfc6887_section_11_2_1(void)
{
    plum_rng rng = {2};
    for (int i = 0; i < 1000; i++) {
        plum_time granted = 5000, end = granted + 7200 * PLUM_SECONDS;
        plum_time a = plum_schedule_renewal(&rng, granted, 7200, 1, granted);
        plum_time b = plum_schedule_renewal(&rng, granted, 7200, 2, a);
        plum_time c = plum_schedule_renewal(&rng, granted, 7200, 3, b);
        CHECK(a >= granted + 3600000 && a <= granted + 4500000);
        CHECK(b >= granted + 5400000 && b <= granted + 5850000);
        CHECK(c >= granted + 6300000 && c <= granted + 6525000);
        CHECK(c < end);
    }
}

static void never_less_than_four_seconds_apart(void)
{
    plum_rng rng = {2};
    plum_time last = 0, at;
    int n = 0;
    for (unsigned attempt = 1;
         (at = plum_schedule_renewal(&rng, 0, 60, attempt, last)) != PLUM_NEVER; attempt++) {
        CHECK(at >= last + 4000);
        CHECK(at < 60000);
        last = at;
        n++;
    }
    CHECK(n >= 3 && n <= 14);
    CHECK_EQ(plum_schedule_renewal(&rng, 0, 3, 1, 0), PLUM_NEVER); /* it would expire first */
}

static void the_wait_doubles_up_to_a_bound(void)
{
    CHECK_EQ(plum_schedule_backoff(0, 300000), 1000);
    CHECK_EQ(plum_schedule_backoff(3, 300000), 8000);
    CHECK_EQ(plum_schedule_backoff(9, 300000), 300000);
    CHECK_EQ(plum_schedule_backoff(4000000, 300000), 300000);
    CHECK_EQ(plum_schedule_backoff(0, 500), 500);
}

int main(void)
{
    RUN(an_ideal_server_opens_the_window);
    RUN(a_queue_at_the_server_closes_it);
    RUN(the_time_out_follows_the_server);
    RUN(rand_stays_within_a_tenth);
    RUN(renewals_rfc6887_section_11_2_1);
    RUN(never_less_than_four_seconds_apart);
    RUN(the_wait_doubles_up_to_a_bound);
    return check_end();
}
