/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "platform_sockets.h"

#include <process.h>
#include <stdlib.h>

#include "platform/platform.h"

_Static_assert(sizeof(plum_mutex) == sizeof(SRWLOCK), "a slim lock is one pointer");
_Static_assert(sizeof(plum_cond) == sizeof(CONDITION_VARIABLE), "so is a condition variable");

static SRWLOCK *lock_of(plum_mutex *m)
{
    return (SRWLOCK *)m;
}

static CONDITION_VARIABLE *variable_of(plum_cond *c)
{
    return (CONDITION_VARIABLE *)c;
}

int plum_mutex_init(plum_mutex *m)
{
    InitializeSRWLock(lock_of(m));
    return 0;
}

void plum_mutex_free(plum_mutex *m)
{
    (void)m; /* neither holds anything of the system's */
}

void plum_mutex_lock(plum_mutex *m)
{
    AcquireSRWLockExclusive(lock_of(m));
}

void plum_mutex_unlock(plum_mutex *m)
{
    ReleaseSRWLockExclusive(lock_of(m));
}

int plum_cond_init(plum_cond *c)
{
    InitializeConditionVariable(variable_of(c));
    return 0;
}

void plum_cond_free(plum_cond *c)
{
    (void)c;
}

void plum_cond_broadcast(plum_cond *c)
{
    WakeAllConditionVariable(variable_of(c));
}

static bool sleep_for(plum_cond *c, plum_mutex *m, DWORD ms)
{
    return SleepConditionVariableSRW(variable_of(c), lock_of(m), ms, 0) != 0 ||
           GetLastError() != ERROR_TIMEOUT;
}

bool plum_cond_wait(plum_cond *c, plum_mutex *m, int timeout_ms)
{
    if (timeout_ms < 0)
        return sleep_for(c, m, INFINITE);
    /* The system counts in ticks of its own, and may be a little early. */
    plum_time end = plum_platform_now() + (plum_time)timeout_ms, left = (plum_time)timeout_ms;
    do {
        if (sleep_for(c, m, (DWORD)left))
            return true;
        left = plum_time_since(end, plum_platform_now());
    } while (left > 0);
    return false;
}

typedef struct {
    plum_thread *thread;
    void (*run)(void *arg);
    void *arg;
} start_info;

static unsigned __stdcall trampoline(void *p)
{
    start_info info = *(start_info *)p;
    free(p);
    atomic_store(&info.thread->id, GetCurrentThreadId());
    info.run(info.arg);
    return 0;
}

int plum_thread_start(plum_thread *t, void (*run)(void *arg), void *arg)
{
    start_info *info = malloc(sizeof *info);
    if (info == NULL)
        return -1;
    info->thread = t;
    info->run = run;
    info->arg = arg;
    atomic_init(&t->id, 0);
    t->handle = NULL;
    /* Suspended at first: the thread may end, and its owner go, before this call has returned. */
    uintptr_t handle = _beginthreadex(NULL, 0, trampoline, info, CREATE_SUSPENDED, NULL);
    if (handle == 0) {
        free(info);
        return -1;
    }
    t->handle = (void *)handle;
    ResumeThread((HANDLE)handle);
    return 0;
}

void plum_thread_join(plum_thread *t)
{
    WaitForSingleObject(t->handle, INFINITE);
    CloseHandle(t->handle);
}

void plum_thread_detach(plum_thread *t)
{
    CloseHandle(t->handle);
}

bool plum_thread_is_current(const plum_thread *t)
{
    return atomic_load(&t->id) == GetCurrentThreadId();
}
