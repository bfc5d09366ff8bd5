/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that end at an unreadable page: one step too far is a fault, also without a sanitizer. */
#ifndef PLUM_TEST_GUARD_H
#define PLUM_TEST_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

typedef struct {
    uint8_t *map;
    size_t map_size;
    uint8_t *end; /* the first unreadable byte */
} check_guard;

/* A block whose last page is unreadable. */
#ifdef _WIN32
static inline size_t check_guard_page(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

static inline void *check_guard_map(size_t size, size_t page)
{
    char *p = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD before;
    return p && VirtualProtect(p + size - page, page, PAGE_NOACCESS, &before) ? p : NULL;
}

static inline void check_guard_free(check_guard *g)
{
    VirtualFree(g->map, 0, MEM_RELEASE);
}
#else
static inline size_t check_guard_page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static inline void *check_guard_map(size_t size, size_t page)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && mprotect(p + size - page, page, PROT_NONE) == 0 ? p : NULL;
}

static inline void check_guard_free(check_guard *g)
{
    munmap(g->map, g->map_size);
}
#endif

static inline check_guard check_guard_new(size_t room)
{
    size_t page = check_guard_page();
    size_t body = (room + page - 1) / page * page + page;
    check_guard g = {.map_size = body + page};
    g.map = check_guard_map(g.map_size, page);
    if (g.map == NULL)
        abort();
    g.end = g.map + body;
    return g;
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
