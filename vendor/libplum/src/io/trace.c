/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/trace.h"

#ifdef PLUM_TRACE
#include <stdatomic.h>
#include <time.h>

static _Atomic uint64_t times[PLUM_TRACE_STEPS];

uint64_t plum_trace_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void plum_trace_note(plum_trace_step step)
{
    atomic_store_explicit(&times[step], plum_trace_now(), memory_order_release);
}

uint64_t plum_trace_last(int step)
{
    if (step < 0 || step >= PLUM_TRACE_STEPS)
        return 0;
    return atomic_load_explicit(&times[step], memory_order_acquire);
}
#endif
