/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of engine/ share. Three kinds of objects:
 *
 *   handle   one id of the caller. Several may want the same port.
 *   wire     one mapping as a gateway sees it: (family, transport, internal port), one nonce, one
 * life. It is counted by its handles; the last one to go deletes it. gateway  one server on one
 * network, one socket, what is known of it, and the lanes on which requests go out.
 *
 * Nothing here is sent or told at once: a wire or gateway that has something to send stands in
 * `tx`, a handle that has something to tell in `notices`, and plum_engine_poll() makes the bytes
 * and the news from what is true then. That is why no action costs memory.
 */
#ifndef PLUM_ENGINE_STATE_H
#define PLUM_ENGINE_STATE_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "engine/engine.h"
#include "engine/pacing.h"
#include "proto/epoch.h"
#include "proto/natpmp.h"
#include "proto/pcp.h"
#include "text/writer.h"

typedef struct plum_wire plum_wire;
typedef struct plum_gateway plum_gateway;
typedef struct plum_handle plum_handle;
typedef struct plum_ask plum_ask;

/* Every timer of the engine; the kind tells in which object it lies. */
enum {
    PLUM_TIMER_HANDLE = 1, /* the handle's own timeout */
    PLUM_TIMER_WIRE_ACT,   /* renew, retry, give up a renewal */
    PLUM_TIMER_WIRE_LIMIT, /* expiry, mapping timeout, discovery timeout, deadline of a delete */
    PLUM_TIMER_PROBE,      /* next step of discovery, or its retry */
    PLUM_TIMER_SILENT,     /* silence counts as a failure for what the user is told */
    PLUM_TIMER_GRACE,      /* NAT-PMP answered: the last moment for PCP */
    PLUM_TIMER_CHECK,      /* the next recheck */
    PLUM_TIMER_ANNOUNCE,   /* retransmission of an ANNOUNCE */
    PLUM_TIMER_RTO,        /* of the oldest outstanding MAP or delete */
    PLUM_TIMER_NATPMP,     /* of the one outstanding NAT-PMP request */
    PLUM_TIMER_TROUBLE,    /* the port is refused while mappings live */
    PLUM_TIMER_REASSERT,   /* jitter after a reset has passed */
    PLUM_TIMER_PCP_AGAIN,  /* a NAT-PMP gateway is asked for PCP again */
    PLUM_TIMER_PACE,       /* room for more deletes */
    PLUM_TIMER_ASK,        /* the end of a question */
    PLUM_TIMER_SHUTDOWN    /* the engine's */
};

/* ---- handle ---- */

typedef enum {
    PLUM_NOTICE_NONE,
    PLUM_NOTICE_REFRESH,
    PLUM_NOTICE_STATE,
    PLUM_NOTICE_DESTROYED
} plum_notice;

#define PLUM_IS_PENDING 1 /* beside plum_is */

struct plum_handle {
    plum_link link; /* in its wire's handles or dying; alone once DESTROYED is due */
    plum_link notice_link;
    plum_wire *wire;
    plum_timer timeout;
    uint32_t id;
    int is; /* plum_is or PLUM_IS_PENDING: what was told last */
    plum_notice notice;
    bool dying;
    bool prefer; /* PREFER_FAILURE for want_port */
    uint16_t want_port;
    plum_why why;
    plum_by why_by;
    int32_t code;
};

/* ---- wire ---- */

typedef enum { PLUM_JOB_NONE, PLUM_JOB_MAP, PLUM_JOB_DELETE } plum_job;
typedef enum { PLUM_STAGE_REST, PLUM_STAGE_READY, PLUM_STAGE_SENT } plum_stage;

typedef enum { PLUM_TX_WIRE, PLUM_TX_ANNOUNCE, PLUM_TX_EXTERNAL } plum_tx_kind;

typedef struct {
    plum_link link;
    plum_tx_kind kind;
} plum_tx;

struct plum_wire {
    plum_link link;  /* in the engine's wires */
    plum_link queue; /* in one list of its gateway */
    plum_tx tx;
    plum_link handles; /* those that want it */
    plum_link dying;   /* those whose DESTROYED waits for its delete */
    plum_gateway *gw;  /* NULL: no network for it */
    plum_timer act, limit;

    uint8_t family;
    bool family_is_free; /* nobody asked for one: it may follow the networks */
    plum_transport transport;
    uint16_t internal_port;

    /* what we hold */
    bool mapped;
    plum_by by;
    plum_addr external;
    uint32_t lifetime; /* s, capped */
    plum_time granted, expires;
    bool lost;       /* its loss is suspected: the next success is a change, a refusal is its end */
    unsigned ghosts; /* PLUM_ALLOW_: who may hold a rule for us beside the owner */

    /* what is going on */
    plum_job job;
    plum_stage stage;
    plum_by via;
    bool in_window;              /* counts in its gateway's pcp_outstanding */
    bool unanswered;             /* a request of `via` is out */
    bool renewal;                /* a single packet in a window, not retransmitted */
    unsigned attempt;            /* of the renewals of this lease */
    unsigned sends;              /* of this request */
    plum_time asked_at, sent_at; /* the first transmission of this request, and the last */
    uint32_t timeout;            /* ms; of the last transmission */
    bool last_words;             /* finish after the transmission that stands in tx */
    enum {
        PLUM_NOT_COUNTED,
        PLUM_COUNTED_SENT,
        PLUM_COUNTED
    } counted;          /* its delete, in the statistics */
    plum_time deadline; /* of its delete */

    /* the request as it was first sent: retransmissions are byte-identical */
    uint8_t nonce[PLUM_PCP_NONCE]; /* made of the secret and where we are */
    uint8_t secret[PLUM_SIPHASH_KEY];
    bool has_secret;
    uint32_t ask_lifetime;
    plum_addr ask_external;
    bool ask_prefer;

    /* what is wished for */
    plum_addr wish;
    uint32_t wish_lifetime;
    bool any_port;    /* NO_RESOURCES: tried with suggested port 0 */
    bool any_address; /* CANNOT_PROVIDE_EXTERNAL: without the suggested address */
    bool no_option;   /* UNSUPP_OPTION: without PREFER_FAILURE */
    bool pcp_refused; /* PCP said no for good: NAT-PMP's turn */
    int32_t pcp_code; /* what it said, and until when that holds */
    plum_time pcp_until;
    unsigned failures;
};

/* ---- gateway ---- */

typedef enum { PLUM_PHASE_IDLE, PLUM_PHASE_PROBING, PLUM_PHASE_LIVE, PLUM_PHASE_FAILED } plum_phase;
typedef enum { PLUM_UNKNOWN, PLUM_PRESENT, PLUM_ABSENT } plum_presence;

struct plum_gateway {
    plum_link link;
    plum_network_info net;
    plum_sock sock;
    plum_sock close_sock;     /* its CLOSE is due */
    plum_sock ear, close_ear; /* hears announcements; optional */
    bool ear_due;
    bool open_due, opened, gone;
    bool reopened; /* after an ADDRESS_MISMATCH, once */
    plum_ip local;
    uint32_t wires; /* bound to it */

    plum_phase phase;
    plum_by proto; /* LIVE: who writes; remembered when idle */
    plum_presence pcp, natpmp;
    plum_timer probe, silent, grace;
    unsigned probe_sends;
    uint32_t probe_timeout;
    bool silent_told; /* nobody has answered for so long that it was told; until somebody does */
    unsigned refusals, failures;
    plum_time begun_at; /* discovery, the last time */
    plum_why why;       /* FAILED or silent: what to tell */
    plum_by why_by;
    int32_t code;

    plum_link waiting; /* until it is known who writes */

    /* PCP */
    plum_link pcp_ready, pcp_deletes, pcp_sent; /* sent: oldest first, deletes too */
    uint32_t pcp_outstanding;
    plum_pacing pacing;
    plum_timer rto, pace;
    plum_time heard_at;    /* the last answer on this lane */
    plum_time repeated_at; /* the last retransmission on it */
    uint32_t burst;        /* deletes that may go at once before `pace` fires */
    plum_epoch pcp_epoch;
    plum_time hold_until; /* NO_RESOURCES: no new MAP before */
    int32_t hold_code;
    plum_tx announce_tx;
    plum_timer announce;
    bool announce_on; /* an ANNOUNCE is unanswered */
    unsigned announce_sends;
    uint32_t announce_timeout;
    plum_time announce_sent_at;

    /* NAT-PMP: one request at a time (RFC 6886 section 3.1) */
    plum_link np_ready;
    plum_wire *np_wire;
    bool np_external_on, np_external_wanted;
    plum_tx external_tx;
    plum_timer np;
    unsigned np_sends;
    uint32_t np_timeout;
    plum_time np_external_sent_at;
    bool np_external_open; /* an opcode 0 is unanswered, discovery's included */
    plum_epoch np_epoch;
    plum_ip np_external;
    int32_t np_code; /* of the last opcode 0 */

    /* its health */
    plum_timer check, trouble, reassert, pcp_again;
    bool in_trouble, waited; /* waited: the jitter has been paid by a hint */
    unsigned trouble_step;
    plum_time alive_at;  /* the last answer of any kind */
    plum_time hinted_at; /* 0: never */
};

#define PLUM_GATEWAY_TIMERS 12u
#define PLUM_WIRE_TIMERS    2u

/* ---- ask ---- */

#define PLUM_ASK_ITEMS 2

struct plum_ask {
    plum_link link;
    uint32_t request;
    plum_ask_what what;
    plum_gateway *gw;
    plum_timer end;
    bool pcp_heard, natpmp_heard;
    plum_item items[PLUM_ASK_ITEMS];
    unsigned count, told;
    bool ended, failed;
    plum_time started;
};

/* ---- engine ---- */

#define PLUM_LOG_LINES 16
#define PLUM_LOG_TEXT  192

struct plum_engine {
    plum_engine_config config;
    plum_mem mem;
    plum_time now;
    plum_rng rng;
    plum_heap timers;
    plum_map by_id, by_key;
    plum_link wires, gateways, gone, tx, notices, asks;
    plum_network_info nets[2]; /* the default of IPv4, of IPv6; family 0: none */
    bool networks_known;
    plum_gateway *gws[2];
    plum_sock next_sock;
    bool stopping, stopped, stop_due;
    plum_timer stop;
    plum_engine_stats stats;
    uint8_t out[PLUM_PCP_REQUEST_MAX];
    struct {
        int level;
        char text[PLUM_LOG_TEXT];
    } log[PLUM_LOG_LINES];
    unsigned log_first, log_count;
    plum_writer log_writer;
};

/* ---- log.c ---- */

/* NULL when nobody listens at that level. Write one line, then end it. */
plum_writer *plum_log_begin(plum_engine *e, int level);
void plum_log_end(plum_engine *e);
void plum_log_line(plum_engine *e, int level, const char *text);
void plum_log_gateway(plum_engine *e, int level, const plum_gateway *gw, const char *text);
void plum_log_wire(plum_engine *e, int level, const plum_wire *w, const char *text);
bool plum_log_poll(plum_engine *e, plum_action *out);

/* ---- table.c: handles and wires ---- */

int plum_table_create(plum_engine *e, uint32_t id, const plum_create *options);
int plum_table_destroy(plum_engine *e, uint32_t id);
plum_wire *plum_table_wire(const plum_engine *e, uint8_t family, plum_transport transport,
                           uint16_t internal_port);
/* A wire that nobody wants and nothing holds. */
void plum_table_free_wire(plum_engine *e, plum_wire *w);
void plum_table_rekey(plum_engine *e, plum_wire *w, uint8_t family);
void plum_table_free_all(plum_engine *e);
void plum_table_timeout(plum_engine *e, plum_handle *h);
/* Tell the handles of a wire. */
void plum_table_success(plum_engine *e, plum_wire *w, bool changed);
void plum_table_failure(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code);
/* Tells those that have not been told of a failure yet: their time has run out. */
void plum_table_overdue(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code);
void plum_table_destroyed(plum_engine *e, plum_handle *h);
bool plum_table_poll(plum_engine *e, plum_action *out);
void plum_table_destroy_all(plum_engine *e);

/* ---- mapping.c: the life of a wire ---- */

void plum_wire_begin(plum_engine *e, plum_wire *w); /* find a network, want a mapping */
void plum_wire_want(plum_engine *e, plum_wire *w);  /* ask for it, or for its renewal, now */
void plum_wire_bind(plum_engine *e, plum_wire *w, plum_gateway *gw);
void plum_wire_unbind(plum_engine *e,
                      plum_wire *w);  /* its gateway is gone: nothing is held there any more */
void plum_wire_unqueue(plum_wire *w); /* out of every list; adjusts the window */
void plum_wire_send(plum_engine *e, plum_wire *w); /* (re)transmit */
void plum_wire_granted(plum_engine *e, plum_wire *w, plum_by by, const plum_addr *external,
                       uint32_t lifetime);
/* The request failed. `wait` ms: not before. What is held and not lost stays until it expires. */
void plum_wire_failed(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code,
                      uint64_t wait);
void plum_wire_not_answered(plum_engine *e, plum_wire *w); /* a renewal's window has passed */
void plum_wire_unmap(plum_engine *e, plum_wire *w);
void plum_wire_deleted(plum_engine *e, plum_wire *w, bool confirmed);
void plum_wire_finish(plum_engine *e,
                      plum_wire *w); /* its delete is over: DESTROYED for all that waited */
void plum_wire_lose(plum_engine *e, plum_wire *w, plum_why why, plum_by by, int32_t code);
void plum_wire_direct(plum_engine *e, plum_wire *w);
void plum_wire_act(plum_engine *e, plum_wire *w);
void plum_wire_limit(plum_engine *e, plum_wire *w);
bool plum_wire_all_prefer(const plum_wire *w, uint16_t port); /* every handle refuses this port */

/* ---- gateway.c ---- */

void plum_gateway_networks(plum_engine *e, const plum_network_info *list, size_t count);
plum_gateway *plum_gateway_by_sock(plum_engine *e, plum_sock sock);
void plum_gateway_kick(plum_engine *e, plum_gateway *gw); /* do what can be done now */
void plum_gateway_route(plum_engine *e, plum_gateway *gw, plum_wire *w);
void plum_gateway_opened(plum_engine *e, plum_gateway *gw, plum_sock sock, const plum_addr *local);
void plum_gateway_data(plum_engine *e, plum_gateway *gw, const plum_event *ev);
void plum_gateway_fail(plum_engine *e, plum_gateway *gw, plum_sock sock, plum_fail_kind what,
                       bool dead);
void plum_gateway_close(plum_engine *e, plum_gateway *gw);
void plum_gateway_free(plum_engine *e, plum_gateway *gw);
bool plum_gateway_has_asks(const plum_engine *e, const plum_gateway *gw);
void plum_gateway_timer(plum_engine *e, plum_gateway *gw, uint8_t kind);

/* ---- health.c: epochs, rechecks, hints, trouble ---- */

void plum_health_alive(plum_engine *e, plum_gateway *gw); /* an answer came: no trouble */
void plum_health_check(plum_engine *e, plum_gateway *gw); /* ask without writing, now */
void plum_health_schedule(plum_engine *e, plum_gateway *gw);
void plum_health_hint(plum_engine *e, plum_gateway *gw);
void plum_health_pcp_epoch(plum_engine *e, plum_gateway *gw, uint32_t epoch);
void plum_health_natpmp_epoch(plum_engine *e, plum_gateway *gw, uint32_t epoch);
void plum_health_taken_over(plum_engine *e, plum_gateway *gw);
void plum_health_refused(plum_engine *e, plum_gateway *gw);
void plum_health_trouble(plum_engine *e, plum_gateway *gw);
void plum_health_reassert(plum_engine *e, plum_gateway *gw);
void plum_health_reset(plum_engine *e,
                       plum_gateway *gw); /* back to knowing nothing of its health */

/* ---- discovery.c ---- */

void plum_discovery_begin(plum_engine *e, plum_gateway *gw);
void plum_discovery_again(plum_engine *e, plum_gateway *gw); /* forget who writes, ask anew */
void plum_discovery_step(plum_engine *e, plum_gateway *gw);
void plum_discovery_silent(plum_engine *e, plum_gateway *gw);
void plum_discovery_grace(plum_engine *e, plum_gateway *gw);
void plum_discovery_pcp(plum_engine *e, plum_gateway *gw, bool present);
void plum_discovery_natpmp(plum_engine *e, plum_gateway *gw, bool present);
void plum_discovery_refused(plum_engine *e, plum_gateway *gw);
void plum_discovery_fail(plum_engine *e, plum_gateway *gw, plum_why why, plum_by by, int32_t code);
void plum_discovery_stop(plum_engine *e, plum_gateway *gw);
void plum_discovery_tell(plum_engine *e, plum_gateway *gw,
                         plum_wire *w); /* what is to be told of a failed gateway */

/* ---- pcp_lane.c ---- */

void plum_pcp_lane_pump(plum_engine *e, plum_gateway *gw);
void plum_pcp_lane_data(plum_engine *e, plum_gateway *gw, const uint8_t *bytes, size_t size);
void plum_pcp_lane_version(plum_engine *e, plum_gateway *gw, uint8_t version);
void plum_pcp_lane_rto(plum_engine *e, plum_gateway *gw);
void plum_pcp_lane_enter_window(plum_wire *w);
void plum_pcp_lane_leave_window(plum_wire *w);
void plum_pcp_lane_arm(plum_engine *e, plum_gateway *gw);      /* the timer of the oldest */
void plum_pcp_lane_announce(plum_engine *e, plum_gateway *gw); /* begin an ANNOUNCE exchange */
void plum_pcp_lane_announce_timer(plum_engine *e, plum_gateway *gw);
void plum_pcp_lane_announce_stop(plum_engine *e, plum_gateway *gw);
void plum_pcp_lane_announce_send(plum_engine *e, plum_gateway *gw);

/* ---- natpmp_lane.c ---- */

void plum_natpmp_lane_pump(plum_engine *e, plum_gateway *gw);
void plum_natpmp_lane_data(plum_engine *e, plum_gateway *gw, const uint8_t *bytes, size_t size);
void plum_natpmp_lane_timer(plum_engine *e, plum_gateway *gw);
void plum_natpmp_lane_external(plum_engine *e,
                               plum_gateway *gw); /* opcode 0, when its turn comes */
void plum_natpmp_lane_external_send(plum_engine *e,
                                    plum_gateway *gw); /* opcode 0 at once, discovery's own */
void plum_natpmp_lane_stop(plum_engine *e, plum_gateway *gw);

/* ---- ask.c ---- */

int plum_ask_begin(plum_engine *e, uint32_t request, plum_ask_what what);
int plum_ask_cancel(plum_engine *e, uint32_t request);
void plum_ask_heard(plum_engine *e, plum_gateway *gw, plum_by by, plum_why why, int32_t code,
                    uint32_t rtt, uint32_t epoch, const plum_ip *external);
void plum_ask_lost(plum_engine *e, plum_gateway *gw); /* NULL: all */
void plum_ask_timer(plum_engine *e, plum_ask *a);
bool plum_ask_poll(plum_engine *e, plum_action *out);
void plum_ask_free_all(plum_engine *e);

/* ---- engine.c ---- */

void plum_engine_maybe_stopped(plum_engine *e);

/* 0: there is no such network. */
static inline uint8_t plum_net_family(const plum_network_info *n)
{
    return n->gateway.ip.family ? n->gateway.ip.family : n->local.family;
}

static inline void plum_engine_timer(plum_engine *e, plum_timer *t, plum_time at)
{
    /* Never in the past, and never now: what is due now is done, not planned. */
    plum_timer_set(&e->timers, t, at > e->now ? at : e->now + 1);
}

static inline void plum_engine_timer_in(plum_engine *e, plum_timer *t, uint64_t ms)
{
    plum_engine_timer(e, t, plum_time_add(e->now, ms));
}

static inline bool plum_allows(const plum_engine *e, const plum_gateway *gw, unsigned protocol)
{
    /* NAT-PMP is for IPv4 alone (RFC 6886 section 1). */
    return (e->config.allow & protocol) &&
           (protocol != PLUM_ALLOW_NATPMP || gw->net.gateway.ip.family == 4);
}

#endif
