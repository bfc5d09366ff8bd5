/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SSDP as UPnP Device Architecture 1.1 section 1 has it: the search, its answer, and the notice. */
#ifndef PLUM_PROTO_SSDP_H
#define PLUM_PROTO_SSDP_H

#include "base/addr.h"
#include "text/reader.h"

#define PLUM_SSDP_PORT       1900
#define PLUM_SSDP_SEARCH_MAX 256
/* A datagram beyond this is not looked at. */
#define PLUM_SSDP_MAX 8192

/*
 * An M-SEARCH for `target` (ST) to `to`: the group's address or, in unicast, the host's. `out`
 * holds PLUM_SSDP_SEARCH_MAX. HOST, a quoted MAN, MX also in unicast (section 1.3.2 wants none
 * there; some boxes answer none without it), ST, and a final empty line. Returns the size, 0 for a
 * target that does not fit.
 */
size_t plum_ssdp_write_search(uint8_t *out, const plum_addr *to, const char *target, unsigned mx);

typedef enum {
    PLUM_SSDP_ANSWER = 1,
    PLUM_SSDP_ALIVE,
    PLUM_SSDP_UPDATE,
    PLUM_SSDP_BYEBYE
} plum_ssdp_kind;

/* Parts of the datagram that was read. */
typedef struct {
    plum_ssdp_kind kind;
    plum_span target; /* ST of an answer, NT of a notice */
    plum_span usn;
    plum_span location; /* empty with byebye */
    plum_span server;
} plum_ssdp;

/* False: no answer with status 200 and no NOTIFY, no location where there must be one, or too long.
 */
bool plum_ssdp_read(const uint8_t *bytes, size_t size, plum_ssdp *out);

/* May an internet gateway stand behind this target? Device or service of an IGD in any version and
 * spelling, the root device, or a UUID; the description decides. */
bool plum_ssdp_is_gateway(plum_span target);

#endif
