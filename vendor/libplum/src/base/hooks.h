/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the core is given instead of an allocator and a random source of its own. */
#ifndef PLUM_BASE_HOOKS_H
#define PLUM_BASE_HOOKS_H

#include <stddef.h>

typedef struct {
    void *ctx;
    /* As realloc(3): p NULL allocates; NULL when there is no memory, and p is then unchanged. Never
     * size 0. */
    void *(*realloc)(void *ctx, void *p, size_t size);
    void (*free)(void *ctx, void *p); /* p may be NULL */
    /* Fills buf with unpredictable bytes; 0, or -1 when there are none. */
    int (*random)(void *ctx, void *buf, size_t size);
} plum_hooks;

#endif
