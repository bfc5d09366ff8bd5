/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * plum.h: the libplum 0.6 C interface.
 *
 * One process-wide client: plum_init() starts it, plum_create_mapping() asks for a port to be
 * opened on the router and kept open, plum_cleanup() closes everything. plum/client.h is the wider
 * interface with instances and options; this one is a shell over it.
 *
 * Threads: every function may be called from any thread and, plum_cleanup() apart, from inside a
 * callback. plum_create_mapping(), plum_query_mapping() and plum_destroy_mapping() never wait for
 * the engine's thread and never log, so a caller may hold a lock of its own that its callback takes
 * as well. After fork() every call in the child that needs the client returns PLUM_ERR_FAILED and
 * touches nothing.
 *
 * A mapping opens no firewall on this host.
 */
#ifndef PLUM_H
#define PLUM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PLUM_EXPORT
#if defined(PLUM_STATIC)
#define PLUM_EXPORT
#elif defined(_WIN32)
#ifdef PLUM_EXPORTS
#define PLUM_EXPORT __declspec(dllexport)
#else
#define PLUM_EXPORT __declspec(dllimport)
#endif
#elif defined(__GNUC__) && __GNUC__ >= 4
#define PLUM_EXPORT __attribute__((visibility("default")))
#else
#define PLUM_EXPORT
#endif
#endif

#define PLUM_ERR_SUCCESS 0
#define PLUM_ERR_INVALID -1 /* an argument is wrong */
#define PLUM_ERR_FAILED                                                                            \
    -2 /* the call cannot be carried out now (not initialised, closing, no memory) */
#define PLUM_ERR_NOT_AVAIL -3 /* what was asked for is not there */

#define PLUM_MAX_HOST_LEN    256 /* bytes of a host name with its NUL */
#define PLUM_MAX_ADDRESS_LEN 64  /* bytes of a numeric address with its NUL */

typedef enum {
    PLUM_LOG_LEVEL_VERBOSE = 0,
    PLUM_LOG_LEVEL_DEBUG = 1,
    PLUM_LOG_LEVEL_INFO = 2,
    PLUM_LOG_LEVEL_WARN = 3,
    PLUM_LOG_LEVEL_ERROR = 4,
    PLUM_LOG_LEVEL_FATAL = 5,
    PLUM_LOG_LEVEL_NONE = 6
} plum_log_level_t;

/* One line of log, without a newline; `message` is valid during the call. Runs on the engine's
 * thread. */
typedef void (*plum_log_callback_t)(plum_log_level_t level, const char *message);

/* What is mapped. */
typedef enum { PLUM_IP_PROTOCOL_TCP = 0, PLUM_IP_PROTOCOL_UDP = 1 } plum_ip_protocol_t;

/* Which protocols may be spoken to the router. PCP includes NAT-PMP. */
typedef enum {
    PLUM_PROTOCOL_ANY = 0,
    PLUM_PROTOCOL_PCP = 1,
    PLUM_PROTOCOL_UPNP = 2
} plum_protocol_t;

typedef enum {
    PLUM_STATE_DESTROYED = 0, /* last: the engine no longer touches the mapping's user_ptr */
    PLUM_STATE_PENDING = 1,   /* only seen by plum_query_mapping() */
    PLUM_STATE_SUCCESS = 2,   /* mapped; external_host and external_port are valid */
    PLUM_STATE_FAILURE =
        3, /* not mapped; the engine goes on trying until the mapping is destroyed */
    PLUM_STATE_DESTROYING = 4 /* only seen by plum_query_mapping() */
} plum_state_t;

/* How a port is mapped. DIRECT: this host has a public address itself. */
typedef enum {
    PLUM_MAPPING_PROTOCOL_UNKNOWN = 0,
    PLUM_MAPPING_PROTOCOL_PCP = 1,
    PLUM_MAPPING_PROTOCOL_NATPMP = 2,
    PLUM_MAPPING_PROTOCOL_UPNP = 3,
    PLUM_MAPPING_PROTOCOL_DIRECT = 4
} plum_mapping_protocol_t;

typedef struct {
    plum_log_level_t
        log_level; /* the least level that is logged; a zeroed config logs everything */
    plum_log_callback_t log_callback; /* NULL: lines go to stdout */
    const char *dummytls_domain;      /* not used yet; may be NULL */
    int discover_timeout;             /* ms until FAILURE without a gateway; 0: 10,000 */
    int mapping_timeout; /* ms until FAILURE with a gateway that does not map; 0: 10,000 */
    int recheck_period;  /* ms between two checks of a live gateway; 0: 300,000 */
    plum_protocol_t protocol;
} plum_config_t;

typedef struct {
    plum_ip_protocol_t protocol;
    plum_mapping_protocol_t mapping_protocol; /* out only */
    uint16_t internal_port;                   /* 1 to 65535 */
    uint16_t external_port;                /* in: a hint, 0 for none; out: the port on the router */
    char external_host[PLUM_MAX_HOST_LEN]; /* in: a numeric address as a hint, or empty; out: the
                                              address */
    void *user_ptr;                        /* handed to the callback untouched */
} plum_mapping_t;

/*
 * Called on the engine's thread with SUCCESS, FAILURE or DESTROYED in the grammar
 * (SUCCESS | FAILURE)* DESTROYED, possibly before plum_create_mapping() has returned. A renewal
 * that changes nothing is silent; a loss that was made good is SUCCESS again, even with the same
 * address. With FAILURE and DESTROYED the host is empty and the external port 0. `mapping` is valid
 * during the call.
 */
typedef void (*plum_mapping_callback_t)(int id, plum_state_t state, const plum_mapping_t *mapping);

/* Starts the client and its thread. INVALID for NULL, an unknown enum value or a negative time-out;
 * FAILED when already initialised, or when the system gives no thread, no memory or no randomness.
 */
PLUM_EXPORT int plum_init(const plum_config_t *config);

/* Unmaps everything, waits until each DESTROYED has returned and the thread has ended (bounded: 2 s
 * plus the callbacks' own time). FAILED, and nothing changed: without plum_init(), from a second
 * caller while one is cleaning up, or from inside a callback. */
PLUM_EXPORT int plum_cleanup(void);

/* Asks for a port. Returns an id >= 0, never used twice by this process; or INVALID (NULL, internal
 * port 0, unknown enum value, a host hint that is not a numeric address), FAILED (without
 * plum_init(), while cleaning up, out of memory). Below 0 the callback is never called. `callback`
 * may be NULL. */
PLUM_EXPORT int plum_create_mapping(const plum_mapping_t *mapping,
                                    plum_mapping_callback_t callback);

/* Reads the published state. Both pointers may be NULL. FAILED without plum_init(); INVALID for an
 * id below 0; NOT_AVAIL if the id is unknown or destroyed. During destruction: SUCCESS with
 * DESTROYING. */
PLUM_EXPORT int plum_query_mapping(int id, plum_state_t *state, plum_mapping_t *mapping);

/* Begins to unmap and returns at once: the state is DESTROYING before this returns, and only
 * DESTROYED may start afterwards. Again while DESTROYING: SUCCESS. NOT_AVAIL if unknown or
 * destroyed; INVALID below 0; FAILED without plum_init(). */
PLUM_EXPORT int plum_destroy_mapping(int id);

/* Writes the local address towards the default route, numeric and NUL-terminated (cut when `size`
 * is too small). Returns its length as snprintf counts it, NOT_AVAIL without a usable interface,
 * INVALID for a NULL buffer with a size. Works without plum_init(). */
PLUM_EXPORT int plum_get_local_address(char *buffer, size_t size);

typedef enum {
    PLUM_DUMMYTLS_PEM_CERT = 0,
    PLUM_DUMMYTLS_PEM_CHAIN = 1,
    PLUM_DUMMYTLS_PEM_FULLCHAIN = 2,
    PLUM_DUMMYTLS_PEM_PRIVKEY = 3
} plum_dummytls_cert_type_t;

/* DummyTLS is not in this version: both return NOT_AVAIL. */
PLUM_EXPORT int plum_get_dummytls_certificate(plum_dummytls_cert_type_t type, char *buffer,
                                              size_t size);
PLUM_EXPORT int plum_get_dummytls_host(const char *address, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
