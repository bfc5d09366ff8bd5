/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/url.h"

#include "check.h"
#include "text/ascii.h"

static void parses_what_routers_write(void)
{
    plum_url u;
    plum_ip ip = plum_ip_v4(192, 168, 1, 1);
    REQUIRE(plum_url_parse(plum_span_of("  http://192.168.1.1:49000/igddesc.xml \r\n"), &u));
    CHECK(plum_ip_equal(&u.ip, &ip));
    CHECK_EQ(u.port, 49000);
    CHECK(plum_span_is(u.target, "/igddesc.xml"));
    REQUIRE(plum_url_parse(plum_span_of("HTTP://router.lan?x=1#part"), &u));
    CHECK_EQ(u.ip.family, 0);
    CHECK_EQ(u.port, 80);
    CHECK(plum_span_is(u.host, "router.lan") && plum_span_is(u.target, "?x=1"));
    REQUIRE(plum_url_parse(plum_span_of("http://[fe80::1]:80/"), &u));
    CHECK_EQ(u.ip.family, 6);
    REQUIRE(
        plum_url_parse(plum_span_of("http://1.2.3.4:/x"), &u)); /* an empty port is the default */
    CHECK_EQ(u.port, 80);
}

static void refuses_the_rest(void)
{
    static const char *const bad[] = {
        "",
        "http:",
        "http://",
        "https://1.2.3.4/",
        "ftp://1.2.3.4/",
        "file:///etc/passwd",
        "/x",
        "1.2.3.4",
        "http://:80/",
        "http://1.2.3.4:0/",
        "http://1.2.3.4:65536/",
        "http://1.2.3.4:8x/",
        "http://[::1/",
        "http://[::1]x/",
        "http://user@1.2.3.4/",
        "http://1.2.3.4/a b",
        "http://1.2.3.4/\r\nHost: x",
        "http://1.2.3.4/\x80",
        "http://1.2.3.4:-1/",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        plum_url u;
        if (plum_url_parse(plum_span_of(bad[i]), &u)) {
            fprintf(stderr, "taken for a URL: %s\n", bad[i]);
            CHECK(false);
        }
    }
}

static void references_resolve(void)
{
    static const struct {
        const char *base, *reference, *target;
        uint16_t port;
    } cases[] = {
        {"http://1.2.3.4:5000/rootDesc.xml", "/ctl/IPConn", "/ctl/IPConn", 5000},
        {"http://1.2.3.4:5000/a/desc.xml", "control?WANIPConnection", "/a/control?WANIPConnection",
         5000},
        {"http://1.2.3.4:5000/a/desc.xml?b/c", "control", "/a/control", 5000},
        {"http://1.2.3.4:5000", "control", "/control", 5000},
        {"http://1.2.3.4:5000/a/b.cgi?x", "?y", "/a/b.cgi?y", 5000},
        {"http://1.2.3.4:5000/a", "http://127.0.0.1:4444/soap", "/soap", 4444},
        {"http://1.2.3.4:5000/a", "http://router", "/", 80},
        {"http://1.2.3.4:5000/a", "//9.9.9.9:81/x?y#z", "/x?y", 81},
        {"http://1.2.3.4:5000/a/b", "", "/a/b", 5000},
        {"http://1.2.3.4:5000/a/b", "uuid:1-2/WANIPConn1", "/a/uuid:1-2/WANIPConn1", 5000},
        {"http://1.2.3.4:5000/a/b", " /c \n", "/c", 5000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        plum_url base;
        uint16_t port = 0;
        char out[PLUM_URL_TARGET];
        REQUIRE(plum_url_parse(plum_span_of(cases[i].base), &base));
        CHECK(plum_url_resolve(&base, plum_span_of(cases[i].reference), &port, out));
        CHECK_STR(out, cases[i].target);
        CHECK_EQ(port, cases[i].port);
    }
}

static void references_that_lead_astray(void)
{
    plum_url base;
    uint16_t port;
    char out[PLUM_URL_TARGET], longest[600];
    REQUIRE(plum_url_parse(plum_span_of("http://1.2.3.4/a"), &base));
    CHECK(!plum_url_resolve(&base, plum_span_of("https://1.2.3.4/x"), &port, out));
    CHECK(!plum_url_resolve(&base, plum_span_of("/x\r\nHost: evil"), &port, out));
    CHECK(!plum_url_resolve(&base, plum_span_of("/x y"), &port, out));
    CHECK(!plum_url_resolve(&base, plum_span_of("http://1.2.3.4:0/"), &port, out));
    CHECK(!plum_url_resolve(&base, plum_span_of("//:80/"), &port, out));
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = 0;
    CHECK(!plum_url_resolve(&base, plum_span_of(longest), &port, out));
    longest[PLUM_URL_TARGET - 1] = 0;
    CHECK(plum_url_resolve(&base, plum_span_of(longest), &port, out));
}

int main(void)
{
    RUN(parses_what_routers_write);
    RUN(refuses_the_rest);
    RUN(references_resolve);
    RUN(references_that_lead_astray);
    return check_end();
}
