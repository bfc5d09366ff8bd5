/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/epoch.h"

#include "check.h"

typedef bool judge(plum_epoch *, plum_time, uint32_t);

/* The state after `server` was told at `at` s; is `next`, told `elapsed` s later, valid? */
static bool after(judge *valid, uint32_t server, uint64_t elapsed, uint32_t next)
{
    plum_epoch e = {0};
    plum_time start = 1000 * PLUM_SECONDS;
    if (!valid(&e, start, server))
        return false;
    return valid(&e, start + elapsed * PLUM_SECONDS, next);
}

static void pcp_rfc6887_section_8_5(void)
{
    static const struct {
        uint32_t server;
        uint64_t elapsed;
        uint32_t next;
        bool valid;
    } cases[] = {
        {100, 0, 100, true},                               /* a duplicate */
        {100, 0, 99, true},                                /* reordering: one second back is fine */
        {100, 0, 98, false},                               /* two are not */
        {100, 10, 110, true},                              /* in step */
        {100, 60, 0, false},                               /* restarted */
        {100, 10, 112, true},                              /* 10 + 2 < 12 - 0: no */
        {100, 10, 113, false},                             /* 10 + 2 < 13 - 0: yes */
        {100, 10, 108, true},                              /* 8 + 2 < 10 - 0: no */
        {100, 10, 107, false},                             /* 7 + 2 < 10 - 0: yes */
        {100, 1600, 1700, true},                           /* and 1/16 of slack each way */
        {100, 1600, 1598, true},                           /* 1498 + 2 = 1500 = 1600 - 100 */
        {100, 1600, 1597, false},   {0, 1600, 1708, true}, /* 1708 - 106 = 1602 */
        {0, 1600, 1710, false},                            /* 1710 - 106 = 1604 > 1602 */
        {UINT32_MAX, 10, 9, false},                        /* it does not wrap round in 136 years */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (after(plum_epoch_pcp, cases[i].server, cases[i].elapsed, cases[i].next) !=
            cases[i].valid) {
            fprintf(stderr, "case %zu\n", i);
            CHECK(false);
        }
}

static void natpmp_rfc6886_section_3_6(void)
{
    CHECK(after(plum_epoch_natpmp, 100, 80, 180));
    CHECK(after(plum_epoch_natpmp, 100, 80, 168)); /* 100 + 70 - 2 */
    CHECK(!after(plum_epoch_natpmp, 100, 80, 167));
    CHECK(after(plum_epoch_natpmp, 100, 80, 100000)); /* a leap ahead is none */
    CHECK(!after(plum_epoch_natpmp, 100, 0, 97));
    CHECK(!after(plum_epoch_natpmp, 5000, 60, 3));
}

static void what_was_judged_is_recorded(void)
{
    plum_epoch e = {0};
    CHECK(plum_epoch_pcp(&e, 1000, 500));
    CHECK(!plum_epoch_pcp(&e, 2000, 0));
    CHECK(plum_epoch_pcp(&e, 3000, 1)); /* measured from the new start */
    CHECK_EQ(e.server, 1);
}

int main(void)
{
    RUN(pcp_rfc6887_section_8_5);
    RUN(natpmp_rfc6886_section_3_6);
    RUN(what_was_judged_is_recorded);
    return check_end();
}
