/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "platform/platform.h"

int plum_cond_init(plum_cond *c)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return -1;
    /* The default clock is the wall's, which jumps. */
    int err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (err == 0)
        err = pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
    return err == 0 ? 0 : -1;
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
    struct timespec until;
    if (clock_gettime(CLOCK_MONOTONIC, &until) != 0)
        return false;
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return pthread_cond_timedwait(c, m, &until) != ETIMEDOUT;
}
