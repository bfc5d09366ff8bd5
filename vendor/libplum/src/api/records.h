/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From an id to what is published of it. Chained and intrusive: putting a record in cannot fail,
 * and growth takes its memory outside the lock. */
#ifndef PLUM_API_RECORDS_H
#define PLUM_API_RECORDS_H

#include "base/list.h"
#include "client.h"
#include "engine/engine.h"

typedef struct plum_record {
    plum_link command; /* in the queue, or alone */
    plum_link due;     /* in the list of callbacks to make, or alone */
    plum_link unborn;  /* the loop's: the engine had no memory for it, or alone */
    struct plum_record *chain;
    uint32_t id;
    bool in_engine;           /* the loop's */
    bool destroying;          /* asked for; only DESTROYED may start */
    bool destroyed;           /* the engine has let go; DESTROYED is due */
    plum_mapping_info_t info; /* published; remaining_s is computed when asked */
    plum_time expires;
    plum_create create;                      /* description points into this block */
    plum_client_mapping_callback_t callback; /* client.h's, or NULL */
    plum_mapping_callback_t shell_callback;  /* plum.h's, or NULL */
} plum_record;

typedef struct {
    plum_record **buckets;
    size_t room, count; /* room: a power of two, or 0 */
} plum_records;

/* More buckets are wanted: allocate so many zeroed pointers, then plum_records_grow(). 0: none. */
size_t plum_records_wants(const plum_records *t);
/* Takes `buckets`; returns what is to be freed (also `buckets` itself, when it came too late). */
plum_record **plum_records_grow(plum_records *t, plum_record **buckets, size_t room);

/* There must be buckets. */
void plum_records_insert(plum_records *t, plum_record *r);
plum_record *plum_records_find(const plum_records *t, uint32_t id);
void plum_records_remove(plum_records *t, plum_record *r);
/* Any record; NULL: none is left. */
plum_record *plum_records_any(const plum_records *t);

#endif
