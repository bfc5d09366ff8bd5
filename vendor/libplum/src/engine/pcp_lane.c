/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PCP towards one gateway: which requests go out when, and what comes back. */
#include "engine/state.h"

#include <string.h>

/* Deletes go out at once, but not as one burst that a router's receive buffer loses: 32 in 5 ms. */
#define BURST     32u
#define BURST_GAP 5

/* A delete is waited for within a deadline of seconds, so it is repeated sooner than a slow server
 * alone would ask. */
#define DELETE_LEAST 500u
#define DELETE_MOST  1000u

/* A renewal is one packet a window; a server that has not answered it by then has not got it. */
#define RENEWAL_LEAST 3000u

/* An ANNOUNCE is first repeated after as long as RFC 6886 section 3.1 has it; where nothing hangs
 * on it, it is given up after four. */
#define ANNOUNCE_IRT   250u
#define ANNOUNCE_TRIES 4u

/* What has been repeated so often is not what the server is at work on: it makes room. */
#define SENDS_IN_WINDOW 3u

/* ---- sending ---- */

void plum_pcp_lane_enter_window(plum_wire *w)
{
    w->in_window = true;
    w->gw->pcp_outstanding++;
}

void plum_pcp_lane_leave_window(plum_wire *w)
{
    if (w->in_window)
        w->gw->pcp_outstanding--;
    w->in_window = false;
}

static void send(plum_engine *e, plum_gateway *gw, plum_wire *w)
{
    uint32_t timeout = plum_pacing_timeout(&gw->pacing);
    if (w->job == PLUM_JOB_DELETE) {
        timeout = timeout < DELETE_LEAST ? DELETE_LEAST : timeout;
        timeout = timeout > DELETE_MOST ? DELETE_MOST : timeout;
    } else {
        plum_pcp_lane_enter_window(w);
    }
    w->timeout = plum_pacing_rand(&e->rng, timeout);
    plum_link_append(&gw->pcp_sent, &w->queue);
    plum_wire_send(e, w);
    if (w->renewal)
        plum_engine_timer_in(e, &w->act, w->timeout > RENEWAL_LEAST ? w->timeout : RENEWAL_LEAST);
}

void plum_pcp_lane_pump(plum_engine *e, plum_gateway *gw)
{
    if (!gw->opened)
        return;
    while (!plum_link_is_alone(&gw->pcp_deletes) && gw->burst < BURST) {
        gw->burst++;
        send(e, gw, PLUM_OBJECT(gw->pcp_deletes.next, plum_wire, queue));
        if (!plum_timer_is_set(&gw->pace))
            plum_engine_timer_in(e, &gw->pace, BURST_GAP);
    }
    while (gw->phase == PLUM_PHASE_LIVE && !plum_link_is_alone(&gw->pcp_ready) &&
           gw->pcp_outstanding < gw->pacing.window)
        send(e, gw, PLUM_OBJECT(gw->pcp_ready.next, plum_wire, queue));
    plum_pcp_lane_arm(e, gw);
}

static bool is_repeated(const plum_gateway *gw, const plum_wire *w)
{
    return w->job == PLUM_JOB_DELETE || (gw->phase == PLUM_PHASE_LIVE && !w->renewal);
}

/* One at a time: on a server that works one by one, the others wait behind it. An answer to another
 * request shows that it is at work; but not for ever. */
static plum_time due(const plum_gateway *gw, const plum_wire *w)
{
    plum_time since = plum_time_max(w->sent_at, gw->repeated_at);
    return plum_time_min(plum_time_max(since, gw->heard_at) + w->timeout,
                         since + 4 * (plum_time)w->timeout);
}

/* As a rule the oldest. One that is never answered, with time-outs that have grown long, does not
 * keep those behind it from being repeated. */
static plum_wire *first_due(const plum_gateway *gw)
{
    plum_wire *first = NULL;
    for (plum_link *l = gw->pcp_sent.next; l != &gw->pcp_sent; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, queue);
        if (is_repeated(gw, w) && (!first || due(gw, w) < due(gw, first)))
            first = w;
    }
    return first;
}

void plum_pcp_lane_arm(plum_engine *e, plum_gateway *gw)
{
    plum_wire *w = first_due(gw);
    if (w)
        plum_engine_timer(e, &gw->rto, due(gw, w));
    else
        plum_timer_clear(&e->timers, &gw->rto);
}

void plum_pcp_lane_rto(plum_engine *e, plum_gateway *gw)
{
    plum_wire *w = first_due(gw);
    if (!w)
        return;
    uint32_t most =
        e->config.recheck_period > RENEWAL_LEAST ? e->config.recheck_period : RENEWAL_LEAST;
    uint32_t next = w->timeout > most / 2 ? most : w->timeout * 2;
    w->timeout = plum_pacing_rand(&e->rng, next);
    plum_pacing_lost(&gw->pacing);
    plum_wire_send(e, w);
    gw->repeated_at = e->now;
    if (w->sends > SENDS_IN_WINDOW)
        plum_pcp_lane_leave_window(w);
    plum_pcp_lane_pump(e, gw);
}

/* ---- ANNOUNCE: a question that writes nothing ---- */

void plum_pcp_lane_announce_send(plum_engine *e, plum_gateway *gw)
{
    if (!gw->opened)
        return;
    gw->announce_on = true;
    gw->announce_sent_at = e->now;
    plum_link_append(&e->tx, &gw->announce_tx.link);
}

void plum_pcp_lane_announce(plum_engine *e, plum_gateway *gw)
{
    if (plum_timer_is_set(&gw->announce) || !gw->opened)
        return;
    gw->announce_sends = 1;
    gw->announce_timeout = ANNOUNCE_IRT;
    plum_pcp_lane_announce_send(e, gw);
    plum_engine_timer_in(e, &gw->announce, plum_pacing_rand(&e->rng, ANNOUNCE_IRT));
}

void plum_pcp_lane_announce_stop(plum_engine *e, plum_gateway *gw)
{
    plum_timer_clear(&e->timers, &gw->announce);
    plum_link_remove(&gw->announce_tx.link);
    gw->announce_on = false;
}

void plum_pcp_lane_announce_timer(plum_engine *e, plum_gateway *gw)
{
    bool matters = gw->phase == PLUM_PHASE_LIVE && gw->proto == PLUM_BY_PCP;
    if (!matters && gw->announce_sends >= ANNOUNCE_TRIES) {
        gw->announce_on = false;
        return;
    }
    gw->announce_sends++;
    e->stats.retransmitted++;
    plum_pcp_lane_announce_send(e, gw);
    uint32_t most =
        e->config.recheck_period > ANNOUNCE_IRT ? e->config.recheck_period : ANNOUNCE_IRT;
    gw->announce_timeout = gw->announce_timeout > most / 2 ? most : gw->announce_timeout * 2;
    plum_engine_timer_in(e, &gw->announce, plum_pacing_rand(&e->rng, gw->announce_timeout));
}

static void on_announce(plum_engine *e, plum_gateway *gw, const plum_pcp_response *r)
{
    if (!gw->announce_on) {
        /* Unsolicited: a hint, and none where its epoch is what we expect (a duplicate, say). */
        plum_epoch seen = gw->pcp_epoch;
        if (!seen.known || !plum_epoch_pcp(&seen, e->now, r->epoch))
            plum_health_hint(e, gw);
        return;
    }
    uint32_t rtt = (uint32_t)plum_time_since(e->now, gw->announce_sent_at);
    bool fine = r->result == PLUM_PCP_SUCCESS || r->result == PLUM_PCP_UNSUPP_OPCODE;
    plum_pcp_lane_announce_stop(e, gw);
    plum_health_alive(e, gw);
    plum_health_pcp_epoch(e, gw, r->epoch);
    plum_discovery_pcp(e, gw, true);
    plum_ask_heard(e, gw, PLUM_BY_PCP, fine ? PLUM_WHY_NONE : PLUM_WHY_REFUSED, r->result, rtt,
                   r->epoch, NULL);
}

/* ---- MAP ---- */

static void hold(plum_engine *e, plum_gateway *gw, int32_t code, uint64_t wait)
{
    gw->hold_until = e->now + wait;
    gw->hold_code = code;
    for (plum_link *l = gw->pcp_ready.next, *next; l != &gw->pcp_ready; l = next) {
        next = l->next;
        plum_wire *w = PLUM_OBJECT(l, plum_wire, queue);
        if (!w->mapped)
            plum_wire_failed(e, w, PLUM_WHY_REFUSED, PLUM_BY_PCP, code, wait);
    }
}

/* Asks the same again with one wish less; false when there is none to drop. */
static bool concede(plum_engine *e, plum_wire *w, unsigned code)
{
    bool again = false;
    if (code == PLUM_PCP_NO_RESOURCES && w->family == 4 && !w->any_port && !w->mapped &&
        !w->ask_prefer)
        again = w->any_port = true; /* some say it of a taken port */
    else if (code == PLUM_PCP_UNSUPP_OPTION && w->ask_prefer)
        again = w->no_option = true;
    else if (code == PLUM_PCP_CANNOT_PROVIDE_EXTERNAL && !plum_ip_is_any(&w->ask_external.ip))
        again = w->any_address = true; /* a stale address: the same port on another */
    if (!again)
        return false;
    plum_wire_unqueue(w);
    w->job = PLUM_JOB_NONE;
    plum_wire_want(e, w);
    return true;
}

static bool is_for_now(unsigned code)
{
    return code == PLUM_PCP_NETWORK_FAILURE || code == PLUM_PCP_NO_RESOURCES ||
           code == PLUM_PCP_USER_EX_QUOTA;
}

static void on_error(plum_engine *e, plum_gateway *gw, plum_wire *w, const plum_pcp_response *r)
{
    uint64_t wait = plum_pcp_error_lifetime(r->result, r->lifetime) * PLUM_SECONDS;
    plum_log_wire(e, 2, w, plum_pcp_result_name(r->result));
    if (r->result == PLUM_PCP_ADDRESS_MISMATCH && !gw->reopened) {
        /* A NAT in between, or our address has changed under the socket: look once more. */
        gw->reopened = true;
        plum_gateway_close(e, gw);
        plum_gateway_kick(e, gw);
        return;
    }
    if (concede(e, w, r->result))
        return;
    if (r->result == PLUM_PCP_CANNOT_PROVIDE_EXTERNAL && w->ask_prefer) {
        plum_wire_failed(e, w, PLUM_WHY_PORT_TAKEN, PLUM_BY_PCP, r->result, wait);
        return;
    }
    if (r->result == PLUM_PCP_NO_RESOURCES)
        hold(e, gw, r->result, wait);
    if (!is_for_now(r->result) && !w->mapped && plum_allows(e, gw, PLUM_ALLOW_NATPMP) &&
        gw->natpmp != PLUM_ABSENT) {
        /* PCP will not: the next protocol's turn. What PCP said is told if that fails too. */
        plum_wire_unqueue(w);
        w->ghosts &= ~PLUM_ALLOW_PCP;
        w->job = PLUM_JOB_NONE;
        w->pcp_refused = true;
        w->pcp_code = r->result;
        w->pcp_until = e->now + wait;
        plum_wire_want(e, w);
        return;
    }
    plum_wire_failed(e, w, PLUM_WHY_REFUSED, PLUM_BY_PCP, r->result, wait);
}

static void on_granted(plum_engine *e, plum_wire *w, const plum_pcp_response *r)
{
    plum_addr external = {r->map.external, r->map.external_port};
    if (external.port == 0 || plum_ip_is_any(&external.ip) || r->lifetime == 0)
        plum_wire_failed(e, w, PLUM_WHY_REFUSED, PLUM_BY_PCP, PLUM_PCP_NETWORK_FAILURE,
                         0); /* nothing was granted */
    else
        plum_wire_granted(e, w, PLUM_BY_PCP, &external, r->lifetime);
}

/* Not the answer to anything that is out: a Mapping Update (section 14.2), a duplicate, or a stray.
 */
static void on_unsolicited(plum_engine *e, plum_gateway *gw, plum_wire *w,
                           const plum_pcp_response *r)
{
    plum_addr external = {r->map.external, r->map.external_port};
    if (r->result == PLUM_PCP_SUCCESS && external.port != 0 &&
        plum_addr_equal(&external, &w->external))
        return;
    plum_epoch seen = gw->pcp_epoch;
    bool plausible = r->epoch >= seen.server && plum_epoch_pcp(&seen, e->now, r->epoch);
    if (r->result != PLUM_PCP_SUCCESS || external.port == 0 || plum_ip_is_any(&external.ip) ||
        !plausible) {
        plum_health_hint(e, gw);
        return;
    }
    w->external = external; /* without extending the expiry */
    plum_log_wire(e, 2, w, "moved by the gateway");
    plum_table_success(e, w, true);
}

static void on_deleted(plum_engine *e, plum_wire *w, const plum_pcp_response *r)
{
    /* Section 15.1: the answer to a delete has port 0; another one is the late answer to the MAP
     * that it undoes. */
    if (r->map.external_port != 0 && r->result == PLUM_PCP_SUCCESS)
        return;
    bool confirmed = (r->result == PLUM_PCP_SUCCESS && r->lifetime == 0) ||
                     (r->result == PLUM_PCP_NO_RESOURCES && w->family == 4);
    if (r->map.external_port == 0)
        plum_wire_deleted(e, w, confirmed);
}

static void on_map(plum_engine *e, plum_gateway *gw, const plum_pcp_response *r)
{
    plum_transport transport = r->map.protocol == PLUM_PCP_TCP ? PLUM_TCP : PLUM_UDP;
    uint8_t family = gw->net.gateway.ip.family;
    plum_wire *w = plum_table_wire(e, family, transport, r->map.internal_port);
    bool known = r->map.protocol == PLUM_PCP_TCP || r->map.protocol == PLUM_PCP_UDP;
    if (!known || !w || w->gw != gw || memcmp(r->map.nonce, w->nonce, sizeof w->nonce) != 0) {
        e->stats.dropped++;
        return;
    }
    if (w->job == PLUM_JOB_DELETE) {
        if (w->via == PLUM_BY_PCP && w->unanswered) {
            gw->heard_at = e->now;
            on_deleted(e, w, r);
            plum_pcp_lane_pump(e, gw);
        }
        return;
    }
    if (!(w->unanswered && w->via == PLUM_BY_PCP)) {
        if (w->mapped && w->by == PLUM_BY_PCP)
            on_unsolicited(e, gw, w, r);
        else if (w->ghosts & PLUM_ALLOW_PCP)
            plum_discovery_pcp(e, gw, true); /* late, but now we know */
        else
            e->stats.dropped++;
        return;
    }
    uint32_t rtt = (uint32_t)plum_time_since(e->now, w->sent_at);
    gw->heard_at = e->now;
    w->unanswered = false;
    plum_pacing_answered(&gw->pacing, rtt, w->sends == 1 && !w->renewal);
    plum_health_alive(e, gw);
    plum_health_pcp_epoch(e, gw, r->epoch);
    plum_ask_heard(e, gw, PLUM_BY_PCP, r->result ? PLUM_WHY_REFUSED : PLUM_WHY_NONE, r->result, rtt,
                   r->epoch, r->result ? NULL : &r->map.external);
    if (r->result == PLUM_PCP_SUCCESS)
        on_granted(e, w, r);
    else
        on_error(e, gw, w, r);
    plum_discovery_pcp(e, gw, true);
    if (gw->opened)
        plum_pcp_lane_pump(e, gw);
}

/* ---- versions ---- */

static bool is_asking(const plum_gateway *gw)
{
    return gw->announce_on || !plum_link_is_alone(&gw->pcp_sent);
}

/* The server does not speak our PCP. Deletes have nobody to go to. */
static void no_pcp(plum_engine *e, plum_gateway *gw)
{
    plum_pcp_lane_announce_stop(e, gw);
    for (plum_link *l = e->wires.next, *next; l != &e->wires; l = next) {
        next = l->next;
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw != gw)
            continue;
        if (w->job == PLUM_JOB_DELETE && w->via == PLUM_BY_PCP)
            plum_wire_deleted(e, w, false);
        else if (w->by != PLUM_BY_PCP || !w->mapped)
            w->ghosts &= ~PLUM_ALLOW_PCP; /* what was asked was not understood */
    }
    plum_ask_heard(e, gw, PLUM_BY_PCP, PLUM_WHY_UNSUPPORTED, PLUM_PCP_UNSUPP_VERSION, 0, 0, NULL);
    plum_discovery_pcp(e, gw, false);
}

void plum_pcp_lane_version(plum_engine *e, plum_gateway *gw, uint8_t version)
{
    if (version == 2) {
        /* Our own version: the complaint is about a NAT-PMP request. A PCP server, and only that.
         */
        if (!gw->np_external_open && !gw->np_wire) {
            e->stats.dropped++;
            return;
        }
        plum_natpmp_lane_stop(e, gw);
        gw->np_external = plum_ip_none();
        if (gw->phase == PLUM_PHASE_LIVE && gw->proto == PLUM_BY_NATPMP) {
            plum_discovery_again(e, gw); /* another server than before */
            return;
        }
        plum_ask_heard(e, gw, PLUM_BY_NATPMP, PLUM_WHY_UNSUPPORTED, PLUM_NATPMP_UNSUPP_VERSION, 0,
                       0, NULL);
        plum_discovery_natpmp(e, gw, false);
        plum_natpmp_lane_pump(e, gw);
        return;
    }
    bool said = gw->phase == PLUM_PHASE_PROBING && gw->pcp == PLUM_ABSENT && !gw->announce_on;
    if (!is_asking(gw) || said) {
        e->stats.dropped++;
        return;
    }
    plum_health_alive(e, gw);
    if (gw->phase == PLUM_PHASE_LIVE && gw->proto == PLUM_BY_PCP)
        plum_discovery_again(e, gw); /* section 9: no loss by itself, but a reason to ask anew */
    else
        no_pcp(e, gw);
}

void plum_pcp_lane_data(plum_engine *e, plum_gateway *gw, const uint8_t *bytes, size_t size)
{
    plum_pcp_response r;
    switch (plum_pcp_read(bytes, size, &r)) {
    case PLUM_PCP_READ_BAD:
        e->stats.dropped++;
        plum_log_gateway(e, 1, gw, "malformed PCP response dropped");
        break;
    case PLUM_PCP_READ_VERSION:
        plum_pcp_lane_version(e, gw, r.version);
        break;
    case PLUM_PCP_READ_OK:
        if (r.opcode == PLUM_PCP_OP_ANNOUNCE)
            on_announce(e, gw, &r);
        else if (r.opcode == PLUM_PCP_OP_MAP)
            on_map(e, gw, &r);
        else
            e->stats.dropped++;
        break;
    }
}
