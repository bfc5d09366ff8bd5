/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of one wire mapping: wanted, granted, renewed, lost, failed, deleted. */
#include "engine/schedule.h"
#include "engine/state.h"

#include <string.h>

/* A ghost is asked after, but nobody waits long for one. */
#define GHOST_WAIT 500

static unsigned allow_bit(plum_by by)
{
    return by == PLUM_BY_PCP ? PLUM_ALLOW_PCP : by == PLUM_BY_NATPMP ? PLUM_ALLOW_NATPMP : 0;
}

void plum_wire_unqueue(plum_wire *w)
{
    plum_gateway *gw = w->gw;
    plum_pcp_lane_leave_window(w);
    if (gw && gw->np_wire == w)
        gw->np_wire = NULL;
    plum_link_remove(&w->queue);
    plum_link_remove(&w->tx.link);
    w->stage = PLUM_STAGE_REST;
}

/* ---- where ---- */

static void draw_secret(plum_engine *e, plum_wire *w)
{
    /* Without randomness the engine would not have started; should it fail now, the jitter's
     * generator is still unpredictable from the network. */
    if (e->mem.hooks.random(e->mem.hooks.ctx, w->secret, sizeof w->secret) != 0)
        for (size_t i = 0; i < sizeof w->secret; i++)
            w->secret[i] = (uint8_t)plum_rng_next(&e->rng);
    w->has_secret = true;
}

/* A nonce per server (RFC 6887 section 11.2), for the life of the mapping: who comes back to a
 * network where its rule still stands has the nonce that renews and deletes it. */
static void make_nonce(plum_wire *w, const plum_gateway *gw)
{
    uint8_t place[1 + 16 + 16 + 4];
    plum_writer out;
    for (uint8_t half = 0; half < 2; half++) {
        plum_writer_init(&out, place, sizeof place);
        plum_writer_u8(&out, half);
        plum_writer_bytes(&out, gw->net.gateway.ip.bytes, 16);
        plum_writer_bytes(&out, gw->net.local.bytes, 16);
        plum_writer_be32(&out, gw->net.ifindex);
        uint64_t hash = plum_siphash(w->secret, place, plum_writer_size(&out));
        for (size_t i = half * 8u; i < sizeof w->nonce && i < half * 8u + 8u; i++, hash >>= 8)
            w->nonce[i] = (uint8_t)hash;
    }
}

void plum_wire_bind(plum_engine *e, plum_wire *w, plum_gateway *gw)
{
    w->gw = gw;
    gw->wires++;
    if (!w->has_secret)
        draw_secret(e, w);
    make_nonce(w, gw);
}

void plum_wire_unbind(plum_engine *e, plum_wire *w)
{
    plum_wire_unqueue(w);
    plum_timer_clear(&e->timers, &w->act);
    plum_timer_clear(&e->timers, &w->limit);
    if (w->gw)
        w->gw->wires--;
    w->gw = NULL;
    w->mapped = w->lost = w->unanswered = w->renewal = false;
    w->ghosts = 0;
    w->any_port = w->any_address = w->no_option = w->pcp_refused = false;
    w->failures = 0;
    if (w->job == PLUM_JOB_MAP)
        w->job = PLUM_JOB_NONE;
}

static void no_gateway(plum_engine *e, plum_wire *w)
{
    const plum_network_info *net = &e->nets[w->family == 6];
    if (plum_net_family(net) && plum_ip_is_public(&net->local)) {
        plum_wire_direct(e, w);
        return;
    }
    /* A mapping that was told to be there is lost for certain; a new one waits for a network to
     * come. */
    bool told = false;
    for (plum_link *l = w->handles.next; l != &w->handles; l = l->next)
        told = told || PLUM_OBJECT(l, plum_handle, link)->is == PLUM_IS_SUCCESS;
    if (told)
        plum_table_failure(e, w, PLUM_WHY_NO_GATEWAY, PLUM_BY_UNKNOWN, 0);
    else
        plum_engine_timer_in(e, &w->limit, e->config.discover_timeout);
}

void plum_wire_begin(plum_engine *e, plum_wire *w)
{
    plum_gateway *gw = e->gws[w->family == 6];
    if (e->config.allow == 0) {
        plum_table_failure(e, w, PLUM_WHY_UNSUPPORTED, PLUM_BY_UNKNOWN, 0);
        return;
    }
    if (!gw) {
        no_gateway(e, w);
        return;
    }
    plum_wire_bind(e, w, gw);
    plum_wire_want(e, w);
}

/* ---- asking ---- */

void plum_wire_want(plum_engine *e, plum_wire *w)
{
    if (!w->gw || w->stage != PLUM_STAGE_REST || w->job == PLUM_JOB_DELETE)
        return;
    plum_timer_clear(&e->timers, &w->act);
    w->job = PLUM_JOB_MAP;
    w->stage = PLUM_STAGE_READY;
    w->sends = 0;
    w->renewal = w->mapped && !w->lost;
    if (!w->mapped && !plum_timer_is_set(&w->limit))
        plum_engine_timer_in(e, &w->limit, e->config.mapping_timeout);
    plum_gateway_route(e, w->gw, w);
    plum_gateway_kick(e, w->gw);
}

/* What a MAP says is fixed when it is first sent (section 8.1.1: retransmissions repeat it). */
static void freeze(plum_wire *w)
{
    w->ask_lifetime = w->wish_lifetime;
    w->ask_external = w->wish;
    if (w->external.port &&
        !w->any_port) /* what we had: the port already held is insisted on first */
        w->ask_external = w->external;
    if (w->any_port && !w->mapped)
        w->ask_external.port = 0;
    if (w->any_address || w->ask_external.ip.family != w->family)
        w->ask_external.ip = plum_ip_none();
    w->ask_prefer = !w->no_option && plum_wire_all_prefer(w, 0);
    if (w->ask_prefer)
        w->ask_external.port = w->wish.port;
    /* Section 5: the all-zeros address of the family; the other one's would ask for NAT46 or NAT64.
     */
    if (!w->ask_external.ip.family)
        w->ask_external.ip = plum_ip_any(w->family);
}

void plum_wire_send(plum_engine *e, plum_wire *w)
{
    if (w->job == PLUM_JOB_MAP && w->sends == 0) {
        freeze(w);
        w->asked_at = e->now;
        if (w->mapped && w->by != w->via && w->by != PLUM_BY_DIRECT)
            w->ghosts |= allow_bit(w->by);
        w->ghosts |= allow_bit(w->via);
    }
    if (w->sends)
        e->stats.retransmitted++;
    if (w->job == PLUM_JOB_DELETE && w->counted == PLUM_NOT_COUNTED) {
        w->counted = PLUM_COUNTED_SENT;
        e->stats.deletes_sent++;
    }
    w->sends++;
    w->sent_at = e->now;
    w->stage = PLUM_STAGE_SENT;
    w->unanswered = true;
    plum_link_append(&e->tx, &w->tx.link);
}

static void plan_renewal(plum_engine *e, plum_wire *w)
{
    plum_time at = plum_schedule_renewal(&e->rng, w->granted, w->lifetime, w->attempt, w->sent_at);
    if (at == PLUM_NEVER)
        plum_timer_clear(&e->timers, &w->act);
    else
        plum_engine_timer(e, &w->act, at);
}

void plum_wire_not_answered(plum_engine *e, plum_wire *w)
{
    plum_wire_unqueue(w);
    w->job = PLUM_JOB_NONE;
    w->attempt++;
    if (w->lost)
        plum_wire_want(e, w); /* no longer a renewal: asked until it is answered */
    else
        plan_renewal(e, w);
}

/* ---- outcomes ---- */

bool plum_wire_all_prefer(const plum_wire *w, uint16_t port)
{
    if (plum_link_is_alone(&w->handles))
        return false;
    for (plum_link *l = w->handles.next; l != &w->handles; l = l->next) {
        const plum_handle *h = PLUM_OBJECT(l, plum_handle, link);
        if (!h->prefer || h->want_port == port)
            return false;
    }
    return true;
}

/* Every handle insists on another port: undo it. The wire tries again later (RFC 6887
 * section 13.2). */
static void undo(plum_engine *e, plum_wire *w, plum_by by)
{
    plum_table_failure(e, w, PLUM_WHY_PORT_TAKEN, by, 0);
    plum_wire_unmap(e, w);
}

void plum_wire_granted(plum_engine *e, plum_wire *w, plum_by by, const plum_addr *external,
                       uint32_t lifetime)
{
    bool changed = !w->mapped || w->lost || w->by != by || !plum_addr_equal(&w->external, external);
    plum_wire_unqueue(w);
    w->job = PLUM_JOB_NONE;
    w->unanswered = w->lost = w->renewal = false;
    w->failures = 0;
    w->mapped = true;
    w->by = by;
    w->ghosts &= ~allow_bit(by);
    w->external = *external;
    w->lifetime = lifetime < PLUM_LIFETIME_MAX ? lifetime : PLUM_LIFETIME_MAX;
    w->granted = e->now;
    w->expires = plum_time_add(e->now, (uint64_t)w->lifetime * PLUM_SECONDS);
    w->attempt = 1;
    if (plum_wire_all_prefer(w, external->port)) {
        undo(e, w, by);
        return;
    }
    plan_renewal(e, w);
    plum_engine_timer(e, &w->limit, w->expires);
    plum_table_success(e, w, changed);
    plum_log_wire(e, changed ? 2 : 1, w, changed ? "granted" : "renewed");
    plum_health_schedule(e, w->gw);
}

void plum_wire_direct(plum_engine *e, plum_wire *w)
{
    const plum_network_info *net = &e->nets[w->family == 6];
    plum_addr external = {w->gw ? w->gw->local : net->local, w->internal_port};
    bool changed =
        !w->mapped || w->by != PLUM_BY_DIRECT || !plum_addr_equal(&w->external, &external);
    plum_timer_clear(&e->timers, &w->limit);
    w->mapped = true;
    w->lost = false;
    w->by = PLUM_BY_DIRECT;
    w->external = external;
    w->lifetime = UINT32_MAX;
    w->granted = e->now;
    w->expires = PLUM_NEVER;
    plum_table_success(e, w, changed);
    if (changed)
        plum_log_wire(e, 2, w, "this host has a public address and no gateway answers");
}

void plum_wire_lose(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code)
{
    if (w->mapped && w->by != PLUM_BY_DIRECT)
        w->ghosts |= allow_bit(w->by); /* the rule may be there all the same */
    w->mapped = w->lost = false;
    plum_timer_clear(&e->timers, &w->limit);
    plum_table_failure(e, w, why, by, code);
    plum_log_wire(e, 3, w, "not mapped");
}

void plum_wire_failed(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code,
                      uint64_t wait)
{
    uint32_t backoff = plum_schedule_backoff(w->failures++, e->config.recheck_period);
    plum_wire_unqueue(w);
    w->job = PLUM_JOB_NONE;
    w->unanswered = w->renewal = false;
    if (why == PLUM_WHY_REFUSED && !(w->mapped && w->by == by))
        w->ghosts &= ~allow_bit(by); /* it made no rule */
    if (!w->mapped || w->lost)
        plum_wire_lose(e, w, why, by, code);
    plum_engine_timer_in(e, &w->act, wait > backoff ? wait : backoff);
}

void plum_wire_act(plum_engine *e, plum_wire *w)
{
    if (w->job == PLUM_JOB_NONE) {
        w->pcp_refused = w->any_port = false; /* its wait is over: anew */
        plum_wire_want(e, w);
    } else if (w->job == PLUM_JOB_MAP && w->renewal) {
        plum_wire_not_answered(e, w);
    }
}

static void expire(plum_engine *e, plum_wire *w)
{
    bool silent = w->unanswered;
    plum_wire_unqueue(w);
    w->job = PLUM_JOB_NONE;
    w->renewal = false;
    plum_wire_lose(e, w, PLUM_WHY_EXPIRED, PLUM_BY_UNKNOWN, 0);
    plum_wire_want(e, w);
    /* Nobody answered for the whole lifetime: whoever was there may be somebody else by now. */
    if (w->gw->phase == PLUM_PHASE_LIVE && silent)
        plum_discovery_again(e, w->gw);
}

/* Told in time, unless the gateway is at work on others' requests, and ours has not been with it
 * for so long. */
static void overdue(plum_engine *e, plum_wire *w)
{
    plum_time lane = w->via == PLUM_BY_NATPMP ? w->gw->alive_at : w->gw->heard_at;
    plum_time since = w->stage == PLUM_STAGE_SENT ? plum_time_min(w->asked_at, lane) : lane;
    plum_time at = plum_time_add(since, e->config.mapping_timeout);
    if (w->stage != PLUM_STAGE_REST && at > e->now)
        plum_engine_timer(e, &w->limit, at);
    else if (w->pcp_refused)
        plum_table_overdue(e, w, PLUM_WHY_REFUSED, PLUM_BY_PCP, w->pcp_code);
    else
        plum_table_overdue(e, w, PLUM_WHY_NO_ANSWER, PLUM_BY_UNKNOWN, 0);
}

void plum_wire_limit(plum_engine *e, plum_wire *w)
{
    if (w->job == PLUM_JOB_DELETE)
        plum_wire_deleted(e, w, false);
    else if (!w->gw)
        plum_table_failure(e, w, PLUM_WHY_NO_GATEWAY, PLUM_BY_UNKNOWN, 0);
    else if (w->mapped)
        expire(e, w);
    else
        overdue(e, w);
}

/* ---- deleting ---- */

static bool has_rule(const plum_wire *w)
{
    return w->gw && ((w->mapped && w->by != PLUM_BY_DIRECT) || w->ghosts);
}

static plum_by next_owner(const plum_wire *w)
{
    if (w->mapped && w->by != PLUM_BY_DIRECT)
        return w->by;
    return w->ghosts & PLUM_ALLOW_PCP ? PLUM_BY_PCP : PLUM_BY_NATPMP;
}

static void start_delete(plum_engine *e, plum_wire *w)
{
    plum_gateway *gw = w->gw;
    w->job = PLUM_JOB_DELETE;
    w->stage = PLUM_STAGE_READY;
    w->via = next_owner(w);
    w->unanswered = false;
    w->sends = 0;
    plum_engine_timer(e, &w->limit, w->deadline);
    plum_link_append(w->via == PLUM_BY_PCP ? &gw->pcp_deletes : &gw->np_ready, &w->queue);
    if (gw->silent_told || gw->phase == PLUM_PHASE_FAILED) {
        /* Nobody listens there: one datagram, in case that somebody does, and no wait. */
        w->last_words = true;
        if (gw->opened) {
            plum_link_remove(&w->queue);
            plum_wire_send(e, w);
        } else {
            plum_wire_finish(e, w);
        }
        return;
    }
    plum_gateway_kick(e, gw);
}

void plum_wire_unmap(plum_engine *e, plum_wire *w)
{
    plum_wire_unqueue(w);
    plum_timer_clear(&e->timers, &w->act);
    plum_timer_clear(&e->timers, &w->limit);
    w->job = PLUM_JOB_DELETE;
    w->last_words = false;
    w->counted = PLUM_NOT_COUNTED;
    w->deadline = plum_time_add(e->now, e->config.shutdown_timeout);
    if (plum_timer_is_set(&e->stop))
        w->deadline = plum_time_min(w->deadline, e->stop.at);
    if (has_rule(w))
        start_delete(e, w);
    else
        plum_wire_finish(e, w);
}

void plum_wire_deleted(plum_engine *e, plum_wire *w, bool confirmed)
{
    bool unsent = w->stage == PLUM_STAGE_READY;
    bool late = e->now >= w->deadline;
    if (late && unsent && w->gw->opened && !w->last_words) {
        /* The deadline, and its turn never came: at least once (NAT-PMP's lane is serial). */
        plum_link_remove(&w->queue);
        w->last_words = true;
        plum_wire_send(e, w);
        return;
    }
    plum_by by = w->via;
    if (confirmed && w->counted == PLUM_COUNTED_SENT)
        e->stats.deletes_confirmed++;
    w->counted = PLUM_COUNTED; /* a ghost's delete is not another one */
    plum_wire_unqueue(w);
    w->unanswered = false;
    if (w->mapped && w->by == by)
        w->mapped = false;
    w->ghosts &= ~allow_bit(by);
    if (late || !has_rule(w)) {
        plum_wire_finish(e, w);
        return;
    }
    /* The owner's rule is gone, and the ghosts' with it on most gateways: a short try. */
    w->deadline = plum_time_min(w->deadline, e->now + GHOST_WAIT);
    start_delete(e, w);
}

void plum_wire_finish(plum_engine *e, plum_wire *w)
{
    plum_gateway *gw = w->gw;
    while (!plum_link_is_alone(&w->dying))
        plum_table_destroyed(e, PLUM_OBJECT(w->dying.next, plum_handle, link));
    plum_addr wish = w->wish;
    bool again = !plum_link_is_alone(&w->handles);
    bool undone = plum_wire_all_prefer(w, 0) &&
                  PLUM_OBJECT(w->handles.next, plum_handle, link)->is == PLUM_IS_FAILURE;
    w->job = PLUM_JOB_NONE;
    w->last_words = w->has_secret = false; /* what comes now is another mapping */
    plum_wire_unbind(e, w);
    if (!again) {
        plum_table_free_wire(e, w);
    } else if (undone) { /* the port was taken; later it may be free */
        memset(&w->external, 0, sizeof w->external);
        w->wish = wish;
        if (e->gws[w->family == 6])
            plum_wire_bind(e, w, e->gws[w->family == 6]);
        plum_engine_timer_in(e, &w->act, e->config.recheck_period);
    } else { /* somebody asked for the same port meanwhile */
        memset(&w->external, 0, sizeof w->external);
        plum_wire_begin(e, w);
    }
    if (gw)
        plum_gateway_kick(e, gw);
    plum_engine_maybe_stopped(e);
}
