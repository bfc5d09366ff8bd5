/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <mach/mach_time.h>
#include <pthread.h>
#include <stdlib.h>

#include "platform/platform.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static mach_timebase_info_data_t timebase;

static void read_timebase(void)
{
    if (mach_timebase_info(&timebase) != 0 || timebase.denom == 0)
        timebase.numer = timebase.denom = 1; /* as on every Intel */
}

/* mach_absolute_time() stands still while the machine sleeps; this one does not. */
plum_time plum_platform_now(void)
{
    pthread_once(&once, read_timebase);
    uint64_t ticks = mach_continuous_time(), denom = timebase.denom;
    /* In two parts: the product of all of it would not fit after some decades. */
    uint64_t ns = ticks / denom * timebase.numer + ticks % denom * timebase.numer / denom;
    return ns / 1000000U;
}

int plum_platform_random(void *buf, size_t size)
{
    arc4random_buf(buf, size); /* it has no failure to tell */
    return 0;
}
