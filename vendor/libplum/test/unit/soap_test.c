/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/soap.h"

#include "check.h"
#include "guard.h"
#include "text/ascii.h"

/* Strict servers take this: exact case, quotes, Host with its port, a length, capital TCP (QUIRKS:
 * `strict`). */
static void golden_request(void)
{
    static const char body[] =
        "<?xml version=\"1.0\"?>\r\n<s:Envelope "
        "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
        "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
        "<u:AddPortMapping xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\">"
        "<NewRemoteHost></NewRemoteHost><NewExternalPort>8080</NewExternalPort><NewProtocol>TCP</"
        "NewProtocol>"
        "<NewPortMappingDescription>a &lt;b&gt; &amp; &quot;c&quot; "
        "&apos;d&apos;</NewPortMappingDescription>"
        "</u:AddPortMapping></s:Body></s:Envelope>\r\n";
    static const char head[] =
        "POST /ctl/IPConn?x HTTP/1.1\r\nHost: 192.168.1.1:80\r\nUser-Agent: libplum/0.1 "
        "UPnP/1.1\r\n"
        "Content-Length: 473\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"
        "SOAPAction: \"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\"\r\n"
        "Connection: close\r\n\r\n";
    static const plum_soap_arg args[] = {{"NewRemoteHost", ""},
                                         {"NewExternalPort", "8080"},
                                         {"NewProtocol", "TCP"},
                                         {"NewPortMappingDescription", "a <b> & \"c\" 'd'"}};
    plum_soap_call call = {.host = {plum_ip_v4(192, 168, 1, 1), 80},
                           .target = "/ctl/IPConn?x",
                           .type = "urn:schemas-upnp-org:service:WANIPConnection:1",
                           .action = "AddPortMapping",
                           .args = args,
                           .count = 4};
    uint8_t out[PLUM_SOAP_REQUEST_MAX];
    size_t size = plum_soap_write(out, &call);
    size_t head_size = sizeof head - 1, body_size = sizeof body - 1;
    CHECK_EQ(size, head_size + body_size);
    CHECK_EQ(body_size, 473); /* what the head says */
    CHECK(memcmp(out, head, head_size) == 0);
    CHECK(memcmp(out + head_size, body, body_size) == 0);
}

static void what_does_not_fit_is_not_sent(void)
{
    char longest[5000];
    memset(longest, '&', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    plum_soap_arg arg = {"NewX", longest};
    plum_soap_call call = {.host = {plum_ip_v4(1, 2, 3, 4), 80},
                           .target = "/",
                           .type = "t",
                           .action = "A",
                           .args = &arg,
                           .count = 1};
    uint8_t out[PLUM_SOAP_REQUEST_MAX];
    CHECK_EQ(plum_soap_write(out, &call), 0);
    call.count = 0;
    CHECK(plum_soap_write(out, &call) > 0);
    call.target = longest;
    CHECK_EQ(plum_soap_write(out, &call), 0);
    CHECK_EQ(plum_soap_write_get(out, &call.host, longest), 0);
    size_t size = plum_soap_write_get(out, &call.host, "/d.xml");
    static const char get[] = "GET /d.xml HTTP/1.1\r\nHost: 1.2.3.4:80\r\n";
    CHECK(size > sizeof get && memcmp(out, get, sizeof get - 1) == 0);
}

static plum_soap s;

static plum_parse reads(const char *text, size_t size)
{
    uint8_t *exact = check_exact(text, size);
    plum_span span = {exact, size};
    plum_parse got = plum_soap_read(span, &s);
    free(exact);
    return got;
}

static const char answer[] =
    "<?xml version=\"1.0\"?><SOAP-ENV:Envelope "
    "xmlns:SOAP-ENV=\"x\"><SOAP-ENV:Header><Body/></SOAP-ENV:Header><SOAP-ENV:Body>"
    "<m:GetExternalIPAddressResponse xmlns:m=\"y\"><NewExternalIPAddress>\n 1.2.3.4 "
    "</NewExternalIPAddress>"
    "<NewEmpty/></m:GetExternalIPAddressResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>\r\n\r\n";

static void reads_an_answer(void)
{
    CHECK_EQ(reads(answer, sizeof answer - 1), PLUM_DONE);
    CHECK(!s.fault);
    CHECK_STR(s.action, "GetExternalIPAddress");
    CHECK_EQ(s.count, 2);
    CHECK_STR(plum_soap_value(&s, "NewExternalIPAddress"), "1.2.3.4");
    CHECK_STR(plum_soap_value(&s, "NewEmpty"), "");
    CHECK(plum_soap_value(&s, "NewOther") == NULL);
    for (size_t n = 0; n < sizeof answer - 5; n++)
        CHECK_EQ(reads(answer, n), PLUM_MORE);
}

static void reads_a_fault(void)
{
    static const char fault[] =
        "<s:Envelope "
        "xmlns:s='x'><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</"
        "faultstring>"
        "<detail><UPnPError xmlns='y'><errorCode>718</errorCode><errorDescription>Conflict "
        "&lt;x&gt;</errorDescription>"
        "</UPnPError></detail></s:Fault></s:Body></s:Envelope>";
    CHECK_EQ(reads(fault, sizeof fault - 1), PLUM_DONE);
    CHECK(s.fault);
    CHECK_EQ(s.code, 718);
    CHECK_STR(s.reason, "Conflict <x>");
    CHECK_EQ(s.count, 0);
    static const char bare[] =
        "<Envelope><Body><Fault><faultcode>Server</faultcode></Fault></Body></Envelope>";
    CHECK_EQ(reads(bare, sizeof bare - 1), PLUM_DONE);
    CHECK(s.fault && s.code == 0);
    static const char negative[] = "<E><Body><Fault><errorCode>-718</errorCode></Fault></Body></E>";
    CHECK_EQ(reads(negative, sizeof negative - 1), PLUM_DONE);
    CHECK_EQ(s.code, 0);
}

static void what_is_neither_is_broken(void)
{
    static const char *const bad[] = {"<html><body>404</body></html>", "<E><Body></Body></E>",
                                      "<E><Body><Other/></Body></E>",
                                      "<E><Body><Response/></Body></E>", "x <"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_EQ(reads(bad[i], strlen(bad[i])), PLUM_BROKEN);
}

static void long_values_are_cut_and_many_are_left_out(void)
{
    char text[16384] = "<E><Body><u:XResponse><A>";
    size_t size = strlen(text);
    memset(text + size, 'v', 1000);
    size += 1000;
    memcpy(text + size, "</A>", 4);
    size += 4;
    for (int i = 0; i < 50; i++, size += 8)
        memcpy(text + size, "<B>1</B>", 8);
    memcpy(text + size, "</u:XResponse></Body></E>", 26);
    CHECK_EQ(reads(text, strlen(text)), PLUM_DONE);
    CHECK_EQ(s.count, PLUM_SOAP_ARGS);
    CHECK_EQ(strlen(s.args[0].value), PLUM_SOAP_VALUE - 1);
}

static void codes_have_names(void)
{
    CHECK_STR(plum_soap_error_name(718), "ConflictInMappingEntry");
    CHECK_STR(plum_soap_error_name(725), "OnlyPermanentLeasesSupported");
    CHECK_STR(plum_soap_error_name(1), "unknown");
}

int main(void)
{
    RUN(golden_request);
    RUN(what_does_not_fit_is_not_sent);
    RUN(reads_an_answer);
    RUN(reads_a_fault);
    RUN(what_is_neither_is_broken);
    RUN(long_values_are_cut_and_many_are_left_out);
    RUN(codes_have_names);
    return check_end();
}
