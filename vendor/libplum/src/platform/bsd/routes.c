/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The default routes, from a dump of the routing table (sysctl NET_RT_DUMP: messages as a routing
 * socket carries them). */
#include <sys/types.h>

#include <sys/socket.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/shared/sockaddr.h"

/* The table may grow between the question for its size and the one for itself. */
enum { DUMP_TRIES = 5 };

/* Addresses in a message are padded. */
#ifdef __APPLE__
#define ALIGNMENT sizeof(uint32_t)
#else
#define ALIGNMENT sizeof(long)
#endif

/* A default route of one interface only, beside the host's own (macOS). */
#ifdef RTF_IFSCOPE
#define SCOPED RTF_IFSCOPE
#else
#define SCOPED 0
#endif

typedef struct {
    plum_route route;
    bool scoped;
    size_t order; /* as the system lists them */
} found_route;

typedef struct {
    found_route *list;
    size_t count, room;
    uint32_t only;
} route_list;

/* Copies the address out, for its place in the message may be aligned for less. False: cut off. */
static bool take_address(const uint8_t **at, size_t *left, plum_sockaddr *out)
{
    if (*left < 1)
        return false;
    size_t size = **at; /* sa_len */
    size_t step = size > 0 ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    if (size > *left)
        return false;
    memset(out, 0, sizeof *out);
    memcpy(out, *at, size < sizeof *out ? size : sizeof *out);
    if (step > *left)
        step = *left; /* the last one's padding may be missing */
    *at += step;
    *left -= step;
    return true;
}

static bool is_zero(const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    while (size > 0)
        if (b[--size] != 0)
            return false;
    return true;
}

/* Kernels write the interface of a link-local address into its third and fourth byte. */
static plum_ip ip_of(const plum_sockaddr *sa, uint32_t ifindex)
{
    plum_ip ip = plum_sockaddr_to(sa).ip;
    if (ip.family == 6 && plum_ip_is_linklocal(&ip)) {
        ip.bytes[2] = ip.bytes[3] = 0;
        ip.scope = ifindex;
    }
    return ip;
}

static bool add_route(route_list *routes, const found_route *found)
{
    if (routes->only != 0 && found->route.ifindex != routes->only)
        return true;
    if (routes->count == routes->room) {
        size_t room = routes->room == 0 ? 8 : routes->room * 2;
        found_route *list = realloc(routes->list, room * sizeof *list);
        if (list == NULL)
            return false;
        routes->list = list;
        routes->room = room;
    }
    found_route *slot = &routes->list[routes->count];
    *slot = *found;
    slot->order = routes->count++;
    return true;
}

static bool read_message(route_list *routes, const struct rt_msghdr *header, const uint8_t *at,
                         size_t left)
{
    const int unusable = RTF_REJECT | RTF_BLACKHOLE | RTF_HOST;
    plum_sockaddr destination, gateway, mask;
    memset(&gateway, 0, sizeof gateway);
    memset(&mask, 0, sizeof mask);
    if ((header->rtm_flags & RTF_UP) == 0 || (header->rtm_flags & unusable) != 0 ||
        (header->rtm_addrs & RTA_DST) == 0 || !take_address(&at, &left, &destination))
        return true;
    if ((header->rtm_addrs & RTA_GATEWAY) != 0 && !take_address(&at, &left, &gateway))
        return true;
    if ((header->rtm_addrs & RTA_NETMASK) != 0 && !take_address(&at, &left, &mask))
        return true;
    plum_ip to = plum_sockaddr_to(&destination).ip;
    /* Of a mask only the bytes up to the last that is not zero are there; it may bear no family. */
    size_t skip = to.family == 6 ? offsetof(struct sockaddr_in6, sin6_addr)
                                 : offsetof(struct sockaddr_in, sin_addr);
    size_t width = to.family == 6 ? 16 : 4;
    if (to.family == 0 || !plum_ip_is_any(&to) || !is_zero((const uint8_t *)&mask + skip, width))
        return true;

    found_route found;
    memset(&found, 0, sizeof found);
    found.route.ifindex = header->rtm_index;
    found.route.local = plum_ip_any(to.family);
    if ((header->rtm_flags & RTF_GATEWAY) != 0)
        found.route.gateway = ip_of(&gateway, header->rtm_index);
    if (found.route.gateway.family != to.family)
        found.route.gateway = plum_ip_none(); /* the link itself: a tunnel */
    found.scoped = (header->rtm_flags & SCOPED) != 0;
    return add_route(routes, &found);
}

static bool read_dump(route_list *routes, const uint8_t *bytes, size_t size)
{
    struct rt_msghdr header;
    while (size >= sizeof header) {
        memcpy(&header, bytes, sizeof header);
        if (header.rtm_msglen < sizeof header || header.rtm_msglen > size)
            return true;
        if (header.rtm_version == RTM_VERSION &&
            !read_message(routes, &header, bytes + sizeof header,
                          header.rtm_msglen - sizeof header))
            return false;
        bytes += header.rtm_msglen;
        size -= header.rtm_msglen;
    }
    return true;
}

static bool dump(route_list *routes)
{
    int name[6] = {CTL_NET, PF_ROUTE, 0, AF_UNSPEC, NET_RT_DUMP, 0};
    for (int i = 0; i < DUMP_TRIES; i++) {
        size_t size = 0;
        if (sysctl(name, 6, NULL, &size, NULL, 0) != 0)
            return false;
        size += size / 4 + 1;
        uint8_t *bytes = malloc(size);
        if (bytes == NULL)
            return false;
        if (sysctl(name, 6, bytes, &size, NULL, 0) == 0) {
            bool fine = read_dump(routes, bytes, size);
            free(bytes);
            return fine;
        }
        int err = errno;
        free(bytes);
        if (err != ENOMEM)
            return false;
    }
    return false;
}

/* Whether `ip` is one of an interface's; with `ip` the wildcard any of its family will do, the
 * global one before the link-local. It is filled in. */
static bool is_on(const struct ifaddrs *all, uint32_t ifindex, plum_ip *ip)
{
    plum_ip best = plum_ip_none();
    for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
        plum_sockaddr sa;
        if (a->ifa_addr == NULL || if_nametoindex(a->ifa_name) != ifindex)
            continue;
        memset(&sa, 0, sizeof sa);
        memcpy(&sa, a->ifa_addr, a->ifa_addr->sa_len < sizeof sa ? a->ifa_addr->sa_len : sizeof sa);
        plum_ip own = ip_of(&sa, ifindex);
        if (own.family != ip->family)
            continue;
        if (plum_ip_equal(&own, ip))
            return true;
        if (plum_ip_is_any(ip) && (best.family == 0 || plum_ip_is_linklocal(&best)))
            best = own;
    }
    if (best.family == 0)
        return false;
    *ip = best;
    return true;
}

static void find_source(const struct ifaddrs *all, plum_route *route)
{
    uint8_t family = route->local.family;
    plum_ip to = route->gateway;
    if (family == 6 || to.family == 0)
        to = plum_ip_any(family); /* the global address that is to be mapped: see shared/source.c */
    plum_ip source;
    if (plum_platform_source(&to, &source) && is_on(all, route->ifindex, &source)) {
        route->local = source;
        return;
    }
    /* The host would leave by another interface. */
    source = plum_ip_any(family);
    if (is_on(all, route->ifindex, &source))
        route->local = source;
}

static int by_rank(const void *left, const void *right)
{
    const found_route *a = left, *b = right;
    if (a->route.local.family != b->route.local.family)
        return a->route.local.family < b->route.local.family ? -1 : 1;
    if (a->scoped != b->scoped)
        return a->scoped ? 1 : -1;
    return a->order < b->order ? -1 : a->order > b->order;
}

int plum_platform_routes(const char *interface, plum_route *out, size_t room)
{
    route_list routes;
    memset(&routes, 0, sizeof routes);
    if (interface != NULL) {
        routes.only = if_nametoindex(interface);
        if (routes.only == 0)
            return 0;
    }
    int result = -1;
    struct ifaddrs *all = NULL;
    if (dump(&routes) && getifaddrs(&all) == 0) {
        if (routes.count > 1)
            qsort(routes.list, routes.count, sizeof *routes.list, by_rank);
        size_t count = routes.count < room ? routes.count : room;
        for (size_t i = 0; i < count; i++) {
            find_source(all, &routes.list[i].route);
            routes.list[i].route.metric = (uint32_t)i; /* the order is all that there is */
            out[i] = routes.list[i].route;
        }
        result = (int)count;
        freeifaddrs(all);
    }
    free(routes.list);
    return result;
}
