/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Without windows.h, whose macros would reach io/ and api/: a lock and a condition variable are one
 * pointer each (thread.c asserts that), a socket is as wide as one. */
#ifndef PLUM_PLATFORM_TYPES_H
#define PLUM_PLATFORM_TYPES_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    void *srw;
} plum_mutex;

typedef struct {
    void *variable;
} plum_cond;

/* Must stay where it is while its thread runs. */
typedef struct {
    void *handle;
    atomic_ulong id; /* 0 until it runs */
} plum_thread;

typedef uintptr_t plum_socket;
#define PLUM_SOCKET_NONE UINTPTR_MAX

#endif
