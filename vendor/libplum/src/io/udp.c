/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/udp.h"

#include <string.h>

#include "io/trace.h"

/* RFC 6886 section 3.2.1 and RFC 6887 section 14.1.1: announcements go to all hosts, port 5350. */
static const uint16_t announce_port = 5350;
static const uint8_t all_nodes_v6[16] = {0xff, 0x02, [15] = 0x01};

void plum_udp_init(plum_udp *u)
{
    memset(u, 0, sizeof *u);
    for (size_t i = 0; i < PLUM_UDP_MAX; i++)
        u->slots[i].socket = PLUM_SOCKET_NONE;
}

static void free_slot(plum_udp_slot *slot)
{
    plum_socket_close(slot->socket);
    memset(slot, 0, sizeof *slot);
    slot->socket = PLUM_SOCKET_NONE;
}

void plum_udp_free(plum_udp *u)
{
    for (size_t i = 0; i < PLUM_UDP_MAX; i++)
        free_slot(&u->slots[i]);
}

static plum_udp_slot *find(plum_udp *u, plum_sock sock)
{
    for (size_t i = 0; i < PLUM_UDP_MAX; i++)
        if (u->slots[i].sock == sock)
            return &u->slots[i];
    return NULL;
}

static plum_fail_kind fail_kind(plum_io result)
{
    switch (result) {
    case PLUM_IO_REFUSED:
        return PLUM_FAIL_REFUSED;
    case PLUM_IO_NO_FDS:
        return PLUM_FAIL_NO_FDS;
    case PLUM_IO_DENIED:
        return PLUM_FAIL_DENIED;
    case PLUM_IO_OK:
    case PLUM_IO_AGAIN:
    case PLUM_IO_UNREACHABLE:
    case PLUM_IO_DEAD:
        break;
    }
    return PLUM_FAIL_UNREACHABLE;
}

static void note_failure(plum_udp_slot *slot, plum_io result, bool dead)
{
    slot->failed = true;
    slot->what = fail_kind(result);
    slot->dead = slot->dead || dead || result == PLUM_IO_DEAD;
}

static plum_io open_group(plum_udp_slot *slot, const plum_action *open)
{
    uint8_t family = open->u.open.local.family;
    if (family == 0)
        family = open->u.open.remote.ip.family;
    plum_ip group = plum_ip_v4(224, 0, 0, 1);
    if (family == 6) {
        group = plum_ip_any(6);
        memcpy(group.bytes, all_nodes_v6, sizeof all_nodes_v6);
    }
    slot->group = group;
    slot->bound.ip = group;
    slot->bound.port = announce_port;
    return plum_udp_open_group(&group, announce_port, open->u.open.ifindex, &slot->socket);
}

bool plum_udp_act_open(plum_udp *u, const plum_action *open)
{
    plum_udp_slot *slot = find(u, 0);
    if (slot == NULL) {
        if (u->refused_count < PLUM_UDP_MAX)
            u->refused[u->refused_count++] = open->u.open.sock;
        return true;
    }
    slot->sock = open->u.open.sock;
    plum_io result = PLUM_IO_DEAD;
    switch (open->u.open.what) {
    case PLUM_OPEN_UDP:
        result =
            plum_udp_open(&open->u.open.local, &open->u.open.remote, &slot->socket, &slot->bound);
        break;
    case PLUM_OPEN_ANNOUNCE:
        result = open_group(slot, open);
        break;
    case PLUM_OPEN_SSDP:
    case PLUM_OPEN_TCP:
        break; /* not asked for by an engine without UPnP */
    }
    if (result == PLUM_IO_OK)
        slot->opened = true;
    else
        note_failure(slot, result, true);
    return result == PLUM_IO_OK || open->u.open.what != PLUM_OPEN_ANNOUNCE;
}

void plum_udp_act_send(plum_udp *u, const plum_action *send)
{
    plum_udp_slot *slot = find(u, send->u.send.sock);
    if (slot == NULL || slot->dead)
        return;
    plum_io result = plum_udp_send(slot->socket, send->u.send.bytes, send->u.send.size);
    PLUM_NOTE(PLUM_TRACE_SENT);
    if (result == PLUM_IO_REFUSED || result == PLUM_IO_UNREACHABLE) {
        /* On Linux this is the ICMP error of an earlier datagram: this one was not sent. */
        note_failure(slot, result, false);
        result = plum_udp_send(slot->socket, send->u.send.bytes, send->u.send.size);
    }
    if (result != PLUM_IO_OK && result != PLUM_IO_AGAIN)
        note_failure(slot, result, false);
}

void plum_udp_act_close(plum_udp *u, plum_sock sock)
{
    plum_udp_slot *slot = sock != 0 ? find(u, sock) : NULL;
    if (slot != NULL)
        free_slot(slot);
}

bool plum_udp_has_event(const plum_udp *u)
{
    if (u->refused_count > 0)
        return true;
    for (size_t i = 0; i < PLUM_UDP_MAX; i++)
        if (u->slots[i].opened || u->slots[i].failed)
            return true;
    return false;
}

bool plum_udp_next_event(plum_udp *u, plum_event *event)
{
    memset(event, 0, sizeof *event);
    if (u->refused_count > 0) {
        event->kind = PLUM_EV_FAIL;
        event->u.fail.sock = u->refused[--u->refused_count];
        event->u.fail.what = PLUM_FAIL_NO_FDS;
        event->u.fail.dead = true;
        return true;
    }
    for (size_t i = 0; i < PLUM_UDP_MAX; i++) {
        plum_udp_slot *slot = &u->slots[i];
        if (slot->opened) {
            slot->opened = false;
            event->kind = PLUM_EV_OPENED;
            event->u.opened.sock = slot->sock;
            event->u.opened.local = slot->bound;
            return true;
        }
        if (slot->failed) {
            slot->failed = false;
            event->kind = PLUM_EV_FAIL;
            event->u.fail.sock = slot->sock;
            event->u.fail.what = slot->what;
            event->u.fail.dead = slot->dead;
            return true;
        }
    }
    return false;
}

size_t plum_udp_items(plum_udp *u, plum_poll_item *items, plum_udp_slot **slots)
{
    size_t count = 0;
    for (size_t i = 0; i < PLUM_UDP_MAX; i++) {
        plum_udp_slot *slot = &u->slots[i];
        if (slot->sock == 0 || slot->dead)
            continue;
        items[count].socket = slot->socket;
        items[count].readable = false;
        slots[count++] = slot;
    }
    return count;
}

bool plum_udp_receive(plum_udp_slot *slot, uint8_t *buf, size_t room, plum_event *event)
{
    if (slot->sock == 0 || slot->dead)
        return false; /* closed by what an earlier datagram led to */
    size_t size = 0;
    plum_addr from;
    bool truncated = false;
    plum_io result = plum_udp_recv(slot->socket, buf, room, &size, &from, &truncated);
    if (result == PLUM_IO_AGAIN)
        return false;
    if (result != PLUM_IO_OK) {
        note_failure(slot, result, false);
        return false;
    }
    PLUM_NOTE(PLUM_TRACE_RECEIVED);
    memset(event, 0, sizeof *event);
    event->kind = PLUM_EV_DATA;
    event->u.data.sock = slot->sock;
    event->u.data.from = from;
    event->u.data.bytes = buf;
    event->u.data.size = size;
    event->u.data.flags = (truncated ? PLUM_DATA_TRUNCATED : 0u) |
                          (slot->group.family != 0 ? PLUM_DATA_MULTICAST : 0u);
    return true;
}
