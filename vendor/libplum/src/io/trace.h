/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* When the steps of a mapping last happened, for a benchmark. With the build option PLUM_TRACE
 * only; without it a note is nothing. */
#ifndef PLUM_IO_TRACE_H
#define PLUM_IO_TRACE_H

#include <stdint.h>

typedef enum {
    PLUM_TRACE_SENT,      /* a datagram's send has returned */
    PLUM_TRACE_RECEIVED,  /* recv has returned one */
    PLUM_TRACE_PUBLISHED, /* a record has been published */
    PLUM_TRACE_STEPS
} plum_trace_step;

#ifdef PLUM_TRACE
void plum_trace_note(plum_trace_step step);
/* For the benchmark: the last time of a step, 0 if never; and the same clock now. Nanoseconds. */
uint64_t plum_trace_last(int step);
uint64_t plum_trace_now(void);
#define PLUM_NOTE(step) plum_trace_note(step)
#else
#define PLUM_NOTE(step) ((void)0)
#endif

#endif
