/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/pcp.h"

#include "text/reader.h"
#include "text/writer.h"

#define VERSION               2
#define R_BIT                 0x80
#define OPTION_PREFER_FAILURE 2

/* Section 15: a lifetime above 24 hours counts as 24 hours. */
#define LIFETIME_MAX 86400

/* Section 7.4: short lifetime errors last 30 seconds, long ones 30 minutes. */
#define SHORT_ERROR 30
#define LONG_ERROR  1800

static void write_ip(plum_writer *w, const plum_ip *ip)
{
    uint8_t wire[16];
    plum_ip_to_wire(ip, wire);
    plum_writer_bytes(w, wire, sizeof wire);
}

static void write_header(plum_writer *w, uint8_t opcode, uint32_t lifetime, const plum_ip *client)
{
    plum_writer_u8(w, VERSION);
    plum_writer_u8(w, opcode);
    plum_writer_zeros(w, 2);
    plum_writer_be32(w, lifetime);
    write_ip(w, client);
}

size_t plum_pcp_write_map(uint8_t *out, const plum_ip *client, uint32_t lifetime,
                          const plum_pcp_map *map, bool prefer_failure)
{
    plum_writer w;
    plum_writer_init(&w, out, PLUM_PCP_REQUEST_MAX);
    write_header(&w, PLUM_PCP_OP_MAP, lifetime, client);
    plum_writer_bytes(&w, map->nonce, sizeof map->nonce);
    plum_writer_u8(&w, map->protocol);
    plum_writer_zeros(&w, 3);
    plum_writer_be16(&w, map->internal_port);
    plum_writer_be16(&w, map->external_port);
    write_ip(&w, &map->external);
    if (prefer_failure) {
        plum_writer_u8(&w, OPTION_PREFER_FAILURE);
        plum_writer_zeros(&w, 3); /* reserved, and a length of 0 */
    }
    return plum_writer_size(&w);
}

size_t plum_pcp_write_announce(uint8_t *out, const plum_ip *client)
{
    plum_writer w;
    plum_writer_init(&w, out, PLUM_PCP_REQUEST_MAX);
    write_header(&w, PLUM_PCP_OP_ANNOUNCE, 0, client);
    return plum_writer_size(&w);
}

static void read_map(plum_reader *r, plum_pcp_map *m)
{
    uint8_t ip[16];
    plum_reader_bytes(r, m->nonce, sizeof m->nonce);
    m->protocol = plum_reader_u8(r);
    plum_reader_skip(r, 3);
    m->internal_port = plum_reader_be16(r);
    m->external_port = plum_reader_be16(r);
    plum_reader_bytes(r, ip, sizeof ip);
    m->external = plum_ip_from_wire(ip);
}

plum_pcp_read_result plum_pcp_read(const uint8_t *bytes, size_t size, plum_pcp_response *out)
{
    static const plum_pcp_response none;
    plum_reader r;
    *out = none;

    /* Section 8.3: fewer than 4 octets, or no R bit: dropped. The version is judged before the
     * length, because an UNSUPP_VERSION has the shape of a version that we do not know. */
    plum_reader_init(&r, bytes, size);
    out->version = plum_reader_u8(&r);
    uint8_t op = plum_reader_u8(&r);
    plum_reader_skip(&r, 1);
    out->result = plum_reader_u8(&r);
    if (plum_reader_failed(&r) || !(op & R_BIT))
        return PLUM_PCP_READ_BAD;
    out->opcode = op & (uint8_t)~R_BIT;
    out->lifetime = plum_reader_be32(&r);
    out->epoch = plum_reader_be32(&r);
    if (out->result == PLUM_PCP_UNSUPP_VERSION)
        return PLUM_PCP_READ_VERSION;
    if (out->version != VERSION)
        return PLUM_PCP_READ_BAD;

    if (size < PLUM_PCP_HEADER || size > PLUM_PCP_MAX || size % 4)
        return PLUM_PCP_READ_BAD;
    plum_reader_skip(&r, 12);
    if (out->opcode == PLUM_PCP_OP_MAP)
        read_map(&r, &out->map);
    return plum_reader_failed(&r) ? PLUM_PCP_READ_BAD : PLUM_PCP_READ_OK;
}

const char *plum_pcp_result_name(unsigned code)
{
    static const char *const names[] = {
        "SUCCESS",          "UNSUPP_VERSION",         "NOT_AUTHORIZED",   "MALFORMED_REQUEST",
        "UNSUPP_OPCODE",    "UNSUPP_OPTION",          "MALFORMED_OPTION", "NETWORK_FAILURE",
        "NO_RESOURCES",     "UNSUPP_PROTOCOL",        "USER_EX_QUOTA",    "CANNOT_PROVIDE_EXTERNAL",
        "ADDRESS_MISMATCH", "EXCESSIVE_REMOTE_PEERS",
    };
    return code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}

uint32_t plum_pcp_error_lifetime(unsigned code, uint32_t lifetime)
{
    if (lifetime)
        return lifetime < LIFETIME_MAX ? lifetime : LIFETIME_MAX;
    return code == PLUM_PCP_NETWORK_FAILURE || code == PLUM_PCP_NO_RESOURCES ||
                   code == PLUM_PCP_USER_EX_QUOTA
               ? SHORT_ERROR
               : LONG_ERROR;
}
