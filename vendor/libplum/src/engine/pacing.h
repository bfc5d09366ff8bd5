/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How many PCP requests a gateway is given at once, and how long the oldest is waited for. Pure
 * arithmetic. */
#ifndef PLUM_ENGINE_PACING_H
#define PLUM_ENGINE_PACING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/time.h"

#define PLUM_PACING_RECENT 16

typedef struct {
    uint32_t window; /* requests that may be outstanding */
    uint32_t
        recent[PLUM_PACING_RECENT]; /* ms; latest round trips of requests that were sent once */
    uint32_t samples;               /* how many there have been */
    uint32_t smoothed;              /* ms, times 8 */
} plum_pacing;

void plum_pacing_init(plum_pacing *p);
/* An answer came, `ms` after its request. `clean`: the request was sent once, so the time means
 * something. */
void plum_pacing_answered(plum_pacing *p, uint32_t ms, bool clean);
/* The oldest request ran out of time. */
void plum_pacing_lost(plum_pacing *p);
/* The first time-out of a request, in ms, before RAND. */
uint32_t plum_pacing_timeout(const plum_pacing *p);

/* RFC 6887 section 8.1.1: (1 + RAND) * ms, RAND uniform within -0.1 and +0.1. */
uint32_t plum_pacing_rand(plum_rng *rng, uint32_t ms);

#endif
