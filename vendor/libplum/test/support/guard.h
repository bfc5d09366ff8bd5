/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that end at an unreadable page: one step too far is a fault, also without a sanitizer. */
#ifndef PLUM_TEST_GUARD_H
#define PLUM_TEST_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    uint8_t *map;
    size_t map_size;
    uint8_t *end; /* the first unreadable byte */
} check_guard;

static inline check_guard check_guard_new(size_t room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (room + page - 1) / page * page + page;
    check_guard g = {.map_size = body + page};
    void *p = mmap(NULL, g.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect((uint8_t *)p + body, page, PROT_NONE) != 0)
        abort();
    g.map = p;
    g.end = g.map + body;
    return g;
}

static inline void check_guard_free(check_guard *g)
{
    munmap(g->map, g->map_size);
}

/* Copies `size` bytes so that they end at the guard (NULL: only makes room); valid until the next
 * call. */
static inline uint8_t *check_guard_put(check_guard *g, const void *bytes, size_t size)
{
    uint8_t *at = g->end - size;
    if (bytes != NULL && size > 0)
        memcpy(at, bytes, size);
    return at;
}

/* A heap block of exactly this size, for the sanitizers; free() it. */
static inline uint8_t *check_exact(const void *bytes, size_t size)
{
    uint8_t *p = malloc(size > 0 ? size : 1);
    if (p == NULL)
        abort();
    if (size > 0)
        memcpy(p, bytes, size);
    return p;
}

#endif
