/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A script of events, in any order and with any datagrams, against the engine. What must hold after
 * every step, whatever was said:
 *
 *  - no action on a socket that is not open, one CLOSE for each OPEN, few sockets at a time
 *  - the deadline lies ahead
 *  - each mapping is told (SUCCESS | FAILURE)* DESTROYED; DESTROYED comes within the time-out
 *  - each question ends, once, within two seconds
 *  - SHUTDOWN ends by its deadline, nothing follows STOPPED, and all memory comes back
 *  - a datagram from elsewhere, a late event and a refused command change nothing
 *  - what is sent is a well-formed request, to the gateway
 *  - the same script gives the same output
 */
#include "fuzz.h"

#include <inttypes.h>

#include "engine/engine.h"
#include "heap_hooks.h"
#include "proto/natpmp.h"
#include "proto/pcp.h"

enum { SOCKETS = 8, IDS = 120, ASKS = 60, SENT = 4, ASK_LIMIT = 2000, TICKS = 100000 };

typedef struct {
    plum_sock sock;
    plum_open_kind kind;
    bool opened;
    plum_addr local, remote;
    struct {
        uint8_t bytes[PLUM_PCP_REQUEST_MAX];
        size_t size;
    } sent[SENT];
    size_t sends;
} open_socket;

typedef enum { UNUSED, ALIVE, LEAVING, GONE } life;

typedef struct {
    plum_engine *engine;
    plum_engine_config config;
    check_heap heap;
    plum_time now;
    open_socket sockets[SOCKETS];
    plum_sock closed; /* the last one */
    life ids[IDS + 1];
    plum_time leaves_by[IDS + 1];
    uint32_t created;
    life asks[ASKS + 1];
    plum_time ends_by[ASKS + 1];
    unsigned items[ASKS + 1];
    uint32_t asked;
    bool shut, stopped;
    plum_time stop_by;
    bool heard; /* something came from a gateway */
    unsigned actions;
    uint64_t hash;
} play;

static plum_ip v6(uint16_t first, uint8_t last, uint32_t scope)
{
    plum_ip ip = plum_ip_any(6);
    ip.bytes[0] = (uint8_t)(first >> 8);
    ip.bytes[1] = (uint8_t)first;
    ip.bytes[15] = last;
    ip.scope = scope;
    return ip;
}

static void mix(play *p, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    while (size--)
        p->hash = (p->hash ^ *b++) * UINT64_C(0x100000001b3);
}

static void mix_number(play *p, uint64_t v)
{
    mix(p, &v, sizeof v);
}

/* ---- what comes out ---- */

static open_socket *find_socket(play *p, plum_sock sock)
{
    for (size_t i = 0; i < SOCKETS; i++)
        if (sock && p->sockets[i].sock == sock)
            return &p->sockets[i];
    return NULL;
}

static void on_open(play *p, const plum_action *a)
{
    FUZZ_CHECK(a->u.open.sock != 0 && !find_socket(p, a->u.open.sock));
    FUZZ_CHECK(a->u.open.what == PLUM_OPEN_UDP || a->u.open.what == PLUM_OPEN_ANNOUNCE);
    for (size_t i = 0; i < SOCKETS; i++) {
        open_socket *s = &p->sockets[i];
        if (s->sock)
            continue;
        memset(s, 0, sizeof *s);
        s->sock = a->u.open.sock;
        s->kind = a->u.open.what;
        s->local.ip = a->u.open.local;
        s->local.port = 50000;
        s->remote = a->u.open.remote;
        return;
    }
    FUZZ_FAIL("too many sockets");
}

static void request_is_well_formed(const uint8_t *b, size_t size, const open_socket *s)
{
    uint8_t client[16];
    if (b[0] == 0) { /* RFC 6886 sections 3.2, 3.3 */
        FUZZ_CHECK(b[1] <= PLUM_NATPMP_OP_TCP);
        FUZZ_CHECK(size == (b[1] == PLUM_NATPMP_OP_EXTERNAL ? 2 : 12));
        return;
    }
    FUZZ_CHECK(b[0] == 2 && b[2] == 0 && b[3] == 0); /* RFC 6887 section 7.1 */
    plum_ip_to_wire(&s->local.ip, client);
    FUZZ_CHECK(memcmp(b + 8, client, sizeof client) == 0);
    if (b[1] == PLUM_PCP_OP_ANNOUNCE) {
        FUZZ_CHECK(size == PLUM_PCP_HEADER);
        return;
    }
    FUZZ_CHECK(b[1] == PLUM_PCP_OP_MAP && (size == 60 || size == 64));
    FUZZ_CHECK((b[36] == PLUM_PCP_TCP || b[36] == PLUM_PCP_UDP) && (b[40] || b[41]));
}

static void on_send(play *p, const plum_action *a)
{
    open_socket *s = find_socket(p, a->u.send.sock);
    FUZZ_CHECK(s != NULL && s->kind == PLUM_OPEN_UDP && s->opened);
    FUZZ_CHECK(plum_addr_equal(&a->u.send.to, &s->remote));
    FUZZ_CHECK(a->u.send.size >= 2 && a->u.send.size <= PLUM_PCP_REQUEST_MAX);
    request_is_well_formed(a->u.send.bytes, a->u.send.size, s);
    size_t slot = s->sends++ % SENT;
    memcpy(s->sent[slot].bytes, a->u.send.bytes, a->u.send.size);
    s->sent[slot].size = a->u.send.size;
    mix(p, a->u.send.bytes, a->u.send.size);
}

static void on_notify(play *p, const plum_action *a)
{
    uint32_t id = a->u.notify.id;
    FUZZ_CHECK(id > 0 && id <= IDS && (p->ids[id] == ALIVE || p->ids[id] == LEAVING));
    mix_number(p, id << 8 | (uint32_t)a->u.notify.state);
    switch (a->u.notify.state) {
    case PLUM_IS_SUCCESS:
        FUZZ_CHECK(p->ids[id] == ALIVE);
        if (a->u.notify.by == PLUM_BY_DIRECT)
            FUZZ_CHECK(plum_ip_is_public(&a->u.notify.external.ip));
        else
            FUZZ_CHECK(p->heard &&
                       (a->u.notify.by == PLUM_BY_PCP || a->u.notify.by == PLUM_BY_NATPMP));
        FUZZ_CHECK(a->u.notify.external.port != 0 && a->u.notify.external.ip.family != 0);
        FUZZ_CHECK(a->u.notify.lifetime > 0 && a->u.notify.expires > p->now);
        break;
    case PLUM_IS_FAILURE:
        FUZZ_CHECK(p->ids[id] == ALIVE && a->u.notify.changed);
        FUZZ_CHECK(a->u.notify.why != PLUM_WHY_NONE);
        FUZZ_CHECK(a->u.notify.external.port == 0 && a->u.notify.external.ip.family == 0);
        break;
    case PLUM_IS_DESTROYED:
        FUZZ_CHECK(p->ids[id] == LEAVING && a->u.notify.changed);
        p->ids[id] = GONE;
        break;
    default:
        FUZZ_FAIL("a state that is none");
    }
}

static void on_answer(play *p, const plum_action *a)
{
    uint32_t request = a->u.answer.request;
    FUZZ_CHECK(request > 0 && request <= ASKS && p->asks[request] == ALIVE);
    mix_number(p, request << 8 | (uint32_t)a->u.answer.what);
    if (a->u.answer.what == PLUM_ANSWER_ITEM)
        FUZZ_CHECK(++p->items[request] <= 2); /* one a protocol */
    else
        p->asks[request] = GONE;
}

/* FUZZ_TRACE=1 in the environment tells what an input does. */
static bool is_traced(void)
{
    static int traced = -1;
    if (traced < 0)
        traced = getenv("FUZZ_TRACE") != NULL;
    return traced;
}

static void trace(const play *p, const char *what, uint64_t n)
{
    if (is_traced())
        fprintf(stderr, "%8" PRIu64 "  %s %" PRIu64 "\n", p->now, what, n);
}

static void trace_action(const play *p, const plum_action *a)
{
    static const char *const names[] = {"",         "  open",    "  send", "  close",   "  notify",
                                        "  answer", "  stopped", "  log",  "  snapshot"};
    if (a->kind == PLUM_ACT_LOG && is_traced())
        fprintf(stderr, "            %s\n", a->u.log.text);
    else /* most begin with the number that matters */
        trace(p, names[a->kind], a->u.open.sock);
}

static void perform(play *p, const plum_action *a)
{
    open_socket *s;
    trace_action(p, a);
    FUZZ_CHECK(!p->stopped);
    mix_number(p, (uint64_t)a->kind);
    p->actions += a->kind != PLUM_ACT_LOG;
    switch (a->kind) {
    case PLUM_ACT_OPEN:
        on_open(p, a);
        break;
    case PLUM_ACT_SEND:
        on_send(p, a);
        break;
    case PLUM_ACT_CLOSE:
        s = find_socket(p, a->u.close.sock);
        FUZZ_CHECK(s != NULL);
        p->closed = s->sock;
        s->sock = 0;
        break;
    case PLUM_ACT_NOTIFY:
        on_notify(p, a);
        break;
    case PLUM_ACT_ANSWER:
        on_answer(p, a);
        break;
    case PLUM_ACT_LOG:
        FUZZ_CHECK(a->u.log.level >= p->config.log_level);
        FUZZ_CHECK(*a->u.log.text && fuzz_is_printable(a->u.log.text));
        mix(p, a->u.log.text, strlen(a->u.log.text));
        break;
    case PLUM_ACT_STOPPED:
        for (size_t i = 0; i < SOCKETS; i++)
            FUZZ_CHECK(p->sockets[i].sock == 0);
        FUZZ_CHECK(p->shut);
        p->stopped = true;
        break;
    default:
        FUZZ_FAIL("an action that is none");
    }
}

/* ---- what must hold ---- */

static void hold(play *p)
{
    plum_engine_stats stats;
    uint32_t handles = 0;
    FUZZ_CHECK(plum_engine_deadline(p->engine) > p->now);
    for (uint32_t id = 1; id <= p->created; id++) {
        handles += p->ids[id] == ALIVE || p->ids[id] == LEAVING;
        FUZZ_CHECK(p->ids[id] != LEAVING || p->now < p->leaves_by[id]);
    }
    for (uint32_t request = 1; request <= p->asked; request++)
        FUZZ_CHECK(p->asks[request] != ALIVE || p->now < p->ends_by[request]);
    plum_engine_read_stats(p->engine, &stats);
    FUZZ_CHECK(stats.handles == handles);
    FUZZ_CHECK(!p->shut || p->stopped || p->now < p->stop_by);
    if (p->stopped)
        FUZZ_CHECK(handles == 0 && stats.mappings == 0 &&
                   plum_engine_deadline(p->engine) == PLUM_NEVER);
}

static int tell(play *p, const plum_event *ev)
{
    static const char *const names[] = {"tick", "networks",   "create", "destroy", "shutdown",
                                        "ask",  "ask cancel", "opened", "data",    "fail"};
    plum_action a;
    trace(p, (size_t)ev->kind - 1 < 10 ? names[ev->kind - 1] : "nonsense", ev->u.create.id);
    int result = plum_engine_handle(p->engine, p->now, ev);
    mix_number(p, (uint64_t)(int64_t)result);
    /* Before the drain, which tells what the command has brought about. */
    if (ev->kind == PLUM_EV_CREATE && result == PLUM_E_OK) {
        p->created = ev->u.create.id;
        p->ids[p->created] = ALIVE;
    }
    if (ev->kind == PLUM_EV_ASK && result == PLUM_E_OK) {
        p->asked = ev->u.ask.request;
        p->asks[p->asked] = ALIVE;
        p->ends_by[p->asked] = p->now + ASK_LIMIT;
    }
    if (ev->kind == PLUM_EV_DESTROY && result == PLUM_E_OK && p->ids[ev->u.destroy.id] == ALIVE) {
        p->ids[ev->u.destroy.id] = LEAVING;
        p->leaves_by[ev->u.destroy.id] = p->now + p->config.shutdown_timeout;
    }
    if (ev->kind == PLUM_EV_SHUTDOWN)
        for (uint32_t id = 1; id <= IDS; id++)
            if (p->ids[id] == ALIVE) {
                p->ids[id] = LEAVING;
                p->leaves_by[id] = p->stop_by;
            }
    while (plum_engine_poll(p->engine, &a))
        perform(p, &a);
    hold(p);
    return result;
}

static void tick(play *p)
{
    plum_event ev = {.kind = PLUM_EV_TICK};
    FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
}

/* What is due fires first, so that the rest is the event's own doing: none. */
static void tell_in_vain(play *p, const plum_event *ev, int result)
{
    tick(p);
    unsigned before = p->actions;
    plum_time deadline = plum_engine_deadline(p->engine);
    long blocks = p->heap.blocks;
    FUZZ_CHECK(tell(p, ev) == result);
    FUZZ_CHECK(p->actions == before && plum_engine_deadline(p->engine) == deadline);
    FUZZ_CHECK(p->heap.blocks == blocks);
}

/* ---- the script ---- */

/* Mostly one of a few, rarely all of 32 bits. */
static uint32_t some_number(fuzz_input *in)
{
    static const uint32_t usual[] = {0, 1, 2, 60, 120, 3600, 7200, 86400, UINT32_MAX};
    uint8_t which = fuzz_u8(in);
    if (which < sizeof usual / sizeof usual[0])
        return usual[which];
    return which & 1 ? fuzz_u32(in) : fuzz_u16(in);
}

static void pass(play *p, fuzz_input *in)
{
    uint8_t how = fuzz_u8(in);
    plum_time deadline = plum_engine_deadline(p->engine);
    switch (how & 7) {
    case 0:
    case 1:
        p->now += how >> 3;
        break;
    case 2:
        p->now += fuzz_u16(in);
        break;
    case 3:
        p->now += (plum_time)fuzz_u16(in) * PLUM_SECONDS;
        break;
    case 4:
        p->now = plum_time_max(p->now, deadline == PLUM_NEVER ? 0 : deadline - 1);
        break;
    default: /* as a loop does it: a number of turns, each at its deadline */
        for (int i = how >> 3; i >= 0 && deadline != PLUM_NEVER; i--) {
            p->now = deadline;
            tick(p);
            deadline = plum_engine_deadline(p->engine);
        }
        return;
    }
    tick(p);
}

static bool breaks_the_contract(const plum_create *o)
{
    return o->internal_port == 0 || (o->transport != PLUM_TCP && o->transport != PLUM_UDP) ||
           (o->family == 6 && o->suggested.ip.family == 4) ||
           (o->flags & PLUM_CREATE_PREFER_FAILURE && o->suggested.port == 0);
}

static void create(play *p, fuzz_input *in)
{
    if (p->created == IDS)
        return;
    uint8_t how = fuzz_u8(in);
    plum_create o = {.transport = how & 1 ? PLUM_UDP : PLUM_TCP,
                     .internal_port = (uint16_t)(how & 2 ? fuzz_u16(in) : 8000 + (how >> 6))};
    if (how & 4)
        o.lifetime = some_number(in);
    if (how & 8)
        o.timeout = fuzz_u16(in);
    if (how & 16) {
        o.suggested.port = fuzz_u16(in);
        o.suggested.ip = plum_ip_v4(1, 2, 3, fuzz_u8(in));
    }
    if (how & 32) {
        uint8_t more = fuzz_u8(in);
        o.family = more & 1 ? 6 : more & 2 ? 4 : 0;
        o.flags = more & 4 ? PLUM_CREATE_PREFER_FAILURE : 0;
        if (more & 8)
            o.transport = (plum_transport)(more >> 4);
        o.description = more & 16 ? "fuzz" : NULL;
    }
    plum_event ev = {.kind = PLUM_EV_CREATE};
    ev.u.create.id = p->created + 1;
    ev.u.create.options = &o;
    if (breaks_the_contract(&o)) {
        tell_in_vain(p, &ev, PLUM_E_INVALID);
    } else if (p->shut) {
        tell_in_vain(p, &ev, PLUM_E_CLOSING);
    } else if (p->heap.countdown >= 0) {
        tick(p);
        int result = tell(p, &ev);
        FUZZ_CHECK(result == PLUM_E_OK || result == PLUM_E_NOMEM);
    } else {
        FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
        tell_in_vain(p, &ev, PLUM_E_INVALID); /* the id is in use, or was */
    }
}

static void destroy(play *p, fuzz_input *in)
{
    plum_event ev = {.kind = PLUM_EV_DESTROY};
    uint32_t id = ev.u.destroy.id = fuzz_u8(in) % (p->created + 2);
    if (id == 0 || id > p->created || p->ids[id] == GONE)
        tell_in_vain(p, &ev, PLUM_E_UNKNOWN);
    else
        (void)tell(p, &ev); /* again while it leaves: either answer will do */
}

static void shut_down(play *p, plum_time within)
{
    plum_event ev = {.kind = PLUM_EV_SHUTDOWN};
    ev.u.shutdown.deadline = p->now + within;
    if (!p->shut) {
        p->shut = true;
        p->stop_by = plum_time_max(ev.u.shutdown.deadline, p->now + 1);
        FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
    } else {
        tell_in_vain(p, &ev, PLUM_E_OK);
    }
}

static void ask(play *p, fuzz_input *in)
{
    if (p->asked == ASKS)
        return;
    plum_event ev = {.kind = PLUM_EV_ASK};
    ev.u.ask.request = p->asked + 1;
    uint8_t what = fuzz_u8(in);
    ev.u.ask.what = what & 1 ? PLUM_ASK_FOR_PROBE : PLUM_ASK_FOR_EXTERNAL;
    if ((what & 0xf0) == 0xf0) {
        ev.u.ask.what = PLUM_ASK_FOR_LIST;
        tell_in_vain(p, &ev, PLUM_E_INVALID);
    } else if (p->shut) {
        tell_in_vain(p, &ev, PLUM_E_CLOSING);
    } else {
        int result = tell(p, &ev);
        FUZZ_CHECK(result == PLUM_E_OK || (result == PLUM_E_NOMEM && p->heap.countdown >= 0));
    }
}

static void cancel(play *p, fuzz_input *in)
{
    plum_event ev = {.kind = PLUM_EV_ASK_CANCEL};
    uint32_t request = ev.u.ask.request = fuzz_u8(in) % (p->asked + 2);
    tick(p);
    if (request == 0 || request > p->asked || p->asks[request] == GONE) {
        tell_in_vain(p, &ev, PLUM_E_UNKNOWN);
    } else {
        FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
        FUZZ_CHECK(p->asks[request] == GONE);
    }
}

static void networks(play *p, fuzz_input *in)
{
    plum_network_info list[4];
    plum_event ev = {.kind = PLUM_EV_NETWORKS};
    size_t count = fuzz_u8(in) % 5;
    memset(list, 0, sizeof list);
    for (size_t i = 0; i < count; i++) {
        uint8_t which = fuzz_u8(in);
        uint8_t net = which & 3, host = which >> 3 & 3;
        list[i].network = which;
        list[i].ifindex = net + 1U;
        list[i].flags = which >> 6;
        if (which & 4) {
            list[i].local = v6(0x2001, (uint8_t)(2 + host), 0);
            list[i].gateway.ip = v6(0xfe80, (uint8_t)(1 + net), net + 1U);
        } else {
            uint8_t first = net == 3 ? 9 : 192; /* one of them is public */
            list[i].local = plum_ip_v4(first, 168, net, (uint8_t)(2 + host));
            list[i].gateway.ip = plum_ip_v4(first, 168, net, 1);
        }
        list[i].gateway.port = PLUM_PCP_PORT;
        if (which & 32) {
            list[i].gateway.ip = plum_ip_none();
            list[i].gateway.port = 0;
        }
    }
    ev.u.networks.list = list;
    ev.u.networks.count = count;
    FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
}

static open_socket *choose(play *p, uint8_t which)
{
    for (size_t i = 0; i < SOCKETS; i++) {
        open_socket *s = &p->sockets[(which + i) % SOCKETS];
        if (s->sock)
            return s;
    }
    return NULL;
}

static void opened(play *p, fuzz_input *in)
{
    uint8_t which = fuzz_u8(in);
    open_socket *s = choose(p, which);
    if (!s)
        return;
    plum_event ev = {.kind = PLUM_EV_OPENED};
    if (which & 0x80 && !s->opened)
        s->local.ip.bytes[s->local.ip.family == 6 ? 15 : 3] ^= 0x40; /* not what was asked for */
    s->opened = true;
    ev.u.opened.sock = s->sock;
    ev.u.opened.local = s->local;
    FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
}

static void deliver(play *p, const open_socket *s, const plum_addr *from, const uint8_t *bytes,
                    size_t size, uint32_t flags)
{
    plum_event ev = {.kind = PLUM_EV_DATA};
    uint8_t *exact = fuzz_exact(bytes, size);
    ev.u.data.sock = s->sock;
    ev.u.data.from = *from;
    ev.u.data.bytes = exact;
    ev.u.data.size = size;
    ev.u.data.flags = flags;
    if (plum_addr_equal(from, &s->remote)) {
        p->heard = true;
        FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
    } else {
        tell_in_vain(p, &ev, PLUM_E_OK);
    }
    free(exact);
}

static void data(play *p, fuzz_input *in)
{
    uint8_t which = fuzz_u8(in);
    open_socket *s = choose(p, which);
    if (!s)
        return;
    plum_addr from = s->remote;
    uint32_t flags = s->kind == PLUM_OPEN_ANNOUNCE ? PLUM_DATA_MULTICAST : 0;
    if (which & 0x80)
        from.ip.bytes[from.ip.family == 6 ? 15 : 3] ^= 0x20;
    if (which & 0x40)
        from.port++;
    if (which & 0x20)
        flags ^= 1U << (which >> 3 & 3);
    size_t size;
    const uint8_t *bytes = fuzz_bytes(in, fuzz_u8(in), &size);
    deliver(p, s, &from, bytes, size, flags);
}

static void be(uint8_t *out, size_t size, uint32_t v)
{
    while (size--) {
        out[size] = (uint8_t)v;
        v >>= 8;
    }
}

/* An answer to something that was sent, right or nearly so. */
static void answer(play *p, fuzz_input *in)
{
    uint8_t which = fuzz_u8(in), how = fuzz_u8(in);
    open_socket *s = choose(p, which);
    if (!s || s->sends == 0)
        return;
    size_t slot = (s->sends - 1 - (which >> 3) % SENT) % SENT;
    const uint8_t *q = s->sent[slot].bytes;
    size_t size = s->sent[slot].size;
    if (size == 0)
        return;
    uint8_t a[PLUM_PCP_REQUEST_MAX + 16] = {0};
    uint32_t epoch = (uint32_t)(p->now / PLUM_SECONDS);
    uint32_t lifetime = 7200;
    uint8_t result = 0;
    if (how & 1)
        result = fuzz_u8(in) % 16;
    if (how & 2)
        lifetime = some_number(in);
    if (how & 4)
        epoch = how & 8 ? fuzz_u32(in) : epoch - fuzz_u16(in);
    if (q[0] == 2) {
        memcpy(a, q, size);
        a[1] |= 0x80;
        a[3] = result;
        be(a + 4, 4, q[4] || q[5] || q[6] || q[7] || result ? lifetime : 0);
        be(a + 8, 4, epoch);
        if (size >= PLUM_PCP_MAP_SIZE) {
            memset(a + 44, 0, 10);
            a[54] = a[55] = 0xff;
            memcpy(a + 56, how & 16 ? "\x0a\0\0\x01" : "\x01\x02\x03\x04", 4);
            if (how & 32)
                be(a + 42, 2, fuzz_u16(in));
        }
    } else {
        a[1] = 0x80 | q[1];
        a[3] = result;
        be(a + 4, 4, epoch);
        if (q[1] == PLUM_NATPMP_OP_EXTERNAL) {
            memcpy(a + 8, how & 16 ? "\x0a\0\0\x01" : "\x01\x02\x03\x04", 4);
            size = 12;
        } else {
            memcpy(a + 8, q + 4, 4);
            if (how & 32)
                be(a + 10, 2, fuzz_u16(in));
            be(a + 12, 4, q[8] || q[9] || q[10] || q[11] ? lifetime : 0);
            size = 16;
        }
    }
    if (how & 64)
        a[fuzz_u8(in) % size] ^= fuzz_u8(in);
    if (how & 128)
        size = fuzz_u8(in) % sizeof a;
    deliver(p, s, &s->remote, a, size, 0);
}

static void fail(play *p, fuzz_input *in)
{
    uint8_t which = fuzz_u8(in);
    open_socket *s = choose(p, which);
    if (!s)
        return;
    plum_event ev = {.kind = PLUM_EV_FAIL};
    ev.u.fail.sock = s->sock;
    ev.u.fail.what = (plum_fail_kind)(PLUM_FAIL_REFUSED + (which >> 3) % 6);
    ev.u.fail.dead = which & 0x80;
    FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK);
}

/* Events for a socket that is closed, or never was. */
static void late(play *p, fuzz_input *in)
{
    uint8_t how = fuzz_u8(in);
    plum_event ev = {.kind = PLUM_EV_DATA};
    open_socket gone = {.sock = how & 1 ? p->closed : UINT32_MAX - how};
    if (how & 2) {
        ev.kind = PLUM_EV_OPENED;
        ev.u.opened.sock = gone.sock;
        ev.u.opened.local = gone.local;
    } else if (how & 4) {
        ev.kind = PLUM_EV_FAIL;
        ev.u.fail.sock = gone.sock;
        ev.u.fail.what = PLUM_FAIL_REFUSED;
        ev.u.fail.dead = how & 8;
    } else {
        ev.u.data.sock = gone.sock;
        ev.u.data.from = gone.remote;
        ev.u.data.bytes = &how;
        ev.u.data.size = 1;
    }
    tell_in_vain(p, &ev, PLUM_E_OK);
}

static void nonsense(play *p, fuzz_input *in)
{
    plum_event ev = {.kind = (plum_event_kind)(PLUM_EV_SNAPSHOT + fuzz_u8(in) % 100)};
    tell_in_vain(p, &ev, ev.kind <= PLUM_EV_RESTORE ? PLUM_E_UNSUPPORTED : PLUM_E_INVALID);
}

static void memory(play *p, fuzz_input *in)
{
    uint8_t how = fuzz_u8(in);
    p->heap.countdown = how & 0x80 ? -1 : how;
}

static void back_in_time(play *p, fuzz_input *in)
{
    plum_time now = p->now;
    p->now -= plum_time_min(p->now, fuzz_u16(in));
    plum_event ev = {.kind = PLUM_EV_TICK};
    plum_time deadline = plum_engine_deadline(p->engine);
    unsigned before = p->actions;
    FUZZ_CHECK(tell(p, &ev) == PLUM_E_OK); /* counts as the last one */
    FUZZ_CHECK(p->actions == before && plum_engine_deadline(p->engine) == deadline);
    p->now = now;
}

/* An orderly end from wherever the script has led. */
static void end(play *p)
{
    shut_down(p, 1 + p->config.shutdown_timeout);
    for (int i = 0; !p->stopped; i++) {
        FUZZ_CHECK(i < TICKS && plum_engine_deadline(p->engine) <= p->stop_by);
        p->now = plum_engine_deadline(p->engine);
        tick(p);
    }
}

static uint64_t run(const uint8_t *bytes, size_t size)
{
    typedef void step(play * p, fuzz_input * in);
    static step *const steps[] = {pass,   pass,     create, destroy,     ask,  cancel,
                                  opened, data,     answer, answer,      fail, networks,
                                  late,   nonsense, memory, back_in_time};
    fuzz_input in = {bytes, size};
    uint8_t how = fuzz_u8(&in), more = fuzz_u8(&in);
    play p = {.now = how & 1 ? 0 : 1000000,
              .config = {.allow = how & 2 ? more & 7U : 7,
                         .lifetime = how & 4 ? 60 : 7200,
                         .discover_timeout = how & 8 ? 500 : 10000,
                         .mapping_timeout = how & 8 ? 700 : 10000,
                         .recheck_period = how & 16 ? 1000 : 300000,
                         .shutdown_timeout = how & 32 ? 50 : 2000,
                         .restart_jitter = how & 64 ? 300 : 0,
                         .log_level = more >> 5}};
    p.heap.countdown = -1;
    p.heap.rng.state = more;
    plum_hooks hooks = check_heap_hooks(&p.heap);
    p.engine = plum_engine_new(&p.config, &hooks, p.now);
    FUZZ_CHECK(p.engine != NULL);
    while (in.left > 0) {
        uint8_t op = fuzz_u8(&in);
        if (op == 0xff)
            shut_down(&p, fuzz_u16(&in));
        else
            steps[op % (sizeof steps / sizeof steps[0])](&p, &in);
    }
    if (how & 128)
        end(&p);
    plum_engine_free(p.engine);
    FUZZ_CHECK(p.heap.blocks == 0 && p.heap.bytes == 0);
    return p.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint64_t hash = run(bytes, size);
    if (size > 1 && bytes[1] & 16)
        FUZZ_CHECK(run(bytes, size) == hash);
    return 0;
}
