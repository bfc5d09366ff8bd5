/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The door: events to the parts, what the parts have to say as actions. */
#include "engine/state.h"

#define ALLOW_BUILT (PLUM_ALLOW_PCP | PLUM_ALLOW_NATPMP)

uint32_t plum_engine_protocols(void)
{
    return ALLOW_BUILT;
}

static bool config_is_valid(const plum_engine_config *c)
{
    return c->lifetime && c->discover_timeout && c->mapping_timeout && c->recheck_period &&
           c->shutdown_timeout;
}

plum_engine *plum_engine_new(const plum_engine_config *config, const plum_hooks *hooks,
                             plum_time now)
{
    if (!config_is_valid(config))
        return NULL;
    plum_mem mem = {*hooks};
    plum_engine *e = plum_mem_new(&mem, sizeof *e);
    if (!e)
        return NULL;
    e->mem = mem;
    e->config = *config;
    e->config.allow &= ALLOW_BUILT;
    e->now = now;
    plum_link *const links[] = {&e->wires, &e->gateways, &e->gone, &e->tx, &e->notices, &e->asks};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        plum_link_init(links[i]);
    plum_timer_init(&e->stop, PLUM_TIMER_SHUTDOWN);
    if (hooks->random(hooks->ctx, &e->rng.state, sizeof e->rng.state) != 0 ||
        !plum_heap_reserve(&e->timers, &e->mem, 1)) {
        plum_mem_free(&mem, e);
        return NULL;
    }
    return e;
}

void plum_engine_free(plum_engine *e)
{
    if (!e)
        return;
    plum_ask_free_all(e);
    plum_table_free_all(e);
    plum_link *const lists[] = {&e->gateways, &e->gone};
    for (size_t i = 0; i < 2; i++)
        while (!plum_link_is_alone(lists[i]))
            plum_gateway_free(e, PLUM_OBJECT(lists[i]->next, plum_gateway, link));
    plum_heap_free(&e->timers, &e->mem);
    plum_mem mem = e->mem;
    plum_mem_free(&mem, e);
}

/* ---- timers ---- */

static void shut_down_now(plum_engine *e)
{
    for (plum_link *l = e->wires.next, *next; l != &e->wires; l = next) {
        next = l->next;
        plum_wire_deleted(e, PLUM_OBJECT(l, plum_wire, link), false);
    }
}

static void fire(plum_engine *e, plum_timer *t)
{
    switch (t->kind) {
    case PLUM_TIMER_HANDLE:
        plum_table_timeout(e, PLUM_OBJECT(t, plum_handle, timeout));
        break;
    case PLUM_TIMER_WIRE_ACT:
        plum_wire_act(e, PLUM_OBJECT(t, plum_wire, act));
        break;
    case PLUM_TIMER_WIRE_LIMIT:
        plum_wire_limit(e, PLUM_OBJECT(t, plum_wire, limit));
        break;
    case PLUM_TIMER_ASK:
        plum_ask_timer(e, PLUM_OBJECT(t, plum_ask, end));
        break;
    case PLUM_TIMER_SHUTDOWN:
        shut_down_now(e);
        break;
#define OF_GATEWAY(name, member)                                                                   \
    case name:                                                                                     \
        plum_gateway_timer(e, PLUM_OBJECT(t, plum_gateway, member), name);                         \
        break
        OF_GATEWAY(PLUM_TIMER_PROBE, probe);
        OF_GATEWAY(PLUM_TIMER_SILENT, silent);
        OF_GATEWAY(PLUM_TIMER_GRACE, grace);
        OF_GATEWAY(PLUM_TIMER_CHECK, check);
        OF_GATEWAY(PLUM_TIMER_ANNOUNCE, announce);
        OF_GATEWAY(PLUM_TIMER_RTO, rto);
        OF_GATEWAY(PLUM_TIMER_NATPMP, np);
        OF_GATEWAY(PLUM_TIMER_TROUBLE, trouble);
        OF_GATEWAY(PLUM_TIMER_REASSERT, reassert);
        OF_GATEWAY(PLUM_TIMER_PCP_AGAIN, pcp_again);
        OF_GATEWAY(PLUM_TIMER_PACE, pace);
#undef OF_GATEWAY
    default:
        break;
    }
}

/* ---- events ---- */

void plum_engine_maybe_stopped(plum_engine *e)
{
    if (!e->stopping || e->stopped || !plum_link_is_alone(&e->wires))
        return;
    plum_timer_clear(&e->timers, &e->stop);
    plum_ask_lost(e, NULL);
    for (plum_link *l = e->gateways.next; l != &e->gateways; l = l->next)
        plum_gateway_kick(e, PLUM_OBJECT(l, plum_gateway, link)); /* without work it closes */
    e->stopped = e->stop_due = true;
}

static void shut_down(plum_engine *e, plum_time deadline)
{
    if (e->stopping)
        return;
    e->stopping = true;
    plum_engine_timer(e, &e->stop, deadline);
    plum_ask_lost(e, NULL);
    plum_table_destroy_all(e);
    /* Deletes that were under way end by then as well. */
    for (plum_link *l = e->wires.next; l != &e->wires; l = l->next) {
        plum_wire *w = PLUM_OBJECT(l, plum_wire, link);
        w->deadline = plum_time_min(w->deadline, e->stop.at);
    }
    plum_engine_maybe_stopped(e);
}

static int dispatch(plum_engine *e, const plum_event *ev)
{
    plum_gateway *gw;
    switch (ev->kind) {
    case PLUM_EV_TICK:
        return PLUM_E_OK;
    case PLUM_EV_NETWORKS:
        if (!e->stopping)
            plum_gateway_networks(e, ev->u.networks.list, ev->u.networks.count);
        return PLUM_E_OK;
    case PLUM_EV_CREATE:
        return plum_table_create(e, ev->u.create.id, ev->u.create.options);
    case PLUM_EV_DESTROY:
        return plum_table_destroy(e, ev->u.destroy.id);
    case PLUM_EV_SHUTDOWN:
        shut_down(e, ev->u.shutdown.deadline);
        return PLUM_E_OK;
    case PLUM_EV_ASK:
        return plum_ask_begin(e, ev->u.ask.request, ev->u.ask.what);
    case PLUM_EV_ASK_CANCEL:
        return plum_ask_cancel(e, ev->u.ask.request);
    case PLUM_EV_OPENED:
        gw = plum_gateway_by_sock(e, ev->u.opened.sock);
        if (gw)
            plum_gateway_opened(e, gw, ev->u.opened.sock, &ev->u.opened.local);
        return PLUM_E_OK;
    case PLUM_EV_DATA:
        gw = plum_gateway_by_sock(e, ev->u.data.sock);
        if (gw)
            plum_gateway_data(e, gw, ev);
        return PLUM_E_OK;
    case PLUM_EV_FAIL:
        gw = plum_gateway_by_sock(e, ev->u.fail.sock);
        if (gw)
            plum_gateway_fail(e, gw, ev->u.fail.sock, ev->u.fail.what, ev->u.fail.dead);
        return PLUM_E_OK;
    case PLUM_EV_SNAPSHOT:
    case PLUM_EV_RESTORE:
        return PLUM_E_UNSUPPORTED;
    }
    return PLUM_E_INVALID;
}

int plum_engine_handle(plum_engine *e, plum_time now, const plum_event *ev)
{
    e->now = plum_time_max(e->now, now);
    for (plum_timer *t; (t = plum_heap_due(&e->timers, e->now)) != NULL;)
        fire(e, t);
    return dispatch(e, ev);
}

plum_time plum_engine_deadline(const plum_engine *e)
{
    return plum_heap_first(&e->timers);
}

/* ---- actions ---- */

static void open_action(const plum_gateway *gw, plum_sock sock, plum_open_kind what,
                        plum_action *out)
{
    out->kind = PLUM_ACT_OPEN;
    out->u.open.sock = sock;
    out->u.open.what = what;
    out->u.open.network = gw->net.network;
    out->u.open.ifindex = gw->net.ifindex;
    out->u.open.local = gw->net.local;
    out->u.open.remote = gw->net.gateway;
}

static bool poll_open(plum_engine *e, plum_action *out)
{
    for (plum_link *l = e->gateways.next; l != &e->gateways; l = l->next) {
        plum_gateway *gw = PLUM_OBJECT(l, plum_gateway, link);
        if (gw->open_due) {
            gw->open_due = false;
            open_action(gw, gw->sock, PLUM_OPEN_UDP, out);
            return true;
        }
        if (gw->ear_due) {
            gw->ear_due = false;
            open_action(gw, gw->ear, PLUM_OPEN_ANNOUNCE, out);
            return true;
        }
    }
    return false;
}

static size_t encode_wire(plum_engine *e, const plum_gateway *gw, const plum_wire *w)
{
    bool map = w->job == PLUM_JOB_MAP;
    if (w->via == PLUM_BY_NATPMP) {
        uint8_t opcode = w->transport == PLUM_TCP ? PLUM_NATPMP_OP_TCP : PLUM_NATPMP_OP_UDP;
        /* RFC 6886 section 3.4: a delete has lifetime 0 and suggested port 0. */
        return plum_natpmp_write_map(e->out, opcode, w->internal_port,
                                     map ? w->ask_external.port : 0, map ? w->ask_lifetime : 0);
    }
    /* RFC 6887 section 15.1: a delete has lifetime 0, suggested port and address all zeros, and no
     * option. */
    plum_pcp_map m = {.protocol = w->transport == PLUM_TCP ? PLUM_PCP_TCP : PLUM_PCP_UDP,
                      .internal_port = w->internal_port};
    for (size_t i = 0; i < sizeof m.nonce; i++)
        m.nonce[i] = w->nonce[i];
    if (map) {
        m.external_port = w->ask_external.port;
        m.external = w->ask_external.ip;
    }
    return plum_pcp_write_map(e->out, &gw->local, map ? w->ask_lifetime : 0, &m,
                              map && w->ask_prefer);
}

static void send_action(plum_engine *e, const plum_gateway *gw, size_t size, plum_action *out)
{
    e->stats.sent++;
    out->kind = PLUM_ACT_SEND;
    out->u.send.sock = gw->sock;
    out->u.send.to = gw->net.gateway;
    out->u.send.bytes = e->out;
    out->u.send.size = size;
}

/* False when the socket has gone since: that datagram is lost. */
static bool send_one(plum_engine *e, plum_tx *tx, plum_action *out)
{
    plum_gateway *gw;
    if (tx->kind == PLUM_TX_WIRE) {
        plum_wire *w = PLUM_OBJECT(tx, plum_wire, tx);
        bool sent = w->gw->opened;
        if (sent)
            send_action(e, w->gw, encode_wire(e, w->gw, w), out);
        if (w->last_words)
            plum_wire_finish(e, w);
        return sent;
    }
    if (tx->kind == PLUM_TX_ANNOUNCE) {
        gw = PLUM_OBJECT(tx, plum_gateway, announce_tx);
        send_action(e, gw, plum_pcp_write_announce(e->out, &gw->local), out);
    } else {
        gw = PLUM_OBJECT(tx, plum_gateway, external_tx);
        send_action(e, gw, plum_natpmp_write_external(e->out), out);
    }
    return true;
}

static bool poll_send(plum_engine *e, plum_action *out)
{
    while (!plum_link_is_alone(&e->tx)) {
        plum_tx *tx = PLUM_OBJECT(e->tx.next, plum_tx, link);
        plum_link_remove(&tx->link);
        if (send_one(e, tx, out))
            return true;
    }
    return false;
}

static bool close_one(plum_gateway *gw, plum_action *out)
{
    plum_sock *due = gw->close_sock ? &gw->close_sock : &gw->close_ear;
    if (!*due)
        return false;
    out->kind = PLUM_ACT_CLOSE;
    out->u.close.sock = *due;
    *due = 0;
    return true;
}

static bool poll_close(plum_engine *e, plum_action *out)
{
    for (plum_link *l = e->gateways.next; l != &e->gateways; l = l->next)
        if (close_one(PLUM_OBJECT(l, plum_gateway, link), out))
            return true;
    while (!plum_link_is_alone(&e->gone)) {
        plum_gateway *gw = PLUM_OBJECT(e->gone.next, plum_gateway, link);
        if (close_one(gw, out))
            return true;
        plum_gateway_free(e, gw);
    }
    return false;
}

bool plum_engine_poll(plum_engine *e, plum_action *out)
{
    /* Sends first: a packet on its way is what the user waits for. */
    if (poll_send(e, out) || poll_close(e, out) || poll_open(e, out) || plum_table_poll(e, out) ||
        plum_ask_poll(e, out) || plum_log_poll(e, out))
        return true;
    if (e->stop_due) {
        e->stop_due = false;
        out->kind = PLUM_ACT_STOPPED;
        return true;
    }
    return false;
}

void plum_engine_read_stats(const plum_engine *e, plum_engine_stats *out)
{
    *out = e->stats;
}
