/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Waiting on events, never on time: a monitor with a bounded wait. */
#ifndef PLUM_TEST_WAIT_H
#define PLUM_TEST_WAIT_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
} monitor;

static inline void monitor_init(monitor *m)
{
    pthread_condattr_t attr;
    if (pthread_mutex_init(&m->lock, NULL) != 0 || pthread_condattr_init(&attr) != 0 ||
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&m->changed, &attr) != 0)
        abort();
    pthread_condattr_destroy(&attr);
}

static inline void monitor_free(monitor *m)
{
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
}

static inline void monitor_enter(monitor *m)
{
    pthread_mutex_lock(&m->lock);
}

static inline void monitor_leave(monitor *m)
{
    pthread_mutex_unlock(&m->lock);
}

/* Leaves and tells the waiting. */
static inline void monitor_tell(monitor *m)
{
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static inline struct timespec monitor_until(int ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

/* Inside the monitor: waits until `cond`; false when `ms` ran out. */
#define MONITOR_WAIT(m, ms, cond)                                                                  \
    __extension__({                                                                                \
        struct timespec monitor_end = monitor_until(ms);                                           \
        int monitor_result = 0;                                                                    \
        while (!(cond) && monitor_result != ETIMEDOUT)                                             \
            monitor_result = pthread_cond_timedwait(&(m)->changed, &(m)->lock, &monitor_end);      \
        (cond);                                                                                    \
    })

static inline int64_t elapsed_ms(const struct timespec *since)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)(t.tv_sec - since->tv_sec) * 1000 + (t.tv_nsec - since->tv_nsec) / 1000000;
}

#endif
