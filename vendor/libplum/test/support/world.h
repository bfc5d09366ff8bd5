/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A world for the engine in which time is a number: one network, one gateway with a few knobs,
 * packets in flight. After every step it checks what must always hold: no action on a socket that
 * is not open, one CLOSE for each OPEN, a deadline ahead of now, and the grammar of what each
 * mapping is told.
 *
 * The gateway here is a stand-in for unit tests; the oracle is libplum-gateway.
 */
#ifndef PLUM_TEST_WORLD_H
#define PLUM_TEST_WORLD_H

#include "engine/engine.h"
#include "heap_hooks.h"

#define WORLD_PACKETS 512
#define WORLD_IDS     1100
#define WORLD_RULES   1100

typedef struct {
    uint8_t transport; /* as PCP has it: 6, 17 */
    uint16_t internal, external;
    uint8_t nonce[12];
    plum_time expires;
    bool used;
} world_rule;

typedef struct {
    bool to_gateway;
    plum_time at;
    uint64_t order;
    plum_sock sock;
    uint8_t bytes[1200];
    size_t size;
} world_packet;

typedef struct {
    plum_is state;
    plum_by by, why_by;
    plum_why why;
    int32_t code;
    plum_addr external;
    uint32_t lifetime;
    plum_time at, expires;
} world_news;

typedef struct {
    /* knobs */
    bool pcp, natpmp, dead, refuse; /* dead: silence; refuse: ICMP */
    bool drops_v2, short_error_with_r_bit, keeps_quiet_on_announce;
    uint32_t least, most; /* lifetimes */
    plum_time delay;      /* each way */
    plum_time service;    /* serial */
    uint32_t lose_next;   /* packets either way */
    int lose_percent;
    bool twice;          /* every answer comes twice */
    uint16_t grant_port; /* this port, whatever is suggested */
    uint16_t mute_port;  /* PCP requests for this internal port are not answered */
    uint8_t pcp_result, pcp_result_times;
    uint32_t pcp_result_lifetime;
    uint16_t natpmp_result;
    uint8_t external[4];
    /* state */
    plum_time epoch_start, busy_until;
    world_rule rules[WORLD_RULES];
    /* what it saw */
    unsigned requests, pcp_maps, pcp_deletes, announces, natpmp_maps, natpmp_deletes,
        natpmp_externals;
} world_gateway;

typedef struct {
    plum_engine *engine;
    check_heap heap;
    plum_time now;
    plum_rng rng;
    world_gateway gw;
    plum_network_info net;
    bool connected;
    world_packet flight[WORLD_PACKETS];
    uint64_t order;
    plum_sock open[8], ear;
    bool deaf; /* port 5350 is not to be had */
    unsigned opens, closes, sends, wakeups;
    plum_time icmp_at;
    plum_sock icmp_sock;
    bool stopped;
    plum_time stopped_at;
    struct {
        unsigned count, destroyed, refreshed;
        world_news last, first;
    } news[WORLD_IDS];
    unsigned answers, answer_ends, answer_errors;
    plum_item item[4];
    uint64_t hash; /* of everything that came out */
} world;

void world_init(world *w, const plum_engine_config *config); /* NULL: defaults */
plum_engine_config world_config(void);
void world_free(world *w); /* also checks that all memory came back */

int world_event(world *w, const plum_event *ev);
void world_connect(world *w);
void world_disconnect(world *w);
int world_create(world *w, uint32_t id, plum_transport transport,
                 uint16_t port); /* with defaults */
int world_create_with(world *w, uint32_t id, const plum_create *o);
int world_destroy(world *w, uint32_t id);
void world_shutdown(world *w, plum_time within);
int world_ask(world *w, uint32_t request, plum_ask_what what);

void world_run(world *w, plum_time ms); /* lets time pass */
void world_inject(world *w, const uint8_t *bytes,
                  size_t size); /* an answer out of nowhere, from the gateway */
/* What comes to 224.0.0.1:5350. */
void world_announce(world *w, const uint8_t *bytes, size_t size, const plum_addr *from);
void world_restart(world *w, bool keep); /* the gateway's daemon */
bool world_is(const world *w, uint32_t id, plum_is state);
unsigned world_rules(const world *w);
const world_rule *world_rule_of(const world *w, uint16_t internal);

#endif
