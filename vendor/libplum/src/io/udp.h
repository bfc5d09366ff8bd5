/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine's datagram sockets: its numbers on one side, the system's on the other. What goes
 * wrong is kept here until the loop hands it to the engine, after the drain. */
#ifndef PLUM_IO_UDP_H
#define PLUM_IO_UDP_H

#include "engine/engine.h"
#include "platform/platform.h"

/* A few sockets a gateway and family; the engine bounds them, this only keeps memory out of it. */
#define PLUM_UDP_MAX 64

typedef struct {
    plum_sock sock; /* 0: free */
    plum_socket socket;
    plum_ip group; /* hears this group; family 0: connected */
    bool opened;   /* OPENED is to be told */
    bool failed;   /* FAIL is to be told */
    bool dead;     /* of no use any more: neither polled nor sent on */
    plum_fail_kind what;
    plum_addr bound;
} plum_udp_slot;

typedef struct {
    plum_udp_slot slots[PLUM_UDP_MAX];
    plum_sock refused[PLUM_UDP_MAX]; /* found no slot: FAIL is to be told */
    size_t refused_count;
} plum_udp;

void plum_udp_init(plum_udp *u);
void plum_udp_free(plum_udp *u);

/* Opens for the action. False: an announce socket that could not be had (a line for the log); every
 * other failure is told by FAIL. */
bool plum_udp_act_open(plum_udp *u, const plum_action *open);
void plum_udp_act_send(plum_udp *u, const plum_action *send);
void plum_udp_act_close(plum_udp *u, plum_sock sock);

/* Does one wait to be told? */
bool plum_udp_has_event(const plum_udp *u);

/* The next OPENED or FAIL that waits to be told; false: none. */
bool plum_udp_next_event(plum_udp *u, plum_event *event);

/* What to poll: fills items and the slots they belong to; returns how many. */
size_t plum_udp_items(plum_udp *u, plum_poll_item *items, plum_udp_slot **slots);

/* Reads one datagram into a DATA event. False: nothing more, or an error that will be told. */
bool plum_udp_receive(plum_udp_slot *slot, uint8_t *buf, size_t room, plum_event *event);

#endif
