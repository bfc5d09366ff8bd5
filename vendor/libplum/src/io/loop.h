/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one thread: it alone reads the clock and touches sockets. */
#ifndef PLUM_IO_LOOP_H
#define PLUM_IO_LOOP_H

#include "engine/engine.h"
#include "io/networks.h"

typedef struct plum_loop plum_loop;

typedef struct {
    plum_engine_stats engine;
    uint64_t wakeups; /* returns of poll() */
    uint64_t heap, heap_peak;
} plum_loop_stats;

/* What the loop tells its owner; all on the loop's thread, none from within the engine's door:
 * `action` may not call plum_loop_handle(). */
typedef struct {
    void *ctx;
    /* Once a turn: hand in what waits. */
    void (*commands)(void *ctx, plum_loop *loop);
    /* NOTIFY, ANSWER or LOG; what it points to is borrowed. */
    void (*action)(void *ctx, const plum_action *action);
    /* Once a turn, after everything that is to be sent has been: time for callbacks. */
    void (*deliver)(void *ctx);
    /* Once a turn, right before `deliver`. */
    void (*stats)(void *ctx, const plum_loop_stats *stats);
} plum_loop_owner;

typedef struct {
    plum_engine_config engine;
    plum_networks_config networks;
    bool fed; /* the program feeds the networks: no routes are read */
} plum_loop_config;

/* NULL: no memory, descriptors or randomness. */
plum_loop *plum_loop_new(const plum_loop_config *config, const plum_loop_owner *owner);
void plum_loop_free(plum_loop *loop);

/* Runs until the engine has stopped. */
void plum_loop_run(plum_loop *loop);

/* From any thread. */
void plum_loop_wake(plum_loop *loop);

/* The three for the owner's `commands`. */
int plum_loop_handle(plum_loop *loop, const plum_event *event);
void plum_loop_feed(plum_loop *loop, const plum_network_info *list, size_t count);
void plum_loop_shutdown(plum_loop *loop, uint32_t timeout_ms);

/* Does the program feed the networks? From any thread. */
bool plum_loop_is_fed(const plum_loop *loop);

/* Calls `commands` again within so many ms, for what could not be done now. */
void plum_loop_retry(plum_loop *loop, uint32_t ms);

#endif
