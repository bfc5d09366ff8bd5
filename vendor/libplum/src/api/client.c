/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "api/client_internal.h"
#include "api/convert.h"
#include "api/options.h"

_Static_assert((int)PLUM_IP_PROTOCOL_TCP == (int)PLUM_TCP &&
                   (int)PLUM_IP_PROTOCOL_UDP == (int)PLUM_UDP,
               "transports are the engine's");
_Static_assert((int)PLUM_MAPPING_PROTOCOL_UNKNOWN == (int)PLUM_BY_UNKNOWN &&
                   (int)PLUM_MAPPING_PROTOCOL_PCP == (int)PLUM_BY_PCP &&
                   (int)PLUM_MAPPING_PROTOCOL_NATPMP == (int)PLUM_BY_NATPMP &&
                   (int)PLUM_MAPPING_PROTOCOL_UPNP == (int)PLUM_BY_UPNP &&
                   (int)PLUM_MAPPING_PROTOCOL_DIRECT == (int)PLUM_BY_DIRECT,
               "protocols are the engine's");
_Static_assert(PLUM_PROTOCOLS_PCP == PLUM_ALLOW_PCP && PLUM_PROTOCOLS_NATPMP == PLUM_ALLOW_NATPMP &&
                   PLUM_PROTOCOLS_UPNP == PLUM_ALLOW_UPNP,
               "sets of protocols are the engine's");
_Static_assert((int)PLUM_REASON_NONE == (int)PLUM_WHY_NONE &&
                   (int)PLUM_REASON_NO_GATEWAY == (int)PLUM_WHY_NO_GATEWAY &&
                   (int)PLUM_REASON_NO_ANSWER == (int)PLUM_WHY_NO_ANSWER &&
                   (int)PLUM_REASON_CLOSED == (int)PLUM_WHY_CLOSED &&
                   (int)PLUM_REASON_REFUSED == (int)PLUM_WHY_REFUSED &&
                   (int)PLUM_REASON_TIMED_OUT == (int)PLUM_WHY_TIMED_OUT &&
                   (int)PLUM_REASON_UNSUPPORTED == (int)PLUM_WHY_UNSUPPORTED &&
                   (int)PLUM_REASON_PORT_TAKEN == (int)PLUM_WHY_PORT_TAKEN &&
                   (int)PLUM_REASON_RESOURCES == (int)PLUM_WHY_RESOURCES &&
                   (int)PLUM_REASON_EXPIRED == (int)PLUM_WHY_EXPIRED &&
                   (int)PLUM_REASON_CLOSING == (int)PLUM_WHY_CLOSING,
               "reasons are the engine's");
_Static_assert((int)PLUM_ASK_EXTERNAL_ADDRESS == (int)PLUM_ASK_FOR_EXTERNAL &&
                   (int)PLUM_ASK_PROBE == (int)PLUM_ASK_FOR_PROBE,
               "asks are the engine's");

enum { UNBORN_RETRY_MS = 200 };

/* Process-wide, so that an id names one mapping for the life of the process. */
static atomic_int last_id;

/* -1: all have been used. */
static int new_id(void)
{
    int id = atomic_load(&last_id);
    do {
        if (id == INT_MAX)
            return -1;
    } while (!atomic_compare_exchange_weak(&last_id, &id, id + 1));
    return id + 1;
}

bool plum_client_is_ours(const plum_client_t *client)
{
    return client->generation == plum_platform_fork_generation();
}

void plum_client_ref(plum_client_t *client)
{
    atomic_fetch_add(&client->refs, 1);
}

static void free_all(plum_client_t *client)
{
    plum_loop_free(client->loop);
    plum_cond_free(&client->changed);
    plum_mutex_free(&client->lock);
    free(client->records.buckets);
    free(client->fed);
    free(client->interface);
    free(client);
}

void plum_client_unref(plum_client_t *client)
{
    if (atomic_fetch_sub(&client->refs, 1) == 1)
        free_all(client);
}

/* ---- the loop's thread ---- */

static void create_in_engine(plum_client_t *client, plum_loop *loop, plum_record *r)
{
    plum_event event;
    memset(&event, 0, sizeof event);
    event.kind = PLUM_EV_CREATE;
    event.u.create.id = r->id;
    event.u.create.options = &r->create;
    r->in_engine = true;
    int result = plum_loop_handle(loop, &event);
    if (result == PLUM_E_OK)
        return;
    r->in_engine = false;
    if (result == PLUM_E_CLOSING) {
        plum_deliver_destroyed(client, r);
    } else if (result == PLUM_E_NOMEM) {
        plum_deliver_refusal(client, r, PLUM_REASON_RESOURCES);
        plum_link_append(&client->unborn, &r->unborn);
        client->unborn_at = plum_time_add(plum_platform_now(), UNBORN_RETRY_MS);
        plum_loop_retry(loop, UNBORN_RETRY_MS);
    } else {
        plum_deliver_refusal(client, r, PLUM_REASON_UNSUPPORTED);
    }
}

static void destroy_in_engine(plum_client_t *client, plum_loop *loop, plum_record *r)
{
    plum_event event;
    memset(&event, 0, sizeof event);
    event.kind = PLUM_EV_DESTROY;
    event.u.destroy.id = r->id;
    if (plum_loop_handle(loop, &event) == PLUM_E_UNKNOWN)
        plum_deliver_destroyed(client, r);
}

static void run_command(plum_client_t *client, plum_loop *loop, plum_record *r)
{
    plum_mutex_lock(&client->lock);
    bool going = client->closing || r->destroying;
    plum_mutex_unlock(&client->lock);
    if (!going && !r->in_engine)
        create_in_engine(client, loop, r);
    else if (going && r->in_engine)
        destroy_in_engine(client, loop, r);
    else if (going)
        plum_deliver_destroyed(client, r); /* the engine never saw it */
}

static void run_ask(plum_client_t *client, plum_loop *loop, plum_ask_record *ask)
{
    plum_event event;
    memset(&event, 0, sizeof event);
    event.u.ask.request = ask->request;
    event.u.ask.what = (plum_ask_what)ask->what;
    plum_mutex_lock(&client->lock);
    bool cancelled = ask->cancelled;
    plum_mutex_unlock(&client->lock);
    if (cancelled) {
        event.kind = PLUM_EV_ASK_CANCEL;
        if (ask->in_engine)
            plum_loop_handle(loop, &event); /* what it answers is not passed on any more */
        plum_deliver_end_of_ask(client, ask, PLUM_ERR_FAILED);
    } else if (!ask->in_engine) {
        event.kind = PLUM_EV_ASK;
        ask->in_engine = true;
        /* An ask that was taken may have ended, and be freed, when this returns. */
        if (plum_loop_handle(loop, &event) != PLUM_E_OK)
            plum_deliver_end_of_ask(client, ask, PLUM_ERR_FAILED);
    }
}

static void retry_unborn(plum_client_t *client, plum_loop *loop)
{
    if (plum_link_is_alone(&client->unborn) || client->unborn_at > plum_platform_now())
        return;
    plum_link again;
    plum_link_init(&again);
    while (!plum_link_is_alone(&client->unborn))
        plum_link_append(&again, client->unborn.next);
    while (!plum_link_is_alone(&again)) {
        plum_record *r = PLUM_OBJECT(again.next, plum_record, unborn);
        plum_link_remove(&r->unborn);
        run_command(client, loop, r);
    }
}

static void take_commands(void *ctx, plum_loop *loop)
{
    plum_client_t *client = ctx;
    plum_link records, asks;
    plum_link_init(&records);
    plum_link_init(&asks);
    plum_mutex_lock(&client->lock);
    plum_queue_take(&client->commands, &records);
    plum_queue_take(&client->ask_commands, &asks);
    plum_network_info *fed = client->fed;
    size_t fed_count = client->fed_count;
    bool fed_new = client->fed_new;
    bool closing = client->closing;
    client->fed = NULL;
    client->fed_new = false;
    plum_mutex_unlock(&client->lock);

    if (fed_new)
        plum_loop_feed(loop, fed, fed_count);
    free(fed);
    retry_unborn(client, loop);
    for (;;) {
        /* The list is this thread's, its members' links are not: a destroy looks at them. */
        plum_mutex_lock(&client->lock);
        plum_link *l = records.next;
        plum_link_remove(l);
        plum_mutex_unlock(&client->lock);
        if (l == &records)
            break;
        run_command(client, loop, PLUM_OBJECT(l, plum_record, command));
    }
    for (;;) {
        plum_mutex_lock(&client->lock);
        plum_link *l = asks.next;
        plum_link_remove(l);
        plum_mutex_unlock(&client->lock);
        if (l == &asks)
            break;
        run_ask(client, loop, PLUM_OBJECT(l, plum_ask_record, command));
    }
    if (closing && !client->shutdown_told) {
        client->shutdown_told = true;
        plum_loop_shutdown(loop, client->shutdown_timeout);
    }
}

static void keep_stats(void *ctx, const plum_loop_stats *stats)
{
    plum_client_t *client = ctx;
    plum_mutex_lock(&client->lock);
    client->stats = *stats;
    plum_mutex_unlock(&client->lock);
}

/* What is left when the engine has stopped: mappings and asks that never reached it. */
static void sweep(plum_client_t *client)
{
    for (;;) {
        plum_mutex_lock(&client->lock);
        plum_record *r = plum_records_any(&client->records);
        plum_mutex_unlock(&client->lock);
        if (r == NULL)
            break;
        plum_deliver_destroyed(client, r);
        plum_deliver_due(client);
    }
    for (;;) {
        plum_mutex_lock(&client->lock);
        plum_link *l = client->asks.next;
        plum_mutex_unlock(&client->lock);
        if (l == &client->asks)
            break;
        plum_deliver_end_of_ask(client, PLUM_OBJECT(l, plum_ask_record, link), PLUM_ERR_FAILED);
    }
}

static void run(void *arg)
{
    plum_client_t *client = arg;
    plum_loop_run(client->loop);
    sweep(client);
    plum_mutex_lock(&client->lock);
    void (*done)(void *) = client->done;
    void *done_ctx = client->done_ctx;
    plum_mutex_unlock(&client->lock);
    if (done != NULL)
        done(done_ctx);
    plum_mutex_lock(&client->lock);
    client->ended = true;
    plum_cond_broadcast(&client->changed);
    plum_mutex_unlock(&client->lock);
    plum_client_unref(client);
}

/* ---- instances ---- */

static plum_client_t *new_client(const plum_client_options_t *options, plum_loop_config *config)
{
    plum_client_t *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    if (plum_mutex_init(&client->lock) != 0) {
        free(client);
        return NULL;
    }
    if (plum_cond_init(&client->changed) != 0) {
        plum_mutex_free(&client->lock);
        free(client);
        return NULL;
    }
    atomic_init(&client->refs, 1);
    client->generation = plum_platform_fork_generation();
    client->log_callback = options->log_callback;
    client->log_ctx = options->log_ctx;
    client->shutdown_timeout = config->engine.shutdown_timeout;
    plum_queue_init(&client->commands);
    plum_queue_init(&client->ask_commands);
    plum_link_init(&client->asks);
    plum_link_init(&client->due);
    plum_link_init(&client->unborn);

    if (options->interface_name != NULL) {
        size_t size = strlen(options->interface_name) + 1;
        client->interface = malloc(size);
        if (client->interface == NULL) {
            free_all(client);
            return NULL;
        }
        memcpy(client->interface, options->interface_name, size);
        config->networks.interface = client->interface;
    }
    const plum_loop_owner owner = {.ctx = client,
                                   .commands = take_commands,
                                   .action = plum_deliver_action,
                                   .deliver = plum_deliver_due,
                                   .stats = keep_stats};
    client->loop = plum_loop_new(config, &owner);
    if (client->loop == NULL) {
        free_all(client);
        return NULL;
    }
    return client;
}

int plum_client_new(const plum_client_options_t *options, plum_client_t **out)
{
    if (out == NULL)
        return PLUM_ERR_INVALID;
    *out = NULL;
    plum_loop_config config;
    int result = plum_options_read(options, &config);
    if (result != PLUM_ERR_SUCCESS)
        return result;
    if (plum_platform_start() != 0)
        return PLUM_ERR_FAILED;
    plum_client_t *client = new_client(options, &config);
    if (client == NULL)
        return PLUM_ERR_FAILED;
    plum_client_ref(client); /* the thread's */
    if (plum_thread_start(&client->thread, run, client) != 0) {
        free_all(client);
        return PLUM_ERR_FAILED;
    }
    *out = client;
    return PLUM_ERR_SUCCESS;
}

int plum_client_close(plum_client_t *client, void (*done)(void *ctx), void *ctx)
{
    if (client == NULL)
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client))
        return PLUM_ERR_FAILED;
    plum_mutex_lock(&client->lock);
    if (client->closing) {
        plum_mutex_unlock(&client->lock);
        return PLUM_ERR_FAILED;
    }
    client->closing = true;
    client->done = done;
    client->done_ctx = ctx;
    bool wake = plum_queue_signal(&client->commands);
    plum_mutex_unlock(&client->lock);
    if (wake)
        plum_loop_wake(client->loop);
    return PLUM_ERR_SUCCESS;
}

/* Waits, the lock held, until *flag; false when the time is over. */
static bool wait_for(plum_client_t *client, const bool *flag, int timeout_ms, plum_time until)
{
    while (!*flag) {
        int left = -1;
        if (timeout_ms >= 0) {
            uint64_t ms = plum_time_since(until, plum_platform_now());
            if (ms == 0)
                return false;
            left = ms < INT_MAX ? (int)ms : INT_MAX;
        }
        plum_cond_wait(&client->changed, &client->lock, left);
    }
    return true;
}

int plum_client_join(plum_client_t *client, int timeout_ms)
{
    if (client == NULL)
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client) || plum_thread_is_current(&client->thread))
        return PLUM_ERR_FAILED;
    plum_time until =
        timeout_ms < 0 ? PLUM_NEVER : plum_time_add(plum_platform_now(), (uint64_t)timeout_ms);
    int result = PLUM_ERR_SUCCESS;
    plum_mutex_lock(&client->lock);
    if (!client->closing) {
        result = PLUM_ERR_FAILED;
    } else if (!wait_for(client, &client->ended, timeout_ms, until)) {
        result = PLUM_ERR_NOT_AVAIL;
    } else if (client->joining) {
        if (!wait_for(client, &client->joined, timeout_ms, until))
            result = PLUM_ERR_NOT_AVAIL;
    } else {
        client->joining = true;
        plum_mutex_unlock(&client->lock);
        plum_thread_join(&client->thread);
        plum_mutex_lock(&client->lock);
        client->joined = true;
        plum_cond_broadcast(&client->changed);
    }
    plum_mutex_unlock(&client->lock);
    return result;
}

void plum_client_free(plum_client_t *client)
{
    if (client == NULL || !plum_client_is_ours(client))
        return;
    plum_client_close(client, NULL, NULL); /* FAILED: it is closing already */
    plum_mutex_lock(&client->lock);
    bool joined = client->joined;
    plum_mutex_unlock(&client->lock);
    if (!joined)
        plum_thread_detach(&client->thread);
    plum_client_unref(client);
}

/* ---- mappings ---- */

static plum_record *new_record(const plum_map_options_t *options, const plum_create *create)
{
    size_t text = create->description != NULL ? strlen(create->description) + 1 : 0;
    plum_record *r = malloc(sizeof *r + text);
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof *r);
    plum_link_init(&r->command);
    plum_link_init(&r->due);
    plum_link_init(&r->unborn);
    r->create = *create;
    if (text > 0) {
        char *copy = (char *)(r + 1);
        memcpy(copy, create->description, text);
        r->create.description = copy;
    }
    r->info.state = PLUM_STATE_PENDING;
    r->info.transport = options->transport;
    r->info.internal_port = options->internal_port;
    r->info.user_ptr = options->user_ptr;
    return r;
}

/* Takes the lock with room for one more record; the memory for it is got outside. False, and not
 * locked: there is none. */
static bool lock_with_room(plum_client_t *client)
{
    for (;;) {
        plum_mutex_lock(&client->lock);
        size_t wants = plum_records_wants(&client->records);
        if (wants == 0)
            return true;
        plum_mutex_unlock(&client->lock);
        plum_record **buckets = calloc(wants, sizeof(plum_record *));
        plum_mutex_lock(&client->lock);
        if (buckets == NULL) {
            if (client->records.room > 0)
                return true; /* longer chains do as well */
            plum_mutex_unlock(&client->lock);
            return false;
        }
        buckets = plum_records_grow(&client->records, buckets, wants);
        plum_mutex_unlock(&client->lock);
        free(buckets);
    }
}

static int map(plum_client_t *client, const plum_map_options_t *options,
               plum_client_mapping_callback_t callback, plum_mapping_callback_t shell_callback)
{
    plum_create create;
    int result = plum_map_options_read(options, &create);
    if (client == NULL || result != PLUM_ERR_SUCCESS)
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client))
        return PLUM_ERR_FAILED;
    plum_record *r = new_record(options, &create);
    if (r == NULL)
        return PLUM_ERR_FAILED;
    r->callback = callback;
    r->shell_callback = shell_callback;
    if (!lock_with_room(client)) {
        free(r);
        return PLUM_ERR_FAILED;
    }
    int id = client->closing ? -1 : new_id();
    if (id < 0) {
        plum_mutex_unlock(&client->lock);
        free(r);
        return PLUM_ERR_FAILED;
    }
    r->id = (uint32_t)id;
    plum_records_insert(&client->records, r);
    bool wake = plum_queue_push(&client->commands, &r->command);
    plum_mutex_unlock(&client->lock);
    /* The record is the loop's now. */
    if (wake)
        plum_loop_wake(client->loop);
    return id;
}

int plum_client_map(plum_client_t *client, const plum_map_options_t *options,
                    plum_client_mapping_callback_t callback)
{
    return map(client, options, callback, NULL);
}

int plum_client_map_for_shell(plum_client_t *client, const plum_map_options_t *options,
                              plum_mapping_callback_t callback)
{
    return map(client, options, NULL, callback);
}

int plum_client_unmap(plum_client_t *client, int id)
{
    if (client == NULL || id < 0)
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client))
        return PLUM_ERR_FAILED;
    bool wake = false;
    plum_mutex_lock(&client->lock);
    plum_record *r = plum_records_find(&client->records, (uint32_t)id);
    if (r != NULL && !r->destroying) {
        r->destroying = true;
        wake = plum_queue_push(&client->commands, &r->command);
    }
    plum_mutex_unlock(&client->lock);
    if (wake)
        plum_loop_wake(client->loop);
    return r != NULL ? PLUM_ERR_SUCCESS : PLUM_ERR_NOT_AVAIL;
}

int plum_client_query(plum_client_t *client, int id, plum_mapping_info_t *info, size_t size)
{
    if (client == NULL || id < 0 || (info != NULL && size < sizeof *info))
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client))
        return PLUM_ERR_FAILED;
    plum_mapping_info_t found;
    plum_time now = plum_platform_now();
    plum_mutex_lock(&client->lock);
    plum_record *r = plum_records_find(&client->records, (uint32_t)id);
    bool there = r != NULL && !r->destroyed;
    if (there)
        found = plum_record_info(client, r, now);
    plum_mutex_unlock(&client->lock);
    if (!there)
        return PLUM_ERR_NOT_AVAIL;
    if (info != NULL) {
        memset(info, 0, size);
        memcpy(info, &found, sizeof found);
    }
    return PLUM_ERR_SUCCESS;
}

/* ---- the rest ---- */

uint32_t plum_client_protocols(void)
{
    return plum_engine_protocols();
}

int plum_client_set_networks(plum_client_t *client, const plum_network_t *networks, size_t count)
{
    plum_network_info list[PLUM_NETWORKS_MAX];
    if (client == NULL || plum_networks_options_read(networks, count, list) != PLUM_ERR_SUCCESS)
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client) || !plum_loop_is_fed(client->loop))
        return PLUM_ERR_FAILED;
    plum_network_info *copy = NULL;
    if (count > 0) {
        copy = malloc(count * sizeof *copy);
        if (copy == NULL)
            return PLUM_ERR_FAILED;
        memcpy(copy, list, count * sizeof *copy);
    }
    bool wake = false;
    plum_mutex_lock(&client->lock);
    bool closing = client->closing;
    if (!closing) {
        plum_network_info *old = client->fed;
        client->fed = copy;
        client->fed_count = count;
        client->fed_new = true;
        copy = old;
        wake = plum_queue_signal(&client->commands);
    }
    plum_mutex_unlock(&client->lock);
    if (wake)
        plum_loop_wake(client->loop);
    free(copy);
    return closing ? PLUM_ERR_FAILED : PLUM_ERR_SUCCESS;
}

int plum_client_ask(plum_client_t *client, plum_ask_t what, plum_client_answer_callback_t callback,
                    void *ctx)
{
    if (client == NULL || callback == NULL ||
        ((int)what != PLUM_ASK_EXTERNAL_ADDRESS && (int)what != PLUM_ASK_PROBE))
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client))
        return PLUM_ERR_FAILED;
    plum_ask_record *ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return PLUM_ERR_FAILED;
    plum_link_init(&ask->command);
    plum_link_init(&ask->link);
    ask->what = what;
    ask->callback = callback;
    ask->ctx = ctx;
    plum_mutex_lock(&client->lock);
    if (client->closing || client->last_request == INT_MAX) {
        plum_mutex_unlock(&client->lock);
        free(ask);
        return PLUM_ERR_FAILED;
    }
    int request = (int)++client->last_request;
    ask->request = (uint32_t)request;
    plum_link_append(&client->asks, &ask->link);
    bool wake = plum_queue_push(&client->ask_commands, &ask->command);
    plum_mutex_unlock(&client->lock);
    if (wake)
        plum_loop_wake(client->loop);
    return request;
}

int plum_client_ask_cancel(plum_client_t *client, int request)
{
    if (client == NULL || request < 1)
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client))
        return PLUM_ERR_FAILED;
    bool found = false, wake = false;
    plum_mutex_lock(&client->lock);
    for (plum_link *l = client->asks.next; l != &client->asks; l = l->next) {
        plum_ask_record *ask = PLUM_OBJECT(l, plum_ask_record, link);
        if (ask->request != (uint32_t)request)
            continue;
        found = true;
        if (!ask->cancelled) {
            ask->cancelled = true;
            wake = plum_queue_push(&client->ask_commands, &ask->command);
        }
        break;
    }
    plum_mutex_unlock(&client->lock);
    if (wake)
        plum_loop_wake(client->loop);
    return found ? PLUM_ERR_SUCCESS : PLUM_ERR_NOT_AVAIL;
}

int plum_client_stats(plum_client_t *client, plum_client_stats_t *stats, size_t size)
{
    if (client == NULL || stats == NULL || size < sizeof *stats)
        return PLUM_ERR_INVALID;
    if (!plum_client_is_ours(client))
        return PLUM_ERR_FAILED;
    plum_mutex_lock(&client->lock);
    plum_loop_stats s = client->stats;
    size_t mappings = client->records.count;
    plum_mutex_unlock(&client->lock);
    memset(stats, 0, size);
    stats->size = size;
    stats->sent = s.engine.sent;
    stats->received = s.engine.received;
    stats->retransmitted = s.engine.retransmitted;
    stats->dropped = s.engine.dropped;
    stats->deletes_sent = s.engine.deletes_sent;
    stats->deletes_confirmed = s.engine.deletes_confirmed;
    stats->resets = s.engine.resets;
    stats->wakeups = s.wakeups;
    stats->log_dropped = s.engine.log_dropped;
    stats->mappings = mappings;
    stats->heap_bytes = s.heap;
    stats->heap_peak_bytes = s.heap_peak;
    return PLUM_ERR_SUCCESS;
}

int plum_client_local_address(int family, plum_address_t *address)
{
    if (address == NULL || (family != 0 && family != 4 && family != 6))
        return PLUM_ERR_INVALID;
    if (plum_platform_start() != 0)
        return PLUM_ERR_FAILED;
    plum_ip any, source;
    static const uint8_t order[] = {4, 6};
    for (size_t i = 0; i < sizeof order; i++) {
        if (family != 0 && family != order[i])
            continue;
        any = plum_ip_any(order[i]);
        if (plum_platform_source(&any, &source)) {
            *address = plum_address_from_ip(&source);
            return PLUM_ERR_SUCCESS;
        }
    }
    return PLUM_ERR_NOT_AVAIL;
}
