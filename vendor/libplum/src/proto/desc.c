/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/desc.h"

#include <string.h>

#include "text/ascii.h"
#include "text/xml.h"

/* The element that is being read, as far as it matters: text may come in pieces. */
typedef struct {
    plum_xml xml;
    const plum_url *location;
    plum_desc *out;
    char text[PLUM_URL_TARGET];
    size_t size;
    bool overlong;
    unsigned device_depth;  /* of the root device: its own names are the gateway's; 0: not met */
    unsigned service_depth; /* 0: not inside a service */
    char type[PLUM_DESC_TYPE], control[PLUM_URL_TARGET];
    char base[PLUM_URL_TARGET]; /* URLBase; may stand anywhere in the root */
} reader;

static const struct {
    const char *name;
    plum_service_kind kind;
} kinds[] = {{"WANIPConnection", PLUM_SERVICE_IP},
             {"WANPPPConnection", PLUM_SERVICE_PPP},
             {"WANIPv6FirewallControl", PLUM_SERVICE_FIREWALL6},
             {"WANCommonInterfaceConfig", PLUM_SERVICE_COMMON}};

static bool is_not_colon(uint8_t c)
{
    return c != ':';
}

/* "urn:schemas-upnp-org:service:WANIPConnection:1"; other domains and a missing version are seen
 * too. */
static bool read_type(const char *type, plum_service *s)
{
    plum_reader r;
    plum_span skipped;
    uint64_t version = 1;
    plum_reader_init_span(&r, plum_span_of(type));
    if (!plum_reader_accept(&r, "urn:") || !plum_reader_until(&r, ":service:", &skipped))
        return false;
    plum_span name = plum_reader_while(&r, is_not_colon);
    if (plum_reader_accept(&r, ":") && !plum_span_decimal(plum_reader_rest(&r), 255, &version))
        return false;
    s->version = (unsigned)version;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (plum_span_is(name, kinds[i].name)) {
            s->kind = kinds[i].kind;
            return true;
        }
    return false;
}

static void take(char *to, size_t room, const reader *r)
{
    size_t n = r->size < room - 1 ? r->size : room - 1;
    memcpy(to, r->text, n);
    to[n] = 0;
}

static void end_service(reader *r)
{
    plum_desc *d = r->out;
    plum_service s;
    memset(&s, 0, sizeof s);
    if (d->count == PLUM_DESC_SERVICES || !r->control[0] || !read_type(r->type, &s))
        return;
    memcpy(s.type, r->type, sizeof s.type);
    memcpy(s.control, r->control, sizeof s.control);
    d->services[d->count++] = s;
}

static void end_element(reader *r, plum_span name, unsigned depth)
{
    plum_desc *d = r->out;
    if (r->overlong)
        r->size = 0; /* cut text would be another URL, another type */
    if (r->service_depth) {
        if (depth == r->service_depth) {
            end_service(r);
            r->service_depth = 0;
        } else if (plum_span_is(name, "serviceType")) {
            take(r->type, sizeof r->type, r);
        } else if (plum_span_is(name, "controlURL")) {
            take(r->control, sizeof r->control, r);
        }
    } else if (r->device_depth && depth == r->device_depth + 1) {
        if (plum_span_is(name, "manufacturer"))
            take(d->manufacturer, sizeof d->manufacturer, r);
        else if (plum_span_is(name, "modelName"))
            take(d->model, sizeof d->model, r);
        else if (plum_span_is(name, "friendlyName"))
            take(d->name, sizeof d->name, r);
        else if (plum_span_is(name, "UDN"))
            take(d->udn, sizeof d->udn, r);
    } else if (plum_span_is(name, "URLBase")) {
        take(r->base, sizeof r->base, r);
    }
}

static void start_element(reader *r)
{
    if (plum_span_is(r->xml.name, "device") && !r->device_depth) {
        r->device_depth = r->xml.depth;
    } else if (plum_span_is(r->xml.name, "service") && !r->service_depth) {
        r->service_depth = r->xml.depth;
        r->type[0] = r->control[0] = 0;
    }
}

/* Control URLs against URLBase or, without a usable one, the place of the description. */
static void resolve(reader *r)
{
    plum_desc *d = r->out;
    plum_url base = *r->location;
    plum_url given;
    if (plum_url_parse(plum_span_of(r->base), &given))
        base = given;
    unsigned kept = 0;
    for (unsigned i = 0; i < d->count; i++) {
        plum_service s = d->services[i];
        char reference[PLUM_URL_TARGET];
        memcpy(reference, s.control, sizeof reference);
        if (plum_url_resolve(&base, plum_span_of(reference), &s.port, s.control))
            d->services[kept++] = s;
    }
    d->count = kept;
}

plum_parse plum_desc_read(plum_span document, const plum_url *location, plum_desc *out)
{
    reader r;
    plum_xml_event e;
    memset(&r, 0, sizeof r);
    memset(out, 0, sizeof *out);
    r.location = location;
    r.out = out;
    plum_xml_init(&r.xml, document);
    do {
        e = plum_xml_next(&r.xml);
        if (e == PLUM_XML_TEXT) {
            r.overlong = !plum_xml_decode(&r.xml, r.text, sizeof r.text, &r.size) || r.overlong;
        } else if (e == PLUM_XML_START || e == PLUM_XML_END) {
            if (e == PLUM_XML_START)
                start_element(&r);
            else
                end_element(&r, r.xml.name, r.xml.depth + 1);
            r.size = 0;
            r.overlong = false;
        }
    } while (e > PLUM_XML_MORE && e != PLUM_XML_DONE);
    resolve(&r);
    return e == PLUM_XML_DONE ? PLUM_DONE : e == PLUM_XML_MORE ? PLUM_MORE : PLUM_BROKEN;
}
