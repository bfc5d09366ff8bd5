/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "responder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/shared/sockaddr.h"

struct responder {
    plum_socket socket;
    plum_waiter *waiter;
    uint16_t port;
    plum_time started;
    plum_thread thread;
    atomic_bool stop;
    atomic_int mode;
    atomic_uint maps, deletes;
    plum_mutex lock;
    plum_sockaddr client; /* the last one; under the lock */
    socklen_t client_size;
};

static const uint8_t junk[60] = {2, 0x81, 0, 0};

static void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* RFC 6887 sections 7.2 and 11.1; returns the size of the answer, 0 for none. */
static size_t answer(responder *r, const uint8_t *q, size_t size, uint8_t *a)
{
    int mode = atomic_load(&r->mode);
    if (size < 24 || q[0] != 2 || (q[1] & 0x80) != 0)
        return 0;
    bool map = q[1] == 1 && size >= 60;
    if (map) {
        bool is_delete = q[4] == 0 && q[5] == 0 && q[6] == 0 && q[7] == 0;
        atomic_fetch_add(is_delete ? &r->deletes : &r->maps, 1);
    }
    if (mode == RESPONDER_SILENT || (!map && q[1] != 0))
        return 0;
    size_t out = map ? 60 : 24;
    memset(a, 0, out);
    a[0] = 2;
    a[1] = (uint8_t)(q[1] | 0x80);
    a[3] = mode == RESPONDER_REFUSES && map ? 2 : 0;
    memcpy(a + 4, q + 4, 4);
    put_be32(a + 8, (uint32_t)((plum_platform_now() - r->started) / PLUM_SECONDS) + 1000);
    if (!map)
        return out;
    memcpy(a + 24, q + 24, 36); /* nonce, protocol, internal port, suggestions */
    if (memcmp(q + 4, "\0\0\0\0", 4) == 0)
        return out; /* section 15: a delete gets its zeros back */
    if (a[42] == 0 && a[43] == 0)
        memcpy(a + 42, q + 40, 2);
    static const uint8_t external[16] = {[10] = 0xff, 0xff, 198, 51, 100, 7};
    memcpy(a + 44, external, sizeof external);
    return out;
}

static bool send_to(responder *r, const void *bytes, size_t size, const plum_sockaddr *to,
                    socklen_t to_size)
{
    return sendto(r->socket, bytes, (plum_buffer_size)size, 0, &to->any, to_size) == (int)size;
}

static void run(void *arg)
{
    responder *r = arg;
    plum_sockaddr from;
    socklen_t from_size = 0;
    while (!atomic_load(&r->stop)) {
        bool flood = atomic_load(&r->mode) == RESPONDER_FLOODS && from_size > 0;
        for (int i = 0; flood && i < 256; i++)
            flood = send_to(r, junk, sizeof junk, &from, from_size); /* false: it has gone */
        plum_poll_item item = {.socket = r->socket};
        plum_waiter_wait(r->waiter, &item, 1, plum_platform_now() + (flood ? 0 : 10));
        if (!item.readable)
            continue;
        uint8_t in[1200], out[60];
        plum_sockaddr sender;
        socklen_t sender_size = sizeof sender;
        int got = (int)recvfrom(r->socket, (void *)in, sizeof in, 0, &sender.any, &sender_size);
        if (got < 0)
            continue;
        from = sender;
        from_size = sender_size;
        plum_mutex_lock(&r->lock);
        r->client = from;
        r->client_size = from_size;
        plum_mutex_unlock(&r->lock);
        size_t size = answer(r, in, (size_t)got, out);
        if (size > 0 && !send_to(r, out, size, &from, from_size))
            continue; /* a lost answer: the client asks again */
    }
}

responder *responder_start(const char *ip, uint16_t port)
{
    responder *r = calloc(1, sizeof *r);
    plum_addr at = {.port = port};
    plum_sockaddr sa;
    if (r == NULL || plum_platform_start() != 0 || !plum_ip_parse(ip, &at.ip))
        abort();
    socklen_t size = plum_sockaddr_from(&at, &sa);
    r->started = plum_platform_now();
    r->waiter = plum_waiter_new();
    r->socket = socket(AF_INET, SOCK_DGRAM, 0);
    if (r->waiter == NULL || r->socket == PLUM_SOCKET_NONE || plum_mutex_init(&r->lock) != 0 ||
        bind(r->socket, &sa.any, size) != 0 || getsockname(r->socket, &sa.any, &size) != 0 ||
        plum_thread_start(&r->thread, run, r) != 0)
        abort();
    r->port = plum_sockaddr_to(&sa).port;
    return r;
}

void responder_stop(responder *r)
{
    atomic_store(&r->stop, true);
    plum_waiter_wake(r->waiter);
    plum_thread_join(&r->thread);
    plum_socket_close(r->socket);
    plum_waiter_free(r->waiter);
    plum_mutex_free(&r->lock);
    free(r);
}

uint16_t responder_port(const responder *r)
{
    return r->port;
}

void responder_set(responder *r, responder_mode mode)
{
    atomic_store(&r->mode, (int)mode);
}

unsigned responder_maps(const responder *r)
{
    return atomic_load(&r->maps);
}

unsigned responder_deletes(const responder *r)
{
    return atomic_load(&r->deletes);
}

void responder_send_junk(responder *r, unsigned count)
{
    plum_mutex_lock(&r->lock);
    plum_sockaddr to = r->client;
    socklen_t size = r->client_size;
    plum_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < count; i++)
        if (!send_to(r, junk, sizeof junk, &to, size))
            abort();
}
