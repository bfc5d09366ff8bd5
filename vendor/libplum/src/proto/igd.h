/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One conversation with a WANIPConnection or WANPPPConnection service about one mapping: which
 * action to call next, and what an answer means. No socket, no clock: the caller sends what
 * plum_igd_call() gives and hands in what came.
 *
 * What it keeps to (each learnt from routers): it reads an entry before it adds and before it
 * deletes, and never touches another program's; it never asks for external port 0; it asks for a
 * lease that the router takes, from the one wanted down to a static one, and remembers which; it
 * tries other external ports within a bound; it reads back what it has added.
 */
#ifndef PLUM_PROTO_IGD_H
#define PLUM_PROTO_IGD_H

#include "base/addr.h"
#include "proto/soap.h"

/* UPnP's largest lease (WANIPConnection:2 section 2.3.17): a week. */
#define PLUM_IGD_LEASE_MAX 604800u
/* External ports that are tried before it gives up. */
#define PLUM_IGD_PORTS 8

/* What is known of a router's habits; kept by the caller for as long as the router is the same.
 * Zero: nothing. */
typedef struct {
    unsigned lease; /* rung of the ladder that worked: 0 as asked, 1 an hour, 2 a week, 3 static */
    bool no_any;    /* AddAnyPortMapping is not there */
    bool equal_ports; /* 724: the external port must be the internal one */
} plum_igd_habits;

typedef enum { PLUM_IGD_ADD = 1, PLUM_IGD_DELETE, PLUM_IGD_CHECK } plum_igd_goal;

typedef struct {
    plum_igd_goal goal;
    bool udp;
    uint16_t internal_port;  /* never 0 */
    uint16_t external_port;  /* never 0; wanted first, or held */
    bool insists;            /* ADD: this external port or none */
    bool holds;              /* ADD: a renewal: the entry is expected to be ours */
    bool has_any;            /* the service is WANIPConnection:2 or later */
    uint32_t lease;          /* s; ADD */
    plum_ip client;          /* the control connection's own address: InternalClient */
    const char *description; /* printable ASCII, lives as long as the conversation */
    uint32_t seed;           /* unpredictable: other ports are drawn from it */
} plum_igd_wish;

typedef enum {
    PLUM_IGD_ASK = 0, /* call plum_igd_call() and send it */
    PLUM_IGD_DONE,    /* see the result */
    PLUM_IGD_FAILED   /* see the result */
} plum_igd_next;

typedef enum {
    PLUM_IGD_FINE = 0,
    PLUM_IGD_NOTHING, /* CHECK, DELETE: no entry is there */
    PLUM_IGD_FOREIGN, /* CHECK, DELETE: the entry is another host's or program's; it was left alone
                       */
    PLUM_IGD_UNKNOWN, /* CHECK: this router cannot tell */
    PLUM_IGD_TAKEN,   /* ADD: no external port that it may have is to be had */
    PLUM_IGD_FULL,    /* ADD: 728, no entry is free */
    PLUM_IGD_NO_EFFECT, /* ADD: success was said, and no entry is there */
    PLUM_IGD_REFUSED,   /* with the code */
    PLUM_IGD_SILENT     /* no answer that can be read */
} plum_igd_why;

typedef struct {
    plum_igd_why why;
    uint32_t code;          /* UPnP error code; 0: none was told */
    uint16_t external_port; /* ADD, CHECK: of the entry */
    uint32_t lease;         /* s left or granted, as told; 0: static */
} plum_igd_result;

typedef enum {
    PLUM_IGD_STEP_LOOK = 1,
    PLUM_IGD_STEP_ADD,
    PLUM_IGD_STEP_BACK,
    PLUM_IGD_STEP_DELETE
} plum_igd_step;

typedef struct {
    plum_igd_wish wish;
    plum_igd_habits habits;
    plum_igd_result result;
    /* private */
    plum_igd_step step;
    uint16_t port;
    unsigned ports, rung, adds;
    bool any, known, ours; /* known: the entry was read, and is free or ours */
    char external[6], internal[6], lease[11], client[PLUM_ADDR_TEXT];
    plum_soap_arg args[8];
} plum_igd;

void plum_igd_begin(plum_igd *c, const plum_igd_wish *wish, const plum_igd_habits *habits);

/* Fills in action and arguments; host, target and type are the caller's. Valid until the next call
 * for `c`. */
void plum_igd_call(plum_igd *c, plum_soap_call *call);

/* The answer: HTTP status, and the message or NULL where there was none that could be read. Status
 * 0: the connection failed. `habits` of the conversation hold what was learnt. */
plum_igd_next plum_igd_answer(plum_igd *c, int status, const plum_soap *message);

#endif
