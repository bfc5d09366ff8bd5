/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A response that is let in has the shape of RFC 6886 sections 3.2, 3.3 and 3.5, and what is read
 * from it is what our own writer writes. */
#include "fuzz.h"

#include "proto/natpmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    plum_natpmp_response r;
    plum_natpmp_read_result result = plum_natpmp_read(bytes, size, &r);
    FUZZ_CHECK(fuzz_is_printable(plum_natpmp_result_name(r.result)));
    if (result == PLUM_NATPMP_READ_BAD)
        return 0;
    FUZZ_CHECK(size >= 8 && bytes[0] == 0);
    FUZZ_CHECK(r.result == (bytes[2] << 8 | bytes[3]));
    if (result == PLUM_NATPMP_READ_VERSION) {
        FUZZ_CHECK(r.result == PLUM_NATPMP_UNSUPP_VERSION);
        return 0;
    }
    FUZZ_CHECK(bytes[1] == (0x80 | r.opcode) && r.opcode <= PLUM_NATPMP_OP_TCP);
    FUZZ_CHECK(r.result != PLUM_NATPMP_UNSUPP_VERSION);
    if (r.result != PLUM_NATPMP_SUCCESS) {
        FUZZ_CHECK(r.external.family == 0);
        return 0;
    }

    size_t fixed = r.opcode == PLUM_NATPMP_OP_EXTERNAL ? 12 : 16;
    FUZZ_CHECK(size >= fixed);
    for (size_t cut = 0; cut < fixed; cut++) {
        plum_natpmp_response less;
        uint8_t *exact = fuzz_exact(bytes, cut);
        FUZZ_CHECK(plum_natpmp_read(exact, cut, &less) == PLUM_NATPMP_READ_BAD);
        free(exact);
    }
    if (r.opcode == PLUM_NATPMP_OP_EXTERNAL) {
        FUZZ_CHECK(r.external.family == 4 && memcmp(r.external.bytes, bytes + 8, 4) == 0);
        return 0;
    }
    /* Ports and lifetime stand in a request as they do in its response, four bytes later. */
    uint8_t ours[PLUM_NATPMP_REQUEST_MAX];
    FUZZ_CHECK(plum_natpmp_write_map(ours, r.opcode, r.internal_port, r.external_port,
                                     r.lifetime) == sizeof ours);
    FUZZ_CHECK(ours[1] == r.opcode && memcmp(ours + 4, bytes + 8, 8) == 0);
    return 0;
}
