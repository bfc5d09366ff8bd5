/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A device description (UPnP Device Architecture 1.1 section 2.3): which services of an internet
 * gateway it lists, where they are controlled, and who made it. */
#ifndef PLUM_PROTO_DESC_H
#define PLUM_PROTO_DESC_H

#include "text/http.h"
#include "text/url.h"

#define PLUM_DESC_SERVICES 8
#define PLUM_DESC_TYPE     96
#define PLUM_DESC_NAME     96

typedef enum {
    PLUM_SERVICE_IP = 1,    /* WANIPConnection, any version */
    PLUM_SERVICE_PPP,       /* WANPPPConnection: the same actions */
    PLUM_SERVICE_FIREWALL6, /* WANIPv6FirewallControl */
    PLUM_SERVICE_COMMON     /* WANCommonInterfaceConfig */
} plum_service_kind;

typedef struct {
    plum_service_kind kind;
    unsigned version;          /* 1 where none is written */
    char type[PLUM_DESC_TYPE]; /* as the description has it: to be used in calls */
    uint16_t port;
    char control[PLUM_URL_TARGET]; /* request target */
} plum_service;

typedef struct {
    plum_service services[PLUM_DESC_SERVICES]; /* in document order; further ones are left out */
    unsigned count;
    char manufacturer[PLUM_DESC_NAME], model[PLUM_DESC_NAME], name[PLUM_DESC_NAME],
        udn[PLUM_DESC_NAME];
} plum_desc;

/*
 * DONE: read to the end of the root element. MORE: a part, as far as it goes. BROKEN: no XML.
 * `location`: where it was fetched; what the document says of hosts is ignored, port and path count
 * (URLBase too). A service whose control URL cannot be used is left out.
 */
plum_parse plum_desc_read(plum_span document, const plum_url *location, plum_desc *out);

#endif
