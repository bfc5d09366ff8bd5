/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef PLUM_PLATFORM_TYPES_H
#define PLUM_PLATFORM_TYPES_H

#include <pthread.h>

typedef pthread_mutex_t plum_mutex;
typedef pthread_cond_t plum_cond;

/* Must stay where it is while its thread runs: its address is the thread's identity. */
typedef struct {
    pthread_t handle;
} plum_thread;

typedef int plum_socket;
#define PLUM_SOCKET_NONE (-1)

#endif
