/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "platform/platform.h"

plum_time plum_platform_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_BOOTTIME, &t) != 0)
        return 0;
    return (plum_time)t.tv_sec * PLUM_SECONDS + (plum_time)t.tv_nsec / 1000000U;
}

int plum_platform_random(void *buf, size_t size)
{
    unsigned char *p = buf;
    while (size > 0) {
        ssize_t got = getrandom(p, size, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        p += got;
        size -= (size_t)got;
    }
    return 0;
}
