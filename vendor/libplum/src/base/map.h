/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a number other than 0 to an object: open addressing, room is made before an insertion. */
#ifndef PLUM_BASE_MAP_H
#define PLUM_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

typedef struct {
    uint64_t key; /* 0: free */
    void *value;
} plum_map_slot;

typedef struct {
    plum_map_slot *slots;
    size_t room, count; /* room: a power of two, or 0 */
} plum_map;

void plum_map_free(plum_map *m, plum_mem *mem);
/* Room for one more; false without memory. */
bool plum_map_reserve(plum_map *m, plum_mem *mem);
/* After a reserve; the key must be new and not 0. */
void plum_map_insert(plum_map *m, uint64_t key, void *value);
void *plum_map_get(const plum_map *m, uint64_t key); /* NULL: not there */
void plum_map_remove(plum_map *m, uint64_t key);

#endif
