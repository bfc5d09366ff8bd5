/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PCP's packets, RFC 6887: sections 7.1, 7.2 (headers), 11.1 (MAP), 13.2 (PREFER_FAILURE), 14.1
 * (ANNOUNCE). */
#ifndef PLUM_PROTO_PCP_H
#define PLUM_PROTO_PCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define PLUM_PCP_PORT          5351 /* section 19.1: servers listen here */
#define PLUM_PCP_ANNOUNCE_PORT 5350 /* and clients for announcements here */

/* Section 7: 1100 octets at most. */
#define PLUM_PCP_MAX         1100
#define PLUM_PCP_HEADER      24
#define PLUM_PCP_MAP_SIZE    60
#define PLUM_PCP_REQUEST_MAX (PLUM_PCP_MAP_SIZE + 4) /* a MAP with PREFER_FAILURE */
#define PLUM_PCP_NONCE       12

enum { PLUM_PCP_OP_ANNOUNCE = 0, PLUM_PCP_OP_MAP = 1, PLUM_PCP_OP_PEER = 2 };

/* Section 7.4 */
enum {
    PLUM_PCP_SUCCESS = 0,
    PLUM_PCP_UNSUPP_VERSION = 1,
    PLUM_PCP_NOT_AUTHORIZED = 2,
    PLUM_PCP_MALFORMED_REQUEST = 3,
    PLUM_PCP_UNSUPP_OPCODE = 4,
    PLUM_PCP_UNSUPP_OPTION = 5,
    PLUM_PCP_MALFORMED_OPTION = 6,
    PLUM_PCP_NETWORK_FAILURE = 7,
    PLUM_PCP_NO_RESOURCES = 8,
    PLUM_PCP_UNSUPP_PROTOCOL = 9,
    PLUM_PCP_USER_EX_QUOTA = 10,
    PLUM_PCP_CANNOT_PROVIDE_EXTERNAL = 11,
    PLUM_PCP_ADDRESS_MISMATCH = 12,
    PLUM_PCP_EXCESSIVE_REMOTE_PEERS = 13
};

/* IANA protocol numbers as MAP carries them. */
enum { PLUM_PCP_TCP = 6, PLUM_PCP_UDP = 17 };

typedef struct {
    uint8_t nonce[PLUM_PCP_NONCE];
    uint8_t protocol;
    uint16_t internal_port, external_port;
    plum_ip external; /* of a request: the suggestion; family 0 is written as all zeros */
} plum_pcp_map;

/* `out` holds PLUM_PCP_REQUEST_MAX. Both return the size. `client`: the address that the request
 * comes from. */
size_t plum_pcp_write_map(uint8_t *out, const plum_ip *client, uint32_t lifetime,
                          const plum_pcp_map *map, bool prefer_failure);
size_t plum_pcp_write_announce(uint8_t *out, const plum_ip *client);

typedef enum {
    PLUM_PCP_READ_BAD = 0, /* not a response that section 8.3 lets in: drop it */
    PLUM_PCP_READ_VERSION =
        1, /* UNSUPP_VERSION: only version, lifetime and epoch count, perhaps not even these */
    PLUM_PCP_READ_OK = 2
} plum_pcp_read_result;

typedef struct {
    uint8_t version; /* of an UNSUPP_VERSION: the one that the server speaks */
    uint8_t opcode;  /* without the R bit */
    uint8_t result;
    uint32_t lifetime; /* s */
    uint32_t epoch;    /* s */
    plum_pcp_map map;  /* with PLUM_PCP_OP_MAP; zero otherwise */
} plum_pcp_response;

/* A response whose first byte is not 0 (0 is NAT-PMP's). Options are ignored (section 7.3). */
plum_pcp_read_result plum_pcp_read(const uint8_t *bytes, size_t size, plum_pcp_response *out);

/* The RFC's name of a result code, "unknown" for others. */
const char *plum_pcp_result_name(unsigned code);

/* How long an error holds, in seconds: what it says up to 24 h (section 15), and where it says
 * nothing 30 s for codes 7, 8 and 10, 30 min for the rest (section 7.4). */
uint32_t plum_pcp_error_lifetime(unsigned code, uint32_t lifetime);

#endif
