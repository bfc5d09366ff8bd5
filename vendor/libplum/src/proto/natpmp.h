/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* NAT-PMP's packets, RFC 6886 section 3. */
#ifndef PLUM_PROTO_NATPMP_H
#define PLUM_PROTO_NATPMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum { PLUM_NATPMP_OP_EXTERNAL = 0, PLUM_NATPMP_OP_UDP = 1, PLUM_NATPMP_OP_TCP = 2 };

/* Section 3.5 */
enum {
    PLUM_NATPMP_SUCCESS = 0,
    PLUM_NATPMP_UNSUPP_VERSION = 1,
    PLUM_NATPMP_NOT_AUTHORIZED = 2,
    PLUM_NATPMP_NETWORK_FAILURE = 3,
    PLUM_NATPMP_NO_RESOURCES = 4,
    PLUM_NATPMP_UNSUPP_OPCODE = 5
};

#define PLUM_NATPMP_REQUEST_MAX 12

/* `out` holds PLUM_NATPMP_REQUEST_MAX; each returns the size. */
size_t plum_natpmp_write_external(uint8_t *out);
size_t plum_natpmp_write_map(uint8_t *out, uint8_t opcode, uint16_t internal_port,
                             uint16_t external_port, uint32_t lifetime);

typedef enum {
    PLUM_NATPMP_READ_BAD = 0, /* drop it */
    PLUM_NATPMP_READ_VERSION =
        1, /* result 1, in any of its forms: the answer to a request of another version */
    PLUM_NATPMP_READ_OK = 2
} plum_natpmp_read_result;

typedef struct {
    uint8_t opcode; /* of the request */
    uint16_t result;
    uint32_t epoch;   /* s */
    plum_ip external; /* opcode 0, result 0 */
    uint16_t internal_port, external_port;
    uint32_t lifetime; /* s */
} plum_natpmp_response;

/* A response whose first byte is 0. A failed one may be short: what is missing reads as 0. */
plum_natpmp_read_result plum_natpmp_read(const uint8_t *bytes, size_t size,
                                         plum_natpmp_response *out);

/* What section 3.5 calls a result code, "unknown" for others. */
const char *plum_natpmp_result_name(unsigned code);

#endif
