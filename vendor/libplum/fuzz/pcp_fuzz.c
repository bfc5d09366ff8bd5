/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A response that is let in has the shape of RFC 6887 sections 7.2 and 11.1, and what is read from
 * it is what our own writer writes. */
#include "fuzz.h"

#include "proto/pcp.h"

enum { MAP_BODY = 24, MAP_RESERVED = 37, MAP_RESERVED_SIZE = 3, MAP_EXTERNAL = 44 };

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void map_comes_back(const uint8_t *bytes, const plum_pcp_response *r)
{
    uint8_t ours[PLUM_PCP_REQUEST_MAX], theirs[PLUM_PCP_MAP_SIZE];
    plum_ip client = plum_ip_v4(192, 0, 2, 1);
    FUZZ_CHECK(plum_pcp_write_map(ours, &client, r->lifetime, &r->map, false) == PLUM_PCP_MAP_SIZE);
    memcpy(theirs, bytes, sizeof theirs);
    memset(theirs + MAP_RESERVED, 0, MAP_RESERVED_SIZE); /* ignored when received */
    FUZZ_CHECK(memcmp(ours + MAP_BODY, theirs + MAP_BODY, PLUM_PCP_MAP_SIZE - MAP_BODY) == 0);
    FUZZ_CHECK(be32(ours + 4) == r->lifetime);

    /* With the R bit, our own request reads as that response. */
    plum_pcp_response again;
    memcpy(ours + 2, bytes + 2, 2);
    memcpy(ours + 8, bytes + 8, 4);
    ours[1] |= 0x80;
    FUZZ_CHECK(plum_pcp_read(ours, PLUM_PCP_MAP_SIZE, &again) == PLUM_PCP_READ_OK);
    FUZZ_CHECK(again.epoch == r->epoch && again.lifetime == r->lifetime);
    FUZZ_CHECK(memcmp(again.map.nonce, r->map.nonce, sizeof again.map.nonce) == 0);
    FUZZ_CHECK(again.map.protocol == r->map.protocol &&
               again.map.internal_port == r->map.internal_port &&
               again.map.external_port == r->map.external_port &&
               plum_ip_equal(&again.map.external, &r->map.external));

    /* The address survives the way out and back, to the byte. */
    uint8_t wire[16];
    plum_ip_to_wire(&r->map.external, wire);
    FUZZ_CHECK(memcmp(wire, bytes + MAP_EXTERNAL, sizeof wire) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    plum_pcp_response r;
    plum_pcp_read_result result = plum_pcp_read(bytes, size, &r);
    FUZZ_CHECK(fuzz_is_printable(plum_pcp_result_name(r.result)));
    uint32_t holds = plum_pcp_error_lifetime(r.result, r.lifetime);
    FUZZ_CHECK(holds > 0 && holds <= 86400);

    if (result == PLUM_PCP_READ_BAD)
        return 0;
    FUZZ_CHECK(size >= 4 && bytes[1] & 0x80 && r.opcode == (bytes[1] & 0x7f));
    FUZZ_CHECK(r.version == bytes[0] && r.result == bytes[3]);
    if (result == PLUM_PCP_READ_VERSION) {
        FUZZ_CHECK(r.result == PLUM_PCP_UNSUPP_VERSION);
        return 0;
    }
    FUZZ_CHECK(r.version == 2 && r.result != PLUM_PCP_UNSUPP_VERSION);
    FUZZ_CHECK(size >= PLUM_PCP_HEADER && size <= PLUM_PCP_MAX && size % 4 == 0);
    FUZZ_CHECK(r.lifetime == be32(bytes + 4) && r.epoch == be32(bytes + 8));

    /* Cut short of its fixed part it is no response any more. */
    size_t fixed = r.opcode == PLUM_PCP_OP_MAP ? PLUM_PCP_MAP_SIZE : PLUM_PCP_HEADER;
    FUZZ_CHECK(size >= fixed);
    for (size_t cut = 0; cut < fixed; cut++) {
        plum_pcp_response less;
        uint8_t *exact = fuzz_exact(bytes, cut);
        FUZZ_CHECK(plum_pcp_read(exact, cut, &less) == PLUM_PCP_READ_BAD);
        free(exact);
    }
    if (r.opcode == PLUM_PCP_OP_MAP)
        map_comes_back(bytes, &r);
    return 0;
}
