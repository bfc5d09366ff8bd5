/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/addr.h"

#include "check.h"

static const char *roundtrip(const char *text)
{
    static char out[PLUM_ADDR_TEXT];
    plum_ip ip;
    if (!plum_ip_parse(text, &ip))
        return "no";
    plum_ip_text(&ip, out);
    return out;
}

static void text_goes_both_ways(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"},
        {"1::", "1::"},
        {"::ffff:1.2.3.4", "::ffff:102:304"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"fe80::1%7", "fe80::1%7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_STR(roundtrip(cases[i].in), cases[i].out);
}

static void what_is_not_an_address_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.4 ",
        "a.b.c.d",
        ":::",
        ":",
        "1:2",
        "1::2::3",
        "12345::",
        "1:",
        "::%",
        "::%x",
        "g::",
        "::1.2.3",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:6:7:8:9",
        "1::2:3:4:5:6:7:8",
        "::4294967296%4294967296",
        "localhost",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        plum_ip ip;
        if (plum_ip_parse(bad[i], &ip) || ip.family != 0) {
            fprintf(stderr, "taken for an address: \"%s\"\n", bad[i]);
            CHECK(false);
        }
    }
}

static bool is_public(const char *text)
{
    plum_ip ip;
    REQUIRE(plum_ip_parse(text, &ip));
    return plum_ip_is_public(&ip);
}

static void public_is_what_all_can_reach(void)
{
    static const char *const yes[] = {
        "1.2.3.4",     "100.63.255.255", "100.128.0.0",     "172.15.0.1", "172.32.0.1",
        "192.167.1.1", "198.20.0.1",     "223.255.255.255", "2a00:1::1",  "2001:db9::1"};
    static const char *const no[] = {
        "0.1.2.3",       "10.0.0.1",    "100.64.0.1",   "100.127.255.255", "127.0.0.1",
        "169.254.1.1",   "172.16.0.1",  "172.31.255.1", "192.168.1.1",     "192.0.2.1",
        "198.18.0.1",    "203.0.113.9", "224.0.0.1",    "255.255.255.255", "::",
        "::1",           "fe80::1",     "fd00::1",      "ff02::1",         "2001:db8::1",
        "::ffff:1.2.3.4"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        CHECK(is_public(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        CHECK(!is_public(no[i]));
}

static void the_wire_form_needs_all_96_bits(void)
{
    uint8_t wire[16];
    plum_ip ip = plum_ip_v4(1, 2, 3, 4), back;
    plum_ip_to_wire(&ip, wire);
    CHECK_EQ(wire[10], 0xff);
    back = plum_ip_from_wire(wire);
    CHECK(plum_ip_equal(&ip, &back));
    wire[3] = 1; /* one bit of the prefix off: an IPv6 address */
    back = plum_ip_from_wire(wire);
    CHECK_EQ(back.family, 6);
    ip = plum_ip_any(4);
    plum_ip_to_wire(&ip, wire);
    CHECK_EQ(wire[10], 0xff); /* ::ffff:0:0, not all zeros (RFC 6887 section 5) */
}

static void scope_counts_for_link_local_alone(void)
{
    plum_ip a, b;
    REQUIRE(plum_ip_parse("fe80::1%2", &a) && plum_ip_parse("fe80::1%3", &b));
    CHECK(!plum_ip_equal(&a, &b));
    b.scope = 0;
    CHECK(plum_ip_equal(&a, &b));
    REQUIRE(plum_ip_parse("2a00::1", &a));
    b = a;
    b.scope = 9;
    CHECK(plum_ip_equal(&a, &b));
}

static void ports_are_written_as_usual(void)
{
    char out[PLUM_ADDR_TEXT];
    plum_addr a = {plum_ip_v4(1, 2, 3, 4), 80};
    plum_addr_text(&a, out);
    CHECK_STR(out, "1.2.3.4:80");
    REQUIRE(plum_ip_parse("fe80::1%4294967295", &a.ip));
    a.port = 65535;
    plum_addr_text(&a, out);
    CHECK_STR(out, "[fe80::1%4294967295]:65535");
    a.ip = plum_ip_none();
    CHECK_EQ(plum_addr_text(&a, out), 0);
}

int main(void)
{
    RUN(text_goes_both_ways);
    RUN(what_is_not_an_address_is_refused);
    RUN(public_is_what_all_can_reach);
    RUN(the_wire_form_needs_all_96_bits);
    RUN(scope_counts_for_link_local_alone);
    RUN(ports_are_written_as_usual);
    return check_end();
}
