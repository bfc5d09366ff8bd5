/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/igd.h"

#include <string.h>

#include "base/rng.h"
#include "proto/pcp.h"
#include "text/ascii.h"
#include "text/writer.h"

/* UPnP error codes that lead somewhere (soap.c has the names). */
enum {
    INVALID_ACTION = 401,
    INVALID_ARGS = 402,
    ACTION_FAILED = 501,
    OPTIONAL_ACTION = 602,
    NOT_AUTHORIZED = 606,
    NO_SUCH_INDEX = 713,
    NO_SUCH_ENTRY = 714,
    CONFLICT = 718,
    SAME_PORTS = 724,
    ONLY_PERMANENT = 725,
    NO_PORT_MAPS = 728,
    OTHER_MECHANISM = 729
};

/* The ladder: what was asked for, an hour, a week, static. On an IGD:2 a lease of 0 means a week.
 */
static const uint32_t rungs[] = {0, 3600, PLUM_IGD_LEASE_MAX, 0};
#define STATIC_RUNG 3u

static uint32_t lease_of(const plum_igd *c)
{
    if (c->rung)
        return rungs[c->rung];
    return c->wish.lease < PLUM_IGD_LEASE_MAX ? c->wish.lease : PLUM_IGD_LEASE_MAX;
}

void plum_igd_begin(plum_igd *c, const plum_igd_wish *wish, const plum_igd_habits *habits)
{
    memset(c, 0, sizeof *c);
    c->wish = *wish;
    c->habits = *habits;
    c->rung = habits->lease;
    c->any = wish->has_any && !habits->no_any && !wish->insists && !wish->holds;
    c->port = habits->equal_ports && !wish->holds ? wish->internal_port : wish->external_port;
    c->ports = 1;
    c->step = PLUM_IGD_STEP_LOOK;
    plum_ip_text(&wish->client, c->client);
}

/* ---- asking ---- */

static void decimal(char *out, size_t room, uint32_t v)
{
    plum_writer w;
    plum_writer_init(&w, out, room);
    plum_writer_decimal(&w, v);
    plum_writer_end(&w);
}

/* The three arguments that name an entry, in the service's order. */
static void name_entry(plum_igd *c, plum_soap_call *call)
{
    decimal(c->external, sizeof c->external, c->port);
    c->args[0].name = "NewRemoteHost";
    c->args[0].value = "";
    c->args[1].name = "NewExternalPort";
    c->args[1].value = c->external;
    c->args[2].name = "NewProtocol";
    c->args[2].value = c->wish.udp ? "UDP" : "TCP";
    call->args = c->args;
    call->count = 3;
}

void plum_igd_call(plum_igd *c, plum_soap_call *call)
{
    name_entry(c, call);
    switch (c->step) {
    case PLUM_IGD_STEP_LOOK:
    case PLUM_IGD_STEP_BACK:
        call->action = "GetSpecificPortMappingEntry";
        return;
    case PLUM_IGD_STEP_DELETE:
        call->action = "DeletePortMapping";
        return;
    case PLUM_IGD_STEP_ADD:
        break;
    }
    decimal(c->internal, sizeof c->internal, c->wish.internal_port);
    decimal(c->lease, sizeof c->lease, lease_of(c));
    c->args[3].name = "NewInternalPort";
    c->args[3].value = c->internal;
    c->args[4].name = "NewInternalClient";
    c->args[4].value = c->client;
    c->args[5].name = "NewEnabled";
    c->args[5].value = "1";
    c->args[6].name = "NewPortMappingDescription";
    c->args[6].value = c->wish.description;
    c->args[7].name = "NewLeaseDuration";
    c->args[7].value = c->lease;
    call->count = 8;
    call->action = c->any ? "AddAnyPortMapping" : "AddPortMapping";
}

/* ---- ends ---- */

static plum_igd_next done(plum_igd *c, plum_igd_why why)
{
    c->result.why = why;
    c->result.external_port = c->port;
    return PLUM_IGD_DONE;
}

static plum_igd_next failed(plum_igd *c, plum_igd_why why, uint32_t code)
{
    c->result.why = why;
    c->result.code = code;
    return PLUM_IGD_FAILED;
}

static plum_igd_next go(plum_igd *c, plum_igd_step step)
{
    c->step = step;
    return PLUM_IGD_ASK;
}

/* ---- entries ---- */

static bool number(const plum_soap *m, const char *name, uint64_t max, uint64_t *out)
{
    const char *text = plum_soap_value(m, name);
    return text && plum_span_decimal(plum_span_of(text), max, out);
}

/* Does the entry lead to us? Its description proves nothing: routers rewrite it, and others may use
 * the same. */
static bool is_ours(const plum_igd *c, const plum_soap *m)
{
    uint64_t port;
    plum_ip client;
    const char *text = plum_soap_value(m, "NewInternalClient");
    return text && plum_ip_parse(text, &client) && plum_ip_equal(&client, &c->wish.client) &&
           number(m, "NewInternalPort", 65535, &port) && port == c->wish.internal_port;
}

static void read_lease(plum_igd *c, const plum_soap *m)
{
    uint64_t lease;
    if (number(m, "NewLeaseDuration", UINT32_MAX, &lease))
        c->result.lease = (uint32_t)lease;
}

static bool says_nothing_there(const plum_soap *m)
{
    return m->fault && (m->code == NO_SUCH_ENTRY || m->code == NO_SUCH_INDEX);
}

/* Another external port: none that the wish, the router or RFC 6887 section 11.3 forbids. */
static plum_igd_next another_port(plum_igd *c, plum_igd_why why, uint32_t code)
{
    if (c->wish.insists || c->habits.equal_ports || c->ports == PLUM_IGD_PORTS)
        return failed(c, why, code);
    plum_rng rng = {c->wish.seed + (uint64_t)c->ports * 0x10001};
    do
        c->port = (uint16_t)(1024 + plum_rng_upto(&rng, 65535 - 1024));
    while (c->port == PLUM_PCP_PORT || c->port == PLUM_PCP_ANNOUNCE_PORT);
    c->ports++;
    return go(c, PLUM_IGD_STEP_LOOK);
}

/* ---- steps ---- */

static plum_igd_next after_look(plum_igd *c, const plum_soap *m)
{
    bool nothing = says_nothing_there(m), entry = !m->fault && m->count > 0;
    bool ours = entry && is_ours(c, m);
    if (ours)
        read_lease(c, m);
    c->ours = ours;
    c->known = nothing || ours;
    switch (c->wish.goal) {
    case PLUM_IGD_CHECK:
        return done(c, ours      ? PLUM_IGD_FINE
                       : nothing ? PLUM_IGD_NOTHING
                       : entry   ? PLUM_IGD_FOREIGN
                                 : PLUM_IGD_UNKNOWN);
    case PLUM_IGD_DELETE:
        if (nothing || (entry && !ours))
            return done(c, nothing ? PLUM_IGD_NOTHING : PLUM_IGD_FOREIGN);
        return go(c, PLUM_IGD_STEP_DELETE);
    case PLUM_IGD_ADD:
        break;
    }
    /* AddAnyPortMapping chooses for itself; the others would redirect what somebody else has. */
    if (entry && !ours && !c->any)
        return another_port(c, PLUM_IGD_TAKEN, CONFLICT);
    return go(c, PLUM_IGD_STEP_ADD);
}

/* The next lease that may work; false at the end of the ladder. */
static bool next_rung(plum_igd *c, bool to_static)
{
    if (c->rung >= STATIC_RUNG)
        return false;
    c->rung = to_static ? STATIC_RUNG : c->rung + 1;
    return true;
}

static plum_igd_next after_refusal(plum_igd *c, int status, uint32_t code)
{
    bool action_missing = code == INVALID_ACTION || code == OPTIONAL_ACTION;
    if (c->any && (action_missing || (code == INVALID_ARGS && c->rung == 0 && c->adds == 1))) {
        c->any = false;
        c->habits.no_any = true;
        return go(c, PLUM_IGD_STEP_LOOK);
    }
    switch (code) {
    case ONLY_PERMANENT:
        return next_rung(c, true) ? go(c, PLUM_IGD_STEP_ADD) : failed(c, PLUM_IGD_REFUSED, code);
    case CONFLICT:
    case OTHER_MECHANISM:
        if (c->ours) /* said of our own entry: it runs on, with the lease that was read */
            return done(c, PLUM_IGD_FINE);
        return another_port(c, PLUM_IGD_TAKEN, code);
    case SAME_PORTS:
        if (c->wish.insists || c->habits.equal_ports || c->port == c->wish.internal_port)
            return failed(c, PLUM_IGD_TAKEN, code);
        c->habits.equal_ports = true;
        c->port = c->wish.internal_port;
        return go(c, PLUM_IGD_STEP_LOOK);
    case NOT_AUTHORIZED: /* a port that is not permitted, often one below 1024; or we are */
        return c->port < 1024 ? another_port(c, PLUM_IGD_REFUSED, code)
                              : failed(c, PLUM_IGD_REFUSED, code);
    case NO_PORT_MAPS:
        return failed(c, PLUM_IGD_FULL, code);
    case INVALID_ARGS:
    case ACTION_FAILED:
    case 0: /* a bare 500: the lease as likely as anything */
        if (status < 500 && code == 0)
            return failed(c, PLUM_IGD_REFUSED, code);
        if (next_rung(c, false))
            return go(c, PLUM_IGD_STEP_ADD);
        if (code == ACTION_FAILED && !c->known) {
            c->rung =
                c->habits.lease; /* nobody could tell whether the port is free: perhaps it is not */
            return another_port(c, PLUM_IGD_REFUSED, code);
        }
        return failed(c, PLUM_IGD_REFUSED, code);
    default:
        return failed(c, PLUM_IGD_REFUSED, code);
    }
}

/* Which port AddAnyPortMapping has given: routers call it by two names; 0 is none. */
static bool read_reserved_port(plum_igd *c, const plum_soap *m)
{
    uint64_t port = 0;
    if (!number(m, "NewReservedPort", 65535, &port) && !number(m, "NewExternalPort", 65535, &port))
        return false;
    c->port = (uint16_t)port;
    return port != 0;
}

static plum_igd_next after_add(plum_igd *c, int status, const plum_soap *m)
{
    if (m->fault)
        return after_refusal(c, status, m->code);
    if (c->any && !read_reserved_port(c, m))
        return failed(c, PLUM_IGD_NO_EFFECT, 0);
    c->habits.lease = c->rung;
    c->result.lease = lease_of(c);
    return go(c, PLUM_IGD_STEP_BACK);
}

static plum_igd_next after_back(plum_igd *c, const plum_soap *m)
{
    if (says_nothing_there(m))
        return failed(c, PLUM_IGD_NO_EFFECT, m->code);
    if (!m->fault && m->count > 0 && !is_ours(c, m))
        return another_port(c, PLUM_IGD_TAKEN, CONFLICT); /* somebody was faster */
    if (!m->fault)
        read_lease(c, m);
    return done(c, PLUM_IGD_FINE); /* a router that cannot tell is believed */
}

static plum_igd_next after_delete(plum_igd *c, const plum_soap *m)
{
    if (!m->fault)
        return done(c, PLUM_IGD_FINE);
    return says_nothing_there(m) ? done(c, PLUM_IGD_NOTHING) : failed(c, PLUM_IGD_REFUSED, m->code);
}

plum_igd_next plum_igd_answer(plum_igd *c, int status, const plum_soap *message)
{
    /* An error without a body that says which. */
    static const plum_soap bare = {.fault = true};
    if (!message && status >= 400)
        message = &bare;
    if (!message)
        return failed(c, PLUM_IGD_SILENT, 0);
    switch (c->step) {
    case PLUM_IGD_STEP_LOOK:
        return after_look(c, message);
    case PLUM_IGD_STEP_ADD:
        c->adds++;
        return after_add(c, status, message);
    case PLUM_IGD_STEP_BACK:
        return after_back(c, message);
    case PLUM_IGD_STEP_DELETE:
        return after_delete(c, message);
    }
    return failed(c, PLUM_IGD_SILENT, 0);
}
