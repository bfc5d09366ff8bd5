/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/ssdp.h"

#include "text/ascii.h"
#include "text/http.h"
#include "text/writer.h"

size_t plum_ssdp_write_search(uint8_t *out, const plum_addr *to, const char *target, unsigned mx)
{
    char host[PLUM_ADDR_TEXT];
    plum_writer w;
    plum_addr named = *to;
    named.ip.scope = 0; /* a zone is no part of a host in a message */
    plum_addr_text(&named, host);
    plum_writer_init(&w, out, PLUM_SSDP_SEARCH_MAX);
    plum_writer_text(&w, "M-SEARCH * HTTP/1.1\r\nHOST: ");
    plum_writer_text(&w, host);
    plum_writer_text(&w, "\r\nMAN: \"ssdp:discover\"\r\nMX: ");
    plum_writer_decimal(&w, mx);
    plum_writer_text(&w, "\r\nST: ");
    plum_writer_text(&w, target);
    plum_writer_text(&w, "\r\n\r\n");
    return plum_writer_failed(&w) ? 0 : plum_writer_size(&w);
}

static bool is_line_byte(uint8_t c)
{
    return c != '\n';
}

/* The first line, and the rest as header lines. */
static plum_span split(plum_span datagram, plum_span *headers)
{
    plum_reader r;
    plum_reader_init_span(&r, datagram);
    plum_span first = plum_span_trim(plum_reader_while(&r, is_line_byte));
    (void)plum_reader_accept(&r, "\n");
    *headers = plum_reader_rest(&r);
    return first;
}

static bool read_answer(plum_span first, plum_span headers, plum_ssdp *out)
{
    plum_reader r;
    plum_span version;
    plum_reader_init_span(&r, first);
    if (!plum_reader_accept(&r, "HTTP/") || !plum_reader_until(&r, " ", &version) ||
        !plum_reader_accept(&r, "200"))
        return false;
    out->kind = PLUM_SSDP_ANSWER;
    out->target = plum_http_header(headers, "st");
    return true;
}

static bool read_notice(plum_span first, plum_span headers, plum_ssdp *out)
{
    plum_span what = plum_http_header(headers, "nts");
    if (!plum_span_starts_nocase(first, "NOTIFY "))
        return false;
    out->target = plum_http_header(headers, "nt");
    if (plum_span_is_nocase(what, "ssdp:alive"))
        out->kind = PLUM_SSDP_ALIVE;
    else if (plum_span_is_nocase(what, "ssdp:update"))
        out->kind = PLUM_SSDP_UPDATE;
    else if (plum_span_is_nocase(what, "ssdp:byebye"))
        out->kind = PLUM_SSDP_BYEBYE;
    return out->kind != 0;
}

bool plum_ssdp_read(const uint8_t *bytes, size_t size, plum_ssdp *out)
{
    static const plum_ssdp none;
    plum_span headers, datagram = {bytes, size};
    *out = none;
    if (size > PLUM_SSDP_MAX)
        return false;
    plum_span first = split(datagram, &headers);
    if (!read_answer(first, headers, out) && !read_notice(first, headers, out))
        return false;
    out->usn = plum_http_header(headers, "usn");
    out->server = plum_http_header(headers, "server");
    out->location = plum_http_header(headers, "location");
    if (out->location.size == 0)
        out->location = plum_http_header(headers, "al"); /* what some send instead */
    return out->location.size > 0 || out->kind == PLUM_SSDP_BYEBYE;
}

static bool contains_nocase(plum_span s, const char *part)
{
    for (; s.size; s.at++, s.size--)
        if (plum_span_starts_nocase(s, part))
            return true;
    return false;
}

bool plum_ssdp_is_gateway(plum_span target)
{
    static const char *const names[] = {"InternetGatewayDevice", "WANDevice",
                                        "WANConnectionDevice",   "WANIPConnection",
                                        "WANPPPConnection",      "WANCommonInterfaceConfig",
                                        "WANIPv6Firewall",       "Layer3Forwarding"};
    if (plum_span_is_nocase(target, "upnp:rootdevice") || plum_span_starts_nocase(target, "uuid:"))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (plum_span_starts_nocase(target, "urn:") && contains_nocase(target, names[i]))
            return true;
    return false;
}
