/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdatomic.h>

#include "platform/platform.h"

static atomic_uint_fast64_t generation = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int start_result;

static void in_child(void)
{
    atomic_fetch_add(&generation, 1);
}

static void start_once(void)
{
    start_result = pthread_atfork(NULL, NULL, in_child) == 0 ? 0 : -1;
}

int plum_platform_start(void)
{
    if (pthread_once(&once, start_once) != 0)
        return -1;
    return start_result;
}

uint64_t plum_platform_fork_generation(void)
{
    return atomic_load(&generation);
}
