/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "world.h"

#define CHECK_SUPPORT
#include "check.h"

#define SERVER_PORT 5351

static const plum_network_info home = {
    .network = 1,
    .ifindex = 2,
    .local = {.family = 4, .bytes = {192, 168, 77, 2}},
    .gateway = {{.family = 4, .bytes = {192, 168, 77, 1}}, SERVER_PORT},
    .flags = PLUM_NET_DEFAULT};

plum_engine_config world_config(void)
{
    plum_engine_config c = {.allow = PLUM_ALLOW_PCP | PLUM_ALLOW_NATPMP | PLUM_ALLOW_UPNP,
                            .lifetime = 7200,
                            .discover_timeout = 10000,
                            .mapping_timeout = 10000,
                            .recheck_period = 300000,
                            .shutdown_timeout = 2000,
                            .restart_jitter = 0,
                            .log_level = 0};
    return c;
}

void world_init(world *w, const plum_engine_config *config)
{
    plum_engine_config defaults = world_config();
    memset(w, 0, sizeof *w);
    w->heap.countdown = -1;
    w->heap.rng.state = 42;
    w->rng.state = 17;
    w->now = 1000000;
    w->net = home;
    w->gw.pcp = w->gw.natpmp = true;
    w->gw.least = 120;
    w->gw.most = 86400;
    w->gw.epoch_start = w->now - 500 * PLUM_SECONDS;
    w->gw.external[0] = 1;
    w->gw.external[1] = 2;
    w->gw.external[2] = 3;
    w->gw.external[3] = 4;
    w->icmp_at = PLUM_NEVER;
    plum_hooks hooks = check_heap_hooks(&w->heap);
    w->engine = plum_engine_new(config ? config : &defaults, &hooks, w->now);
}

void world_free(world *w)
{
    plum_engine_free(w->engine);
    CHECK_EQ(w->heap.blocks, 0);
    CHECK_EQ(w->heap.bytes, 0);
}

/* ---- in flight ---- */

static void fly(world *w, bool to_gateway, plum_time at, plum_sock sock, const uint8_t *bytes,
                size_t size)
{
    if (w->gw.lose_next) {
        w->gw.lose_next--;
        return;
    }
    if (w->gw.lose_percent && (int)plum_rng_upto(&w->rng, 99) < w->gw.lose_percent)
        return;
    for (size_t i = 0; i < WORLD_PACKETS; i++) {
        world_packet *p = &w->flight[i];
        if (p->size)
            continue;
        p->to_gateway = to_gateway;
        p->at = at;
        p->order = w->order++;
        p->sock = sock;
        memcpy(p->bytes, bytes, size);
        p->size = size;
        return;
    }
    check_fail(__FILE__, __LINE__, "more packets in flight than this world holds");
}

static world_packet *next_packet(world *w)
{
    world_packet *best = NULL;
    for (size_t i = 0; i < WORLD_PACKETS; i++) {
        world_packet *p = &w->flight[i];
        if (p->size && (!best || p->at < best->at || (p->at == best->at && p->order < best->order)))
            best = p;
    }
    return best;
}

/* ---- the gateway ---- */

static uint32_t be(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    while (n--)
        v = v << 8 | *p++;
    return v;
}

static void put(uint8_t *p, size_t n, uint32_t v)
{
    while (n--) {
        p[n] = (uint8_t)v;
        v >>= 8;
    }
}

/* As of the moment when the request's turn comes. */
static uint32_t epoch(const world *w)
{
    plum_time at = plum_time_max(w->gw.busy_until, w->now) + w->gw.service;
    return (uint32_t)((at - w->gw.epoch_start) / PLUM_SECONDS);
}

static void answer(world *w, const world_packet *q, const uint8_t *bytes, size_t size)
{
    plum_time start = w->gw.busy_until > w->now ? w->gw.busy_until : w->now;
    w->gw.busy_until = start + w->gw.service;
    for (int n = 0; n < (w->gw.twice ? 2 : 1); n++)
        fly(w, false, w->gw.busy_until + w->gw.delay, q->sock, bytes, size);
}

static world_rule *find_rule(world *w, uint8_t transport, uint16_t internal, bool make)
{
    world_rule *free_one = NULL;
    for (size_t i = 0; i < WORLD_RULES; i++) {
        world_rule *r = &w->gw.rules[i];
        if (r->used && r->expires <= w->now)
            r->used = false;
        if (r->used && r->transport == transport && r->internal == internal)
            return r;
        if (!r->used && !free_one)
            free_one = r;
    }
    if (make && free_one) {
        memset(free_one, 0, sizeof *free_one);
        free_one->used = true;
        free_one->transport = transport;
        free_one->internal = internal;
        return free_one;
    }
    return NULL;
}

static uint32_t grant(const world *w, uint32_t lifetime)
{
    return lifetime < w->gw.least ? w->gw.least : lifetime > w->gw.most ? w->gw.most : lifetime;
}

static void pcp(world *w, const world_packet *q)
{
    uint8_t a[1200];
    uint8_t op = q->bytes[1];
    uint32_t lifetime = be(q->bytes + 4, 4);
    memcpy(a, q->bytes, q->size);
    a[1] |= 0x80;
    a[2] = a[3] = 0;
    put(a + 8, 4, epoch(w));
    memset(a + 12, 0, 12);
    if (op == 0) {
        w->gw.announces++;
        if (w->gw.keeps_quiet_on_announce)
            return;
        put(a + 4, 4, 0);
        answer(w, q, a, 24);
        return;
    }
    CHECK_EQ(op, 1);
    CHECK(q->size == 60 || q->size == 64);
    uint16_t internal = (uint16_t)be(q->bytes + 40, 2), suggested = (uint16_t)be(q->bytes + 42, 2);
    if (lifetime)
        w->gw.pcp_maps++;
    else
        w->gw.pcp_deletes++;
    if (internal == w->gw.mute_port)
        return;
    if (w->gw.pcp_result && lifetime) {
        a[3] = w->gw.pcp_result;
        put(a + 4, 4, w->gw.pcp_result_lifetime);
        if (w->gw.pcp_result_times && --w->gw.pcp_result_times == 0)
            w->gw.pcp_result = 0;
        answer(w, q, a, q->size);
        return;
    }
    world_rule *r = find_rule(w, q->bytes[36], internal, lifetime != 0);
    if (lifetime == 0) {
        if (r)
            r->used = false;
        put(a + 4, 4, 0);
        answer(w, q, a, 60);
        return;
    }
    REQUIRE(r != NULL);
    if (r->external && memcmp(r->nonce, q->bytes + 24, 12) != 0)
        check_fail(__FILE__, __LINE__, "another nonce for a live mapping");
    memcpy(r->nonce, q->bytes + 24, 12);
    if (!r->external)
        r->external = w->gw.grant_port ? w->gw.grant_port : suggested ? suggested : 40000;
    r->expires = w->now + grant(w, lifetime) * PLUM_SECONDS;
    put(a + 4, 4, grant(w, lifetime));
    put(a + 42, 2, r->external);
    memset(a + 44, 0, 10);
    a[54] = a[55] = 0xff;
    memcpy(a + 56, w->gw.external, 4);
    answer(w, q, a, 60);
}

static void natpmp(world *w, const world_packet *q)
{
    uint8_t a[16] = {0};
    uint8_t op = q->bytes[1];
    a[1] = op | 0x80;
    put(a + 4, 4, epoch(w));
    put(a + 2, 2, w->gw.natpmp_result);
    if (op == 0) {
        w->gw.natpmp_externals++;
        memcpy(a + 8, w->gw.external, 4);
        answer(w, q, a, 12);
        return;
    }
    uint16_t internal = (uint16_t)be(q->bytes + 4, 2), suggested = (uint16_t)be(q->bytes + 6, 2);
    uint32_t lifetime = be(q->bytes + 8, 4);
    uint8_t transport = op == 1 ? 17 : 6;
    if (lifetime)
        w->gw.natpmp_maps++;
    else
        w->gw.natpmp_deletes++;
    put(a + 8, 2, internal);
    if (w->gw.natpmp_result) {
        answer(w, q, a, 16);
        return;
    }
    world_rule *r = find_rule(w, transport, internal, lifetime != 0);
    if (lifetime == 0) {
        CHECK_EQ(suggested, 0); /* RFC 6886 section 3.4 */
        if (r)
            r->used = false;
        answer(w, q, a, 16);
        return;
    }
    REQUIRE(r != NULL);
    if (!r->external)
        r->external = w->gw.grant_port ? w->gw.grant_port : suggested ? suggested : 40000;
    r->expires = w->now + grant(w, lifetime) * PLUM_SECONDS;
    put(a + 10, 2, r->external);
    put(a + 12, 4, grant(w, lifetime));
    answer(w, q, a, 16);
}

static void refuse(world *w, plum_sock sock)
{
    w->icmp_at = w->now + w->gw.delay;
    w->icmp_sock = sock;
}

static void gateway(world *w, const world_packet *q)
{
    w->gw.requests++;
    if (w->gw.dead)
        return;
    if (w->gw.refuse) {
        refuse(w, q->sock);
        return;
    }
    if (q->bytes[0] == 2 && w->gw.pcp) {
        pcp(w, q);
    } else if (q->bytes[0] == 0 && w->gw.natpmp) {
        natpmp(w, q);
    } else if (q->bytes[0] == 0 && w->gw.pcp) {
        uint8_t a[24] = {2, 0x80 | q->bytes[1], 0, 1, 0, 0, 7, 8};
        put(a + 8, 4, epoch(w));
        answer(w, q, a, 24);
    } else if (q->bytes[0] == 2 && w->gw.natpmp && !w->gw.drops_v2) {
        uint8_t a[8] = {0, 0, 0, 1};
        if (w->gw.short_error_with_r_bit)
            a[1] = 0x80 | q->bytes[1];
        put(a + 4, 4, epoch(w));
        answer(w, q, a, 8);
    }
}

/* ---- the engine's side ---- */

static bool is_open(const world *w, plum_sock sock)
{
    for (size_t i = 0; i < 8; i++)
        if (sock && w->open[i] == sock)
            return true;
    return false;
}

static void mix(world *w, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    while (size--)
        w->hash = (w->hash ^ *b++) * UINT64_C(0x100000001b3);
}

static void news(world *w, const plum_action *a)
{
    uint32_t id = a->u.notify.id;
    REQUIRE(id < WORLD_IDS);
    CHECK(!w->news[id].destroyed); /* DESTROYED is the last */
    if (!a->u.notify.changed) {
        CHECK_EQ(a->u.notify.state, PLUM_IS_SUCCESS);
        w->news[id].refreshed++;
        w->news[id].last.expires = a->u.notify.expires;
        return;
    }
    world_news n = {a->u.notify.state,    a->u.notify.by,   a->u.notify.why_by,
                    a->u.notify.why,      a->u.notify.code, a->u.notify.external,
                    a->u.notify.lifetime, w->now,           a->u.notify.expires};
    if (w->news[id].count++ == 0)
        w->news[id].first = n;
    w->news[id].last = n;
    if (n.state == PLUM_IS_SUCCESS)
        CHECK(n.external.port != 0 && n.external.ip.family != 0 && n.by != PLUM_BY_UNKNOWN);
    else
        CHECK(n.external.port == 0 && n.external.ip.family == 0);
    w->news[id].destroyed += n.state == PLUM_IS_DESTROYED;
}

static void perform(world *w, const plum_action *a, plum_sock *opened, plum_sock *failed)
{
    mix(w, &a->kind, sizeof a->kind);
    CHECK(!w->stopped || a->kind != PLUM_ACT_SEND);
    switch (a->kind) {
    case PLUM_ACT_OPEN:
        w->opens++;
        if (a->u.open.what == PLUM_OPEN_ANNOUNCE) {
            CHECK_EQ(w->ear, 0);
            w->ear = a->u.open.sock;
            if (w->deaf)
                *failed = w->ear;
            return;
        }
        for (size_t i = 0; i < 8; i++)
            if (!w->open[i]) {
                w->open[i] = *opened = a->u.open.sock;
                return;
            }
        check_fail(__FILE__, __LINE__, "too many sockets");
        break;
    case PLUM_ACT_SEND:
        CHECK(is_open(w, a->u.send.sock));
        mix(w, a->u.send.bytes, a->u.send.size);
        w->sends++;
        fly(w, true, w->now + w->gw.delay, a->u.send.sock, a->u.send.bytes, a->u.send.size);
        break;
    case PLUM_ACT_CLOSE:
        CHECK(is_open(w, a->u.close.sock) || w->ear == a->u.close.sock);
        w->closes++;
        if (w->ear == a->u.close.sock)
            w->ear = 0;
        for (size_t i = 0; i < 8; i++)
            if (w->open[i] == a->u.close.sock)
                w->open[i] = 0;
        break;
    case PLUM_ACT_NOTIFY:
        mix(w, &a->u.notify.id, sizeof a->u.notify.id);
        news(w, a);
        break;
    case PLUM_ACT_ANSWER:
        if (a->u.answer.what == PLUM_ANSWER_ITEM)
            w->item[w->answers++ % 4] = a->u.answer.item;
        else if (a->u.answer.what == PLUM_ANSWER_END)
            w->answer_ends++;
        else
            w->answer_errors++;
        break;
    case PLUM_ACT_STOPPED:
        CHECK(!w->stopped);
        CHECK_EQ(w->opens, w->closes);
        w->stopped = true;
        w->stopped_at = w->now;
        break;
    case PLUM_ACT_LOG:
        CHECK(strlen(a->u.log.text) > 0);
        break;
    case PLUM_ACT_SNAPSHOT:
        break;
    }
}

int world_event(world *w, const plum_event *ev)
{
    int result = plum_engine_handle(w->engine, w->now, ev);
    plum_action a;
    plum_sock opened = 0, failed = 0;
    w->wakeups++;
    while (plum_engine_poll(w->engine, &a))
        perform(w, &a, &opened, &failed);
    CHECK(plum_engine_deadline(w->engine) > w->now);
    if (failed) {
        plum_event fail = {.kind = PLUM_EV_FAIL};
        fail.u.fail.sock = failed;
        fail.u.fail.what = PLUM_FAIL_DENIED;
        fail.u.fail.dead = true;
        world_event(w, &fail);
    }
    if (opened) {
        plum_event done = {.kind = PLUM_EV_OPENED};
        done.u.opened.sock = opened;
        done.u.opened.local.ip = w->net.local;
        done.u.opened.local.port = 50000;
        world_event(w, &done);
    }
    return result;
}

static void arrive(world *w, world_packet *p)
{
    world_packet q = *p;
    p->size = 0;
    if (q.to_gateway) {
        gateway(w, &q);
        return;
    }
    if (!is_open(w, q.sock))
        return;
    uint8_t *exact = malloc(q.size); /* a read too far is seen */
    memcpy(exact, q.bytes, q.size);
    plum_event ev = {.kind = PLUM_EV_DATA};
    ev.u.data.sock = q.sock;
    ev.u.data.from = w->net.gateway;
    ev.u.data.bytes = exact;
    ev.u.data.size = q.size;
    world_event(w, &ev);
    free(exact);
}

void world_run(world *w, plum_time ms)
{
    plum_time end = w->now + ms;
    for (;;) {
        world_packet *p = next_packet(w);
        plum_time deadline = plum_engine_deadline(w->engine);
        plum_time at = plum_time_min(plum_time_min(p ? p->at : PLUM_NEVER, deadline), w->icmp_at);
        if (at > end)
            break;
        w->now = plum_time_max(w->now, at);
        if (p && p->at == at) {
            arrive(w, p);
        } else if (w->icmp_at == at) {
            plum_event ev = {.kind = PLUM_EV_FAIL};
            ev.u.fail.sock = w->icmp_sock;
            ev.u.fail.what = PLUM_FAIL_REFUSED;
            w->icmp_at = PLUM_NEVER;
            world_event(w, &ev);
        } else {
            plum_event ev = {.kind = PLUM_EV_TICK};
            world_event(w, &ev);
        }
    }
    w->now = end;
}

void world_connect(world *w)
{
    plum_event ev = {.kind = PLUM_EV_NETWORKS};
    ev.u.networks.list = &w->net;
    ev.u.networks.count = 1;
    w->connected = true;
    world_event(w, &ev);
}

void world_disconnect(world *w)
{
    plum_event ev = {.kind = PLUM_EV_NETWORKS};
    w->connected = false;
    world_event(w, &ev);
}

int world_create_with(world *w, uint32_t id, const plum_create *o)
{
    plum_event ev = {.kind = PLUM_EV_CREATE};
    ev.u.create.id = id;
    ev.u.create.options = o;
    return world_event(w, &ev);
}

int world_create(world *w, uint32_t id, plum_transport transport, uint16_t port)
{
    plum_create o = {.transport = transport, .internal_port = port};
    return world_create_with(w, id, &o);
}

int world_destroy(world *w, uint32_t id)
{
    plum_event ev = {.kind = PLUM_EV_DESTROY};
    ev.u.destroy.id = id;
    return world_event(w, &ev);
}

void world_shutdown(world *w, plum_time within)
{
    plum_event ev = {.kind = PLUM_EV_SHUTDOWN};
    ev.u.shutdown.deadline = w->now + within;
    world_event(w, &ev);
}

int world_ask(world *w, uint32_t request, plum_ask_what what)
{
    plum_event ev = {.kind = PLUM_EV_ASK};
    ev.u.ask.request = request;
    ev.u.ask.what = what;
    return world_event(w, &ev);
}

void world_inject(world *w, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < 8; i++) {
        if (!w->open[i])
            continue;
        world_packet p = {.sock = w->open[i], .size = size};
        memcpy(p.bytes, bytes, size);
        arrive(w, &p);
        return;
    }
    check_fail(__FILE__, __LINE__, "no socket is open");
}

void world_announce(world *w, const uint8_t *bytes, size_t size, const plum_addr *from)
{
    plum_event ev = {.kind = PLUM_EV_DATA};
    REQUIRE(w->ear != 0);
    ev.u.data.sock = w->ear;
    ev.u.data.from = *from;
    ev.u.data.bytes = bytes;
    ev.u.data.size = size;
    ev.u.data.flags = PLUM_DATA_MULTICAST;
    world_event(w, &ev);
}

void world_restart(world *w, bool keep)
{
    w->gw.epoch_start = w->now;
    if (!keep)
        memset(w->gw.rules, 0, sizeof w->gw.rules);
}

bool world_is(const world *w, uint32_t id, plum_is state)
{
    return w->news[id].count && w->news[id].last.state == state;
}

unsigned world_rules(const world *w)
{
    unsigned n = 0;
    for (size_t i = 0; i < WORLD_RULES; i++)
        n += w->gw.rules[i].used && w->gw.rules[i].expires > w->now;
    return n;
}

const world_rule *world_rule_of(const world *w, uint16_t internal)
{
    for (size_t i = 0; i < WORLD_RULES; i++)
        if (w->gw.rules[i].used && w->gw.rules[i].internal == internal &&
            w->gw.rules[i].expires > w->now)
            return &w->gw.rules[i];
    return NULL;
}
