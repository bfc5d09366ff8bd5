/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * client.h: instances, options, queries and reasons. plum.h is a shell over this interface; the
 * Rust crate `libplum` uses it.
 *
 * Option structs begin with their size, so that they may grow: fill them by their *_default()
 * function, then change what you want. Functions return PLUM_ERR_SUCCESS or a negative PLUM_ERR_
 * code (plum.h).
 *
 * Threads: as plum.h says. No callback runs under a lock; none of the calls here waits for the
 * engine's thread, plum_client_join() apart. Whatever is passed in is copied before the call
 * returns.
 */
#ifndef PLUM_CLIENT_H
#define PLUM_CLIENT_H

#include "plum.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plum_client plum_client_t;

/* A set of protocols. */
#define PLUM_PROTOCOLS_PCP    0x1u
#define PLUM_PROTOCOLS_NATPMP 0x2u
#define PLUM_PROTOCOLS_UPNP   0x4u
#define PLUM_PROTOCOLS_ALL    0x7u

/* Which of PLUM_PROTOCOLS_ this build of the library speaks. */
PLUM_EXPORT uint32_t plum_client_protocols(void);

/* An address with a port, in network byte order for the address and host byte order for the rest.
 * family 0: none; 4: the first four bytes of ip; 6: all sixteen. */
typedef struct {
    uint8_t family;
    uint8_t reserved;
    uint16_t port;
    uint32_t scope_id; /* interface index of a link-local IPv6 address, else 0 */
    uint8_t ip[16];
} plum_address_t;

/* Why something is not mapped. */
typedef enum {
    PLUM_REASON_NONE = 0,
    PLUM_REASON_NO_GATEWAY = 1, /* no network with a default route was found */
    PLUM_REASON_NO_ANSWER = 2,  /* the gateway stayed silent on every protocol */
    PLUM_REASON_CLOSED = 3,     /* the gateway refuses the protocols' ports (ICMP) */
    PLUM_REASON_REFUSED = 4,    /* the gateway answered with an error: see protocol and code */
    PLUM_REASON_TIMED_OUT = 5,  /* the mapping's own timeout, or the mapping timeout, ran out */
    PLUM_REASON_UNSUPPORTED =
        6, /* no protocol that is allowed here is in this build or known to the gateway */
    PLUM_REASON_PORT_TAKEN = 7, /* prefer_failure: the wanted external port cannot be had */
    PLUM_REASON_RESOURCES = 8,  /* this host gave no socket or no memory */
    PLUM_REASON_EXPIRED = 9,    /* the lifetime ran out while the gateway stayed silent */
    PLUM_REASON_CLOSING = 10    /* the client is being closed */
} plum_reason_t;

/* ctx as given; one line without a newline, valid during the call; on the engine's thread. */
typedef void (*plum_client_log_callback_t)(void *ctx, plum_log_level_t level, const char *message);

#define PLUM_CLIENT_FEED_NETWORKS                                                                  \
    0x1u /* read no routes: the program calls plum_client_set_networks() */

typedef struct {
    size_t size;                             /* sizeof(plum_client_options_t) */
    plum_client_log_callback_t log_callback; /* NULL: no log */
    void *log_ctx;
    const char *gateway;        /* numeric address of the gateway; NULL: the default route's */
    const char *interface_name; /* of the interface whose default route counts; NULL: any */
    plum_log_level_t log_level;
    uint32_t flags;          /* PLUM_CLIENT_ */
    uint32_t protocols;      /* set of PLUM_PROTOCOLS_; never 0 */
    uint32_t lifetime_s;     /* asked for; 1 to 2^32-1; 7,200 (RFC 6886 section 3.3) */
    int discover_timeout_ms; /* > 0; 10,000 */
    int mapping_timeout_ms;  /* > 0; 10,000; counts from the first request for that mapping */
    int recheck_period_ms;   /* > 0; 300,000 */
    int shutdown_timeout_ms; /* > 0; 2,000: the bound of an unmap and of a close */
    int restart_jitter_ms;   /* >= 0; 5,000: RFC 6887 section 14.1.3 */
    uint16_t gateway_port;   /* 5351; for tests */
    uint16_t reserved[3];
} plum_client_options_t;

/* Fills in the defaults; `size` is sizeof(plum_client_options_t) as the caller knows it. */
PLUM_EXPORT void plum_client_options_default(plum_client_options_t *options, size_t size);

/* Starts a client with a thread of its own. INVALID: NULL, a size that is too small, a value out of
 * range, a gateway that is not a numeric unicast address, a gateway or an interface together with
 * PLUM_CLIENT_FEED_NETWORKS. FAILED: no thread, descriptors, memory or randomness. */
PLUM_EXPORT int plum_client_new(const plum_client_options_t *options, plum_client_t **client);

/* Begins to close: everything is unmapped, each mapping gets its DESTROYED, then done(ctx) is
 * called on the engine's thread as the client's very last callback (done may be NULL). Never
 * blocks; may be called from inside a callback. FAILED when it was called before (done is then not
 * called). */
PLUM_EXPORT int plum_client_close(plum_client_t *client, void (*done)(void *ctx), void *ctx);

/* Waits until a client that is being closed has ended and its thread is joined; timeout_ms < 0: for
 * ever. SUCCESS, also when it had ended before; NOT_AVAIL when the time ran out; FAILED without
 * plum_client_close() or on the engine's own thread. */
PLUM_EXPORT int plum_client_join(plum_client_t *client, int timeout_ms);

/* Lets the handle go: no call with it may follow or be under way. A client that is not closed is
 * closed first; one that still closes goes on by itself and frees its memory at its end. Never
 * blocks. */
PLUM_EXPORT void plum_client_free(plum_client_t *client);

/* The wanted external port or none (RFC 6887 section 13.2). */
#define PLUM_MAP_PREFER_FAILURE 0x1u

typedef struct {
    size_t size; /* sizeof(plum_map_options_t) */
    plum_ip_protocol_t transport;
    uint32_t flags;         /* PLUM_MAP_ */
    uint16_t internal_port; /* 1 to 65535; never 5350 or 5351 with UDP (RFC 6887 section 11.3) */
    uint16_t reserved;
    uint32_t lifetime_s;      /* 0: the client's */
    int timeout_ms;           /* 0: off; else FAILURE with TIMED_OUT when not mapped by then */
    int family;               /* 0: what there is, IPv4 first; 4; 6 */
    plum_address_t suggested; /* hints: port 0 none, family 0 none */
    const char *description;  /* NULL: a default; ASCII without control characters; UPnP only */
    void *user_ptr;
} plum_map_options_t;

PLUM_EXPORT void plum_map_options_default(plum_map_options_t *options, size_t size);

/* A mapping's published record. */
typedef struct {
    plum_state_t state;
    plum_ip_protocol_t transport;
    plum_mapping_protocol_t mapping_protocol; /* how it is mapped; UNKNOWN unless SUCCESS */
    plum_reason_t reason;                     /* with FAILURE: why */
    plum_mapping_protocol_t reason_protocol;  /* with REFUSED: who said so */
    int32_t code; /* with REFUSED: the protocol's own result code, else 0 */
    uint16_t internal_port;
    uint16_t reserved;
    uint32_t lifetime_s;  /* as granted (24 h at most) */
    uint32_t remaining_s; /* of it, at the time of the call; 0 unless SUCCESS; UINT32_MAX: unlimited
                             (DIRECT) */
    uint64_t changes; /* how many SUCCESS and FAILURE were published; a reader's change counter */
    plum_address_t external; /* family 0 unless SUCCESS */
    plum_address_t local;    /* the address of this host that is mapped; family 0 while unknown */
    plum_address_t gateway;  /* who was asked; family 0 while unknown */
    void *user_ptr;
} plum_mapping_info_t;

/* As plum_mapping_callback_t: SUCCESS, FAILURE or DESTROYED on the engine's thread. */
typedef void (*plum_client_mapping_callback_t)(int id, const plum_mapping_info_t *info);

/* As plum_create_mapping(). NOT_AVAIL never; INVALID also for a size that is too small, an unknown
 * flag, a suggested address of another family than `family`, PREFER_FAILURE without a suggested
 * port. */
PLUM_EXPORT int plum_client_map(plum_client_t *client, const plum_map_options_t *options,
                                plum_client_mapping_callback_t callback);

/* As plum_destroy_mapping(). */
PLUM_EXPORT int plum_client_unmap(plum_client_t *client, int id);

/* As plum_query_mapping(). `size` is sizeof(plum_mapping_info_t) as the caller knows it. */
PLUM_EXPORT int plum_client_query(plum_client_t *client, int id, plum_mapping_info_t *info,
                                  size_t size);

/* A network as the application knows it, on systems that hide routes. */
typedef struct {
    uint32_t ifindex;
    uint32_t reserved;
    plum_address_t local;   /* port ignored; family 0: whatever the system binds */
    plum_address_t gateway; /* port 0: 5351; family 0: no gateway, the local address alone */
} plum_network_t;

/* Replaces what is known of the networks; the first of a family counts as its default route. Only
 * with PLUM_CLIENT_FEED_NETWORKS, else FAILED; at most 64, else INVALID. */
PLUM_EXPORT int plum_client_set_networks(plum_client_t *client, const plum_network_t *networks,
                                         size_t count);

typedef enum {
    /* One item per protocol that was asked until one told the address; ends with NOT_AVAIL if none
     * did. `reason` NONE without an address: it works, but only a mapping tells (PCP). */
    PLUM_ASK_EXTERNAL_ADDRESS = 0,
    PLUM_ASK_PROBE = 1 /* one item per protocol: did it answer, how fast, with what */
} plum_ask_t;

typedef struct {
    plum_mapping_protocol_t protocol;
    plum_reason_t reason;    /* NONE: it answered and works */
    int32_t code;            /* the protocol's own result code */
    uint32_t rtt_ms;         /* from the request that was answered */
    uint32_t epoch_s;        /* the server's epoch, 0 when not told */
    plum_address_t external; /* family 0 when not told */
    plum_address_t gateway;
    plum_address_t local;
} plum_answer_t;

/* Called on the engine's thread: with an item, and once at the end with item NULL and the result of
 * the whole (SUCCESS; NOT_AVAIL without a gateway or an answer; FAILED when the client closed or it
 * was cancelled). */
typedef void (*plum_client_answer_callback_t)(void *ctx, int result, const plum_answer_t *item);

/* Asks the gateway. Returns a request number >= 1, INVALID, or FAILED (closing, no memory: no
 * callback). */
PLUM_EXPORT int plum_client_ask(plum_client_t *client, plum_ask_t what,
                                plum_client_answer_callback_t callback, void *ctx);

/* Ends a request early: its callback gets its end with FAILED, soon. NOT_AVAIL if it has ended. */
PLUM_EXPORT int plum_client_ask_cancel(plum_client_t *client, int request);

typedef struct {
    size_t size;
    uint64_t sent, received;    /* datagrams */
    uint64_t retransmitted;     /* of the sent */
    uint64_t dropped;           /* received, but malformed or not for us */
    uint64_t deletes_sent;      /* mappings for which a delete was sent */
    uint64_t deletes_confirmed; /* of these, confirmed by the gateway in time */
    uint64_t resets;            /* losses of state seen by an epoch */
    uint64_t wakeups;           /* returns of poll() */
    uint64_t log_dropped;       /* log lines that found no room */
    uint64_t mappings;          /* handles alive */
    uint64_t heap_bytes;        /* of the core now */
    uint64_t heap_peak_bytes;
} plum_client_stats_t;

PLUM_EXPORT int plum_client_stats(plum_client_t *client, plum_client_stats_t *stats, size_t size);

/* As plum_get_local_address(), binary. family 0, 4 or 6. */
PLUM_EXPORT int plum_client_local_address(int family, plum_address_t *address);

#ifdef __cplusplus
}
#endif

#endif
