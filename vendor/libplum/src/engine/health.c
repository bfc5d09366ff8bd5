/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Is the gateway still the one that gave us what we hold? Epochs, rechecks that write nothing,
 * hints that are verified, and what a refused port means while mappings live.
 */
#include "engine/state.h"

/* An unauthenticated hint causes at most one question a second. */
#define HINT_GAP 1000

/* The daemon restarts: asked again 0.5, 1, 2 and 4 s after each other, given up 8 s after the first
 * refusal. */
static const uint32_t trouble_gaps[] = {500, 1000, 2000, 4000, 500};
#define TROUBLE_STEPS 4u

void plum_health_reset(plum_engine *e, plum_gateway *gw)
{
    plum_timer_clear(&e->timers, &gw->check);
    plum_timer_clear(&e->timers, &gw->trouble);
    plum_timer_clear(&e->timers, &gw->reassert);
    gw->in_trouble = gw->waited = false;
}

void plum_health_alive(plum_engine *e, plum_gateway *gw)
{
    gw->alive_at = e->now;
    gw->in_trouble = false;
    plum_timer_clear(&e->timers, &gw->trouble);
    gw->silent_told = false;
    gw->failures = 0;
    gw->refusals = 0;
}

void plum_health_schedule(plum_engine *e, plum_gateway *gw)
{
    if (gw->phase == PLUM_PHASE_LIVE && !plum_timer_is_set(&gw->check))
        plum_engine_timer_in(e, &gw->check, e->config.recheck_period);
}

void plum_health_check(plum_engine *e, plum_gateway *gw)
{
    if (gw->phase != PLUM_PHASE_LIVE || gw->in_trouble)
        return;
    if (gw->proto == PLUM_BY_PCP)
        plum_pcp_lane_announce(e, gw);
    else
        plum_natpmp_lane_external(e, gw);
}

void plum_health_hint(plum_engine *e, plum_gateway *gw)
{
    if (gw->hinted_at && e->now - gw->hinted_at < HINT_GAP)
        return;
    gw->hinted_at = e->now;
    if (gw->phase == PLUM_PHASE_FAILED) {
        gw->phase = PLUM_PHASE_IDLE; /* it lives: ask now rather than at the next retry */
        plum_timer_clear(&e->timers, &gw->probe);
        plum_gateway_kick(e, gw);
    }
    if (gw->phase != PLUM_PHASE_LIVE || gw->announce_on || gw->waited)
        return;
    /* RFC 6887 section 14.1.3: every host heard it, so each waits a while of its own, once. */
    gw->waited = true;
    plum_engine_timer_in(e, &gw->check, plum_rng_upto(&e->rng, e->config.restart_jitter));
}

/* ---- loss of state ---- */

static void state_lost(plum_engine *e, plum_gateway *gw)
{
    e->stats.resets++;
    plum_log_gateway(e, 3, gw, "has lost its state: mappings are asked for again");
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw == gw && w->mapped && w->by != PLUM_BY_DIRECT)
            w->lost = true;
    }
    uint64_t jitter = gw->waited ? 0 : plum_rng_upto(&e->rng, e->config.restart_jitter);
    gw->waited = false;
    plum_engine_timer_in(e, &gw->reassert, jitter);
    gw->hold_until = 0; /* a new server, as it were */
}

void plum_health_reassert(plum_engine *e, plum_gateway *gw)
{
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw == gw && w->mapped && w->lost && w->job == PLUM_JOB_NONE)
            plum_wire_want(e, w);
    }
}

void plum_health_pcp_epoch(plum_engine *e, plum_gateway *gw, uint32_t epoch)
{
    if (!plum_epoch_pcp(&gw->pcp_epoch, e->now, epoch))
        state_lost(e, gw);
    gw->waited = false;
}

void plum_health_natpmp_epoch(plum_engine *e, plum_gateway *gw, uint32_t epoch)
{
    if (!plum_epoch_natpmp(&gw->np_epoch, e->now, epoch)) {
        state_lost(e, gw);
        gw->np_external = plum_ip_none(); /* who lost its state may have come back with another */
        if (gw->proto == PLUM_BY_NATPMP && plum_allows(e, gw, PLUM_ALLOW_PCP))
            plum_pcp_lane_announce(e, gw); /* it may have come back with PCP */
    }
    gw->waited = false;
}

/* PCP takes over from NAT-PMP. Both count from the same loss of state, so NAT-PMP's epoch is what
 * shows whether its mappings are still there. */
void plum_health_taken_over(plum_engine *e, plum_gateway *gw)
{
    plum_epoch seen = gw->np_epoch;
    gw->np_epoch.known = false;
    if (seen.known && gw->pcp_epoch.known &&
        !plum_epoch_natpmp(&seen, e->now, gw->pcp_epoch.server))
        state_lost(e, gw);
}

/* ---- refused ---- */

void plum_health_refused(plum_engine *e, plum_gateway *gw)
{
    if (gw->phase != PLUM_PHASE_LIVE || gw->in_trouble)
        return;
    gw->in_trouble = true;
    gw->trouble_step = 0;
    plum_pcp_lane_announce_stop(e, gw);
    plum_engine_timer_in(e, &gw->trouble, trouble_gaps[0]);
}

void plum_health_trouble(plum_engine *e, plum_gateway *gw)
{
    if (gw->trouble_step < TROUBLE_STEPS) {
        if (gw->proto == PLUM_BY_PCP)
            plum_pcp_lane_announce_send(e, gw);
        else
            plum_natpmp_lane_external_send(e, gw);
        plum_engine_timer_in(e, &gw->trouble, trouble_gaps[++gw->trouble_step]);
        return;
    }
    /* Nobody has come back: ask anew who is there. What we held is not believed any more. */
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->gw != gw || !w->mapped || w->by == PLUM_BY_DIRECT || w->job == PLUM_JOB_DELETE)
            continue;
        w->lost = true;
        if (w->job == PLUM_JOB_NONE)
            plum_wire_want(e, w);
    }
    plum_discovery_again(e, gw);
}
