/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/ssdp.h"

#include "check.h"
#include "guard.h"
#include "text/ascii.h"

static void one_request_profile(void)
{
    static const char want[] = "M-SEARCH * HTTP/1.1\r\n"
                               "HOST: 239.255.255.250:1900\r\n"
                               "MAN: \"ssdp:discover\"\r\n"
                               "MX: 1\r\n"
                               "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
                               "\r\n";
    uint8_t out[PLUM_SSDP_SEARCH_MAX];
    plum_addr group = {plum_ip_v4(239, 255, 255, 250), 1900};
    size_t size = plum_ssdp_write_search(out, &group,
                                         "urn:schemas-upnp-org:device:InternetGatewayDevice:1", 1);
    CHECK_EQ(size, sizeof want - 1);
    CHECK(memcmp(out, want, sizeof want - 1) == 0);
    plum_addr host = {.port = 1900};
    REQUIRE(plum_ip_parse("fe80::1%3", &host.ip));
    size = plum_ssdp_write_search(out, &host, "ssdp:all", 1);
    out[size - 1] = 0;
    CHECK(strstr((char *)out, "HOST: [fe80::1]:1900\r\n") != NULL);
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    CHECK_EQ(plum_ssdp_write_search(out, &group, longest, 1), 0);
}

static bool reads(const char *text, plum_ssdp *m)
{
    static uint8_t *exact;
    free(exact);
    exact = check_exact(text, strlen(text));
    return plum_ssdp_read(exact, strlen(text), m);
}

static void reads_answers(void)
{
    plum_ssdp m;
    REQUIRE(reads("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST:upnp:rootdevice\r\n"
                  "USN: uuid:1::upnp:rootdevice\r\nEXT:\r\nSERVER: x st: y\r\nlocation:  "
                  "http://1.2.3.4:5/d.xml \r\n\r\n",
                  &m));
    CHECK_EQ(m.kind, PLUM_SSDP_ANSWER);
    CHECK(plum_span_is(m.target, "upnp:rootdevice"));
    CHECK(plum_span_is(m.location, "http://1.2.3.4:5/d.xml"));
    CHECK(plum_span_is(m.usn, "uuid:1::upnp:rootdevice"));
    CHECK(reads("HTTP/1.0 200 OK\nST: a\nAL: <http://x>\n",
                &m)); /* no empty line, LF, AL for Location */
    CHECK(plum_span_is(m.location, "<http://x>"));
}

static void reads_notices(void)
{
    plum_ssdp m;
    REQUIRE(reads("NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: "
                  "urn:x:device:InternetGatewayDevice:1\r\n"
                  "NTS: ssdp:byebye\r\nUSN: uuid:1\r\n\r\n",
                  &m));
    CHECK_EQ(m.kind, PLUM_SSDP_BYEBYE);
    CHECK(plum_ssdp_is_gateway(m.target));
    REQUIRE(
        reads("NOTIFY * HTTP/1.1\r\nNT: a\r\nNTS: ssdp:alive\r\nLOCATION: http://x/\r\n\r\n", &m));
    CHECK_EQ(m.kind, PLUM_SSDP_ALIVE);
    REQUIRE(
        reads("NOTIFY * HTTP/1.1\r\nNT: a\r\nNTS: ssdp:update\r\nLOCATION: http://x/\r\n\r\n", &m));
    CHECK_EQ(m.kind, PLUM_SSDP_UPDATE);
}

static void drops_the_rest(void)
{
    static const char *const bad[] = {
        "",
        "\r\n",
        "HTTP/1.1 404 Not Found\r\nLOCATION: http://x/\r\n\r\n",
        "HTTP/1.1 200 OK\r\nST: a\r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nLOCATION: http://x/\r\n\r\n",
        "NOTIFY * HTTP/1.1\r\nNT: a\r\nNTS: ssdp:alive\r\n\r\n",
        "NOTIFY * HTTP/1.1\r\nLOCATION: http://x/\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: LOCATION: http://x/\r\n\r\n",
        ":",
    };
    plum_ssdp m;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!reads(bad[i], &m));
    uint8_t *big = calloc(1, PLUM_SSDP_MAX + 1);
    CHECK(!plum_ssdp_read(big, PLUM_SSDP_MAX + 1, &m));
    free(big);
}

static void gateways_by_many_names(void)
{
    static const char *const yes[] = {"upnp:rootdevice",
                                      "uuid:1-2-3",
                                      "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
                                      "urn:schemas-upnp-org:device:InternetGatewayDevice",
                                      "urn:dslforum-org:service:WANPPPConnection:1",
                                      "urn:schemas-upnp-org:service:wanipconnection:1"};
    static const char *const no[] = {"", "urn:schemas-upnp-org:device:MediaServer:1",
                                     "InternetGatewayDevice", "ssdp:all"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        CHECK(plum_ssdp_is_gateway(plum_span_of(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        CHECK(!plum_ssdp_is_gateway(plum_span_of(no[i])));
}

int main(void)
{
    RUN(one_request_profile);
    RUN(reads_answers);
    RUN(reads_notices);
    RUN(drops_the_rest);
    RUN(gateways_by_many_names);
    return check_end();
}
