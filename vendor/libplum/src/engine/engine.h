/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The door of the core: (now, event) in, actions out. No clock, no socket, no thread, no allocator
 * of its own.
 *
 * Use: after every plum_engine_handle() drain plum_engine_poll() until it says false; then sleep
 * until plum_engine_deadline() or the next event. Events that an action causes (OPENED, FAIL) are
 * handed in after the drain, never from within it: the door is not re-entrant.
 *
 * Memory: what an event points to is borrowed for the call. What an action points to lives until
 * the next call of handle, poll or free.
 *
 * Determinism: the output is a pure function of configuration, hook results and the calls made.
 *
 * Sockets: the engine issues the numbers, uses each once and closes each once. Late events for a
 * closed one are ignored. A failure of a UDP socket is a hint: the engine decides whether it closes
 * it (FAIL with `dead` is the loop's word that the socket is of no use any more; the engine still
 * closes it).
 *
 * Out of memory: a command fails (PLUM_E_NOMEM, nothing changed), a datagram counts as lost, a tick
 * tries again. DESTROY, SHUTDOWN and ASK_CANCEL allocate nothing.
 */
#ifndef PLUM_ENGINE_ENGINE_H
#define PLUM_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hooks.h"
#include "base/time.h"

typedef struct plum_engine plum_engine;
typedef uint32_t plum_sock; /* 0: none */

/* Results of plum_engine_handle(). They never leave the library. */
#define PLUM_E_OK    0
#define PLUM_E_NOMEM -100
#define PLUM_E_INVALID                                                                             \
    -101 /* the event breaks the contract: unknown kind, id 0 or in use, port 0, bad options */
#define PLUM_E_UNKNOWN     -102 /* no such mapping or request */
#define PLUM_E_CLOSING     -103 /* CREATE or ASK after SHUTDOWN */
#define PLUM_E_UNSUPPORTED -104 /* SNAPSHOT and RESTORE in this version */

/* The same numbers as client.h and plum.h; api/ asserts that. */
typedef enum { PLUM_TCP = 0, PLUM_UDP = 1 } plum_transport;

typedef enum {
    PLUM_BY_UNKNOWN = 0,
    PLUM_BY_PCP = 1,
    PLUM_BY_NATPMP = 2,
    PLUM_BY_UPNP = 3,
    PLUM_BY_DIRECT = 4
} plum_by;

#define PLUM_ALLOW_PCP    0x1u
#define PLUM_ALLOW_NATPMP 0x2u
#define PLUM_ALLOW_UPNP   0x4u

typedef enum {
    PLUM_WHY_NONE = 0,
    PLUM_WHY_NO_GATEWAY = 1,
    PLUM_WHY_NO_ANSWER = 2,
    PLUM_WHY_CLOSED = 3,
    PLUM_WHY_REFUSED = 4,
    PLUM_WHY_TIMED_OUT = 5,
    PLUM_WHY_UNSUPPORTED = 6,
    PLUM_WHY_PORT_TAKEN = 7,
    PLUM_WHY_RESOURCES = 8,
    PLUM_WHY_EXPIRED = 9,
    PLUM_WHY_CLOSING = 10
} plum_why;

/* What NOTIFY tells. DESTROYED is the last of an id. */
typedef enum { PLUM_IS_DESTROYED = 0, PLUM_IS_SUCCESS = 2, PLUM_IS_FAILURE = 3 } plum_is;

typedef struct {
    uint32_t allow;            /* set of PLUM_ALLOW_; those not in this build are ignored */
    uint32_t lifetime;         /* s; asked for by default */
    uint32_t discover_timeout; /* ms; all five > 0 */
    uint32_t mapping_timeout;  /* ms */
    uint32_t recheck_period;   /* ms */
    uint32_t shutdown_timeout; /* ms; bounds a single DESTROY */
    uint32_t restart_jitter;   /* ms; may be 0 */
    int log_level;             /* least plum_log_level_t that is formatted; 6: none */
} plum_engine_config;

/* ---- events ---- */

typedef enum {
    PLUM_EV_TICK = 1,
    PLUM_EV_NETWORKS,
    PLUM_EV_CREATE,
    PLUM_EV_DESTROY,
    PLUM_EV_SHUTDOWN,
    PLUM_EV_ASK,
    PLUM_EV_ASK_CANCEL,
    PLUM_EV_OPENED,
    PLUM_EV_DATA,
    PLUM_EV_FAIL,
    PLUM_EV_SNAPSHOT,
    PLUM_EV_RESTORE
} plum_event_kind;

/* One usable way out. A snapshot lists them all, best first; the first of a family is its default.
 */
typedef struct {
    uint32_t network;  /* stable number of this (interface, family) for the life of the loop */
    uint32_t ifindex;  /* 0: unknown */
    plum_ip local;     /* the address that a socket towards the gateway is bound to; wildcard: the
                          system chooses */
    plum_addr gateway; /* with the server's port (5351); family 0: none, only the local address is
                          of use */
    uint32_t flags;    /* PLUM_NET_ */
} plum_network_info;

#define PLUM_NET_DEFAULT    0x1u /* has the default route of its family */
#define PLUM_NET_CONFIGURED 0x2u /* the gateway was given by the program, not read from a route */

#define PLUM_CREATE_PREFER_FAILURE 0x1u /* RFC 6887 section 13.2 */

typedef struct {
    plum_transport transport;
    uint8_t family;         /* 0: the first network's, IPv4 before IPv6 */
    uint16_t internal_port; /* never 0 */
    plum_addr suggested;    /* port 0 and family 0: no hint */
    uint32_t lifetime;      /* s; 0: the configuration's */
    uint32_t timeout; /* ms; 0: off; else FAILURE, PLUM_WHY_TIMED_OUT, when not mapped by then */
    uint32_t flags;   /* PLUM_CREATE_ */
    const char *description; /* for UPnP; may be NULL */
} plum_create;

typedef enum {
    PLUM_ASK_FOR_EXTERNAL = 0,
    PLUM_ASK_FOR_PROBE = 1,
    PLUM_ASK_FOR_LIST = 2
} plum_ask_what;

typedef enum {
    PLUM_FAIL_REFUSED = 1, /* ICMP port unreachable, TCP RST on connect */
    PLUM_FAIL_UNREACHABLE,
    PLUM_FAIL_TIMEOUT,
    PLUM_FAIL_RESET,
    PLUM_FAIL_NO_FDS,
    PLUM_FAIL_DENIED /* a local firewall, a missing permission */
} plum_fail_kind;

#define PLUM_DATA_TRUNCATED 0x1u /* the datagram was longer than `size` */
#define PLUM_DATA_MULTICAST 0x2u /* it came to a group */
#define PLUM_DATA_EOF       0x4u /* TCP: the peer closed; size may be 0 */

typedef struct {
    plum_event_kind kind;
    union {
        struct {
            const plum_network_info *list;
            size_t count;
        } networks;
        struct {
            uint32_t id; /* never 0, never used before */
            const plum_create *options;
        } create;
        struct {
            uint32_t id;
        } destroy;
        struct {
            plum_time deadline; /* absolute; STOPPED comes by then */
        } shutdown;
        struct {
            uint32_t request; /* never 0, not in use */
            plum_ask_what what;
        } ask; /* for ASK_CANCEL only `request` counts */
        struct {
            plum_sock sock;
            plum_addr local; /* getsockname */
        } opened;
        struct {
            plum_sock sock;
            plum_addr from;
            const uint8_t *bytes;
            size_t size;
            uint32_t flags; /* PLUM_DATA_ */
        } data;
        struct {
            plum_sock sock;
            plum_fail_kind what;
            bool dead;
        } fail;
        struct {
            const uint8_t *bytes;
            size_t size;
        } restore;
    } u;
} plum_event;

/* ---- actions ---- */

typedef enum {
    PLUM_ACT_OPEN = 1,
    PLUM_ACT_SEND,
    PLUM_ACT_CLOSE,
    PLUM_ACT_NOTIFY,
    PLUM_ACT_ANSWER,
    PLUM_ACT_STOPPED, /* after SHUTDOWN, once: nothing follows it */
    PLUM_ACT_LOG,
    PLUM_ACT_SNAPSHOT
} plum_action_kind;

typedef enum {
    PLUM_OPEN_UDP = 1,  /* bound to `local`, random port, connected to `remote` */
    PLUM_OPEN_SSDP,     /* bound to `local`, unconnected */
    PLUM_OPEN_ANNOUNCE, /* hears 224.0.0.1:5350 or ff02::1, port 5350, on the network's interface */
    PLUM_OPEN_TCP       /* bound to `local`, connected to `remote` */
} plum_open_kind;

typedef enum { PLUM_ANSWER_ITEM = 1, PLUM_ANSWER_END, PLUM_ANSWER_ERROR } plum_answer_kind;

typedef struct {
    plum_by protocol;
    plum_why why;     /* NONE: it answered and works */
    int32_t code;     /* the protocol's own result code */
    uint32_t rtt;     /* ms */
    uint32_t epoch;   /* s */
    plum_ip external; /* family 0: not told */
    plum_addr gateway;
    plum_ip local;
} plum_item;

typedef struct {
    plum_action_kind kind;
    union {
        struct {
            plum_sock sock;
            plum_open_kind what;
            uint32_t network;
            uint32_t ifindex;
            plum_ip local; /* bind before connect; wildcard: the system chooses */
            plum_addr remote;
        } open;
        struct {
            plum_sock sock;
            plum_addr to; /* the connected peer, or where an unconnected socket sends */
            const uint8_t *bytes;
            size_t size;
        } send;
        struct {
            plum_sock sock;
        } close;
        struct {
            uint32_t id;
            plum_is state;
            plum_by by;
            plum_addr external; /* family 0 unless SUCCESS */
            plum_ip local;      /* family 0 while unknown */
            plum_addr gateway;  /* family 0 while unknown */
            plum_why why;
            plum_by why_by; /* with REFUSED: who said so */
            int32_t code;
            uint32_t lifetime; /* s, as granted; UINT32_MAX: unlimited */
            plum_time expires; /* PLUM_NEVER: unlimited; unless SUCCESS 0 */
            bool changed;      /* false: only lifetime and expiry moved; publish it, call nobody */
        } notify;
        struct {
            uint32_t request;
            plum_answer_kind what; /* END and ERROR are the last of a request */
            plum_item item;
        } answer;
        struct {
            int level;
            const char *text; /* NUL-terminated, printable ASCII */
        } log;
        struct {
            const uint8_t *bytes;
            size_t size;
        } snapshot;
    } u;
} plum_action;

typedef struct {
    uint64_t sent, received, retransmitted, dropped;
    uint64_t deletes_sent, deletes_confirmed;
    uint64_t resets;
    uint64_t log_dropped;
    uint32_t handles, mappings; /* alive; wire mappings alive */
} plum_engine_stats;

/* NULL: no memory, no randomness, or a configuration with a zero where none may be. */
plum_engine *plum_engine_new(const plum_engine_config *config, const plum_hooks *hooks,
                             plum_time now);

/* Frees all memory; emits nothing. Also right before SHUTDOWN or STOPPED. NULL is fine. */
void plum_engine_free(plum_engine *engine);

/* First fires what is due at `now`, then handles the event. A `now` that went back counts as the
 * last one. */
int plum_engine_handle(plum_engine *engine, plum_time now, const plum_event *event);

/* The next action; false when there is none. */
bool plum_engine_poll(plum_engine *engine, plum_action *out);

/* When a TICK is wanted; ahead of the last `now` after a drain. PLUM_NEVER: only an event wakes us.
 */
plum_time plum_engine_deadline(const plum_engine *engine);

void plum_engine_read_stats(const plum_engine *engine, plum_engine_stats *out);

/* The set of PLUM_ALLOW_ that this build speaks. */
uint32_t plum_engine_protocols(void);

#endif
