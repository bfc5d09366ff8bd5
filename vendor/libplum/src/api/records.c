/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "api/records.h"

enum { FIRST_ROOM = 16 };

static size_t bucket_of(uint32_t id, size_t room)
{
    return id & (room - 1); /* ids count up: they spread by themselves */
}

size_t plum_records_wants(const plum_records *t)
{
    if (t->room == 0)
        return FIRST_ROOM;
    return t->count >= t->room ? t->room * 2 : 0;
}

plum_record **plum_records_grow(plum_records *t, plum_record **buckets, size_t room)
{
    if (room <= t->room)
        return buckets; /* another thread was faster */
    for (size_t i = 0; i < t->room; i++) {
        plum_record *r = t->buckets[i];
        while (r != NULL) {
            plum_record *next = r->chain;
            plum_record **head = &buckets[bucket_of(r->id, room)];
            r->chain = *head;
            *head = r;
            r = next;
        }
    }
    plum_record **old = t->buckets;
    t->buckets = buckets;
    t->room = room;
    return old;
}

void plum_records_insert(plum_records *t, plum_record *r)
{
    plum_record **head = &t->buckets[bucket_of(r->id, t->room)];
    r->chain = *head;
    *head = r;
    t->count++;
}

plum_record *plum_records_find(const plum_records *t, uint32_t id)
{
    if (t->room == 0)
        return NULL;
    plum_record *r = t->buckets[bucket_of(id, t->room)];
    while (r != NULL && r->id != id)
        r = r->chain;
    return r;
}

void plum_records_remove(plum_records *t, plum_record *r)
{
    if (t->room == 0)
        return;
    for (plum_record **p = &t->buckets[bucket_of(r->id, t->room)]; *p != NULL; p = &(*p)->chain)
        if (*p == r) {
            *p = r->chain;
            r->chain = NULL;
            t->count--;
            return;
        }
}

plum_record *plum_records_any(const plum_records *t)
{
    for (size_t i = 0; i < t->room; i++)
        if (t->buckets[i] != NULL)
            return t->buckets[i];
    return NULL;
}
