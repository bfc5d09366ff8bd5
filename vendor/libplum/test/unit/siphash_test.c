/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/siphash.h"
#include "check.h"

/* Key 00 01 .. 0f; the message of length n is 00 01 .. n-1. 15: appendix A of the paper. */
static void the_published_vectors(void)
{
    uint8_t key[PLUM_SIPHASH_KEY], message[64];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    CHECK(plum_siphash(key, message, 15) == UINT64_C(0xa129ca6149be45e5));
    CHECK(plum_siphash(key, message, 0) == UINT64_C(0x726fdb47dd0e0e31));
    CHECK(plum_siphash(key, message, 8) == UINT64_C(0x93f5f5799a932462));
}

static void key_and_message_count(void)
{
    uint8_t key[PLUM_SIPHASH_KEY] = {0};
    static const uint8_t one[] = {1}, two[] = {1, 0};
    uint64_t first = plum_siphash(key, one, sizeof one);
    CHECK(first != plum_siphash(key, two, sizeof two));
    key[15] = 1;
    CHECK(first != plum_siphash(key, one, sizeof one));
}

int main(void)
{
    RUN(the_published_vectors);
    RUN(key_and_message_count);
    return check_end();
}
