/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "platform_sockets.h"

#include <bcrypt.h>
#include <limits.h>

#include "platform/platform.h"

static INIT_ONCE sockets_once = INIT_ONCE_STATIC_INIT, clock_once = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK start_sockets(INIT_ONCE *once, void *arg, void **context)
{
    (void)once, (void)arg, (void)context;
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data) == 0;
}

int plum_platform_start(void)
{
    return InitOnceExecuteOnce(&sockets_once, start_sockets, NULL, NULL) ? 0 : -1;
}

/* There is no fork. */
uint64_t plum_platform_fork_generation(void)
{
    return 1;
}

typedef void(WINAPI *interrupt_time)(ULONGLONG *out);
static interrupt_time precise; /* Windows 10 */

static BOOL CALLBACK find_clock(INIT_ONCE *once, void *arg, void **context)
{
    (void)once, (void)arg, (void)context;
    HMODULE module = GetModuleHandleW(L"kernelbase.dll");
    FARPROC found = module ? GetProcAddress(module, "QueryInterruptTimePrecise") : NULL;
    /* By way of a function without arguments, which both compilers take without a word. */
    precise = (interrupt_time)(void (*)(void))found;
    return TRUE;
}

plum_time plum_platform_now(void)
{
    enum { TICKS_PER_MS = 10000 }; /* of 100 ns */
    InitOnceExecuteOnce(&clock_once, find_clock, NULL, NULL);
    if (precise == NULL)
        return GetTickCount64(); /* in steps of 10 to 16 ms; both count suspend */
    ULONGLONG ticks = 0;
    precise(&ticks);
    return ticks / TICKS_PER_MS;
}

int plum_platform_random(void *buf, size_t size)
{
    unsigned char *p = buf;
    while (size > 0) {
        ULONG piece = size > INT_MAX ? INT_MAX : (ULONG)size;
        if (BCryptGenRandom(NULL, p, piece, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0)
            return -1;
        p += piece;
        size -= piece;
    }
    return 0;
}
