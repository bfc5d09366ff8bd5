/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/pacing.h"

#define WINDOW_START 4
#define WINDOW_LEAST 2
#define WINDOW_MOST  128

/* RFC 6887 section 8.1.1: IRT is 3 s, for as long as nothing is known of the server's pace. */
#define IRT 3000
/* A server that is known: four times what it takes, never below the 250 ms of RFC 6886 section 3.1.
 */
#define LEAST_TIMEOUT 250

void plum_pacing_init(plum_pacing *p)
{
    static const plum_pacing none;
    *p = none;
    p->window = WINDOW_START;
}

static uint32_t least_recent(const plum_pacing *p)
{
    uint32_t n = p->samples < PLUM_PACING_RECENT ? p->samples : PLUM_PACING_RECENT;
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (p->recent[i] < least)
            least = p->recent[i];
    return least;
}

void plum_pacing_answered(plum_pacing *p, uint32_t ms, bool clean)
{
    if (!clean)
        return;
    p->smoothed = p->samples ? p->smoothed - p->smoothed / 8 + ms : ms * 8;
    p->recent[p->samples++ % PLUM_PACING_RECENT] = ms;
    /* Below a millisecond the clock sees nothing: one more is no sign of a queue. */
    if (ms <= 2 * least_recent(p) + 1) {
        if (p->window < WINDOW_MOST)
            p->window++;
    } else if (p->window / 2 >= WINDOW_LEAST) {
        p->window /= 2;
    }
}

void plum_pacing_lost(plum_pacing *p)
{
    p->window = p->window / 2 > WINDOW_LEAST ? p->window / 2 : WINDOW_LEAST;
}

uint32_t plum_pacing_timeout(const plum_pacing *p)
{
    if (p->samples == 0)
        return IRT;
    uint32_t ms = p->smoothed / 2; /* 4 * smoothed / 8 */
    return ms > LEAST_TIMEOUT ? ms : LEAST_TIMEOUT;
}

uint32_t plum_pacing_rand(plum_rng *rng, uint32_t ms)
{
    uint64_t spread = ms / 5; /* from 0.9 to 1.1 */
    return (uint32_t)(ms - ms / 10 + plum_rng_upto(rng, spread));
}
