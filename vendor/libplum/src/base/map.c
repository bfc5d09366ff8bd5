/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/map.h"

static size_t home(const plum_map *m, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->room - 1);
}

void plum_map_free(plum_map *m, plum_mem *mem)
{
    plum_mem_free(mem, m->slots);
    m->slots = NULL;
    m->room = m->count = 0;
}

void plum_map_insert(plum_map *m, uint64_t key, void *value)
{
    size_t i = home(m, key);
    while (m->slots[i].key)
        i = (i + 1) & (m->room - 1);
    m->slots[i].key = key;
    m->slots[i].value = value;
    m->count++;
}

bool plum_map_reserve(plum_map *m, plum_mem *mem)
{
    if ((m->count + 1) * 4 <= m->room * 3)
        return true;
    plum_map bigger = {.room = m->room ? m->room * 2 : 16};
    bigger.slots = plum_mem_new(mem, sizeof(plum_map_slot) * bigger.room);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < m->room; i++)
        if (m->slots[i].key)
            plum_map_insert(&bigger, m->slots[i].key, m->slots[i].value);
    plum_mem_free(mem, m->slots);
    *m = bigger;
    return true;
}

static plum_map_slot *find(const plum_map *m, uint64_t key)
{
    if (m->room == 0)
        return NULL;
    for (size_t i = home(m, key); m->slots[i].key; i = (i + 1) & (m->room - 1))
        if (m->slots[i].key == key)
            return &m->slots[i];
    return NULL;
}

void *plum_map_get(const plum_map *m, uint64_t key)
{
    plum_map_slot *s = find(m, key);
    return s ? s->value : NULL;
}

void plum_map_remove(plum_map *m, uint64_t key)
{
    plum_map_slot *s = find(m, key);
    if (!s)
        return;
    /* Close the gap, so that every entry stays reachable from its home. */
    size_t gap = (size_t)(s - m->slots);
    for (size_t i = (gap + 1) & (m->room - 1); m->slots[i].key; i = (i + 1) & (m->room - 1)) {
        size_t from_home = (i - home(m, m->slots[i].key)) & (m->room - 1);
        if (from_home >= ((i - gap) & (m->room - 1))) {
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap].key = 0;
    m->slots[gap].value = NULL;
    m->count--;
}
