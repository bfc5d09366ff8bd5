/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/networks.h"

#include <stdlib.h>
#include <string.h>

void plum_networks_init(plum_networks *n, const plum_networks_config *config)
{
    memset(n, 0, sizeof *n);
    n->config = *config;
}

void plum_networks_free(plum_networks *n)
{
    free(n->known);
    n->known = NULL;
}

static uint8_t family_of(const plum_network_info *info)
{
    return info->local.family != 0 ? info->local.family : info->gateway.ip.family;
}

/* 0: no memory. */
static uint32_t number_of(plum_networks *n, uint32_t ifindex, uint8_t family, uint32_t ordinal)
{
    for (size_t i = 0; i < n->known_count; i++) {
        const plum_network_key *k = &n->known[i];
        if (k->ifindex == ifindex && k->family == family && k->ordinal == ordinal)
            return (uint32_t)i + 1;
    }
    if (n->known_count == n->known_room) {
        size_t room = n->known_room == 0 ? 8 : n->known_room * 2;
        plum_network_key *known = realloc(n->known, room * sizeof *known);
        if (known == NULL)
            return 0;
        n->known = known;
        n->known_room = room;
    }
    n->known[n->known_count++] = (plum_network_key){ifindex, family, ordinal};
    return (uint32_t)n->known_count;
}

/* Gives numbers and marks each family's first as its default. */
static size_t finish(plum_networks *n, plum_network_info *list, size_t count)
{
    bool seen_v4 = false, seen_v6 = false;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        plum_network_info info = list[i];
        uint8_t family = family_of(&info);
        uint32_t ordinal = 0;
        for (size_t j = 0; j < kept; j++)
            if (list[j].ifindex == info.ifindex && family_of(&list[j]) == family)
                ordinal++;
        info.network = number_of(n, info.ifindex, family, ordinal);
        if (info.network == 0)
            continue;
        bool *seen = family == 6 ? &seen_v6 : &seen_v4;
        if (!*seen)
            info.flags |= PLUM_NET_DEFAULT;
        *seen = true;
        list[kept++] = info;
    }
    return kept;
}

static bool same(const plum_network_info *a, const plum_network_info *b)
{
    return a->network == b->network && a->ifindex == b->ifindex && a->flags == b->flags &&
           plum_ip_equal(&a->local, &b->local) && plum_addr_equal(&a->gateway, &b->gateway);
}

static bool take(plum_networks *n, plum_network_info *list, size_t count)
{
    count = finish(n, list, count);
    bool changed = !n->told || count != n->count;
    for (size_t i = 0; !changed && i < count; i++)
        changed = !same(&list[i], &n->list[i]);
    memcpy(n->list, list, count * sizeof *list);
    n->count = count;
    n->told = true;
    return changed;
}

/* The one network towards a configured gateway. Its local address is followed, so that a change
 * of it is seen; when there is none now, the system chooses later. */
static size_t configured(const plum_networks *n, const plum_route *routes, int route_count,
                         plum_network_info *out)
{
    memset(out, 0, sizeof *out);
    const plum_ip *gateway = &n->config.gateway;
    out->gateway.ip = *gateway;
    out->gateway.port = n->config.gateway_port;
    out->flags = PLUM_NET_CONFIGURED;
    out->ifindex = gateway->scope;
    if (n->config.interface != NULL) {
        for (int i = 0; i < route_count; i++)
            if (routes[i].local.family == gateway->family) {
                out->ifindex = routes[i].ifindex;
                out->local = routes[i].local;
                return 1;
            }
    }
    if (!plum_platform_source(gateway, &out->local))
        out->local = plum_ip_any(gateway->family);
    return 1;
}

static size_t from_routes(const plum_networks *n, const plum_route *routes, int route_count,
                          plum_network_info *out)
{
    size_t count = 0;
    for (int i = 0; i < route_count; i++) {
        const plum_route *r = &routes[i];
        if (plum_ip_is_any(&r->local))
            continue; /* a route that this host has no address for */
        if (r->local.family == 6 && plum_ip_is_linklocal(&r->local))
            continue; /* nothing to map: a router would map fe80:: and call it a success */
        memset(&out[count], 0, sizeof out[count]);
        out[count].ifindex = r->ifindex;
        out[count].local = r->local;
        out[count].gateway.ip = r->gateway;
        out[count].gateway.port = r->gateway.family != 0 ? n->config.gateway_port : 0;
        count++;
    }
    return count;
}

bool plum_networks_read(plum_networks *n)
{
    plum_route routes[PLUM_NETWORKS_MAX];
    plum_network_info list[PLUM_NETWORKS_MAX];
    bool fixed = n->config.gateway.family != 0;
    int route_count = 0;
    if (!fixed || n->config.interface != NULL)
        route_count = plum_platform_routes(n->config.interface, routes, PLUM_NETWORKS_MAX);
    if (route_count < 0 && !fixed && n->told)
        return false;
    size_t count = fixed ? configured(n, routes, route_count, list)
                         : from_routes(n, routes, route_count, list);
    return take(n, list, count);
}

bool plum_networks_feed(plum_networks *n, const plum_network_info *list, size_t count)
{
    plum_network_info copy[PLUM_NETWORKS_MAX];
    if (count > PLUM_NETWORKS_MAX)
        count = PLUM_NETWORKS_MAX;
    if (count > 0)
        memcpy(copy, list, count * sizeof *list);
    return take(n, copy, count);
}

bool plum_networks_have_gateway(const plum_networks *n)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->list[i].gateway.ip.family != 0)
            return true;
    return false;
}
