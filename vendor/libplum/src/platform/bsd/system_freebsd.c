/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "platform/platform.h"

/* From FreeBSD 15 on the one counts suspend; before there was no clock that does. */
#ifdef CLOCK_BOOTTIME
#define CLOCK CLOCK_BOOTTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

plum_time plum_platform_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK, &t) != 0)
        return 0;
    return (plum_time)t.tv_sec * PLUM_SECONDS + (plum_time)t.tv_nsec / 1000000U;
}

int plum_platform_random(void *buf, size_t size)
{
    arc4random_buf(buf, size); /* it has no failure to tell */
    return 0;
}
