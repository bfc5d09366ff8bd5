/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Timers as a binary heap. A timer lies in the object that owns it; room in the heap is reserved
 * when the object is made, so that setting one can never fail.
 */
#ifndef PLUM_BASE_HEAP_H
#define PLUM_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/time.h"

typedef struct {
    plum_time at; /* PLUM_NEVER: not set */
    uint32_t pos; /* 1-based place in the heap; 0: not in it */
    uint32_t seq; /* of two for one moment the one set first fires first: the output must not depend
                     on luck */
    uint8_t kind; /* for the owner: tells it which of its timers this is */
} plum_timer;

typedef struct {
    plum_timer **items;
    uint32_t count, room, reserved;
    uint32_t seq;
} plum_heap;

void plum_heap_free(plum_heap *h, plum_mem *mem);

/* Room for `n` more timers; false without memory. */
bool plum_heap_reserve(plum_heap *h, plum_mem *mem, uint32_t n);
void plum_heap_release(plum_heap *h, uint32_t n);

void plum_timer_init(plum_timer *t, uint8_t kind);
void plum_timer_set(plum_heap *h, plum_timer *t, plum_time at); /* PLUM_NEVER: as clear */
void plum_timer_clear(plum_heap *h, plum_timer *t);

static inline bool plum_timer_is_set(const plum_timer *t)
{
    return t->pos != 0;
}

static inline plum_time plum_heap_first(const plum_heap *h)
{
    return h->count ? h->items[0]->at : PLUM_NEVER;
}

/* Takes the first timer that is due; NULL when none is. */
plum_timer *plum_heap_due(plum_heap *h, plum_time now);

#endif
