/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* NAT-PMP towards one gateway: one request at a time, RFC 6886 section 3.1. */
#include "engine/state.h"

/* Section 3.1: 250 ms, doubling, nine sends; 64 s after the last it is given up. */
#define IRT   250u
#define SENDS 9u
/* Where PCP has refused and nothing is known of NAT-PMP, the user waits for a verdict. */
#define SENDS_UNKNOWN 4u

static void arm(plum_engine *e, plum_gateway *gw)
{
    plum_engine_timer_in(e, &gw->np, gw->np_timeout);
}

void plum_natpmp_lane_external_send(plum_engine *e, plum_gateway *gw)
{
    if (!gw->opened)
        return;
    gw->np_external_open = true;
    gw->np_external_sent_at = e->now;
    plum_link_append(&e->tx, &gw->external_tx.link);
}

static bool is_free(const plum_gateway *gw)
{
    return !gw->np_external_on && !gw->np_wire;
}

static void begin(plum_engine *e, plum_gateway *gw)
{
    gw->np_sends = 1;
    gw->np_timeout = IRT;
    arm(e, gw);
}

static void start_external(plum_engine *e, plum_gateway *gw)
{
    gw->np_external_on = true;
    gw->np_external_wanted = false;
    plum_natpmp_lane_external_send(e, gw);
    begin(e, gw);
}

static void start_wire(plum_engine *e, plum_gateway *gw, plum_wire *w)
{
    plum_link_remove(&w->queue);
    gw->np_wire = w;
    plum_wire_send(e, w);
    begin(e, gw);
}

/* NAT-PMP cannot serve this one. Where PCP was asked first, what it said is the better reason. */
static void refuse(plum_engine *e, plum_gateway *gw, plum_wire *w, plum_why why, int32_t code)
{
    (void)gw;
    if (w->pcp_refused)
        plum_wire_failed(e, w, PLUM_WHY_REFUSED, PLUM_BY_PCP, w->pcp_code,
                         plum_time_since(w->pcp_until, e->now));
    else
        plum_wire_failed(e, w, why, PLUM_BY_NATPMP, code, 0);
}

static plum_wire *next_wire(plum_gateway *gw)
{
    return plum_link_is_alone(&gw->np_ready) ? NULL
                                             : PLUM_OBJECT(gw->np_ready.next, plum_wire, queue);
}

void plum_natpmp_lane_pump(plum_engine *e, plum_gateway *gw)
{
    if (!gw->opened)
        return;
    while (is_free(gw)) {
        plum_wire *w = next_wire(gw);
        bool wants_address = w && w->job == PLUM_JOB_MAP && !gw->np_external.family;
        if (w && gw->natpmp == PLUM_ABSENT) {
            if (w->job == PLUM_JOB_DELETE)
                plum_wire_deleted(e, w, false);
            else
                refuse(e, gw, w, PLUM_WHY_UNSUPPORTED, 0);
        } else if (wants_address && gw->np_code) {
            refuse(e, gw, w, PLUM_WHY_REFUSED,
                   gw->np_code); /* opcode 0 said why there is no address */
        } else if (gw->np_external_wanted || wants_address) {
            start_external(e, gw);
        } else if (w) {
            start_wire(e, gw, w);
        } else {
            plum_timer_clear(&e->timers, &gw->np);
            return;
        }
    }
}

void plum_natpmp_lane_external(plum_engine *e, plum_gateway *gw)
{
    if (!gw->np_external_on)
        gw->np_external_wanted = true;
    plum_natpmp_lane_pump(e, gw);
}

void plum_natpmp_lane_stop(plum_engine *e, plum_gateway *gw)
{
    plum_timer_clear(&e->timers, &gw->np);
    plum_link_remove(&gw->external_tx.link);
    gw->np_external_on = gw->np_external_open = gw->np_external_wanted = false;
    gw->np_code = 0;
    if (gw->np_wire) {
        plum_wire *w = gw->np_wire;
        plum_wire_unqueue(w);
        w->stage = PLUM_STAGE_READY;
        plum_link_prepend(&gw->np_ready, &w->queue);
    }
}

static void give_up_external(plum_engine *e, plum_gateway *gw)
{
    bool unknown = gw->natpmp == PLUM_UNKNOWN;
    gw->np_external_on = gw->np_external_open = false;
    if (unknown)
        plum_discovery_natpmp(e, gw, false);
}

static void give_up_wire(plum_engine *e, plum_gateway *gw)
{
    plum_wire *w = gw->np_wire;
    if (w->renewal)
        plum_wire_not_answered(e, w);
    else
        refuse(e, gw, w, PLUM_WHY_NO_ANSWER, 0);
}

void plum_natpmp_lane_timer(plum_engine *e, plum_gateway *gw)
{
    unsigned most = gw->np_external_on && gw->natpmp == PLUM_UNKNOWN ? SENDS_UNKNOWN : SENDS;
    if (is_free(gw)) {
        plum_natpmp_lane_pump(e, gw);
    } else if (gw->np_sends < most) {
        gw->np_sends++;
        gw->np_timeout *= 2;
        if (gw->np_wire) {
            plum_wire_send(e, gw->np_wire);
        } else {
            e->stats.retransmitted++;
            plum_natpmp_lane_external_send(e, gw);
        }
        arm(e, gw);
    } else if (gw->np_wire && gw->np_wire->job == PLUM_JOB_DELETE) {
        plum_wire_deleted(e, gw->np_wire, false);
    } else {
        if (gw->np_wire)
            give_up_wire(e, gw);
        else
            give_up_external(e, gw);
        plum_natpmp_lane_pump(e, gw);
    }
}

/* ---- answers ---- */

static void new_address(plum_engine *e, plum_gateway *gw)
{
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw != gw || !w->mapped || w->by != PLUM_BY_NATPMP || w->job == PLUM_JOB_DELETE ||
            plum_ip_equal(&w->external.ip, &gw->np_external))
            continue;
        w->external.ip = gw->np_external;
        plum_table_success(e, w, true);
    }
}

static void on_external(plum_engine *e, plum_gateway *gw, const plum_natpmp_response *r)
{
    bool usable = r->result == PLUM_NATPMP_SUCCESS && !plum_ip_is_any(&r->external);
    if (!gw->np_external_open) {
        /* Unsolicited: a hint, where it says something new. */
        plum_epoch seen = gw->np_epoch;
        bool same = usable && plum_ip_equal(&r->external, &gw->np_external);
        if (!same || !plum_epoch_natpmp(&seen, e->now, r->epoch))
            plum_health_hint(e, gw);
        return;
    }
    uint32_t rtt = (uint32_t)plum_time_since(e->now, gw->np_external_sent_at);
    gw->np_external_open = gw->np_external_on = false;
    plum_link_remove(&gw->external_tx.link);
    plum_health_alive(e, gw);
    plum_health_natpmp_epoch(e, gw, r->epoch);
    /* 0.0.0.0 is no address to give anybody: the same as a network failure. */
    gw->np_code = usable ? 0 : r->result ? r->result : PLUM_NATPMP_NETWORK_FAILURE;
    gw->np_external = usable ? r->external : plum_ip_none();
    if (usable)
        new_address(e, gw);
    plum_ask_heard(e, gw, PLUM_BY_NATPMP, usable ? PLUM_WHY_NONE : PLUM_WHY_REFUSED, gw->np_code,
                   rtt, r->epoch, usable ? &r->external : NULL);
    plum_discovery_natpmp(e, gw, r->result != PLUM_NATPMP_UNSUPP_OPCODE);
    plum_natpmp_lane_pump(e, gw);
    if (!usable)
        gw->np_code = 0; /* said to those who wait; the next one asks again */
}

static void ask_again(plum_gateway *gw, plum_wire *w)
{
    plum_wire_unqueue(w);
    w->stage = PLUM_STAGE_READY;
    w->sends = 0;
    plum_link_prepend(&gw->np_ready, &w->queue);
}

static void on_map(plum_engine *e, plum_gateway *gw, const plum_natpmp_response *r)
{
    plum_wire *w = gw->np_wire;
    plum_transport transport = r->opcode == PLUM_NATPMP_OP_TCP ? PLUM_TCP : PLUM_UDP;
    /* An error may be cut short; then it has no port, and can only be about the one request that is
     * out. */
    bool ours = w && w->transport == transport &&
                (w->internal_port == r->internal_port || (r->result && !r->internal_port));
    bool delete_answer = r->external_port == 0;
    if (!ours || (!r->result && delete_answer != (w->job == PLUM_JOB_DELETE))) {
        e->stats.dropped++; /* or the late answer to the MAP that a delete undoes (section 3.4) */
        return;
    }
    bool had_address = gw->np_external.family != 0;
    plum_health_alive(e, gw);
    plum_health_natpmp_epoch(e, gw, r->epoch);
    w->unanswered = false;
    if (w->job == PLUM_JOB_DELETE) {
        plum_wire_deleted(e, w, r->result == PLUM_NATPMP_SUCCESS);
    } else if (r->result || r->lifetime == 0) {
        plum_log_wire(e, 2, w, plum_natpmp_result_name(r->result));
        refuse(e, gw, w, PLUM_WHY_REFUSED, r->result);
    } else if (!gw->np_external.family && had_address) {
        ask_again(gw, w); /* after a reset the address may be another one: first that */
    } else if (!gw->np_external.family) {
        /* Opcode 0 has taken its address back while this was out. */
        refuse(e, gw, w, PLUM_WHY_REFUSED, PLUM_NATPMP_NETWORK_FAILURE);
        w->ghosts |= PLUM_ALLOW_NATPMP; /* the rule is there all the same */
    } else {
        plum_addr external = {gw->np_external, r->external_port};
        plum_wire_granted(e, w, PLUM_BY_NATPMP, &external, r->lifetime);
    }
    plum_natpmp_lane_pump(e, gw);
}

void plum_natpmp_lane_data(plum_engine *e, plum_gateway *gw, const uint8_t *bytes, size_t size)
{
    plum_natpmp_response r;
    switch (plum_natpmp_read(bytes, size, &r)) {
    case PLUM_NATPMP_READ_BAD:
        e->stats.dropped++;
        plum_log_gateway(e, 1, gw, "malformed NAT-PMP response dropped");
        break;
    case PLUM_NATPMP_READ_VERSION:
        plum_pcp_lane_version(e, gw, 0);
        break;
    case PLUM_NATPMP_READ_OK:
        if (r.opcode == PLUM_NATPMP_OP_EXTERNAL)
            on_external(e, gw, &r);
        else
            on_map(e, gw, &r);
        break;
    }
}
