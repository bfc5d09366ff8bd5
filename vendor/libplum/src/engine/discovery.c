/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who answers, and who may write: questions race, one protocol writes. At the start a MAP of the
 * first mapping is the question for PCP (an ANNOUNCE where nothing is to be mapped); with its first
 * retransmission goes NAT-PMP's opcode 0, which writes nothing. PCP is preferred where both answer.
 */
#include "engine/schedule.h"
#include "engine/state.h"

/* Our one deviation from RFC 6887 section 8.1.1 (IRT 3 s): RFC 6886 section 3.1 has 250 ms, and a
 * person waits. */
#define PROBE_IRT 250
/* RFC 6887 section 8.1.1: MRT */
#define PROBE_MRT 1024000
/* Silence is never definite, but after this long it is told. */
#define SILENT_AFTER 2000
/* NAT-PMP has answered: PCP, asked before, has this long, or four round trips. */
#define LEAST_GRACE 50
/* RFC 6886 section 1.1: PCP is to be preferred, so "only NAT-PMP" is never for ever. */
#define PCP_AGAIN (24u * 3600u * 1000u)

static bool pcp_is_open(const plum_engine *e, const plum_gateway *gw)
{
    return plum_allows(e, gw, PLUM_ALLOW_PCP) && gw->pcp == PLUM_UNKNOWN;
}

static bool natpmp_is_open(const plum_engine *e, const plum_gateway *gw)
{
    return plum_allows(e, gw, PLUM_ALLOW_NATPMP) && gw->natpmp == PLUM_UNKNOWN;
}

void plum_discovery_stop(plum_engine *e, plum_gateway *gw)
{
    plum_timer_clear(&e->timers, &gw->probe);
    plum_timer_clear(&e->timers, &gw->silent);
    plum_timer_clear(&e->timers, &gw->grace);
    plum_timer_clear(&e->timers, &gw->pcp_again);
}

/* ---- asking ---- */

static plum_wire *probing_wire(plum_gateway *gw)
{
    plum_link *lists[] = {&gw->pcp_sent, &gw->waiting};
    for (size_t i = 0; i < 2; i++)
        for (plum_link *l = lists[i]->next; l != lists[i]; l = l->next) {
            plum_wire *w = PLUM_OBJECT(l, plum_wire, queue);
            if (w->job == PLUM_JOB_MAP)
                return w;
        }
    return NULL;
}

static void ask_pcp(plum_engine *e, plum_gateway *gw, uint32_t timeout)
{
    plum_wire *w = probing_wire(gw);
    if (!w) {
        plum_pcp_lane_announce_send(e, gw);
        return;
    }
    if (w->stage == PLUM_STAGE_READY) {
        w->via = PLUM_BY_PCP;
        plum_link_append(&gw->pcp_sent, &w->queue);
        plum_pcp_lane_enter_window(w);
    }
    w->timeout = timeout; /* should it become the lane's, by an answer to another question */
    plum_wire_send(e, w);
}

static void ask(plum_engine *e, plum_gateway *gw)
{
    bool pcp = pcp_is_open(e, gw);
    bool at_once =
        !pcp || gw->probe_sends > 0 || gw->proto == PLUM_BY_NATPMP || plum_gateway_has_asks(e, gw);
    uint64_t next = PROBE_IRT;
    if (gw->probe_sends++) {
        uint32_t most = e->config.recheck_period < PROBE_MRT ? e->config.recheck_period : PROBE_MRT;
        next = plum_time_min((plum_time)gw->probe_timeout * 2, most > PROBE_IRT ? most : PROBE_IRT);
    }
    gw->probe_timeout = plum_pacing_rand(&e->rng, (uint32_t)next);
    plum_engine_timer_in(e, &gw->probe, gw->probe_timeout);
    if (pcp)
        ask_pcp(e, gw, gw->probe_timeout);
    if (natpmp_is_open(e, gw) && at_once)
        plum_natpmp_lane_external_send(e, gw);
}

void plum_discovery_begin(plum_engine *e, plum_gateway *gw)
{
    plum_discovery_stop(e, gw);
    gw->phase = PLUM_PHASE_PROBING;
    gw->pcp = gw->natpmp = PLUM_UNKNOWN;
    gw->probe_sends = gw->refusals = 0;
    gw->begun_at = e->now;
    if (!pcp_is_open(e, gw) && !natpmp_is_open(e, gw)) {
        plum_discovery_fail(e, gw, PLUM_WHY_UNSUPPORTED, PLUM_BY_UNKNOWN, 0);
        return;
    }
    if (!gw->silent_told)
        plum_engine_timer_in(e, &gw->silent,
                             plum_time_min(SILENT_AFTER, e->config.mapping_timeout));
    ask(e, gw);
}

/* Every wire that is on a lane with a MAP waits again. */
static void gather(plum_engine *e, plum_gateway *gw)
{
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw != gw || w->job != PLUM_JOB_MAP)
            continue;
        plum_wire_unqueue(w);
        plum_timer_clear(&e->timers, &w->act);
        w->stage = PLUM_STAGE_READY;
        w->sends = 0;
        w->renewal = false;
        plum_link_append(&gw->waiting, &w->queue);
    }
}

void plum_discovery_again(plum_engine *e, plum_gateway *gw)
{
    gather(e, gw);
    plum_health_reset(e, gw);
    plum_pcp_lane_announce_stop(e, gw);
    plum_natpmp_lane_stop(e, gw);
    if (gw->opened)
        plum_discovery_begin(e, gw);
    else
        gw->phase = PLUM_PHASE_IDLE;
}

void plum_discovery_step(plum_engine *e, plum_gateway *gw)
{
    if (gw->phase == PLUM_PHASE_PROBING) {
        ask(e, gw);
    } else if (gw->phase == PLUM_PHASE_FAILED) {
        gw->phase = PLUM_PHASE_IDLE;
        plum_gateway_kick(e, gw);
    }
}

/* ---- answers ---- */

static void decide(plum_engine *e, plum_gateway *gw, plum_by by)
{
    plum_discovery_stop(e, gw);
    gw->phase = PLUM_PHASE_LIVE;
    gw->proto = by;
    plum_log_gateway(e, 2, gw, by == PLUM_BY_PCP ? "speaks PCP" : "speaks NAT-PMP");
    if (by == PLUM_BY_NATPMP && plum_allows(e, gw, PLUM_ALLOW_PCP))
        /* It said no, or it was only silent, and that proves little. */
        plum_engine_timer_in(e, &gw->pcp_again,
                             gw->pcp == PLUM_ABSENT ? PCP_AGAIN : e->config.recheck_period);
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        bool answering = w->stage == PLUM_STAGE_SENT && w->via == by;
        if (w->gw != gw || answering)
            continue;
        if (w->job == PLUM_JOB_MAP) {
            plum_wire_unqueue(w);
            w->stage = PLUM_STAGE_READY;
            w->sends = 0;
            w->unanswered = false;
            plum_gateway_route(e, gw, w);
        } else if (w->job == PLUM_JOB_NONE && w->mapped && by == PLUM_BY_NATPMP &&
                   w->by == PLUM_BY_PCP) {
            plum_wire_want(e, w); /* nobody can renew it by PCP any more */
        }
    }
    if (by == PLUM_BY_PCP)
        plum_health_taken_over(e, gw);
    plum_health_schedule(e, gw);
    if (plum_gateway_has_asks(e, gw)) { /* discovery's own questions end here, the user's do not */
        if (plum_allows(e, gw, PLUM_ALLOW_NATPMP) && gw->natpmp == PLUM_UNKNOWN)
            plum_natpmp_lane_external(e, gw);
        if (plum_allows(e, gw, PLUM_ALLOW_PCP) && gw->pcp == PLUM_UNKNOWN)
            plum_pcp_lane_announce(e, gw);
    }
    plum_gateway_kick(e, gw);
}

void plum_discovery_pcp(plum_engine *e, plum_gateway *gw, bool present)
{
    gw->pcp = present ? PLUM_PRESENT : PLUM_ABSENT;
    if (present && gw->phase == PLUM_PHASE_LIVE && gw->proto == PLUM_BY_NATPMP) {
        gw->proto = PLUM_BY_PCP; /* each mapping moves when it is renewed */
        plum_health_taken_over(e, gw);
        plum_timer_clear(&e->timers, &gw->pcp_again);
        plum_log_gateway(e, 2, gw, "speaks PCP after all");
    }
    if (gw->phase != PLUM_PHASE_PROBING && gw->phase != PLUM_PHASE_FAILED)
        return;
    if (present && plum_allows(e, gw, PLUM_ALLOW_PCP))
        decide(e, gw, PLUM_BY_PCP);
    else if (gw->phase == PLUM_PHASE_FAILED)
        return;
    else if (gw->natpmp == PLUM_PRESENT)
        decide(e, gw, PLUM_BY_NATPMP);
    else if (natpmp_is_open(e, gw))
        plum_natpmp_lane_external_send(e, gw);
    else
        plum_discovery_fail(e, gw, PLUM_WHY_UNSUPPORTED, PLUM_BY_UNKNOWN, 0);
}

void plum_discovery_natpmp(plum_engine *e, plum_gateway *gw, bool present)
{
    gw->natpmp = present ? PLUM_PRESENT : PLUM_ABSENT;
    if (gw->phase != PLUM_PHASE_PROBING)
        return;
    if (!present) {
        if (!pcp_is_open(e, gw))
            plum_discovery_fail(e, gw, PLUM_WHY_UNSUPPORTED, PLUM_BY_UNKNOWN, 0);
        return;
    }
    if (!pcp_is_open(e, gw)) {
        decide(e, gw, PLUM_BY_NATPMP);
        return;
    }
    uint64_t rtt = plum_time_since(e->now, gw->np_external_sent_at);
    plum_engine_timer_in(e, &gw->grace, plum_time_max(LEAST_GRACE, 4 * rtt));
}

void plum_discovery_grace(plum_engine *e, plum_gateway *gw)
{
    if (gw->phase == PLUM_PHASE_PROBING && gw->natpmp == PLUM_PRESENT)
        decide(e, gw, PLUM_BY_NATPMP);
}

/* ---- no answers ---- */

/* A host with an address of the internet's own needs no gateway that answers. */
static bool is_direct(const plum_gateway *gw)
{
    return (gw->why == PLUM_WHY_NO_ANSWER || gw->why == PLUM_WHY_CLOSED) &&
           plum_ip_is_public(&gw->local);
}

void plum_discovery_tell(plum_engine *e, plum_gateway *gw, plum_wire *w)
{
    if (gw->phase != PLUM_PHASE_FAILED && !gw->silent_told)
        return;
    if (w->job != PLUM_JOB_MAP || (w->mapped && !w->lost && w->by != PLUM_BY_DIRECT))
        return;
    if (is_direct(gw))
        plum_wire_direct(e, w);
    else if (w->mapped)
        plum_wire_lose(e, w, gw->why, gw->why_by, gw->code);
    else
        plum_table_failure(e, w, gw->why, gw->why_by, gw->code);
}

static void tell_all(plum_engine *e, plum_gateway *gw)
{
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw == gw)
            plum_discovery_tell(e, gw, w);
    }
}

void plum_discovery_silent(plum_engine *e, plum_gateway *gw)
{
    gw->silent_told = true;
    gw->why = PLUM_WHY_NO_ANSWER;
    gw->why_by = PLUM_BY_UNKNOWN;
    gw->code = 0;
    plum_log_gateway(e, 3, gw, "no answer on the port of PCP and NAT-PMP; asking on");
    tell_all(e, gw);
}

void plum_discovery_refused(plum_engine *e, plum_gateway *gw)
{
    /* One ICMP error may be a restart or a stray; a second request that is refused too is an
     * answer. */
    if (++gw->refusals >= 2)
        plum_discovery_fail(e, gw, PLUM_WHY_CLOSED, PLUM_BY_UNKNOWN, 0);
}

void plum_discovery_fail(plum_engine *e, plum_gateway *gw, plum_why why, plum_by by, int32_t code)
{
    plum_discovery_stop(e, gw);
    gather(e, gw);
    plum_health_reset(e, gw);
    plum_pcp_lane_announce_stop(e, gw);
    plum_natpmp_lane_stop(e, gw);
    gw->phase = PLUM_PHASE_FAILED;
    gw->why = why;
    gw->why_by = by;
    gw->code = code;
    plum_log_gateway(e, 3, gw,
                     why == PLUM_WHY_CLOSED ? "the port of PCP and NAT-PMP is closed"
                                            : "cannot be used");
    uint32_t wait = plum_schedule_backoff(gw->failures++, e->config.recheck_period);
    plum_engine_timer_in(e, &gw->probe, plum_pacing_rand(&e->rng, wait));
    tell_all(e, gw);
    plum_ask_heard(e, gw, PLUM_BY_PCP, why, code, 0, 0, NULL);
    plum_ask_heard(e, gw, PLUM_BY_NATPMP, why, code, 0, 0, NULL);
}
