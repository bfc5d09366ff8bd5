/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client from the inside. `lock` is a leaf: it is never held across a callback, a log call, an
 * allocation or a system call, and no other lock is taken under it. */
#ifndef PLUM_API_CLIENT_INTERNAL_H
#define PLUM_API_CLIENT_INTERNAL_H

#include <stdatomic.h>

#include "api/records.h"
#include "io/loop.h"
#include "io/queue.h"
#include "platform/platform.h"

typedef struct {
    plum_link command; /* in the queue, or alone */
    plum_link link;    /* in the client's list of asks */
    uint32_t request;
    plum_ask_t what;
    plum_client_answer_callback_t callback;
    void *ctx;
    bool cancelled; /* under the lock */
    bool in_engine; /* the loop's, as all that follows */
    bool answered;
} plum_ask_record;

struct plum_client {
    atomic_int refs;     /* the handle's, the thread's, a call's of plum.h */
    uint64_t generation; /* of the process that made it */
    plum_thread thread;
    plum_loop *loop;
    char *interface;
    plum_client_log_callback_t log_callback;
    void *log_ctx;
    uint32_t shutdown_timeout; /* ms */

    plum_mutex lock;
    plum_cond changed; /* ended or joined has become true */
    plum_records records;
    plum_queue commands;     /* of records: to be made or destroyed, by what they say themselves */
    plum_queue ask_commands; /* of asks, likewise */
    plum_link asks;
    uint32_t last_request;
    plum_link due; /* records with a callback to be made */
    plum_network_info *fed;
    size_t fed_count;
    bool fed_new;
    bool closing; /* then every mapping is DESTROYING */
    bool ended, joining, joined;
    void (*done)(void *ctx);
    void *done_ctx;
    plum_loop_stats stats;

    /* the thread's own */
    bool shutdown_told;
    plum_link unborn; /* records for which the engine had no memory */
    plum_time unborn_at;
};

/* True when the client belongs to this process, not to one that this one was forked from. */
bool plum_client_is_ours(const plum_client_t *client);

void plum_client_ref(plum_client_t *client);
void plum_client_unref(plum_client_t *client);

/* plum_client_map() with plum.h's callback. */
int plum_client_map_for_shell(plum_client_t *client, const plum_map_options_t *options,
                              plum_mapping_callback_t callback);

/* ---- deliver.c: from the loop to the program, all on the loop's thread ---- */

void plum_deliver_action(void *client, const plum_action *action);
void plum_deliver_due(void *client);
/* Notes that a record is done with: its DESTROYED is due. */
void plum_deliver_destroyed(plum_client_t *client, plum_record *record);
/* Notes FAILURE for a mapping that the engine did not take. */
void plum_deliver_refusal(plum_client_t *client, plum_record *record, plum_reason_t reason);
/* The end of an ask: takes it out, calls back, frees it. */
void plum_deliver_end_of_ask(plum_client_t *client, plum_ask_record *ask, int result);

/* A record's published state as of now; under the lock. */
plum_mapping_info_t plum_record_info(const plum_client_t *client, const plum_record *record,
                                     plum_time now);
plum_mapping_t plum_mapping_from_info(const plum_mapping_info_t *info);

#endif
