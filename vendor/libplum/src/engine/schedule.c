/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/schedule.h"

/* Section 11.2.1: renewal requests MUST NOT be sent less than four seconds apart. */
#define LEAST_GAP 4000

#define FIRST_BACKOFF 1000

plum_time plum_schedule_renewal(plum_rng *rng, plum_time granted, uint32_t lifetime,
                                unsigned attempt, plum_time last)
{
    uint64_t whole = (uint64_t)lifetime * PLUM_SECONDS;
    if (attempt > 30)
        return PLUM_NEVER;
    uint64_t from = whole - (whole >> attempt);
    uint64_t width = whole >> (attempt + 2);
    plum_time at = granted + from + plum_rng_upto(rng, width);
    at = plum_time_max(at, plum_time_add(last, LEAST_GAP));
    return at < granted + whole ? at : PLUM_NEVER;
}

uint32_t plum_schedule_backoff(unsigned failures, uint32_t most)
{
    uint32_t ms = failures > 20 ? UINT32_MAX : (uint32_t)FIRST_BACKOFF << failures;
    return ms < most ? ms : most;
}
