/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What each operating system gives. One folder a system, no #ifdef ladder: linux/, bsd/ (macOS,
 * FreeBSD) and windows/ implement the same functions; posix/ holds what the first two share,
 * shared/ what all do. Only api/ and io/ include this.
 *
 * Sockets are integers of the system's own width, errors one enum: errno and WSAGetLastError end
 * here.
 */
#ifndef PLUM_PLATFORM_PLATFORM_H
#define PLUM_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

/* ---- once per process: WSAStartup and the like. 0 or -1. Safe to call again. ---- */
int plum_platform_start(void);

/* ---- clock, randomness, memory ---- */
plum_time plum_platform_now(void); /* ms, monotonic, counts suspend (CLOCK_BOOTTIME and its kin) */
int plum_platform_random(void *buf, size_t size); /* from the system; 0 or -1 */

/* A number that differs in a process forked from this one. */
uint64_t plum_platform_fork_generation(void);

/* ---- threads: defined in the system's own platform_types.h ---- */
#include "platform_types.h" /* plum_mutex, plum_cond, plum_thread, plum_socket, PLUM_SOCKET_NONE */

int plum_mutex_init(plum_mutex *m);
void plum_mutex_free(plum_mutex *m);
void plum_mutex_lock(plum_mutex *m);
void plum_mutex_unlock(plum_mutex *m);

int plum_cond_init(plum_cond *c);
void plum_cond_free(plum_cond *c);
void plum_cond_broadcast(plum_cond *c);
/* False when timeout_ms ran out (spurious returns are true). timeout_ms < 0: for ever. */
bool plum_cond_wait(plum_cond *c, plum_mutex *m, int timeout_ms);

/* The thread starts with every signal blocked. 0 or -1. */
int plum_thread_start(plum_thread *t, void (*run)(void *arg), void *arg);
void plum_thread_join(plum_thread *t);
void plum_thread_detach(plum_thread *t);
bool plum_thread_is_current(const plum_thread *t);

/* ---- sockets: always non-blocking, close-on-exec, without SIGPIPE ---- */
typedef enum {
    PLUM_IO_OK = 0,
    PLUM_IO_AGAIN,   /* nothing to read, no room to send */
    PLUM_IO_REFUSED, /* ICMP port unreachable: nothing was sent, the error is cleared */
    PLUM_IO_UNREACHABLE,
    PLUM_IO_NO_FDS,
    PLUM_IO_DENIED,
    PLUM_IO_DEAD /* the socket is of no use any more */
} plum_io;

/* UDP, bound to `local` (its scope counts; wildcard and family 0: the system chooses) with a random
 * port, connected to `remote`. *bound is what getsockname says. */
plum_io plum_udp_open(const plum_ip *local, const plum_addr *remote, plum_socket *out,
                      plum_addr *bound);
/* Hears `group` : `port` on an interface; bound to the group's address; shares the port with other
 * programs. */
plum_io plum_udp_open_group(const plum_ip *group, uint16_t port, uint32_t ifindex,
                            plum_socket *out);
plum_io plum_udp_send(plum_socket s, const uint8_t *bytes, size_t size);
/* *truncated: the datagram was longer than `room`. */
plum_io plum_udp_recv(plum_socket s, uint8_t *buf, size_t room, size_t *size, plum_addr *from,
                      bool *truncated);
void plum_socket_close(plum_socket s);

/* ---- waiting ---- */
typedef struct {
    plum_socket socket;
    bool readable; /* out; also on error, so that recv fetches it */
} plum_poll_item;

/* What one loop waits on: sockets, a wake-up from other threads, and a deadline on a clock that
 * runs in suspend. */
typedef struct plum_waiter plum_waiter;

plum_waiter *plum_waiter_new(void); /* NULL: no descriptors or memory */
void plum_waiter_free(plum_waiter *w);
/* From any thread; several before the loop wakes are one. */
void plum_waiter_wake(plum_waiter *w);
/* Returns at the deadline (PLUM_NEVER: none), on a wake-up, or when an item is readable; never a
 * busy loop. */
void plum_waiter_wait(plum_waiter *w, plum_poll_item *items, size_t count, plum_time deadline);

/* ---- networks ---- */
typedef struct {
    uint32_t ifindex;
    plum_ip local;
    plum_ip gateway; /* family 0: a default route without a next hop (a tunnel) */
    uint32_t metric;
} plum_route;

/* The default routes of both families with the source address that each would use, best first.
 * Returns how many (cut at `room`), or -1. `interface` NULL: all. */
int plum_platform_routes(const char *interface, plum_route *out, size_t room);

/* The source address towards `to` (towards the default route of its family for a wildcard). False:
 * none. */
bool plum_platform_source(const plum_ip *to, plum_ip *out);

#endif
