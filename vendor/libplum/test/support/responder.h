/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The least router there is: PCP MAP and ANNOUNCE by fixed bytes, on a thread of its own. Not the
 * engine's oracle (libplum-gateway is): only something to talk to. */
#ifndef PLUM_TEST_RESPONDER_H
#define PLUM_TEST_RESPONDER_H

#include <stdint.h>

typedef struct responder responder;

typedef enum {
    RESPONDER_MAPS,    /* grants what is asked for, as 198.51.100.7 */
    RESPONDER_SILENT,  /* receives, says nothing */
    RESPONDER_REFUSES, /* NOT_AUTHORIZED */
    RESPONDER_FLOODS   /* maps, and sends junk to its last client without end */
} responder_mode;

#define RESPONDER_EXTERNAL "198.51.100.7"

/* On 127.0.0.1 or another own address; port 0: any. Aborts when it cannot be had. */
responder *responder_start(const char *ip, uint16_t port);
void responder_stop(responder *r);

uint16_t responder_port(const responder *r);
void responder_set(responder *r, responder_mode mode);
/* Sends that many datagrams of junk to the last client, from the caller's thread. */
void responder_send_junk(responder *r, unsigned count);
unsigned responder_maps(const responder *r);    /* MAP requests with a lifetime */
unsigned responder_deletes(const responder *r); /* and without one */

#endif
