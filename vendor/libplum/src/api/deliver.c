/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Publish under the lock, call without it. */
#include <stdlib.h>
#include <string.h>

#include "api/client_internal.h"
#include "api/convert.h"
#include "io/trace.h"

static uint32_t remaining_s(plum_time expires, plum_time now, uint32_t lifetime_s)
{
    if (expires == PLUM_NEVER)
        return UINT32_MAX;
    uint64_t seconds = (plum_time_since(expires, now) + PLUM_SECONDS - 1) / PLUM_SECONDS;
    return seconds < lifetime_s ? (uint32_t)seconds : lifetime_s;
}

static bool is_going(const plum_client_t *client, const plum_record *record)
{
    return client->closing || record->destroying;
}

plum_mapping_info_t plum_record_info(const plum_client_t *client, const plum_record *record,
                                     plum_time now)
{
    plum_mapping_info_t info = record->info;
    if (record->destroyed)
        info.state = PLUM_STATE_DESTROYED;
    else if (is_going(client, record))
        info.state = PLUM_STATE_DESTROYING;
    if (info.state == PLUM_STATE_SUCCESS) {
        info.remaining_s = remaining_s(record->expires, now, info.lifetime_s);
        return info;
    }
    info.mapping_protocol = PLUM_MAPPING_PROTOCOL_UNKNOWN;
    info.lifetime_s = 0;
    memset(&info.external, 0, sizeof info.external);
    if (info.state != PLUM_STATE_FAILURE) {
        info.reason = PLUM_REASON_NONE;
        info.reason_protocol = PLUM_MAPPING_PROTOCOL_UNKNOWN;
        info.code = 0;
    }
    return info;
}

plum_mapping_t plum_mapping_from_info(const plum_mapping_info_t *info)
{
    plum_mapping_t m;
    memset(&m, 0, sizeof m);
    m.protocol = info->transport;
    m.mapping_protocol = info->mapping_protocol;
    m.internal_port = info->internal_port;
    m.external_port = info->external.family != 0 ? info->external.port : 0;
    m.user_ptr = info->user_ptr;
    plum_addr external;
    if (plum_address_to(&info->external, &external)) {
        char text[PLUM_ADDR_TEXT];
        size_t size = plum_ip_text(&external.ip, text);
        memcpy(m.external_host, text, size); /* zeroed above: stays terminated */
    }
    return m;
}

static void make_due(plum_client_t *client, plum_record *record)
{
    if (plum_link_is_alone(&record->due))
        plum_link_append(&client->due, &record->due);
}

void plum_deliver_destroyed(plum_client_t *client, plum_record *record)
{
    plum_mutex_lock(&client->lock);
    record->destroyed = true;
    make_due(client, record);
    plum_mutex_unlock(&client->lock);
}

void plum_deliver_refusal(plum_client_t *client, plum_record *record, plum_reason_t reason)
{
    plum_mutex_lock(&client->lock);
    if (record->info.state == PLUM_STATE_PENDING && !is_going(client, record)) {
        record->info.state = PLUM_STATE_FAILURE;
        record->info.reason = reason;
        record->info.changes++;
        make_due(client, record);
    }
    plum_mutex_unlock(&client->lock);
}

static void publish(plum_client_t *client, const plum_action *action)
{
    plum_mutex_lock(&client->lock);
    plum_record *r = plum_records_find(&client->records, action->u.notify.id);
    if (r != NULL && action->u.notify.state == PLUM_IS_DESTROYED) {
        r->destroyed = true;
        make_due(client, r);
    } else if (r != NULL && !is_going(client, r)) {
        plum_mapping_info_t *info = &r->info;
        info->state =
            action->u.notify.state == PLUM_IS_SUCCESS ? PLUM_STATE_SUCCESS : PLUM_STATE_FAILURE;
        info->mapping_protocol = (plum_mapping_protocol_t)action->u.notify.by;
        info->reason = (plum_reason_t)action->u.notify.why;
        info->reason_protocol = (plum_mapping_protocol_t)action->u.notify.why_by;
        info->code = action->u.notify.code;
        info->lifetime_s = action->u.notify.lifetime;
        info->external = plum_address_from(&action->u.notify.external);
        info->local = plum_address_from_ip(&action->u.notify.local);
        info->gateway = plum_address_from(&action->u.notify.gateway);
        if (info->local.family != 0)
            info->local.port = info->internal_port;
        r->expires = action->u.notify.expires;
        if (action->u.notify.changed) {
            info->changes++;
            make_due(client, r);
        }
    }
    plum_mutex_unlock(&client->lock);
    PLUM_NOTE(PLUM_TRACE_PUBLISHED);
}

static void call(const plum_record *r, const plum_mapping_info_t *info)
{
    if (r->callback != NULL) {
        r->callback((int)r->id, info);
    } else if (r->shell_callback != NULL) {
        plum_mapping_t m = plum_mapping_from_info(info);
        r->shell_callback((int)r->id, info->state, &m);
    }
}

void plum_deliver_due(void *ctx)
{
    plum_client_t *client = ctx;
    for (;;) {
        plum_time now = plum_platform_now();
        plum_mutex_lock(&client->lock);
        if (plum_link_is_alone(&client->due)) {
            plum_mutex_unlock(&client->lock);
            return;
        }
        plum_record *r = PLUM_OBJECT(client->due.next, plum_record, due);
        plum_link_remove(&r->due);
        plum_mapping_info_t info = plum_record_info(client, r, now);
        if (r->destroyed) {
            /* Out of every list before its last callback. */
            plum_records_remove(&client->records, r);
            plum_link_remove(&r->command);
        }
        plum_mutex_unlock(&client->lock);

        /* From here on the callback has started; a destroy that comes now is too late to stop it,
         * and may not wait for it. */
        if (info.state != PLUM_STATE_DESTROYING)
            call(r, &info);
        if (info.state == PLUM_STATE_DESTROYED) {
            plum_link_remove(&r->unborn);
            free(r);
        }
    }
}

static plum_ask_record *find_ask(plum_client_t *client, uint32_t request)
{
    plum_ask_record *found = NULL;
    plum_mutex_lock(&client->lock);
    for (plum_link *l = client->asks.next; l != &client->asks; l = l->next) {
        plum_ask_record *a = PLUM_OBJECT(l, plum_ask_record, link);
        if (a->request == request && !a->cancelled)
            found = a;
    }
    plum_mutex_unlock(&client->lock);
    return found; /* only this thread frees asks */
}

void plum_deliver_end_of_ask(plum_client_t *client, plum_ask_record *ask, int result)
{
    plum_mutex_lock(&client->lock);
    plum_link_remove(&ask->link);
    plum_link_remove(&ask->command);
    plum_mutex_unlock(&client->lock);
    ask->callback(ask->ctx, result, NULL);
    free(ask);
}

static int ask_result(plum_client_t *client, const plum_ask_record *ask, plum_answer_kind kind)
{
    plum_mutex_lock(&client->lock);
    bool closing = client->closing;
    plum_mutex_unlock(&client->lock);
    if (kind == PLUM_ANSWER_ERROR && closing)
        return PLUM_ERR_FAILED;
    return ask->answered ? PLUM_ERR_SUCCESS : PLUM_ERR_NOT_AVAIL;
}

static void answer(plum_client_t *client, const plum_action *action)
{
    plum_ask_record *ask = find_ask(client, action->u.answer.request);
    if (ask == NULL)
        return;
    const plum_item *item = &action->u.answer.item;
    if (action->u.answer.what != PLUM_ANSWER_ITEM) {
        plum_deliver_end_of_ask(client, ask, ask_result(client, ask, action->u.answer.what));
        return;
    }
    plum_answer_t out;
    memset(&out, 0, sizeof out);
    out.protocol = (plum_mapping_protocol_t)item->protocol;
    out.reason = (plum_reason_t)item->why;
    out.code = item->code;
    out.rtt_ms = item->rtt;
    out.epoch_s = item->epoch;
    out.external = plum_address_from_ip(&item->external);
    out.gateway = plum_address_from(&item->gateway);
    out.local = plum_address_from_ip(&item->local);
    if (ask->what == PLUM_ASK_EXTERNAL_ADDRESS)
        ask->answered = ask->answered || out.external.family != 0;
    else
        ask->answered =
            ask->answered || item->why == PLUM_WHY_NONE || item->why == PLUM_WHY_REFUSED;
    ask->callback(ask->ctx, PLUM_ERR_SUCCESS, &out);
}

void plum_deliver_action(void *ctx, const plum_action *action)
{
    plum_client_t *client = ctx;
    switch (action->kind) {
    case PLUM_ACT_NOTIFY:
        publish(client, action);
        break;
    case PLUM_ACT_ANSWER:
        answer(client, action);
        break;
    case PLUM_ACT_LOG:
        if (client->log_callback != NULL)
            client->log_callback(client->log_ctx, (plum_log_level_t)action->u.log.level,
                                 action->u.log.text);
        break;
    case PLUM_ACT_OPEN:
    case PLUM_ACT_SEND:
    case PLUM_ACT_CLOSE:
    case PLUM_ACT_STOPPED:
    case PLUM_ACT_SNAPSHOT:
        break; /* the loop's own */
    }
}
