/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/loop.h"

#include <stdlib.h>
#include <string.h>

#include "io/heap_count.h"
#include "io/udp.h"
#include "text/writer.h"

enum {
    DATAGRAM_ROOM = 2048,       /* more than RFC 6887 section 7's 1,100 */
    DATAGRAMS_PER_TURN = 32,    /* a socket; a flood waits for timers and commands */
    FEEDBACK_PER_TURN = 1024,   /* OPENED and FAIL; more wait for the next turn */
    LOOK_FOR_GATEWAY_MS = 1000, /* between two looks while a mapping wants a gateway */
    LOOK_IN_TROUBLE_MS = 10000  /* and while it has one that does not map */
};

struct plum_loop {
    plum_loop_owner owner;
    plum_engine *engine;
    plum_waiter *waiter;
    plum_heap_count heap;
    plum_networks networks;
    plum_udp udp;
    plum_time now;      /* never goes back */
    plum_time read_at;  /* when routes were read last */
    plum_time retry_at; /* when `commands` is called without a wake-up */
    uint32_t recheck;   /* ms */
    int log_level;
    bool fed, read_once, stopped;
    bool look_again; /* a socket says that the way has changed */
    bool in_trouble; /* the last news of a mapping was bad */
    uint64_t wakeups;
    uint8_t datagram[DATAGRAM_ROOM];
};

static int random_hook(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    return plum_platform_random(buf, size);
}

static void clock_read(plum_loop *loop)
{
    loop->now = plum_time_max(loop->now, plum_platform_now());
}

plum_loop *plum_loop_new(const plum_loop_config *config, const plum_loop_owner *owner)
{
    plum_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->owner = *owner;
    loop->fed = config->fed;
    loop->recheck = config->engine.recheck_period;
    loop->log_level = config->engine.log_level;
    loop->retry_at = PLUM_NEVER;
    plum_udp_init(&loop->udp);
    plum_networks_init(&loop->networks, &config->networks);
    plum_hooks hooks = plum_heap_hooks(&loop->heap);
    hooks.random = random_hook;
    clock_read(loop);
    loop->waiter = plum_waiter_new();
    if (loop->waiter != NULL)
        loop->engine = plum_engine_new(&config->engine, &hooks, loop->now);
    if (loop->engine == NULL) {
        plum_loop_free(loop);
        return NULL;
    }
    return loop;
}

void plum_loop_free(plum_loop *loop)
{
    if (loop == NULL)
        return;
    plum_engine_free(loop->engine);
    plum_udp_free(&loop->udp);
    plum_networks_free(&loop->networks);
    plum_waiter_free(loop->waiter);
    free(loop);
}

void plum_loop_wake(plum_loop *loop)
{
    plum_waiter_wake(loop->waiter);
}

static void log_no_announcements(plum_loop *loop, const plum_action *open)
{
    if (loop->log_level > 2)
        return; /* 2: PLUM_LOG_LEVEL_INFO */
    char text[96];
    plum_writer w;
    plum_writer_init(&w, text, sizeof text);
    plum_writer_text(&w, "port 5350 cannot be had on interface ");
    plum_writer_decimal(&w, open->u.open.ifindex);
    plum_writer_text(&w, ": announcements are not heard");
    plum_writer_end(&w);
    plum_action line;
    memset(&line, 0, sizeof line);
    line.kind = PLUM_ACT_LOG;
    line.u.log.level = 2;
    line.u.log.text = text;
    loop->owner.action(loop->owner.ctx, &line);
}

static void perform(plum_loop *loop, const plum_action *action)
{
    switch (action->kind) {
    case PLUM_ACT_OPEN:
        if (!plum_udp_act_open(&loop->udp, action))
            log_no_announcements(loop, action);
        break;
    case PLUM_ACT_SEND:
        plum_udp_act_send(&loop->udp, action);
        break;
    case PLUM_ACT_CLOSE:
        plum_udp_act_close(&loop->udp, action->u.close.sock);
        break;
    case PLUM_ACT_NOTIFY:
        if (action->u.notify.state != PLUM_IS_DESTROYED)
            loop->in_trouble = action->u.notify.state == PLUM_IS_FAILURE;
        loop->owner.action(loop->owner.ctx, action);
        break;
    case PLUM_ACT_ANSWER:
    case PLUM_ACT_LOG:
        loop->owner.action(loop->owner.ctx, action);
        break;
    case PLUM_ACT_STOPPED:
        loop->stopped = true;
        break;
    case PLUM_ACT_SNAPSHOT:
        break; /* nobody asks for one yet */
    }
}

static int handle_one(plum_loop *loop, const plum_event *event)
{
    clock_read(loop);
    int result = plum_engine_handle(loop->engine, loop->now, event);
    plum_action action;
    while (plum_engine_poll(loop->engine, &action))
        perform(loop, &action);
    return result;
}

/* What the actions led to goes in after the drain, and so on until nothing is left. */
static void give_feedback(plum_loop *loop)
{
    plum_event event;
    for (int i = 0; i < FEEDBACK_PER_TURN && plum_udp_next_event(&loop->udp, &event); i++) {
        if (event.kind == PLUM_EV_FAIL && event.u.fail.what == PLUM_FAIL_UNREACHABLE)
            loop->look_again = true;
        handle_one(loop, &event);
    }
}

static void tell_networks(plum_loop *loop)
{
    plum_event event;
    memset(&event, 0, sizeof event);
    event.kind = PLUM_EV_NETWORKS;
    event.u.networks.list = loop->networks.list;
    event.u.networks.count = loop->networks.count;
    handle_one(loop, &event);
    give_feedback(loop);
}

static void read_networks(plum_loop *loop)
{
    loop->read_once = true;
    loop->read_at = loop->now;
    loop->look_again = false;
    bool changed = !loop->fed && plum_networks_read(&loop->networks);
    /* In trouble they are told unasked as well: the engine may have had no memory for them. */
    if (changed || loop->in_trouble)
        tell_networks(loop);
}

int plum_loop_handle(plum_loop *loop, const plum_event *event)
{
    /* While nothing was mapped nobody looked at the routes. */
    bool wants_networks = event->kind == PLUM_EV_CREATE || event->kind == PLUM_EV_ASK;
    if (wants_networks && !loop->fed &&
        plum_time_since(loop->now, loop->read_at) >= LOOK_FOR_GATEWAY_MS)
        read_networks(loop);
    int result = handle_one(loop, event);
    give_feedback(loop);
    return result;
}

void plum_loop_feed(plum_loop *loop, const plum_network_info *list, size_t count)
{
    if (plum_networks_feed(&loop->networks, list, count))
        tell_networks(loop);
}

bool plum_loop_is_fed(const plum_loop *loop)
{
    return loop->fed;
}

void plum_loop_shutdown(plum_loop *loop, uint32_t timeout_ms)
{
    clock_read(loop);
    plum_event event;
    memset(&event, 0, sizeof event);
    event.kind = PLUM_EV_SHUTDOWN;
    event.u.shutdown.deadline = plum_time_add(loop->now, timeout_ms);
    plum_loop_handle(loop, &event);
}

void plum_loop_retry(plum_loop *loop, uint32_t ms)
{
    loop->retry_at = plum_time_min(loop->retry_at, plum_time_add(loop->now, ms));
}

/* When the routes are to be read next. Idle, they are left alone; a mapping that has a gateway
 * needs them no oftener than it is rechecked. */
static plum_time networks_due(const plum_loop *loop, const plum_engine_stats *stats)
{
    if (!loop->fed && !loop->read_once)
        return 0;
    if (stats->handles == 0 || (loop->fed && !loop->in_trouble))
        return PLUM_NEVER;
    bool searching =
        !loop->fed && (loop->look_again || !plum_networks_have_gateway(&loop->networks));
    uint32_t wait = searching          ? LOOK_FOR_GATEWAY_MS
                    : loop->in_trouble ? LOOK_IN_TROUBLE_MS
                                       : loop->recheck;
    return plum_time_add(loop->read_at, wait < loop->recheck ? wait : loop->recheck);
}

static void read_networks_when_due(plum_loop *loop)
{
    plum_engine_stats stats;
    plum_engine_read_stats(loop->engine, &stats);
    if (networks_due(loop, &stats) <= loop->now)
        read_networks(loop);
}

static void tick(plum_loop *loop)
{
    clock_read(loop);
    if (plum_engine_deadline(loop->engine) > loop->now)
        return;
    plum_event event;
    memset(&event, 0, sizeof event);
    event.kind = PLUM_EV_TICK;
    plum_loop_handle(loop, &event);
}

static void receive(plum_loop *loop, plum_udp_slot *slot)
{
    plum_event event;
    for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
        if (!plum_udp_receive(slot, loop->datagram, sizeof loop->datagram, &event))
            break;
        plum_loop_handle(loop, &event);
    }
    give_feedback(loop);
}

static void wait_and_receive(plum_loop *loop)
{
    plum_poll_item items[PLUM_UDP_MAX];
    plum_udp_slot *slots[PLUM_UDP_MAX];
    plum_engine_stats stats;
    plum_engine_read_stats(loop->engine, &stats);

    plum_time deadline = plum_time_min(plum_engine_deadline(loop->engine), loop->retry_at);
    deadline = plum_time_min(deadline, networks_due(loop, &stats));
    if (plum_udp_has_event(&loop->udp))
        deadline = 0; /* more than a turn's share: on with it, after a look at the rest */
    size_t count = plum_udp_items(&loop->udp, items, slots);
    plum_waiter_wait(loop->waiter, items, count, deadline);
    loop->wakeups++;
    clock_read(loop);
    for (size_t i = 0; i < count; i++)
        if (items[i].readable)
            receive(loop, slots[i]);
}

static void publish_stats(plum_loop *loop)
{
    plum_loop_stats stats = {
        .wakeups = loop->wakeups, .heap = loop->heap.now, .heap_peak = loop->heap.peak};
    plum_engine_read_stats(loop->engine, &stats.engine);
    loop->owner.stats(loop->owner.ctx, &stats);
}

void plum_loop_run(plum_loop *loop)
{
    for (;;) {
        clock_read(loop);
        read_networks_when_due(loop);
        if (loop->retry_at <= loop->now)
            loop->retry_at = PLUM_NEVER;
        loop->owner.commands(loop->owner.ctx, loop);
        if (loop->fed && !loop->networks.told)
            plum_loop_feed(loop, NULL, 0); /* nothing is known yet, and that is known */
        give_feedback(loop);
        tick(loop);
        publish_stats(loop); /* so that a callback finds them as new as its own news */
        loop->owner.deliver(loop->owner.ctx);
        if (loop->stopped)
            return;
        wait_and_receive(loop);
    }
}
