/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A condition variable cannot be given a clock here, but a wait can be given a length. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "platform/platform.h"

int plum_cond_init(plum_cond *c)
{
    return pthread_cond_init(c, NULL) == 0 ? 0 : -1;
}

void plum_cond_free(plum_cond *c)
{
    pthread_cond_destroy(c);
}

void plum_cond_broadcast(plum_cond *c)
{
    pthread_cond_broadcast(c);
}

bool plum_cond_wait(plum_cond *c, plum_mutex *m, int timeout_ms)
{
    if (timeout_ms < 0) {
        pthread_cond_wait(c, m);
        return true;
    }
    struct timespec length = {.tv_sec = timeout_ms / 1000,
                              .tv_nsec = (long)(timeout_ms % 1000) * 1000000L};
    return pthread_cond_timedwait_relative_np(c, m, &length) != ETIMEDOUT;
}
