/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Handles and the wires that they share: who wants what, and who is told what. */
#include "engine/state.h"

#include <string.h>

static uint64_t wire_key(uint8_t family, plum_transport transport, uint16_t port)
{
    return (uint64_t)family << 32 | (uint64_t)transport << 16 | port;
}

plum_wire *plum_table_wire(const plum_engine *e, uint8_t family, plum_transport transport,
                           uint16_t port)
{
    return plum_map_get(&e->by_key, wire_key(family, transport, port));
}

void plum_table_rekey(plum_engine *e, plum_wire *w, uint8_t family)
{
    plum_map_remove(&e->by_key, wire_key(w->family, w->transport, w->internal_port));
    w->family = family;
    plum_map_insert(&e->by_key, wire_key(family, w->transport, w->internal_port), w);
}

/* ---- notices ---- */

static void post(plum_engine *e, plum_handle *h, plum_notice notice)
{
    if (notice <= h->notice)
        return; /* the news is made at poll from what is true then: the newest wins */
    h->notice = notice;
    plum_link_append(&e->notices, &h->notice_link);
}

static void tell_success(plum_engine *e, plum_handle *h, bool changed)
{
    if (h->is != PLUM_IS_SUCCESS)
        changed = true;
    h->is = PLUM_IS_SUCCESS;
    h->why = PLUM_WHY_NONE;
    h->why_by = PLUM_BY_UNKNOWN;
    h->code = 0;
    plum_timer_clear(&e->timers, &h->timeout);
    post(e, h, changed ? PLUM_NOTICE_STATE : PLUM_NOTICE_REFRESH);
}

static void tell_failure(plum_engine *e, plum_handle *h, plum_why why, plum_by by, int32_t code)
{
    if (h->is == PLUM_IS_FAILURE && h->why == why && h->why_by == by && h->code == code)
        return;
    h->is = PLUM_IS_FAILURE;
    h->why = why;
    h->why_by = by;
    h->code = code;
    post(e, h, PLUM_NOTICE_STATE);
}

static void tell_if_mapped(plum_engine *e, plum_handle *h, bool changed)
{
    if (h->prefer && h->wire->external.port != h->want_port)
        tell_failure(e, h, PLUM_WHY_PORT_TAKEN, h->wire->by, 0);
    else
        tell_success(e, h, changed);
}

void plum_table_success(plum_engine *e, plum_wire *w, bool changed)
{
    for (plum_link *l = w->handles.next; l != &w->handles; l = l->next)
        tell_if_mapped(e, PLUM_OBJECT(l, plum_handle, link), changed);
}

void plum_table_failure(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code)
{
    for (plum_link *l = w->handles.next; l != &w->handles; l = l->next)
        tell_failure(e, PLUM_OBJECT(l, plum_handle, link), why, by, code);
}

void plum_table_overdue(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code)
{
    for (plum_link *l = w->handles.next; l != &w->handles; l = l->next) {
        plum_handle *h = PLUM_OBJECT(l, plum_handle, link);
        if (h->is != PLUM_IS_FAILURE)
            tell_failure(e, h, why, by, code);
    }
}

void plum_table_timeout(plum_engine *e, plum_handle *h)
{
    if (h->is != PLUM_IS_SUCCESS)
        tell_failure(e, h, PLUM_WHY_TIMED_OUT, PLUM_BY_UNKNOWN, 0);
}

void plum_table_destroyed(plum_engine *e, plum_handle *h)
{
    plum_link_remove(&h->link);
    plum_timer_clear(&e->timers, &h->timeout);
    h->wire = NULL;
    h->dying = true;
    h->is = PLUM_IS_DESTROYED;
    post(e, h, PLUM_NOTICE_DESTROYED);
}

static void free_handle(plum_engine *e, plum_handle *h)
{
    plum_timer_clear(&e->timers, &h->timeout);
    plum_heap_release(&e->timers, 1);
    plum_map_remove(&e->by_id, h->id);
    plum_link_remove(&h->link);
    plum_link_remove(&h->notice_link);
    plum_mem_free(&e->mem, h);
    e->stats.handles--;
}

bool plum_table_poll(plum_engine *e, plum_action *out)
{
    if (plum_link_is_alone(&e->notices))
        return false;
    plum_handle *h = PLUM_OBJECT(e->notices.next, plum_handle, notice_link);
    const plum_wire *w = h->wire;
    plum_link_remove(&h->notice_link);
    out->kind = PLUM_ACT_NOTIFY;
    memset(&out->u.notify, 0, sizeof out->u.notify);
    out->u.notify.id = h->id;
    out->u.notify.state = (plum_is)h->is;
    out->u.notify.changed = h->notice != PLUM_NOTICE_REFRESH;
    out->u.notify.why = h->why;
    out->u.notify.why_by = h->why_by;
    out->u.notify.code = h->code;
    if (w && w->gw) {
        out->u.notify.gateway = w->gw->net.gateway;
        out->u.notify.local = w->gw->local;
    }
    if (w && h->is == PLUM_IS_SUCCESS) {
        out->u.notify.by = w->by;
        out->u.notify.external = w->external;
        out->u.notify.lifetime = w->lifetime;
        out->u.notify.expires = w->expires;
    }
    h->notice = PLUM_NOTICE_NONE;
    if (h->is == PLUM_IS_DESTROYED)
        free_handle(e, h);
    return true;
}

/* ---- create ---- */

static uint8_t choose_family(const plum_engine *e, uint8_t wanted)
{
    if (wanted)
        return wanted;
    return !plum_net_family(&e->nets[0]) && plum_net_family(&e->nets[1]) ? 6 : 4;
}

static plum_wire *new_wire(plum_engine *e, uint8_t family, const plum_create *o)
{
    plum_wire *w;
    if (!plum_map_reserve(&e->by_key, &e->mem) ||
        !plum_heap_reserve(&e->timers, &e->mem, PLUM_WIRE_TIMERS))
        return NULL;
    w = plum_mem_new(&e->mem, sizeof *w);
    if (!w) {
        plum_heap_release(&e->timers, PLUM_WIRE_TIMERS);
        return NULL;
    }
    plum_link_init(&w->link);
    plum_link_init(&w->queue);
    plum_link_init(&w->tx.link);
    w->tx.kind = PLUM_TX_WIRE;
    plum_link_init(&w->handles);
    plum_link_init(&w->dying);
    plum_timer_init(&w->act, PLUM_TIMER_WIRE_ACT);
    plum_timer_init(&w->limit, PLUM_TIMER_WIRE_LIMIT);
    w->family = family;
    w->family_is_free = o->family == 0;
    w->transport = o->transport;
    w->internal_port = o->internal_port;
    plum_map_insert(&e->by_key, wire_key(family, o->transport, o->internal_port), w);
    plum_link_append(&e->wires, &w->link);
    e->stats.mappings++;
    return w;
}

void plum_table_free_wire(plum_engine *e, plum_wire *w)
{
    plum_wire_unqueue(w);
    plum_timer_clear(&e->timers, &w->act);
    plum_timer_clear(&e->timers, &w->limit);
    plum_heap_release(&e->timers, PLUM_WIRE_TIMERS);
    plum_map_remove(&e->by_key, wire_key(w->family, w->transport, w->internal_port));
    plum_link_remove(&w->link);
    plum_link_remove(&w->tx.link);
    plum_mem_free(&e->mem, w);
    e->stats.mappings--;
}

static bool options_are_valid(const plum_create *o)
{
    if (o->internal_port == 0 || (o->transport != PLUM_TCP && o->transport != PLUM_UDP))
        return false;
    if (o->family != 0 && o->family != 4 && o->family != 6)
        return false;
    if (o->suggested.ip.family && o->family && o->suggested.ip.family != o->family)
        return false;
    return !(o->flags & PLUM_CREATE_PREFER_FAILURE) || o->suggested.port != 0;
}

static plum_handle *new_handle(plum_engine *e, uint32_t id, const plum_create *o)
{
    if (!plum_map_reserve(&e->by_id, &e->mem) || !plum_heap_reserve(&e->timers, &e->mem, 1))
        return NULL;
    plum_handle *h = plum_mem_new(&e->mem, sizeof *h);
    if (!h) {
        plum_heap_release(&e->timers, 1);
        return NULL;
    }
    plum_link_init(&h->link);
    plum_link_init(&h->notice_link);
    plum_timer_init(&h->timeout, PLUM_TIMER_HANDLE);
    h->id = id;
    h->is = PLUM_IS_PENDING;
    h->prefer = (o->flags & PLUM_CREATE_PREFER_FAILURE) != 0;
    h->want_port = o->suggested.port;
    plum_map_insert(&e->by_id, id, h);
    e->stats.handles++;
    return h;
}

/* The first handle's wishes are the wire's; later ones share what there is. */
static void take_wishes(const plum_engine *e, plum_wire *w, const plum_create *o)
{
    w->wish = o->suggested;
    if (w->wish.ip.family != w->family)
        w->wish.ip = plum_ip_none();
    if (w->wish.port == 0)
        w->wish.port = w->internal_port;
    w->wish_lifetime = o->lifetime ? o->lifetime : e->config.lifetime;
    w->any_port = w->any_address = w->no_option = w->pcp_refused = false;
    w->failures = 0;
}

/* A handle that joins hears what the others heard, unless it was their own time that ran out. */
static bool tell_as_others(plum_engine *e, plum_wire *w, plum_handle *h)
{
    for (plum_link *l = w->handles.next; l != &w->handles; l = l->next) {
        const plum_handle *other = PLUM_OBJECT(l, plum_handle, link);
        if (other->is != PLUM_IS_FAILURE || other->why == PLUM_WHY_TIMED_OUT)
            continue;
        tell_failure(e, h, other->why, other->why_by, other->code);
        return true;
    }
    return false;
}

static void join_unmapped(plum_engine *e, plum_wire *w, plum_handle *h, bool others_prefer)
{
    if (!w->gw) { /* waits for a network to come, as a first one does */
        if (!plum_timer_is_set(&w->limit))
            plum_engine_timer_in(e, &w->limit, e->config.discover_timeout);
    } else if (!h->prefer && others_prefer && w->stage == PLUM_STAGE_REST) {
        plum_wire_want(e, w); /* it takes any port */
    } else if (!tell_as_others(e, w, h) && !plum_timer_is_set(&w->limit)) {
        plum_engine_timer_in(e, &w->limit, e->config.mapping_timeout);
    }
}

static void join(plum_engine *e, plum_wire *w, plum_handle *h, const plum_create *o)
{
    bool first = plum_link_is_alone(&w->handles);
    bool others_prefer = plum_wire_all_prefer(w, 0);
    plum_link_append(&w->handles, &h->link);
    h->wire = w;
    if (first)
        take_wishes(e, w, o);
    if (w->job == PLUM_JOB_DELETE)
        return; /* it is born again when the delete is over */
    if (first)
        plum_wire_begin(e, w);
    else if (w->mapped)
        tell_if_mapped(e, h, true);
    else
        join_unmapped(e, w, h, others_prefer);
}

int plum_table_create(plum_engine *e, uint32_t id, const plum_create *o)
{
    if (id == 0 || plum_map_get(&e->by_id, id) || !options_are_valid(o))
        return PLUM_E_INVALID;
    if (e->stopping)
        return PLUM_E_CLOSING;
    uint8_t family = choose_family(e, o->family);
    plum_wire *w = plum_table_wire(e, family, o->transport, o->internal_port);
    plum_handle *h = new_handle(e, id, o);
    if (h && !w)
        w = new_wire(e, family, o);
    if (!w || !h) {
        if (h)
            free_handle(e, h);
        return PLUM_E_NOMEM;
    }
    if (o->timeout)
        plum_engine_timer_in(e, &h->timeout, o->timeout);
    join(e, w, h, o);
    return PLUM_E_OK;
}

/* ---- destroy ---- */

static void destroy(plum_engine *e, plum_handle *h)
{
    plum_wire *w = h->wire;
    h->dying = true;
    h->notice = PLUM_NOTICE_NONE; /* from here only DESTROYED may be told */
    plum_link_remove(&h->notice_link);
    plum_timer_clear(&e->timers, &h->timeout);
    plum_link_remove(&h->link);
    if (w->job == PLUM_JOB_DELETE || !plum_link_is_alone(&w->handles)) {
        plum_table_destroyed(e, h); /* others hold it, or it had never begun */
        return;
    }
    plum_link_append(&w->dying, &h->link);
    plum_wire_unmap(e, w);
}

int plum_table_destroy(plum_engine *e, uint32_t id)
{
    plum_handle *h = plum_map_get(&e->by_id, id);
    if (!h)
        return PLUM_E_UNKNOWN;
    if (!h->dying)
        destroy(e, h);
    return PLUM_E_OK;
}

void plum_table_destroy_all(plum_engine *e)
{
    for (plum_link *l = e->wires.next, *next; l != &e->wires; l = next) {
        next = l->next;
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        /* The last destroy may free the wire: take the number first. */
        size_t left = 0;
        for (plum_link *m = w->handles.next; m != &w->handles; m = m->next)
            left++;
        while (left--)
            destroy(e, PLUM_OBJECT(w->handles.next, plum_handle, link));
    }
}

void plum_table_free_all(plum_engine *e)
{
    for (size_t i = 0; i < e->by_id.room; i++)
        if (e->by_id.slots[i].key)
            plum_mem_free(&e->mem, e->by_id.slots[i].value);
    while (!plum_link_is_alone(&e->wires)) {
        plum_wire *w = PLUM_OBJECT(e->wires.next, plum_wire, link);
        plum_link_remove(&w->link);
        plum_mem_free(&e->mem, w);
    }
    plum_map_free(&e->by_id, &e->mem);
    plum_map_free(&e->by_key, &e->mem);
}
