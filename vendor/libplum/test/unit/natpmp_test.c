/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/natpmp.h"

#include "check.h"
#include "guard.h"

/* RFC 6886 sections 3.2 and 3.3, by hand. */
static const uint8_t external_response[] = {0, 128, 0, 0, 0, 0, 1, 0, 1, 2, 3, 4};
static const uint8_t map_response[] = {0,    130,  0,    0,    0, 0, 1, 0,
                                       0x1f, 0x90, 0x30, 0x39, 0, 0, 0, 120};

static void writes_requests(void)
{
    static const uint8_t map[] = {0, 2, 0, 0, 0x1f, 0x90, 0x1f, 0x91, 0, 0, 0x1c, 0x20};
    uint8_t out[PLUM_NATPMP_REQUEST_MAX] = {9, 9};
    CHECK_EQ(plum_natpmp_write_external(out), 2);
    CHECK_EQ(out[0] | out[1], 0);
    CHECK_EQ(plum_natpmp_write_map(out, PLUM_NATPMP_OP_TCP, 8080, 8081, 7200), sizeof map);
    CHECK(memcmp(out, map, sizeof map) == 0);
}

static void reads_responses(void)
{
    plum_natpmp_response r;
    plum_ip ip = plum_ip_v4(1, 2, 3, 4);
    REQUIRE(plum_natpmp_read(external_response, sizeof external_response, &r) ==
            PLUM_NATPMP_READ_OK);
    CHECK_EQ(r.opcode, PLUM_NATPMP_OP_EXTERNAL);
    CHECK_EQ(r.epoch, 256);
    CHECK(plum_ip_equal(&r.external, &ip));
    REQUIRE(plum_natpmp_read(map_response, sizeof map_response, &r) == PLUM_NATPMP_READ_OK);
    CHECK_EQ(r.opcode, PLUM_NATPMP_OP_TCP);
    CHECK_EQ(r.internal_port, 8080);
    CHECK_EQ(r.external_port, 12345);
    CHECK_EQ(r.lifetime, 120);
}

static void truncations_of(const uint8_t *packet, size_t size)
{
    check_guard g = check_guard_new(size);
    for (size_t n = 0; n < size; n++) {
        plum_natpmp_response r;
        uint8_t *exact = check_exact(packet, n);
        CHECK_EQ(plum_natpmp_read(exact, n, &r), PLUM_NATPMP_READ_BAD);
        CHECK_EQ(plum_natpmp_read(check_guard_put(&g, packet, n), n, &r), PLUM_NATPMP_READ_BAD);
        free(exact);
    }
    check_guard_free(&g);
}

static void every_truncation_is_dropped(void)
{
    truncations_of(external_response, sizeof external_response);
    truncations_of(map_response, sizeof map_response);
}

static void the_version_error_in_each_form(void)
{
    static const uint8_t rfc[] = {0, 0, 0, 1, 0, 0, 0, 7};     /* section 3.5: opcode 0, no R bit */
    static const uint8_t other[] = {0, 129, 0, 1, 0, 0, 0, 7}; /* 128 + the opcode of a PCP MAP */
    static const uint8_t longer[] = {0, 128, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0};
    plum_natpmp_response r;
    CHECK_EQ(plum_natpmp_read(rfc, sizeof rfc, &r), PLUM_NATPMP_READ_VERSION);
    CHECK_EQ(r.epoch, 7);
    CHECK_EQ(plum_natpmp_read(other, sizeof other, &r), PLUM_NATPMP_READ_VERSION);
    CHECK_EQ(plum_natpmp_read(longer, sizeof longer, &r), PLUM_NATPMP_READ_VERSION);
    CHECK_EQ(plum_natpmp_read(rfc, 7, &r), PLUM_NATPMP_READ_BAD);
}

static void errors_may_be_short(void)
{
    static const uint8_t refused[] = {0, 130, 0, 2, 0, 0, 0, 7};
    plum_natpmp_response r;
    CHECK_EQ(plum_natpmp_read(refused, sizeof refused, &r), PLUM_NATPMP_READ_OK);
    CHECK_EQ(r.result, PLUM_NATPMP_NOT_AUTHORIZED);
    CHECK_EQ(r.internal_port, 0);
    static const uint8_t no_address[] = {0, 128, 0, 3, 0, 0, 0, 7, 9, 9, 9, 9};
    CHECK_EQ(plum_natpmp_read(no_address, sizeof no_address, &r), PLUM_NATPMP_READ_OK);
    CHECK_EQ(r.external.family, 0);
}

static void what_is_no_response_is_dropped(void)
{
    static const uint8_t request[] = {0, 2, 0, 0, 0, 0, 1, 0, 0x1f, 0x90, 0x30, 0x39, 0, 0, 0, 120};
    static const uint8_t unknown[] = {0,    131,  0,    0,    0, 0, 1, 0,
                                      0x1f, 0x90, 0x30, 0x39, 0, 0, 0, 120};
    plum_natpmp_response r;
    CHECK_EQ(plum_natpmp_read(request, sizeof request, &r), PLUM_NATPMP_READ_BAD);
    CHECK_EQ(plum_natpmp_read(unknown, sizeof unknown, &r), PLUM_NATPMP_READ_BAD);
    CHECK_STR(plum_natpmp_result_name(5), "Unsupported opcode");
    CHECK_STR(plum_natpmp_result_name(6), "unknown");
}

int main(void)
{
    RUN(writes_requests);
    RUN(reads_responses);
    RUN(every_truncation_is_dropped);
    RUN(the_version_error_in_each_form);
    RUN(errors_may_be_short);
    RUN(what_is_no_response_is_dropped);
    return check_end();
}
