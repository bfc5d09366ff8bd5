/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <signal.h>
#include <stdlib.h>

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
