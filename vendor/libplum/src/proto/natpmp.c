/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/natpmp.h"

#include "text/reader.h"
#include "text/writer.h"

#define R_BIT 0x80

size_t plum_natpmp_write_external(uint8_t *out)
{
    plum_writer w;
    plum_writer_init(&w, out, PLUM_NATPMP_REQUEST_MAX);
    plum_writer_zeros(&w, 2);
    return plum_writer_size(&w);
}

size_t plum_natpmp_write_map(uint8_t *out, uint8_t opcode, uint16_t internal_port,
                             uint16_t external_port, uint32_t lifetime)
{
    plum_writer w;
    plum_writer_init(&w, out, PLUM_NATPMP_REQUEST_MAX);
    plum_writer_u8(&w, 0);
    plum_writer_u8(&w, opcode);
    plum_writer_zeros(&w, 2);
    plum_writer_be16(&w, internal_port);
    plum_writer_be16(&w, external_port);
    plum_writer_be32(&w, lifetime);
    return plum_writer_size(&w);
}

plum_natpmp_read_result plum_natpmp_read(const uint8_t *bytes, size_t size,
                                         plum_natpmp_response *out)
{
    static const plum_natpmp_response none;
    plum_reader r;
    *out = none;
    plum_reader_init(&r, bytes, size);
    uint8_t version = plum_reader_u8(&r);
    uint8_t op = plum_reader_u8(&r);
    out->result = plum_reader_be16(&r);
    out->epoch = plum_reader_be32(&r);
    if (plum_reader_failed(&r) || version != 0)
        return PLUM_NATPMP_READ_BAD;
    /* Before the R bit: section 3.5 draws this one with opcode 0, and some send 128 + the opcode
     * that they got. */
    if (out->result == PLUM_NATPMP_UNSUPP_VERSION)
        return PLUM_NATPMP_READ_VERSION;
    if (!(op & R_BIT))
        return PLUM_NATPMP_READ_BAD;
    out->opcode = op & (uint8_t)~R_BIT;

    if (out->opcode == PLUM_NATPMP_OP_EXTERNAL) {
        out->external = plum_ip_any(4);
        plum_reader_bytes(&r, out->external.bytes, 4);
    } else {
        out->internal_port = plum_reader_be16(&r);
        out->external_port = plum_reader_be16(&r);
        out->lifetime = plum_reader_be32(&r);
    }
    if (plum_reader_failed(&r) && out->result == PLUM_NATPMP_SUCCESS)
        return PLUM_NATPMP_READ_BAD;
    if (out->result != PLUM_NATPMP_SUCCESS)
        out->external = plum_ip_none();
    return out->opcode <= PLUM_NATPMP_OP_TCP ? PLUM_NATPMP_READ_OK : PLUM_NATPMP_READ_BAD;
}

const char *plum_natpmp_result_name(unsigned code)
{
    static const char *const names[] = {
        "Success",         "Unsupported Version", "Not Authorized/Refused",
        "Network Failure", "Out of resources",    "Unsupported opcode",
    };
    return code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}
