/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Has the server lost its state? The two rules, RFC 6887 section 8.5 and RFC 6886 section 3.6, and
 * nothing else. */
#ifndef PLUM_PROTO_EPOCH_H
#define PLUM_PROTO_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

typedef struct {
    bool known;
    uint32_t server; /* s; as told last */
    plum_time at;    /* when that was */
} plum_epoch;

/* Each judges `server` against what is recorded, then records it. False: state was lost. The first
 * is always valid.
 */
bool plum_epoch_pcp(plum_epoch *e, plum_time now, uint32_t server);
bool plum_epoch_natpmp(plum_epoch *e, plum_time now, uint32_t server);

#endif
