/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/soap.h"

#include <string.h>

#include "text/ascii.h"
#include "text/writer.h"
#include "text/xml.h"

/* Room that the head of a request may take: two names of 96, a target of 512, and what is fixed. */
#define HEAD_MAX 1024

/* Some boxes look at User-Agent; none has been seen to refuse this form. */
#define USER_AGENT "libplum/0.1 UPnP/1.1"

static void write_escaped(plum_writer *w, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            plum_writer_text(w, "&amp;");
            break;
        case '<':
            plum_writer_text(w, "&lt;");
            break;
        case '>':
            plum_writer_text(w, "&gt;");
            break;
        case '"':
            plum_writer_text(w, "&quot;");
            break;
        case '\'':
            plum_writer_text(w, "&apos;");
            break;
        default:
            plum_writer_u8(w, (uint8_t)*text);
        }
    }
}

static void write_tag(plum_writer *w, const char *open, const char *name)
{
    plum_writer_text(w, open);
    plum_writer_text(w, name);
    plum_writer_text(w, ">");
}

static void write_body(plum_writer *w, const plum_soap_call *call)
{
    plum_writer_text(w,
                     "<?xml version=\"1.0\"?>\r\n"
                     "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
                     "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:");
    plum_writer_text(w, call->action);
    plum_writer_text(w, " xmlns:u=\"");
    write_escaped(w, call->type);
    plum_writer_text(w, "\">");
    for (size_t i = 0; i < call->count; i++) {
        write_tag(w, "<", call->args[i].name);
        write_escaped(w, call->args[i].value);
        write_tag(w, "</", call->args[i].name);
    }
    write_tag(w, "</u:", call->action);
    plum_writer_text(w, "</s:Body></s:Envelope>\r\n");
}

static void write_host(plum_writer *w, const plum_addr *host)
{
    char text[PLUM_ADDR_TEXT];
    plum_addr named = *host;
    named.ip.scope = 0;
    plum_addr_text(&named, text);
    plum_writer_text(w, text);
}

static void write_head(plum_writer *w, const plum_soap_call *call, size_t length)
{
    plum_writer_text(w, "POST ");
    plum_writer_text(w, call->target);
    plum_writer_text(w, " HTTP/1.1\r\nHost: ");
    write_host(w, &call->host);
    plum_writer_text(w, "\r\nUser-Agent: " USER_AGENT "\r\nContent-Length: ");
    plum_writer_decimal(w, length);
    plum_writer_text(w, "\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction: \"");
    plum_writer_text(w, call->type);
    plum_writer_text(w, "#");
    plum_writer_text(w, call->action);
    plum_writer_text(w, "\"\r\nConnection: close\r\n\r\n");
}

size_t plum_soap_write(uint8_t *out, const plum_soap_call *call)
{
    plum_writer head, body;
    /* The body first, behind the room for the head, which tells its length. */
    plum_writer_init(&body, out + HEAD_MAX, PLUM_SOAP_REQUEST_MAX - HEAD_MAX);
    write_body(&body, call);
    plum_writer_init(&head, out, HEAD_MAX);
    write_head(&head, call, plum_writer_size(&body));
    if (plum_writer_failed(&head) || plum_writer_failed(&body))
        return 0;
    memmove(out + plum_writer_size(&head), out + HEAD_MAX, plum_writer_size(&body));
    return plum_writer_size(&head) + plum_writer_size(&body);
}

size_t plum_soap_write_get(uint8_t *out, const plum_addr *host, const char *target)
{
    plum_writer w;
    plum_writer_init(&w, out, PLUM_SOAP_REQUEST_MAX);
    plum_writer_text(&w, "GET ");
    plum_writer_text(&w, target);
    plum_writer_text(&w, " HTTP/1.1\r\nHost: ");
    write_host(&w, host);
    plum_writer_text(&w, "\r\nUser-Agent: " USER_AGENT "\r\nConnection: close\r\n\r\n");
    return plum_writer_failed(&w) ? 0 : plum_writer_size(&w);
}

/* ---- answers ---- */

static const char response[] = "Response";

static void copy(char *to, size_t room, plum_span s)
{
    size_t n = s.size < room - 1 ? s.size : room - 1;
    memcpy(to, s.at, n);
    to[n] = 0;
}

/* Element in the body: an answer's name, or Fault. */
static bool begin(plum_soap *out, plum_span name)
{
    if (plum_span_is(name, "Fault")) {
        out->fault = true;
        return true;
    }
    size_t tail = sizeof response - 1;
    if (name.size <= tail || memcmp(name.at + name.size - tail, response, tail) != 0)
        return false;
    name.size -= tail;
    copy(out->action, sizeof out->action, name);
    return true;
}

static void end_of_value(plum_soap *out, plum_span name, const char *text)
{
    uint64_t code;
    if (!out->fault) {
        if (out->count == PLUM_SOAP_ARGS)
            return;
        copy(out->args[out->count].name, PLUM_SOAP_NAME, name);
        copy(out->args[out->count].value, PLUM_SOAP_VALUE, plum_span_of(text));
        out->count++;
    } else if (plum_span_is(name, "errorCode") &&
               plum_span_decimal(plum_span_of(text), UINT32_MAX, &code)) {
        out->code = (uint32_t)code;
    } else if (plum_span_is(name, "errorDescription")) {
        copy(out->reason, sizeof out->reason, plum_span_of(text));
    }
}

plum_parse plum_soap_read(plum_span document, plum_soap *out)
{
    plum_xml x;
    plum_xml_event e;
    char text[PLUM_SOAP_VALUE] = "";
    size_t size = 0;
    unsigned body = 0, answer = 0; /* depths; 0: not met */
    memset(out, 0, sizeof *out);
    plum_xml_init(&x, document);
    do {
        e = plum_xml_next(&x);
        if (e == PLUM_XML_START) {
            if (!body && x.depth == 2 && plum_span_is(x.name, "Body"))
                body = x.depth;
            else if (body && !answer && x.depth == body + 1 && begin(out, x.name))
                answer = x.depth;
        } else if (e == PLUM_XML_TEXT) {
            (void)plum_xml_decode(&x, text, sizeof text, &size); /* what does not fit is cut */
            continue;
        } else if (e == PLUM_XML_END && answer && x.depth + 1 > answer &&
                   (out->fault || x.depth == answer)) {
            end_of_value(out, x.name, text);
        } else if (e == PLUM_XML_END && x.depth + 1 == answer) {
            body = answer = UINT32_MAX; /* one answer is enough */
        }
        text[0] = 0;
        size = 0;
    } while (e > PLUM_XML_MORE && e != PLUM_XML_DONE);
    if (e == PLUM_XML_DONE)
        return answer ? PLUM_DONE : PLUM_BROKEN;
    return e == PLUM_XML_MORE ? PLUM_MORE : PLUM_BROKEN;
}

const char *plum_soap_value(const plum_soap *s, const char *name)
{
    for (unsigned i = 0; i < s->count; i++)
        if (strcmp(s->args[i].name, name) == 0)
            return s->args[i].value;
    return NULL;
}

const char *plum_soap_error_name(unsigned code)
{
    static const struct {
        unsigned code;
        const char *name;
    } names[] = {
        /* UPnP Device Architecture 1.1 table 3-3 */
        {401, "Invalid Action"},
        {402, "Invalid Args"},
        {501, "Action Failed"},
        {600, "Argument Value Invalid"},
        {601, "Argument Value Out of Range"},
        {602, "Optional Action Not Implemented"},
        {603, "Out of Memory"},
        {604, "Human Intervention Required"},
        {605, "String Argument Too Long"},
        {606, "Action not authorized"},
        /* WANIPConnection:1 and :2 */
        {713, "SpecifiedArrayIndexInvalid"},
        {714, "NoSuchEntryInArray"},
        {715, "WildCardNotPermittedInSrcIP"},
        {716, "WildCardNotPermittedInExtPort"},
        {718, "ConflictInMappingEntry"},
        {724, "SamePortValuesRequired"},
        {725, "OnlyPermanentLeasesSupported"},
        {726, "RemoteHostOnlySupportsWildcard"},
        {727, "ExternalPortOnlySupportsWildcard"},
        {728, "NoPortMapsAvailable"},
        {729, "ConflictWithOtherMechanisms"},
        {730, "PortMappingNotFound"},
        {731, "ReadOnly"},
        {732, "WildCardNotPermittedInIntPort"},
        {733, "InconsistentParameters"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == code)
            return names[i].name;
    return "unknown";
}
