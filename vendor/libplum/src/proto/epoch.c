/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/epoch.h"

static int64_t seconds(plum_time t)
{
    return (int64_t)(t / PLUM_SECONDS);
}

static void record(plum_epoch *e, plum_time now, uint32_t server)
{
    e->known = true;
    e->server = server;
    e->at = now;
}

/* RFC 6887 section 8.5, in whole seconds */
static bool pcp_is_valid(const plum_epoch *e, plum_time now, uint32_t server)
{
    int64_t client_delta = seconds(now) - seconds(e->at);
    int64_t server_delta = (int64_t)server - (int64_t)e->server;
    if (server_delta < -1)
        return false;
    if (server_delta < 0)
        server_delta = 0; /* one second back is reordering */
    return client_delta + 2 >= server_delta - server_delta / 16 &&
           server_delta + 2 >= client_delta - client_delta / 16;
}

bool plum_epoch_pcp(plum_epoch *e, plum_time now, uint32_t server)
{
    bool valid = !e->known || pcp_is_valid(e, now, server);
    record(e, now, server);
    return valid;
}

bool plum_epoch_natpmp(plum_epoch *e, plum_time now, uint32_t server)
{
    /* RFC 6886 section 3.6: last + 7/8 of the elapsed time, and two seconds of grace. A leap ahead
     * says nothing. */
    int64_t expected = (int64_t)e->server + (seconds(now) - seconds(e->at)) * 7 / 8;
    bool valid = !e->known || (int64_t)server + 2 >= expected;
    record(e, now, server);
    return valid;
}
