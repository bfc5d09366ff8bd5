/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * URLs as gateways write them (RFC 3986), `http` alone: what a description or control URL says of
 * its host is never followed (it is pinned to the responder), so a host is only looked at, not
 * resolved; port, path and query count.
 */
#ifndef PLUM_TEXT_URL_H
#define PLUM_TEXT_URL_H

#include "base/addr.h"
#include "text/reader.h"

#define PLUM_URL_TARGET 512 /* the longest path with query that is taken, NUL included */

typedef struct {
    plum_span host;   /* as written, without brackets */
    plum_ip ip;       /* family 0: a name */
    uint16_t port;    /* 80 when none is written */
    plum_span target; /* path and query; empty means "/" */
} plum_url;

/* False: no absolute http URL, a port that is none, user information, or a byte that a URL cannot
 * hold (blanks, control characters, beyond ASCII). White space around it is no part of it; a
 * fragment is dropped. */
bool plum_url_parse(plum_span text, plum_url *out);

/*
 * `reference` against `base` (section 5.2): what to ask, as origin form ("/path?query",
 * NUL-terminated), and the port. The reference may be an absolute http URL, or begin with "//",
 * "/", "?", or a path segment. False: not http, too long, a byte that no request line may hold.
 */
bool plum_url_resolve(const plum_url *base, plum_span reference, uint16_t *port,
                      char out[PLUM_URL_TARGET]);

#endif
