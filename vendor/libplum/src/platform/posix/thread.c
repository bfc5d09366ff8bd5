/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "platform/platform.h"

int plum_mutex_init(plum_mutex *m)
{
    return pthread_mutex_init(m, NULL) == 0 ? 0 : -1;
}

void plum_mutex_free(plum_mutex *m)
{
    pthread_mutex_destroy(m);
}

void plum_mutex_lock(plum_mutex *m)
{
    pthread_mutex_lock(m);
}

void plum_mutex_unlock(plum_mutex *m)
{
    pthread_mutex_unlock(m);
}

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

typedef struct {
    plum_thread *thread;
    void (*run)(void *arg);
    void *arg;
} start_info;

/* Compared by address, so that is_current() reads nothing that the starter may still be writing. */
static _Thread_local const plum_thread *current_thread;

static void *trampoline(void *p)
{
    start_info info = *(start_info *)p;
    free(p);
    current_thread = info.thread;
    info.run(info.arg);
    return NULL;
}

int plum_thread_start(plum_thread *t, void (*run)(void *arg), void *arg)
{
    start_info *info = malloc(sizeof *info);
    if (info == NULL)
        return -1;
    info->thread = t;
    info->run = run;
    info->arg = arg;

    /* A new thread inherits the mask: no handler of the program ever runs on it. */
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        free(info);
        return -1;
    }
    int err = pthread_create(&t->handle, NULL, trampoline, info);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        free(info);
        return -1;
    }
    return 0;
}

void plum_thread_join(plum_thread *t)
{
    pthread_join(t->handle, NULL);
}

void plum_thread_detach(plum_thread *t)
{
    pthread_detach(t->handle);
}

bool plum_thread_is_current(const plum_thread *t)
{
    return current_thread == t;
}
