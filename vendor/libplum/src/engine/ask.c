/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions of the user that map nothing: what is the external address, who answers. */
#include "engine/state.h"

/* As long as discovery waits before it calls a gateway silent. */
#define ASK_FOR 2000

static plum_ask *find(const plum_engine *e, uint32_t request)
{
    for (plum_link *l = e->asks.next; l != &e->asks; l = l->next) {
        plum_ask *a = PLUM_OBJECT(l, plum_ask, link);
        if (a->request == request)
            return a;
    }
    return NULL;
}

static void end(plum_engine *e, plum_ask *a, bool failed)
{
    plum_gateway *gw = a->gw;
    plum_timer_clear(&e->timers, &a->end);
    a->ended = true;
    a->failed = failed;
    a->gw = NULL;
    if (gw)
        plum_gateway_kick(e, gw); /* perhaps nobody needs it any more */
}

static plum_item *add_item(plum_ask *a, plum_by by)
{
    static const plum_item none;
    plum_item *item = &a->items[a->count++];
    *item = none;
    item->protocol = by;
    item->gateway = a->gw->net.gateway;
    item->local = a->gw->local;
    return item;
}

/* A mapping that lives tells the address that PCP has no question for. */
static bool told_by_mapping(plum_engine *e, plum_ask *a)
{
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        const plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw == a->gw && w->mapped && !w->lost) {
            add_item(a, w->by)->external = w->external.ip;
            return true;
        }
    }
    return false;
}

static void start(plum_engine *e, plum_ask *a)
{
    plum_gateway *gw = a->gw;
    if (gw->phase == PLUM_PHASE_FAILED) {
        plum_timer_clear(&e->timers, &gw->probe);
        gw->phase = PLUM_PHASE_IDLE;
    }
    bool probing = gw->phase == PLUM_PHASE_PROBING;
    plum_gateway_kick(e, gw);
    if (gw->phase == PLUM_PHASE_LIVE && plum_allows(e, gw, PLUM_ALLOW_PCP))
        plum_pcp_lane_announce(e, gw);
    if (gw->phase == PLUM_PHASE_LIVE && plum_allows(e, gw, PLUM_ALLOW_NATPMP))
        plum_natpmp_lane_external(e, gw);
    else if (probing && plum_allows(e, gw, PLUM_ALLOW_NATPMP))
        plum_natpmp_lane_external_send(e, gw);
}

int plum_ask_begin(plum_engine *e, uint32_t request, plum_ask_what what)
{
    if (request == 0 || find(e, request) ||
        (what != PLUM_ASK_FOR_EXTERNAL && what != PLUM_ASK_FOR_PROBE))
        return PLUM_E_INVALID;
    if (e->stopping)
        return PLUM_E_CLOSING;
    if (!plum_heap_reserve(&e->timers, &e->mem, 1))
        return PLUM_E_NOMEM;
    plum_ask *a = plum_mem_new(&e->mem, sizeof *a);
    if (!a) {
        plum_heap_release(&e->timers, 1);
        return PLUM_E_NOMEM;
    }
    plum_timer_init(&a->end, PLUM_TIMER_ASK);
    plum_link_init(&a->link);
    a->request = request;
    a->what = what;
    a->started = e->now;
    a->gw = e->gws[0] ? e->gws[0] : e->gws[1];
    plum_link_append(&e->asks, &a->link);
    if (!a->gw) {
        end(e, a, true);
        return PLUM_E_OK;
    }
    a->pcp_heard = !plum_allows(e, a->gw, PLUM_ALLOW_PCP);
    a->natpmp_heard = !plum_allows(e, a->gw, PLUM_ALLOW_NATPMP);
    if (what == PLUM_ASK_FOR_EXTERNAL && told_by_mapping(e, a)) {
        end(e, a, false);
        return PLUM_E_OK;
    }
    plum_engine_timer_in(e, &a->end, ASK_FOR);
    start(e, a);
    return PLUM_E_OK;
}

int plum_ask_cancel(plum_engine *e, uint32_t request)
{
    plum_ask *a = find(e, request);
    if (!a || a->ended)
        return PLUM_E_UNKNOWN;
    a->count = a->told = 0;
    end(e, a, true);
    return PLUM_E_OK;
}

static void hear(plum_engine *e, plum_ask *a, plum_by by, plum_why why, int32_t code, uint32_t rtt,
                 uint32_t epoch, const plum_ip *external)
{
    bool *heard = by == PLUM_BY_PCP ? &a->pcp_heard : &a->natpmp_heard;
    if (*heard)
        return;
    *heard = true;
    plum_item *item = add_item(a, by);
    item->why = why;
    item->code = code;
    item->rtt = rtt;
    item->epoch = epoch;
    if (external)
        item->external = *external;
    bool wants_address = a->what == PLUM_ASK_FOR_EXTERNAL;
    if (wants_address && external)
        end(e, a, false);
    else if ((a->pcp_heard && a->natpmp_heard) || (wants_address && a->natpmp_heard))
        end(e, a, wants_address); /* PCP has no question for the address: only a mapping tells */
}

void plum_ask_heard(plum_engine *e, plum_gateway *gw, plum_by by, plum_why why, int32_t code,
                    uint32_t rtt, uint32_t epoch, const plum_ip *external)
{
    for (plum_link *l = e->asks.next; l != &e->asks; l = l->next) {
        plum_ask *a = PLUM_OBJECT(l, plum_ask, link);
        if (a->gw == gw && !a->ended)
            hear(e, a, by, why, code, rtt, epoch, external);
    }
}

void plum_ask_lost(plum_engine *e, plum_gateway *gw)
{
    for (plum_link *l = e->asks.next; l != &e->asks; l = l->next) {
        plum_ask *a = PLUM_OBJECT(l, plum_ask, link);
        if (!a->ended && (!gw || a->gw == gw))
            end(e, a, true);
    }
}

void plum_ask_timer(plum_engine *e, plum_ask *a)
{
    if (!a->pcp_heard)
        add_item(a, PLUM_BY_PCP)->why = PLUM_WHY_NO_ANSWER;
    if (!a->natpmp_heard)
        add_item(a, PLUM_BY_NATPMP)->why = PLUM_WHY_NO_ANSWER;
    end(e, a, a->what == PLUM_ASK_FOR_EXTERNAL);
}

static void free_ask(plum_engine *e, plum_ask *a)
{
    plum_timer_clear(&e->timers, &a->end);
    plum_heap_release(&e->timers, 1);
    plum_link_remove(&a->link);
    plum_mem_free(&e->mem, a);
}

bool plum_ask_poll(plum_engine *e, plum_action *out)
{
    static const plum_item none;
    for (plum_link *l = e->asks.next; l != &e->asks; l = l->next) {
        plum_ask *a = PLUM_OBJECT(l, plum_ask, link);
        out->u.answer.item = none;
        out->u.answer.request = a->request;
        if (a->told < a->count) {
            out->kind = PLUM_ACT_ANSWER;
            out->u.answer.what = PLUM_ANSWER_ITEM;
            out->u.answer.item = a->items[a->told++];
            return true;
        }
        if (a->ended) {
            out->kind = PLUM_ACT_ANSWER;
            out->u.answer.what = a->failed ? PLUM_ANSWER_ERROR : PLUM_ANSWER_END;
            free_ask(e, a);
            return true;
        }
    }
    return false;
}

void plum_ask_free_all(plum_engine *e)
{
    while (!plum_link_is_alone(&e->asks))
        free_ask(e, PLUM_OBJECT(e->asks.next, plum_ask, link));
}
