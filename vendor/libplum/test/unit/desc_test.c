/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/desc.h"

#include "check.h"
#include "guard.h"
#include "text/ascii.h"

static plum_desc d;

static plum_parse read_from(const char *location, const char *document, size_t size)
{
    plum_url url;
    REQUIRE(plum_url_parse(plum_span_of(location), &url));
    uint8_t *exact = check_exact(document, size);
    plum_span s = {exact, size};
    plum_parse got = plum_desc_read(s, &url, &d);
    free(exact);
    return got;
}

static void service_is(unsigned i, plum_service_kind kind, const char *type, uint16_t port,
                       const char *control)
{
    REQUIRE(i < d.count);
    CHECK_EQ(d.services[i].kind, kind);
    CHECK_STR(d.services[i].type, type);
    CHECK_EQ(d.services[i].port, port);
    CHECK_STR(d.services[i].control, control);
}

#define SERVICE(type, control)                                                                     \
    "<service><serviceType>" type "</serviceType><serviceId>x</serviceId><controlURL>" control     \
    "</controlURL></service>"

static const char whole[] =
    "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device>"
    "<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
    "<friendlyName> My &amp; Router "
    "</friendlyName><manufacturer>ACME</manufacturer><modelName>R1</modelName>"
    "<UDN>uuid:root</UDN><serviceList>" SERVICE(
        "urn:schemas-upnp-org:service:Layer3Forwarding:1",
        "/l3f") "</serviceList>"
                "<deviceList><device><friendlyName>inner</friendlyName><UDN>uuid:inner</UDN>"
                "<serviceList>" SERVICE(
                    "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1",
                    "/cmn") "</serviceList>"
                            "<deviceList><device><serviceList>" SERVICE(
                                "urn:schemas-upnp-org:service:WANIPConnection:2", "ctl/IPConn")
                                SERVICE("urn:schemas-upnp-org:service:WANPPPConnection:1",
                                        "http://9.9.9.9:4444/ppp?x")
                                    SERVICE("urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",
                                            "/ctl/6") "</serviceList></device></deviceList></"
                                                      "device></deviceList></device></root>";

static void lists_the_services_and_the_maker(void)
{
    CHECK_EQ(read_from("http://192.168.1.1:5000/dir/rootDesc.xml", whole, sizeof whole - 1),
             PLUM_DONE);
    CHECK_EQ(d.count, 4);
    service_is(0, PLUM_SERVICE_COMMON, "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1",
               5000, "/cmn");
    service_is(1, PLUM_SERVICE_IP, "urn:schemas-upnp-org:service:WANIPConnection:2", 5000,
               "/dir/ctl/IPConn");
    service_is(2, PLUM_SERVICE_PPP, "urn:schemas-upnp-org:service:WANPPPConnection:1", 4444,
               "/ppp?x");
    service_is(3, PLUM_SERVICE_FIREWALL6, "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",
               5000, "/ctl/6");
    CHECK_EQ(d.services[1].version, 2);
    CHECK_STR(d.name, "My & Router");
    CHECK_STR(d.manufacturer, "ACME");
    CHECK_STR(d.model, "R1");
    CHECK_STR(d.udn, "uuid:root");
}

/* Whatever the source is called in the field: a base anywhere, line ends inside names, other
 * domains, comments. */
static void oddities(void)
{
    static const char base_at_the_end[] = "<root><device><serviceList>" SERVICE(
        "urn:schemas-upnp-org:service:WANIPConnection:1",
        "up/c") "</serviceList></device><URLBase>http://127.0.0.1:5431/a/b</URLBase></root>";
    CHECK_EQ(read_from("http://192.168.1.1:80/d.xml", base_at_the_end, sizeof base_at_the_end - 1),
             PLUM_DONE);
    service_is(0, PLUM_SERVICE_IP, "urn:schemas-upnp-org:service:WANIPConnection:1", 5431,
               "/a/up/c");

    static const char broken_lines[] = "<root><device><serviceList>" SERVICE(
        "urn:schemas-upnp-org:service:WANPPPConnection:1\r\n\t\t",
        "\n /uuid:0/c \n") "</serviceList></device></root>";
    CHECK_EQ(read_from("http://192.168.1.1/d.xml", broken_lines, sizeof broken_lines - 1),
             PLUM_DONE);
    service_is(0, PLUM_SERVICE_PPP, "urn:schemas-upnp-org:service:WANPPPConnection:1", 80,
               "/uuid:0/c");

    static const char forum[] =
        "<root><device><serviceList>" SERVICE("urn:dslforum-org:service:WANIPConnection:1", "/c")
            SERVICE("urn:schemas-upnp-org:service:WANIPConnection",
                    "/unversioned") "</serviceList></device></root>";
    CHECK_EQ(read_from("http://192.168.1.1/d.xml", forum, sizeof forum - 1), PLUM_DONE);
    CHECK_EQ(d.count, 2);
    service_is(0, PLUM_SERVICE_IP, "urn:dslforum-org:service:WANIPConnection:1", 80, "/c");
    CHECK_EQ(d.services[1].version, 1);

    static const char commented[] = "<root><device><!-- " SERVICE(
        "urn:schemas-upnp-org:service:WANIPConnection:1",
        "/no") " --><serviceList>" SERVICE("urn:schemas-upnp-org:service:WANIPConnection:1",
                                           "/yes") "</serviceList></device></root>";
    CHECK_EQ(read_from("http://192.168.1.1/d.xml", commented, sizeof commented - 1), PLUM_DONE);
    CHECK_EQ(d.count, 1);
    CHECK_STR(d.services[0].control, "/yes");

    static const char base_without_use[] =
        "<root><URLBase>https://dns.name/</URLBase><device><serviceList>" SERVICE(
            "urn:schemas-upnp-org:service:WANIPConnection:1",
            "/c") "</serviceList></device></root>";
    CHECK_EQ(read_from("http://192.168.1.1:7/d.xml", base_without_use, sizeof base_without_use - 1),
             PLUM_DONE);
    service_is(0, PLUM_SERVICE_IP, "urn:schemas-upnp-org:service:WANIPConnection:1", 7, "/c");
}

static void what_cannot_be_used_is_left_out(void)
{
    static const char bad[] =
        "<root><device><serviceList>" SERVICE("urn:schemas-upnp-org:service:WANIPConnection:1", "")
            SERVICE("urn:schemas-upnp-org:service:WANIPConnection:1", "/a&#13;&#10;Host: evil")
                SERVICE("urn:schemas-upnp-org:service:WANIPConnection:1", "https://1.2.3.4/c")
                    SERVICE("urn:schemas-upnp-org:service:WANIPConnection:1", "http://1.2.3.4:0/c")
                        SERVICE("urn:schemas-upnp-org:service:WANIPConnection:x", "/c")
                            SERVICE("WANIPConnection:1", "/c")
                                SERVICE("urn:schemas-upnp-org:service:ContentDirectory:1",
                                        "/c") "</serviceList></device></root>";
    CHECK_EQ(read_from("http://192.168.1.1/d.xml", bad, sizeof bad - 1), PLUM_DONE);
    CHECK_EQ(d.count, 0);

    char many[8192] = "<root><device><serviceList>";
    size_t size = strlen(many);
    static const char one[] = SERVICE("urn:schemas-upnp-org:service:WANIPConnection:1", "/c");
    for (int i = 0; i < 20; i++, size += sizeof one - 1)
        memcpy(many + size, one, sizeof one - 1);
    memcpy(many + size, "</serviceList></device></root>", 31);
    CHECK_EQ(read_from("http://192.168.1.1/d.xml", many, strlen(many)), PLUM_DONE);
    CHECK_EQ(d.count, PLUM_DESC_SERVICES);

    char longest[2048] = "<root><device><serviceList><service><serviceType>urn:schemas-upnp-org:"
                         "service:WANIPConnection:1"
                         "</serviceType><controlURL>/";
    size = strlen(longest);
    memset(longest + size, 'x', 1000);
    memcpy(longest + size + 1000, "</controlURL></service></serviceList></device></root>", 54);
    CHECK_EQ(read_from("http://192.168.1.1/d.xml", longest, strlen(longest)), PLUM_DONE);
    CHECK_EQ(d.count, 0); /* not cut: that would be another URL */
}

static void every_part_is_more(void)
{
    for (size_t n = 0; n < sizeof whole - 1; n++)
        CHECK_EQ(read_from("http://192.168.1.1/d.xml", whole, n), PLUM_MORE);
    CHECK_EQ(read_from("http://192.168.1.1/d.xml", "no xml <", 8), PLUM_BROKEN);
}

int main(void)
{
    RUN(lists_the_services_and_the_maker);
    RUN(oddities);
    RUN(what_cannot_be_used_is_left_out);
    RUN(every_part_is_more);
    return check_end();
}
