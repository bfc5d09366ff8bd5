/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The core's hooks for tests: memory that is counted and that fails on command, randomness that
 * repeats. */
#ifndef PLUM_TEST_HEAP_HOOKS_H
#define PLUM_TEST_HEAP_HOOKS_H

#include "base/hooks.h"
#include "base/rng.h"

#include <stdint.h>
#include <stdlib.h>

typedef struct {
    long blocks;    /* alive */
    size_t bytes;   /* alive */
    long countdown; /* allocations until one fails; < 0: never */
    long asked;     /* so far */
    plum_rng rng;
} check_heap;

static inline void *check_heap_realloc(void *ctx, void *p, size_t size)
{
    check_heap *h = ctx;
    size_t *block = p ? (size_t *)p - 2 : NULL;
    h->asked++;
    if (h->countdown == 0)
        return NULL;
    if (h->countdown > 0)
        h->countdown--;
    size_t old = block ? *block : 0;
    size_t *q = realloc(block, size + 2 * sizeof *q);
    if (!q)
        abort();
    h->blocks += p ? 0 : 1;
    h->bytes += size - old;
    *q = size;
    return q + 2;
}

static inline void check_heap_free(void *ctx, void *p)
{
    check_heap *h = ctx;
    if (!p)
        return;
    size_t *block = (size_t *)p - 2;
    h->blocks--;
    h->bytes -= *block;
    free(block);
}

static inline int check_heap_random(void *ctx, void *buf, size_t size)
{
    check_heap *h = ctx;
    uint8_t *out = buf;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)plum_rng_next(&h->rng);
    return 0;
}

static inline plum_hooks check_heap_hooks(check_heap *h)
{
    plum_hooks hooks = {h, check_heap_realloc, check_heap_free, check_heap_random};
    return hooks;
}

#endif
