/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* When a mapping is renewed, RFC 6887 section 11.2.1, and how long a failure is waited out. Pure
 * arithmetic. */
#ifndef PLUM_ENGINE_SCHEDULE_H
#define PLUM_ENGINE_SCHEDULE_H

#include <stdint.h>

#include "base/rng.h"
#include "base/time.h"

/* Section 15: what is granted beyond 24 hours counts as 24 hours. */
#define PLUM_LIFETIME_MAX 86400u

/*
 * The moment of renewal `attempt` (1, 2, ...) of a mapping granted at `granted` for `lifetime`
 * seconds: uniform in 1/2 to 5/8 of the lifetime, then 3/4 to 13/16, then 7/8 to 29/32 and so on;
 * never less than 4 s after `last`, the last request. PLUM_NEVER when that would be at or after the
 * expiry.
 */
plum_time plum_schedule_renewal(plum_rng *rng, plum_time granted, uint32_t lifetime,
                                unsigned attempt, plum_time last);

/* The wait after the n-th failure in a row (0, 1, ...), in ms: 1 s, doubling, `most` at most. */
uint32_t plum_schedule_backoff(unsigned failures, uint32_t most);

#endif
