/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Control messages (UPnP Device Architecture 1.1 section 3.2): one request profile, answers and
 * faults. */
#ifndef PLUM_PROTO_SOAP_H
#define PLUM_PROTO_SOAP_H

#include "base/addr.h"
#include "text/http.h"

#define PLUM_SOAP_REQUEST_MAX 4096
#define PLUM_SOAP_ARGS        16
#define PLUM_SOAP_NAME        40
#define PLUM_SOAP_VALUE       128

typedef struct {
    const char *name;
    const char *value; /* plain text: it is escaped */
} plum_soap_arg;

typedef struct {
    plum_addr host;     /* the gateway, as Host has it, with its port always written */
    const char *target; /* control path and query */
    const char *type;   /* service type as the description has it */
    const char *action;
    const plum_soap_arg *args; /* in the service's own order: some need it */
    size_t count;
} plum_soap_call;

/* The whole HTTP request; `out` holds PLUM_SOAP_REQUEST_MAX. 0: it does not fit. */
size_t plum_soap_write(uint8_t *out, const plum_soap_call *call);

/* GET of a description or the like. 0: it does not fit. */
size_t plum_soap_write_get(uint8_t *out, const plum_addr *host, const char *target);

typedef struct {
    bool fault;
    uint32_t code; /* UPnP error code; 0: a fault without one */
    char reason[PLUM_SOAP_VALUE];
    char
        action[PLUM_SOAP_NAME]; /* "AddPortMapping" of AddPortMappingResponse; empty with a fault */
    unsigned count;
    struct {
        char name[PLUM_SOAP_NAME], value[PLUM_SOAP_VALUE]; /* longer ones are cut */
    } args[PLUM_SOAP_ARGS];
} plum_soap;

/* DONE: an answer or a fault. MORE: a part. BROKEN: neither. */
plum_parse plum_soap_read(plum_span document, plum_soap *out);

/* NULL: it has none of that name. */
const char *plum_soap_value(const plum_soap *s, const char *name);

/* The specification's name of an error code, "unknown" for others. */
const char *plum_soap_error_name(unsigned code);

#endif
