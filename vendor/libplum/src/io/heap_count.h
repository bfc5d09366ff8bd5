/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The system's allocator for the core, with a count of what is in use. */
#ifndef PLUM_IO_HEAP_COUNT_H
#define PLUM_IO_HEAP_COUNT_H

#include <stdint.h>

#include "base/hooks.h"

typedef struct {
    uint64_t now, peak; /* bytes asked for, without the allocator's own */
} plum_heap_count;

/* `random` is left NULL. `count` must outlive the hooks' user. */
plum_hooks plum_heap_hooks(plum_heap_count *count);

#endif
