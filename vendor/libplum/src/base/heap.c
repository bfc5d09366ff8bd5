/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/heap.h"

void plum_heap_free(plum_heap *h, plum_mem *mem)
{
    plum_mem_free(mem, h->items);
    h->items = NULL;
    h->count = h->room = h->reserved = 0;
}

bool plum_heap_reserve(plum_heap *h, plum_mem *mem, uint32_t n)
{
    if (h->reserved + n > h->room) {
        uint32_t room = h->room * 2 > h->reserved + n ? h->room * 2 : h->reserved + n;
        plum_timer **items = plum_mem_resize(mem, h->items, sizeof(plum_timer *) * h->room,
                                             sizeof(plum_timer *) * room);
        if (!items)
            return false;
        h->items = items;
        h->room = room;
    }
    h->reserved += n;
    return true;
}

void plum_heap_release(plum_heap *h, uint32_t n)
{
    h->reserved -= n;
}

void plum_timer_init(plum_timer *t, uint8_t kind)
{
    t->at = PLUM_NEVER;
    t->pos = 0;
    t->seq = 0;
    t->kind = kind;
}

static bool before(const plum_timer *a, const plum_timer *b)
{
    return a->at != b->at ? a->at < b->at : (int32_t)(a->seq - b->seq) < 0;
}

static void place(plum_heap *h, uint32_t i, plum_timer *t)
{
    h->items[i] = t;
    t->pos = i + 1;
}

static void rise(plum_heap *h, uint32_t i, plum_timer *t)
{
    while (i > 0 && before(t, h->items[(i - 1) / 2])) {
        place(h, i, h->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(h, i, t);
}

static void sink(plum_heap *h, uint32_t i, plum_timer *t)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && before(h->items[child + 1], h->items[child]))
            child++;
        if (!before(h->items[child], t))
            break;
        place(h, i, h->items[child]);
        i = child;
    }
    place(h, i, t);
}

void plum_timer_clear(plum_heap *h, plum_timer *t)
{
    t->at = PLUM_NEVER;
    if (t->pos == 0)
        return;
    uint32_t i = t->pos - 1;
    t->pos = 0;
    plum_timer *last = h->items[--h->count];
    if (last == t)
        return;
    if (i > 0 && before(last, h->items[(i - 1) / 2]))
        rise(h, i, last);
    else
        sink(h, i, last);
}

void plum_timer_set(plum_heap *h, plum_timer *t, plum_time at)
{
    plum_timer_clear(h, t);
    if (at == PLUM_NEVER)
        return;
    t->at = at;
    t->seq = h->seq++;
    rise(h, h->count++, t);
}

plum_timer *plum_heap_due(plum_heap *h, plum_time now)
{
    if (h->count == 0 || h->items[0]->at > now)
        return NULL;
    plum_timer *t = h->items[0];
    plum_timer_clear(h, t);
    return t;
}
