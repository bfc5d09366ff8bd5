/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/state.h"

plum_writer *plum_log_begin(plum_engine *e, int level)
{
    if (level < e->config.log_level)
        return NULL;
    if (e->log_count == PLUM_LOG_LINES) {
        e->stats.log_dropped++;
        return NULL;
    }
    unsigned slot = (e->log_first + e->log_count) % PLUM_LOG_LINES;
    e->log[slot].level = level;
    plum_writer_init(&e->log_writer, e->log[slot].text, PLUM_LOG_TEXT);
    return &e->log_writer;
}

void plum_log_end(plum_engine *e)
{
    plum_writer_end(&e->log_writer);
    e->log_count++;
}

void plum_log_line(plum_engine *e, int level, const char *text)
{
    plum_writer *w = plum_log_begin(e, level);
    if (!w)
        return;
    plum_writer_text(w, text);
    plum_log_end(e);
}

void plum_log_gateway(plum_engine *e, int level, const plum_gateway *gw, const char *text)
{
    char addr[PLUM_ADDR_TEXT];
    plum_writer *w = plum_log_begin(e, level);
    if (!w)
        return;
    plum_addr_text(&gw->net.gateway, addr);
    plum_writer_text(w, "gateway ");
    plum_writer_text(w, addr);
    plum_writer_text(w, ": ");
    plum_writer_text(w, text);
    plum_log_end(e);
}

static const char *by_name(plum_by by)
{
    static const char *const names[] = {"nobody", "PCP", "NAT-PMP", "UPnP", "direct"};
    return names[by];
}

void plum_log_wire(plum_engine *e, int level, const plum_wire *wire, const char *text)
{
    char addr[PLUM_ADDR_TEXT];
    plum_writer *w = plum_log_begin(e, level);
    if (!w)
        return;
    plum_writer_text(w, wire->transport == PLUM_TCP ? "TCP " : "UDP ");
    plum_writer_decimal(w, wire->internal_port);
    plum_writer_text(w, ": ");
    plum_writer_text(w, text);
    if (wire->mapped) {
        plum_addr_text(&wire->external, addr);
        plum_writer_text(w, ", mapped at ");
        plum_writer_text(w, addr);
        plum_writer_text(w, " by ");
        plum_writer_text(w, by_name(wire->by));
        if (wire->expires != PLUM_NEVER) {
            plum_writer_text(w, " for ");
            plum_writer_decimal(w, wire->lifetime);
            plum_writer_text(w, " s");
        }
    }
    plum_log_end(e);
}

bool plum_log_poll(plum_engine *e, plum_action *out)
{
    if (e->log_count == 0)
        return false;
    out->kind = PLUM_ACT_LOG;
    out->u.log.level = e->log[e->log_first].level;
    out->u.log.text = e->log[e->log_first].text;
    e->log_first = (e->log_first + 1) % PLUM_LOG_LINES;
    e->log_count--;
    return true;
}
