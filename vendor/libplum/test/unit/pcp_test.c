/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/pcp.h"

#include "check.h"
#include "guard.h"

/* Written out by hand from RFC 6887 figures 2, 9 and 14. */
static const uint8_t map_request[] = {
    2,   1,   0,  0, 0,    0,    0x1c, 0x20, /* version, MAP, 7200 s */
    0,   0,   0,  0, 0,    0,    0,    0,    0, 0,  0xff, 0xff,
    192, 168, 77, 2,                                          /* client */
    1,   2,   3,  4, 5,    6,    7,    8,    9, 10, 11,   12, /* nonce */
    6,   0,   0,  0, 0x1f, 0x90, 0x1f, 0x91,                  /* TCP, 8080, suggested 8081 */
    0,   0,   0,  0, 0,    0,    0,    0,    0, 0,  0xff, 0xff,
    0,   0,   0,  0, /* no address suggested */
    2,   0,   0,  0, /* PREFER_FAILURE */
};

static const uint8_t map_response[] = {
    2,    0x81, 0, 0, 0, 0, 0, 120, 0, 0,  1,  0,  0,    0,    0, 0, 0,    0,
    0,    0,    0, 0, 0, 0, /* 120 s, epoch 256 */
    1,    2,    3, 4, 5, 6, 7, 8,   9, 10, 11, 12, 17,   0,    0, 0, 0x1f, 0x90,
    0x30, 0x39, 0, 0, 0, 0, 0, 0,   0, 0,  0,  0,  0xff, 0xff, 1, 2, 3,    4,
};

static plum_pcp_map example(void)
{
    plum_pcp_map m = {.nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                      .protocol = PLUM_PCP_TCP,
                      .internal_port = 8080,
                      .external_port = 8081,
                      .external = plum_ip_any(4)};
    return m;
}

static void writes_a_map_request(void)
{
    uint8_t out[PLUM_PCP_REQUEST_MAX];
    plum_pcp_map m = example();
    plum_ip client = plum_ip_v4(192, 168, 77, 2);
    CHECK_EQ(plum_pcp_write_map(out, &client, 7200, &m, true), sizeof map_request);
    CHECK(memcmp(out, map_request, sizeof map_request) == 0);
    CHECK_EQ(plum_pcp_write_map(out, &client, 7200, &m, false), PLUM_PCP_MAP_SIZE);
    CHECK(memcmp(out, map_request, PLUM_PCP_MAP_SIZE) == 0);
}

static void a_delete_suggests_all_zeros(void)
{
    uint8_t out[PLUM_PCP_REQUEST_MAX];
    plum_pcp_map m = example();
    plum_ip client = plum_ip_v4(192, 168, 77, 2);
    m.external_port = 0;
    m.external = plum_ip_none();
    plum_pcp_write_map(out, &client, 0, &m, false);
    for (size_t i = 42; i < 60; i++)
        CHECK_EQ(out[i], 0); /* section 15.1: port and address */
    CHECK_EQ(out[4] | out[5] | out[6] | out[7], 0);
}

static void writes_an_announce(void)
{
    uint8_t out[PLUM_PCP_REQUEST_MAX];
    plum_ip client;
    REQUIRE(plum_ip_parse("2a00::9", &client));
    CHECK_EQ(plum_pcp_write_announce(out, &client), PLUM_PCP_HEADER);
    static const uint8_t want[] = {2, 0, 0, 0, 0, 0, 0, 0, 0x2a, 0, 0, 0,
                                   0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 9};
    CHECK(memcmp(out, want, sizeof want) == 0);
}

static void reads_a_map_response(void)
{
    plum_pcp_response r;
    plum_ip external = plum_ip_v4(1, 2, 3, 4);
    REQUIRE(plum_pcp_read(map_response, sizeof map_response, &r) == PLUM_PCP_READ_OK);
    CHECK_EQ(r.opcode, PLUM_PCP_OP_MAP);
    CHECK_EQ(r.result, 0);
    CHECK_EQ(r.lifetime, 120);
    CHECK_EQ(r.epoch, 256);
    CHECK_EQ(r.map.protocol, PLUM_PCP_UDP);
    CHECK_EQ(r.map.internal_port, 8080);
    CHECK_EQ(r.map.external_port, 12345);
    CHECK(plum_ip_equal(&r.map.external, &external));
    CHECK_EQ(r.map.nonce[11], 12);
}

/* Every prefix, from a block of exactly that size, and at the edge of an unreadable page. */
static void every_truncation_is_dropped(void)
{
    check_guard g = check_guard_new(sizeof map_response);
    for (size_t n = 0; n < sizeof map_response; n++) {
        plum_pcp_response r;
        uint8_t *exact = check_exact(map_response, n);
        CHECK_EQ(plum_pcp_read(exact, n, &r), PLUM_PCP_READ_BAD);
        CHECK_EQ(plum_pcp_read(check_guard_put(&g, map_response, n), n, &r), PLUM_PCP_READ_BAD);
        free(exact);
    }
    check_guard_free(&g);
}

static plum_pcp_read_result with(size_t at, uint8_t value, size_t size)
{
    uint8_t in[1200] = {0};
    plum_pcp_response r;
    memcpy(in, map_response, sizeof map_response);
    in[at] = value;
    uint8_t *exact = check_exact(in, size);
    plum_pcp_read_result got = plum_pcp_read(exact, size, &r);
    free(exact);
    return got;
}

static void section_8_3(void)
{
    CHECK_EQ(with(1, 0x01, 60), PLUM_PCP_READ_BAD); /* no R bit */
    CHECK_EQ(with(0, 3, 60), PLUM_PCP_READ_BAD); /* another version, and no complaint about ours */
    CHECK_EQ(with(2, 0xff, 60), PLUM_PCP_READ_OK); /* reserved: ignored */
    CHECK_EQ(with(0, 2, 62), PLUM_PCP_READ_BAD);   /* not a multiple of 4 */
    CHECK_EQ(with(0, 2, 64), PLUM_PCP_READ_OK);    /* an option, ignored (section 7.3) */
    CHECK_EQ(with(0, 2, 1100), PLUM_PCP_READ_OK);
    CHECK_EQ(with(0, 2, 1104), PLUM_PCP_READ_BAD);
    CHECK_EQ(with(1, 0x80, 24), PLUM_PCP_READ_OK); /* an ANNOUNCE is a header */
    CHECK_EQ(with(3, 1, 60), PLUM_PCP_READ_VERSION);
}

static void version_errors_may_be_short(void)
{
    static const uint8_t v1[] = {1, 0x81, 0, 1};
    plum_pcp_response r;
    CHECK_EQ(plum_pcp_read(v1, sizeof v1, &r), PLUM_PCP_READ_VERSION);
    CHECK_EQ(r.version, 1);
    CHECK_EQ(r.lifetime, 0);
    CHECK_EQ(plum_pcp_read(v1, 3, &r), PLUM_PCP_READ_BAD);
}

static void errors_hold_for_a_while(void)
{
    CHECK_EQ(plum_pcp_error_lifetime(PLUM_PCP_NO_RESOURCES, 0), 30);
    CHECK_EQ(plum_pcp_error_lifetime(PLUM_PCP_NETWORK_FAILURE, 0), 30);
    CHECK_EQ(plum_pcp_error_lifetime(PLUM_PCP_USER_EX_QUOTA, 0), 30);
    CHECK_EQ(plum_pcp_error_lifetime(PLUM_PCP_NOT_AUTHORIZED, 0), 1800);
    CHECK_EQ(plum_pcp_error_lifetime(200, 0), 1800);
    CHECK_EQ(plum_pcp_error_lifetime(PLUM_PCP_NOT_AUTHORIZED, 5), 5);
    CHECK_EQ(plum_pcp_error_lifetime(PLUM_PCP_NOT_AUTHORIZED, UINT32_MAX), 86400);
}

static void results_have_names(void)
{
    CHECK_STR(plum_pcp_result_name(0), "SUCCESS");
    CHECK_STR(plum_pcp_result_name(8), "NO_RESOURCES");
    CHECK_STR(plum_pcp_result_name(13), "EXCESSIVE_REMOTE_PEERS");
    CHECK_STR(plum_pcp_result_name(14), "unknown");
}

int main(void)
{
    RUN(writes_a_map_request);
    RUN(a_delete_suggests_all_zeros);
    RUN(writes_an_announce);
    RUN(reads_a_map_response);
    RUN(every_truncation_is_dropped);
    RUN(section_8_3);
    RUN(version_errors_may_be_short);
    RUN(errors_hold_for_a_while);
    RUN(results_have_names);
    return check_end();
}
