/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Networks and their gateways: one socket each, what comes in on it, which lane a request takes. */
#include "engine/state.h"

/* A verdict younger than this is told to a new mapping as it is. */
#define FRESH_AFTER 2000

/* ---- networks ---- */

static bool same_network(const plum_network_info *a, const plum_network_info *b)
{
    return plum_net_family(a) == plum_net_family(b) && a->ifindex == b->ifindex &&
           plum_ip_equal(&a->local, &b->local) && plum_addr_equal(&a->gateway, &b->gateway);
}

static plum_gateway *new_gateway(plum_engine *e, const plum_network_info *net)
{
    if (!plum_heap_reserve(&e->timers, &e->mem, PLUM_GATEWAY_TIMERS))
        return NULL;
    plum_gateway *gw = plum_mem_new(&e->mem, sizeof *gw);
    if (!gw) {
        plum_heap_release(&e->timers, PLUM_GATEWAY_TIMERS);
        return NULL;
    }
    gw->net = *net;
    gw->local = net->local;
    plum_link *const links[] = {
        &gw->link,     &gw->waiting,          &gw->pcp_ready,        &gw->pcp_deletes,
        &gw->pcp_sent, &gw->announce_tx.link, &gw->external_tx.link, &gw->np_ready,
    };
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        plum_link_init(links[i]);
    gw->announce_tx.kind = PLUM_TX_ANNOUNCE;
    gw->external_tx.kind = PLUM_TX_EXTERNAL;
    plum_timer_init(&gw->probe, PLUM_TIMER_PROBE);
    plum_timer_init(&gw->silent, PLUM_TIMER_SILENT);
    plum_timer_init(&gw->grace, PLUM_TIMER_GRACE);
    plum_timer_init(&gw->rto, PLUM_TIMER_RTO);
    plum_timer_init(&gw->pace, PLUM_TIMER_PACE);
    plum_timer_init(&gw->announce, PLUM_TIMER_ANNOUNCE);
    plum_timer_init(&gw->np, PLUM_TIMER_NATPMP);
    plum_timer_init(&gw->check, PLUM_TIMER_CHECK);
    plum_timer_init(&gw->trouble, PLUM_TIMER_TROUBLE);
    plum_timer_init(&gw->reassert, PLUM_TIMER_REASSERT);
    plum_timer_init(&gw->pcp_again, PLUM_TIMER_PCP_AGAIN);
    plum_pacing_init(&gw->pacing);
    plum_link_append(&e->gateways, &gw->link);
    return gw;
}

/* Announcements (RFC 6886 section 3.2.1, RFC 6887 section 14.1.3) are heard while the gateway is of
 * use. Not getting the port is no failure: rechecks find out as well, later. */
static void open_ear(plum_engine *e, plum_gateway *gw)
{
    gw->ear = ++e->next_sock;
    gw->ear_due = true;
}

static void close_ear(plum_gateway *gw)
{
    if (gw->ear && !gw->ear_due)
        gw->close_ear = gw->ear;
    gw->ear = 0;
    gw->ear_due = false;
}

static void stop(plum_engine *e, plum_gateway *gw)
{
    plum_discovery_stop(e, gw);
    plum_health_reset(e, gw);
    plum_pcp_lane_announce_stop(e, gw);
    plum_natpmp_lane_stop(e, gw);
    plum_timer_clear(&e->timers, &gw->rto);
    plum_timer_clear(&e->timers, &gw->pace);
    gw->phase = PLUM_PHASE_IDLE;
    plum_gateway_close(e, gw);
    close_ear(gw);
}

static void retire(plum_engine *e, plum_gateway *gw)
{
    plum_ask_lost(e, gw);
    stop(e, gw);
    gw->gone = true;
    plum_link_append(&e->gone, &gw->link);
}

/* Called when nothing of it is due any more. */
void plum_gateway_free(plum_engine *e, plum_gateway *gw)
{
    plum_heap_release(&e->timers, PLUM_GATEWAY_TIMERS);
    plum_link_remove(&gw->link);
    plum_mem_free(&e->mem, gw);
}

static void move_wires(plum_engine *e, uint8_t family)
{
    for (plum_link *l = e->wires.next, *next; l != &e->wires; l = next) {
        next = l->next;
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->family != family)
            continue;
        bool deleting = w->job == PLUM_JOB_DELETE;
        plum_wire_unbind(e, w);
        if (deleting)
            plum_wire_finish(e, w); /* there is nobody left to tell */
        else
            plum_wire_begin(e, w);
    }
}

static void change_network(plum_engine *e, uint8_t family, const plum_network_info *net)
{
    size_t slot = family == 6;
    plum_gateway *old = e->gws[slot];
    e->gws[slot] = net->gateway.ip.family ? new_gateway(e, net) : NULL;
    e->nets[slot] = *net;
    if (e->gws[slot])
        plum_log_gateway(e, 2, e->gws[slot], "is the way out now");
    move_wires(e, family);
    if (old)
        retire(e, old);
}

/* Wires whose family nobody chose follow the networks, unless another wire has that port there. */
static void move_free_families(plum_engine *e)
{
    bool have4 = plum_net_family(&e->nets[0]) != 0, have6 = plum_net_family(&e->nets[1]) != 0;
    if (have4 == have6)
        return;
    uint8_t family = have4 ? 4 : 6;
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        if (w->family_is_free && w->family != family && w->job == PLUM_JOB_NONE && !w->gw &&
            !plum_table_wire(e, family, w->transport, w->internal_port)) {
            plum_timer_clear(&e->timers, &w->limit);
            plum_table_rekey(e, w, family);
            plum_wire_begin(e, w);
        }
    }
}

void plum_gateway_networks(plum_engine *e, const plum_network_info *list, size_t count)
{
    static const plum_network_info none;
    for (uint8_t family = 4; family <= 6; family += 2) {
        const plum_network_info *best = &none;
        for (size_t i = 0; i < count && best == &none; i++)
            if (plum_net_family(&list[i]) == family)
                best = &list[i];
        plum_network_info *now = &e->nets[family == 6];
        bool missing =
            best->gateway.ip.family && !e->gws[family == 6]; /* no memory the last time */
        if (!same_network(best, now) || missing)
            change_network(e, family, best);
        else
            *now = *best;
    }
    move_free_families(e);
}

/* ---- socket ---- */

plum_gateway *plum_gateway_by_sock(plum_engine *e, plum_sock sock)
{
    for (plum_link *l = e->gateways.next; l != &e->gateways; l = l->next) {
        plum_gateway *gw = PLUM_OBJECT(l, plum_gateway, link);
        if (sock && ((gw->sock == sock && !gw->open_due) || (gw->ear == sock && !gw->ear_due)))
            return gw;
    }
    return NULL;
}

void plum_gateway_close(plum_engine *e, plum_gateway *gw)
{
    (void)e;
    if (gw->sock && !gw->open_due)
        gw->close_sock = gw->sock;
    gw->sock = 0;
    gw->open_due = gw->opened = false;
    plum_link_remove(&gw->announce_tx.link);
    plum_link_remove(&gw->external_tx.link);
}

void plum_gateway_opened(plum_engine *e, plum_gateway *gw, plum_sock sock, const plum_addr *local)
{
    if (gw->opened || sock != gw->sock)
        return;
    gw->opened = true;
    gw->local = local->ip;
    if (gw->phase == PLUM_PHASE_LIVE || gw->phase == PLUM_PHASE_PROBING)
        plum_discovery_again(e, gw); /* another local address: what was out is asked again */
    plum_gateway_kick(e, gw);
}

void plum_gateway_fail(plum_engine *e, plum_gateway *gw, plum_sock sock, plum_fail_kind what,
                       bool dead)
{
    if (sock == gw->ear) {
        if (dead)
            close_ear(gw);
        return;
    }
    if (dead || what == PLUM_FAIL_NO_FDS || (!gw->opened && what != PLUM_FAIL_REFUSED)) {
        plum_log_gateway(e, 3, gw, "no socket");
        plum_gateway_close(e, gw);
        plum_discovery_fail(e, gw,
                            what == PLUM_FAIL_UNREACHABLE ? PLUM_WHY_NO_ANSWER : PLUM_WHY_RESOURCES,
                            PLUM_BY_UNKNOWN, 0);
    } else if (what == PLUM_FAIL_REFUSED) {
        plum_log_gateway(e, 1, gw, "port refused");
        if (gw->phase == PLUM_PHASE_PROBING)
            plum_discovery_refused(e, gw);
        else
            plum_health_refused(e, gw);
    } else {
        plum_log_gateway(e, 1, gw, "a datagram could not be sent"); /* lost, as any other may be */
    }
}

/* Anybody on the link can send one: it is a reason to ask, and nothing more. */
static void on_announcement(plum_engine *e, plum_gateway *gw, const plum_event *ev)
{
    e->stats.received++;
    if (plum_addr_equal(&ev->u.data.from, &gw->net.gateway) && ev->u.data.size >= 4)
        plum_health_hint(e, gw);
    else
        e->stats.dropped++;
}

void plum_gateway_data(plum_engine *e, plum_gateway *gw, const plum_event *ev)
{
    if (ev->u.data.sock == gw->ear) {
        on_announcement(e, gw, ev);
        return;
    }
    const uint8_t *bytes = ev->u.data.bytes;
    size_t size = ev->u.data.size;
    e->stats.received++;
    /* RFC 6887 section 8.3, RFC 6886 section 3.3: from the server, address and port. What is longer
     * than the loop's buffer is longer than any valid answer. */
    if (!plum_addr_equal(&ev->u.data.from, &gw->net.gateway) || size == 0 ||
        (ev->u.data.flags & (PLUM_DATA_TRUNCATED | PLUM_DATA_MULTICAST)))
        e->stats.dropped++;
    else if (bytes[0] == 0)
        plum_natpmp_lane_data(e, gw, bytes, size);
    else
        plum_pcp_lane_data(e, gw, bytes, size);
}

/* ---- work ---- */

bool plum_gateway_has_asks(const plum_engine *e, const plum_gateway *gw)
{
    for (plum_link *l = e->asks.next; l != &e->asks; l = l->next) {
        const plum_ask *a = PLUM_OBJECT(l, plum_ask, link);
        if (a->gw == gw && !a->ended)
            return true;
    }
    return false;
}

void plum_gateway_kick(plum_engine *e, plum_gateway *gw)
{
    if (gw->gone)
        return;
    if (gw->wires == 0 && !plum_gateway_has_asks(e, gw)) {
        stop(e, gw);
        return;
    }
    if (!gw->sock) {
        if (gw->phase == PLUM_PHASE_FAILED && plum_timer_is_set(&gw->probe))
            return; /* no socket was to be had: its retry comes */
        gw->sock = ++e->next_sock;
        gw->open_due = true;
        if (!gw->ear)
            open_ear(e, gw);
    }
    if (!gw->opened)
        return;
    if (gw->phase == PLUM_PHASE_IDLE)
        plum_discovery_begin(e, gw);
    plum_pcp_lane_pump(e, gw);
    plum_natpmp_lane_pump(e, gw);
}

void plum_gateway_route(plum_engine *e, plum_gateway *gw, plum_wire *w)
{
    if ((gw->phase == PLUM_PHASE_FAILED || gw->silent_told) && !w->mapped &&
        e->now - gw->begun_at >= FRESH_AFTER) {
        /* Somebody asks anew: worth a new try now rather than the old verdict. */
        gw->phase = PLUM_PHASE_IDLE;
        gw->silent_told = false;
        plum_timer_clear(&e->timers, &gw->probe);
    }
    if (gw->phase != PLUM_PHASE_LIVE) {
        plum_link_append(&gw->waiting, &w->queue);
        plum_discovery_tell(e, gw, w);
        return;
    }
    w->via = gw->proto;
    if (w->via == PLUM_BY_PCP && w->pcp_refused)
        w->via = PLUM_BY_NATPMP;
    if (w->via == PLUM_BY_PCP && !w->mapped && gw->hold_until > e->now) {
        /* RFC 6887 section 11.4: NO_RESOURCES holds for every new mapping. */
        plum_wire_failed(e, w, PLUM_WHY_REFUSED, PLUM_BY_PCP, gw->hold_code,
                         gw->hold_until - e->now);
        return;
    }
    plum_link_append(w->via == PLUM_BY_PCP ? &gw->pcp_ready : &gw->np_ready, &w->queue);
}

void plum_gateway_timer(plum_engine *e, plum_gateway *gw, uint8_t kind)
{
    switch (kind) {
    case PLUM_TIMER_PROBE:
        plum_discovery_step(e, gw);
        break;
    case PLUM_TIMER_SILENT:
        plum_discovery_silent(e, gw);
        break;
    case PLUM_TIMER_GRACE:
        plum_discovery_grace(e, gw);
        break;
    case PLUM_TIMER_RTO:
        plum_pcp_lane_rto(e, gw);
        break;
    case PLUM_TIMER_PACE:
        gw->burst = 0;
        plum_pcp_lane_pump(e, gw);
        break;
    case PLUM_TIMER_ANNOUNCE:
        plum_pcp_lane_announce_timer(e, gw);
        break;
    case PLUM_TIMER_NATPMP:
        plum_natpmp_lane_timer(e, gw);
        break;
    case PLUM_TIMER_CHECK:
        plum_health_check(e, gw);
        plum_health_schedule(e, gw);
        break;
    case PLUM_TIMER_TROUBLE:
        plum_health_trouble(e, gw);
        break;
    case PLUM_TIMER_REASSERT:
        plum_health_reassert(e, gw);
        break;
    case PLUM_TIMER_PCP_AGAIN:
        plum_pcp_lane_announce(e, gw);
        break;
    default:
        break;
    }
}
