/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef PLUM_BASE_TIME_H
#define PLUM_BASE_TIME_H

#include <stdint.h>

/* Milliseconds from an arbitrary start; counts suspend; never goes back. */
typedef uint64_t plum_time;

#define PLUM_NEVER   UINT64_MAX
#define PLUM_SECONDS UINT64_C(1000)

/* PLUM_NEVER is sticky, an overflow is never. */
static inline plum_time plum_time_add(plum_time t, uint64_t ms)
{
    return t > PLUM_NEVER - ms ? PLUM_NEVER : t + ms;
}

static inline plum_time plum_time_min(plum_time a, plum_time b)
{
    return a < b ? a : b;
}

static inline plum_time plum_time_max(plum_time a, plum_time b)
{
    return a > b ? a : b;
}

/* now - then, 0 when `then` lies ahead. */
static inline uint64_t plum_time_since(plum_time now, plum_time then)
{
    return now > then ? now - then : 0;
}

#endif
