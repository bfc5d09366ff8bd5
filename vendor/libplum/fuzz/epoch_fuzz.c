/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A server that counts as we do keeps its state by our judgement, however long it was silent; one
 * that begins anew has lost it. Anything else must only be recorded. */
#include "fuzz.h"

#include "proto/epoch.h"

typedef bool judge(plum_epoch *e, plum_time now, uint32_t server);

static void series(fuzz_input in, judge *is_valid)
{
    plum_epoch e = {0};
    plum_time now = fuzz_u32(&in);
    FUZZ_CHECK(is_valid(&e, now, fuzz_u16(&in))); /* the first always is */
    while (in.left > 0) {
        uint8_t what = fuzz_u8(&in);
        plum_time then = now + (what & 0x80 ? fuzz_u32(&in) : fuzz_u16(&in)); /* ms */
        uint32_t passed = (uint32_t)(then / PLUM_SECONDS - now / PLUM_SECONDS);
        uint32_t server = e.server + passed;
        if (what & 0x40) {
            server = what & 0x20 ? fuzz_u32(&in) : e.server + fuzz_u8(&in) - 128;
            (void)is_valid(&e, then, server);
        } else if (what & 0x20 && e.server > 2) { /* two seconds are within what may be late */
            server = 0;
            FUZZ_CHECK(!is_valid(&e, then, server));
        } else if (e.server <= UINT32_MAX - passed) {
            FUZZ_CHECK(is_valid(&e, then, server));
        } else {
            return; /* a server that has run for 136 years */
        }
        FUZZ_CHECK(e.known && e.server == server && e.at == then);
        now = then;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_input in = {bytes, size};
    series(in, plum_epoch_pcp);
    series(in, plum_epoch_natpmp);
    return 0;
}
