/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Intrusive doubly linked ring: linking and unlinking allocate nothing and cannot fail. */
#ifndef PLUM_BASE_LIST_H
#define PLUM_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct plum_link {
    struct plum_link *prev, *next;
} plum_link;

/* The object that has `member` at `link`. */
#define PLUM_OBJECT(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void plum_link_init(plum_link *l)
{
    l->prev = l->next = l;
}

/* For a head: is the list empty; for a member: is it in no list. */
static inline bool plum_link_is_alone(const plum_link *l)
{
    return l->next == l;
}

static inline void plum_link_remove(plum_link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    plum_link_init(l);
}

/* To the end of the list; it leaves the one that it is in. */
static inline void plum_link_append(plum_link *head, plum_link *l)
{
    plum_link_remove(l);
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void plum_link_prepend(plum_link *head, plum_link *l)
{
    plum_link_append(head->next, l);
}

#endif
