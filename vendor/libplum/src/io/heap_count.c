/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/heap_count.h"

#include <stdlib.h>

/* In front of each block: its size, padded so that what follows is aligned for anything. */
typedef union {
    size_t size;
    long double widest;
    void *pointer;
    long long integer;
} header;

static void *count_realloc(void *ctx, void *p, size_t size)
{
    plum_heap_count *count = ctx;
    header *old = p != NULL ? (header *)p - 1 : NULL;
    size_t old_size = old != NULL ? old->size : 0;
    if (size > SIZE_MAX - sizeof(header))
        return NULL;
    header *block = realloc(old, sizeof(header) + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    count->now = count->now - old_size + size;
    if (count->now > count->peak)
        count->peak = count->now;
    return block + 1;
}

static void count_free(void *ctx, void *p)
{
    plum_heap_count *count = ctx;
    if (p == NULL)
        return;
    header *block = (header *)p - 1;
    count->now -= block->size;
    free(block);
}

plum_hooks plum_heap_hooks(plum_heap_count *count)
{
    plum_hooks hooks = {.ctx = count, .realloc = count_realloc, .free = count_free};
    return hooks;
}
