/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/mem.h"

#include <string.h>

void *plum_mem_resize(plum_mem *mem, void *p, size_t old, size_t size)
{
    char *q = mem->hooks.realloc(mem->hooks.ctx, p, size);
    if (q && size > old)
        memset(q + old, 0, size - old);
    return q;
}

void *plum_mem_new(plum_mem *mem, size_t size)
{
    return plum_mem_resize(mem, NULL, 0, size);
}

void plum_mem_free(plum_mem *mem, void *p)
{
    mem->hooks.free(mem->hooks.ctx, p);
}
