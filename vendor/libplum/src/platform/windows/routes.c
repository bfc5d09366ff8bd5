/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The default routes, by the IP Helper library. */
#include "platform/shared/sockaddr.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"

typedef struct {
    plum_route route;
    size_t order; /* as the system lists them */
} found_route;

typedef struct {
    found_route *list;
    size_t count, room;
} route_list;

static plum_ip ip_of(const SOCKADDR_INET *address)
{
    plum_sockaddr sa;
    memset(&sa, 0, sizeof sa);
    memcpy(&sa, address, sizeof *address < sizeof sa ? sizeof *address : sizeof sa);
    return plum_sockaddr_to(&sa).ip;
}

static SOCKADDR_INET address_of(const plum_ip *ip)
{
    plum_addr addr = {.ip = *ip};
    plum_sockaddr sa;
    SOCKADDR_INET out;
    memset(&out, 0, sizeof out);
    socklen_t size = plum_sockaddr_from(&addr, &sa);
    memcpy(&out, &sa, (size_t)size < sizeof out ? (size_t)size : sizeof out);
    return out;
}

/* Its metric; false for one that is down. */
static bool interface_metric(const MIB_IPFORWARD_ROW2 *row, uint32_t *out)
{
    MIB_IPINTERFACE_ROW interface;
    memset(&interface, 0, sizeof interface);
    interface.Family = row->DestinationPrefix.Prefix.si_family;
    interface.InterfaceIndex = row->InterfaceIndex;
    if (GetIpInterfaceEntry(&interface) != NO_ERROR) {
        *out = 0;
        return true; /* not known; the route is there */
    }
    *out = interface.Metric;
    return interface.Connected;
}

static void find_source(plum_route *route)
{
    uint8_t family = route->local.family;
    plum_ip to = route->gateway;
    if (family == 6 || to.family == 0) {
        /* The global address that is to be mapped, not the link-local one that talks to the
         * router: so ask towards the far side (RFC 7723's anycast addresses). */
        to = family == 6 ? plum_ip_any(6) : plum_ip_v4(192, 0, 0, 9);
        if (family == 6) {
            to.bytes[0] = 0x20;
            to.bytes[1] = 0x01;
            to.bytes[3] = 0x01;
            to.bytes[15] = 0x01;
        }
    }
    SOCKADDR_INET destination = address_of(&to), source;
    MIB_IPFORWARD_ROW2 row;
    plum_ip found = plum_ip_none();
    memset(&source, 0, sizeof source);
    if (GetBestRoute2(NULL, route->ifindex, NULL, &destination, 0, &row, &source) == NO_ERROR)
        found = ip_of(&source);
    if (plum_ip_is_any(&found) && !plum_platform_source(&to, &found))
        return;
    route->local = found;
    if (found.family == 6 && plum_ip_is_linklocal(&found))
        route->local.scope = route->ifindex;
}

static bool add_route(route_list *routes, const MIB_IPFORWARD_ROW2 *row, uint32_t metric)
{
    if (routes->count == routes->room) {
        size_t room = routes->room == 0 ? 8 : routes->room * 2;
        found_route *list = realloc(routes->list, room * sizeof *list);
        if (list == NULL)
            return false;
        routes->list = list;
        routes->room = room;
    }
    found_route *slot = &routes->list[routes->count];
    memset(slot, 0, sizeof *slot);
    slot->order = routes->count++;
    slot->route.ifindex = row->InterfaceIndex;
    slot->route.metric = row->Metric > UINT32_MAX - metric ? UINT32_MAX : row->Metric + metric;
    slot->route.local = plum_ip_any(row->DestinationPrefix.Prefix.si_family == AF_INET6 ? 6 : 4);
    plum_ip gateway = ip_of(&row->NextHop);
    if (!plum_ip_is_any(&gateway))
        slot->route.gateway = gateway; /* else the link itself: a tunnel */
    if (gateway.family == 6 && plum_ip_is_linklocal(&gateway))
        slot->route.gateway.scope = row->InterfaceIndex;
    return true;
}

static int by_rank(const void *left, const void *right)
{
    const found_route *a = left, *b = right;
    if (a->route.local.family != b->route.local.family)
        return a->route.local.family < b->route.local.family ? -1 : 1;
    if (a->route.metric != b->route.metric)
        return a->route.metric < b->route.metric ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The index of an interface by its alias ("Ethernet 2") or by its short name. 0: none. */
static uint32_t index_of(const char *name)
{
    WCHAR alias[NDIS_IF_MAX_STRING_SIZE + 1];
    NET_LUID luid;
    NET_IFINDEX index = 0;
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, alias,
                            sizeof alias / sizeof alias[0]) > 0 &&
        ConvertInterfaceAliasToLuid(alias, &luid) == NO_ERROR &&
        ConvertInterfaceLuidToIndex(&luid, &index) == NO_ERROR)
        return index;
    return if_nametoindex(name);
}

static bool collect(uint32_t only, route_list *routes)
{
    MIB_IPFORWARD_TABLE2 *table = NULL;
    if (GetIpForwardTable2(AF_UNSPEC, &table) != NO_ERROR)
        return false;
    bool fine = true;
    for (ULONG i = 0; fine && i < table->NumEntries; i++) {
        const MIB_IPFORWARD_ROW2 *row = &table->Table[i];
        uint32_t metric;
        ADDRESS_FAMILY family = row->DestinationPrefix.Prefix.si_family;
        if (row->DestinationPrefix.PrefixLength == 0 && (family == AF_INET || family == AF_INET6) &&
            (only == 0 || row->InterfaceIndex == only) && interface_metric(row, &metric))
            fine = add_route(routes, row, metric);
    }
    FreeMibTable(table);
    return fine;
}

int plum_platform_routes(const char *interface, plum_route *out, size_t room)
{
    route_list routes;
    memset(&routes, 0, sizeof routes);
    uint32_t only = 0;
    if (interface != NULL) {
        only = index_of(interface);
        if (only == 0)
            return 0;
    }
    int result = -1;
    if (plum_platform_start() == 0 && collect(only, &routes)) {
        if (routes.count > 1)
            qsort(routes.list, routes.count, sizeof *routes.list, by_rank);
        size_t count = routes.count < room ? routes.count : room;
        for (size_t i = 0; i < count; i++) {
            find_source(&routes.list[i].route);
            out[i] = routes.list[i].route;
        }
        result = (int)count;
    }
    free(routes.list);
    return result;
}
