/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "responder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct responder {
    int fd, stop;
    uint16_t port;
    time_t started;
    pthread_t thread;
    atomic_int mode;
    atomic_uint maps, deletes;
    pthread_mutex_t lock;
    struct sockaddr_in client; /* the last one; under the lock */
};

static const uint8_t junk[60] = {2, 0x81, 0, 0};

static time_t seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

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
    put_be32(a + 8, (uint32_t)(seconds() - r->started) + 1000);
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

static void *run(void *arg)
{
    responder *r = arg;
    struct pollfd fds[2] = {{.fd = r->fd, .events = POLLIN}, {.fd = r->stop, .events = POLLIN}};
    struct sockaddr_in from;
    socklen_t from_size = 0;
    for (;;) {
        bool flood = atomic_load(&r->mode) == RESPONDER_FLOODS && from_size > 0;
        for (int i = 0; flood && i < 256; i++)
            if (sendto(r->fd, junk, sizeof junk, 0, (struct sockaddr *)&from, from_size) < 0)
                flood = false; /* the client has gone */
        int ready = poll(fds, 2, flood ? 0 : 10);
        if (ready <= 0)
            continue;
        if (fds[1].revents != 0)
            return NULL;
        uint8_t in[1200], out[60];
        from_size = sizeof from;
        ssize_t got = recvfrom(r->fd, in, sizeof in, 0, (struct sockaddr *)&from, &from_size);
        if (got < 0)
            continue;
        pthread_mutex_lock(&r->lock);
        r->client = from;
        pthread_mutex_unlock(&r->lock);
        size_t size = answer(r, in, (size_t)got, out);
        if (size > 0 &&
            sendto(r->fd, out, size, 0, (struct sockaddr *)&from, from_size) != (ssize_t)size)
            continue; /* a lost answer: the client asks again */
    }
}

responder *responder_start(const char *ip, uint16_t port)
{
    responder *r = calloc(1, sizeof *r);
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    if (r == NULL || inet_pton(AF_INET, ip, &at.sin_addr) != 1)
        abort();
    r->started = seconds();
    if (pthread_mutex_init(&r->lock, NULL) != 0)
        abort();
    r->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    r->stop = eventfd(0, EFD_CLOEXEC);
    if (r->fd < 0 || r->stop < 0 || bind(r->fd, (struct sockaddr *)&at, size) != 0 ||
        getsockname(r->fd, (struct sockaddr *)&at, &size) != 0 ||
        pthread_create(&r->thread, NULL, run, r) != 0)
        abort();
    r->port = ntohs(at.sin_port);
    return r;
}

void responder_stop(responder *r)
{
    const uint64_t one = 1;
    if (write(r->stop, &one, sizeof one) != sizeof one)
        abort();
    pthread_join(r->thread, NULL);
    close(r->fd);
    close(r->stop);
    pthread_mutex_destroy(&r->lock);
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
    pthread_mutex_lock(&r->lock);
    struct sockaddr_in to = r->client;
    pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < count; i++)
        if (sendto(r->fd, junk, sizeof junk, 0, (struct sockaddr *)&to, sizeof to) < 0)
            abort();
}
