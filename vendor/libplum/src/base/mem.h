/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The allocator hook. */
#ifndef PLUM_BASE_MEM_H
#define PLUM_BASE_MEM_H

#include <stddef.h>

#include "base/hooks.h"

typedef struct {
    plum_hooks hooks;
} plum_mem;

/* Zeroed; NULL without memory. */
void *plum_mem_new(plum_mem *mem, size_t size);
/* The part beyond `old` is zeroed; NULL, and p unchanged, without memory. */
void *plum_mem_resize(plum_mem *mem, void *p, size_t old, size_t size);
void plum_mem_free(plum_mem *mem, void *p);

#endif
