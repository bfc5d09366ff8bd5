/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Default routes by rtnetlink (RFC 3549): dumps are read to their end, whatever their size. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "platform/platform.h"

enum {
    DUMP_TRIES = 5,      /* the table changed while it was read: NLM_F_DUMP_INTR */
    FIRST_BUFFER = 2048, /* grows to what the kernel sends: one message can be any size */
    LARGEST_BUFFER = 1 << 24,
    RT_TABLE_ANDROID = 97 /* its compatibility table: legacy_system */
};

typedef struct {
    int fd;
    uint32_t sequence;
    uint8_t *buffer;
    size_t room;
} nl_socket;

/* A route with what decides its rank. */
typedef struct {
    plum_route route;
    uint32_t table_rank; /* the main table before others */
    uint32_t preference; /* RFC 4191 router preference, as a rank */
    size_t order;
} found_route;

typedef struct {
    found_route *list;
    size_t count, room;
    uint32_t only; /* ifindex, 0: all */
    bool failed;
} route_list;

static bool nl_open(nl_socket *nl)
{
    memset(nl, 0, sizeof *nl);
    nl->buffer = malloc(FIRST_BUFFER);
    nl->room = FIRST_BUFFER;
    nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (nl->buffer == NULL || nl->fd < 0)
        return false;
    /* The kernel answers at once; this only keeps a fault from becoming a hang. */
    const struct timeval patience = {.tv_sec = 1, .tv_usec = 0};
    return setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0;
}

static void nl_close(nl_socket *nl)
{
    if (nl->fd >= 0)
        close(nl->fd);
    free(nl->buffer);
}

static bool nl_send(nl_socket *nl, struct nlmsghdr *header)
{
    header->nlmsg_seq = ++nl->sequence;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t done;
    do
        done =
            sendto(nl->fd, header, header->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (done < 0 && errno == EINTR);
    return done >= 0;
}

/* One datagram of the kernel's, whole. -1: none. */
static ssize_t nl_receive(nl_socket *nl)
{
    for (;;) {
        ssize_t size = recv(nl->fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 || size > LARGEST_BUFFER)
            return -1;
        if ((size_t)size > nl->room) {
            uint8_t *larger = realloc(nl->buffer, (size_t)size);
            if (larger == NULL)
                return -1;
            nl->buffer = larger;
            nl->room = (size_t)size;
        }
        struct sockaddr_nl from;
        socklen_t from_len = sizeof from;
        memset(&from, 0, sizeof from);
        size = recvfrom(nl->fd, nl->buffer, nl->room, 0, (struct sockaddr *)&from, &from_len);
        if (size < 0 && errno == EINTR)
            continue;
        if (size >= 0 && from.nl_pid != 0)
            continue; /* another process, not the kernel */
        return size;
    }
}

/* The header at *at when it fits whole; moves *at behind it. */
static const struct nlmsghdr *next_message(const nl_socket *nl, size_t size, size_t *at)
{
    if (size - *at < sizeof(struct nlmsghdr))
        return NULL;
    const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)(nl->buffer + *at);
    if (header->nlmsg_len < sizeof *header || header->nlmsg_len > size - *at)
        return NULL;
    size_t step = NLMSG_ALIGN((size_t)header->nlmsg_len);
    *at = step > size - *at ? size : *at + step;
    return header;
}

/* The next attribute of a run; NULL at its end or when it is broken. */
static const struct rtattr *next_attribute(const uint8_t **p, size_t *left)
{
    if (*left < sizeof(struct rtattr))
        return NULL;
    const struct rtattr *a = (const struct rtattr *)(const void *)*p;
    if (a->rta_len < sizeof *a || a->rta_len > *left)
        return NULL;
    size_t step = RTA_ALIGN((size_t)a->rta_len);
    if (step > *left)
        step = *left;
    *p += step;
    *left -= step;
    return a;
}

static const uint8_t *payload(const struct rtattr *a)
{
    return (const uint8_t *)a + RTA_LENGTH(0);
}

static bool read_u32(const struct rtattr *a, uint32_t *out)
{
    if (a->rta_len < RTA_LENGTH(sizeof *out))
        return false;
    memcpy(out, payload(a), sizeof *out);
    return true;
}

static bool read_ip(const struct rtattr *a, uint8_t family, plum_ip *out)
{
    size_t want = family == 6 ? 16 : 4;
    if (a->rta_len < RTA_LENGTH(want))
        return false;
    *out = plum_ip_none();
    out->family = family;
    memcpy(out->bytes, payload(a), want);
    return true;
}

static void add_route(route_list *routes, const found_route *found)
{
    if (routes->only != 0 && found->route.ifindex != routes->only)
        return;
    if (routes->count == routes->room) {
        size_t room = routes->room == 0 ? 8 : routes->room * 2;
        found_route *list = realloc(routes->list, room * sizeof *list);
        if (list == NULL) {
            routes->failed = true;
            return;
        }
        routes->list = list;
        routes->room = room;
    }
    found_route *slot = &routes->list[routes->count];
    *slot = *found;
    slot->order = routes->count++;
    if (plum_ip_is_linklocal(&slot->route.gateway) && slot->route.gateway.family == 6)
        slot->route.gateway.scope = slot->route.ifindex;
}

static void add_multipath(route_list *routes, const found_route *common, const struct rtattr *a)
{
    const uint8_t *p = payload(a);
    size_t left = (size_t)a->rta_len - RTA_LENGTH(0);
    while (left >= sizeof(struct rtnexthop)) {
        const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)p;
        if (hop->rtnh_len < sizeof *hop || hop->rtnh_len > left)
            return;
        found_route one = *common;
        one.route.ifindex = (uint32_t)hop->rtnh_ifindex;
        const uint8_t *inner = p + sizeof *hop;
        size_t inner_left = (size_t)hop->rtnh_len - sizeof *hop;
        for (const struct rtattr *b; (b = next_attribute(&inner, &inner_left)) != NULL;)
            if (b->rta_type == RTA_GATEWAY)
                read_ip(b, common->route.local.family, &one.route.gateway);
        if ((hop->rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0)
            add_route(routes, &one);
        size_t step = NLMSG_ALIGN((size_t)hop->rtnh_len); /* RTNH_ALIGN, but unsigned */
        if (step > left)
            step = left;
        p += step;
        left -= step;
    }
}

static bool table_rank(uint32_t table, uint32_t *rank)
{
    switch (table) {
    case RT_TABLE_MAIN:
        *rank = 0;
        return true;
    case RT_TABLE_DEFAULT:
    case RT_TABLE_COMPAT:
    case RT_TABLE_ANDROID:
        *rank = 1;
        return true;
    default:
        return false;
    }
}

static uint32_t preference_rank(uint8_t icmpv6_pref)
{
    /* RFC 4191 section 2.1: 01 high, 00 medium, 11 low */
    return icmpv6_pref == 1 ? 0 : icmpv6_pref == 3 ? 2 : 1;
}

static void read_route(route_list *routes, const struct nlmsghdr *header)
{
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
        return;
    const struct rtmsg *r =
        (const struct rtmsg *)(const void *)((const uint8_t *)header + NLMSG_HDRLEN);
    if (r->rtm_dst_len != 0 || r->rtm_src_len != 0 || r->rtm_type != RTN_UNICAST ||
        (r->rtm_flags & RTM_F_CLONED) != 0 ||
        (r->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0 ||
        (r->rtm_family != AF_INET && r->rtm_family != AF_INET6))
        return;

    found_route found;
    memset(&found, 0, sizeof found);
    uint8_t family = r->rtm_family == AF_INET6 ? 6 : 4;
    found.route.local = plum_ip_any(family);
    found.preference = preference_rank(0);
    uint32_t table = r->rtm_table;
    const struct rtattr *multipath = NULL;
    const uint8_t *p = (const uint8_t *)header + NLMSG_SPACE(sizeof *r);
    size_t left = header->nlmsg_len > NLMSG_SPACE(sizeof *r)
                      ? (size_t)header->nlmsg_len - NLMSG_SPACE(sizeof *r)
                      : 0;
    for (const struct rtattr *a; (a = next_attribute(&p, &left)) != NULL;) {
        switch (a->rta_type) {
        case RTA_TABLE:
            read_u32(a, &table);
            break;
        case RTA_OIF:
            read_u32(a, &found.route.ifindex);
            break;
        case RTA_PRIORITY:
            read_u32(a, &found.route.metric);
            break;
        case RTA_GATEWAY:
            read_ip(a, family, &found.route.gateway);
            break;
        case RTA_PREFSRC:
            read_ip(a, family, &found.route.local);
            break;
        case RTA_PREF:
            if (a->rta_len >= RTA_LENGTH(1))
                found.preference = preference_rank(*payload(a));
            break;
        case RTA_MULTIPATH:
            multipath = a;
            break;
        default:
            break;
        }
    }
    if (!table_rank(table, &found.table_rank))
        return;
    if (multipath != NULL)
        add_multipath(routes, &found, multipath);
    else if (found.route.ifindex != 0)
        add_route(routes, &found);
}

typedef enum { DUMP_DONE, DUMP_AGAIN, DUMP_FAILED } dump_result;

static dump_result dump_family(nl_socket *nl, unsigned char family, route_list *routes)
{
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
    } request;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETROUTE;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.route.rtm_family = family;
    if (!nl_send(nl, &request.header))
        return DUMP_FAILED;

    bool interrupted = false;
    for (;;) {
        ssize_t size = nl_receive(nl);
        if (size < 0)
            return DUMP_FAILED;
        size_t at = 0;
        for (const struct nlmsghdr *m; (m = next_message(nl, (size_t)size, &at)) != NULL;) {
            if (m->nlmsg_seq != nl->sequence)
                continue; /* what is left of an earlier, broken dump */
            interrupted = interrupted || (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (m->nlmsg_type == NLMSG_DONE)
                return interrupted ? DUMP_AGAIN : DUMP_DONE;
            if (m->nlmsg_type == NLMSG_ERROR)
                return DUMP_FAILED;
            if (m->nlmsg_type == RTM_NEWROUTE)
                read_route(routes, m);
        }
    }
}

/* Asks for the route towards `to` out of an interface: the source address that the kernel would
 * use there. */
static bool route_source(nl_socket *nl, const plum_ip *to, uint32_t ifindex, plum_ip *out)
{
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
        uint8_t attributes[RTA_SPACE(16) + RTA_SPACE(4)];
    } request;
    memset(&request, 0, sizeof request);
    size_t ip_size = to->family == 6 ? 16 : 4;
    request.header.nlmsg_type = RTM_GETROUTE;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.route.rtm_family = to->family == 6 ? AF_INET6 : AF_INET;
    request.route.rtm_dst_len = (unsigned char)(ip_size * 8);
    uint8_t *p = request.attributes;
    struct rtattr head = {.rta_len = (unsigned short)RTA_LENGTH(ip_size), .rta_type = RTA_DST};
    memcpy(p, &head, sizeof head);
    memcpy(p + RTA_LENGTH(0), to->bytes, ip_size);
    p += RTA_SPACE(ip_size);
    head = (struct rtattr){.rta_len = (unsigned short)RTA_LENGTH(4), .rta_type = RTA_OIF};
    memcpy(p, &head, sizeof head);
    memcpy(p + RTA_LENGTH(0), &ifindex, 4);
    p += RTA_SPACE(4);
    request.header.nlmsg_len = (uint32_t)(p - (uint8_t *)&request);
    if (!nl_send(nl, &request.header))
        return false;

    for (;;) {
        ssize_t size = nl_receive(nl);
        if (size < 0)
            return false;
        size_t at = 0;
        for (const struct nlmsghdr *m; (m = next_message(nl, (size_t)size, &at)) != NULL;) {
            if (m->nlmsg_seq != nl->sequence)
                continue;
            if (m->nlmsg_type != RTM_NEWROUTE || m->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
                return false;
            const uint8_t *q = (const uint8_t *)m + NLMSG_SPACE(sizeof(struct rtmsg));
            size_t left = m->nlmsg_len - NLMSG_SPACE(sizeof(struct rtmsg));
            for (const struct rtattr *a; (a = next_attribute(&q, &left)) != NULL;)
                if (a->rta_type == RTA_PREFSRC && read_ip(a, to->family, out))
                    return true;
            return false;
        }
    }
}

static void find_source(nl_socket *nl, plum_route *route)
{
    if (!plum_ip_is_any(&route->local))
        return; /* the route names it (RTA_PREFSRC) */
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
    plum_ip source;
    if (route_source(nl, &to, route->ifindex, &source) || plum_platform_source(&to, &source)) {
        route->local = source;
        if (source.family == 6 && plum_ip_is_linklocal(&source))
            route->local.scope = route->ifindex;
    }
}

static int by_rank(const void *left, const void *right)
{
    const found_route *a = left, *b = right;
    if (a->route.local.family != b->route.local.family)
        return a->route.local.family < b->route.local.family ? -1 : 1;
    if (a->table_rank != b->table_rank)
        return a->table_rank < b->table_rank ? -1 : 1;
    if (a->route.metric != b->route.metric)
        return a->route.metric < b->route.metric ? -1 : 1;
    if (a->preference != b->preference)
        return a->preference < b->preference ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool dump_all(nl_socket *nl, route_list *routes)
{
    static const unsigned char families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < sizeof families; i++) {
        size_t before = routes->count;
        dump_result result = DUMP_AGAIN;
        for (int tries = 0; result == DUMP_AGAIN && tries < DUMP_TRIES; tries++) {
            routes->count = before;
            result = dump_family(nl, families[i], routes);
        }
        /* A table that never stands still: what was read last is as good as any. A host without
         * IPv6 refuses that family. */
        if (result == DUMP_FAILED && families[i] == AF_INET)
            return false;
    }
    return !routes->failed;
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
    nl_socket nl;
    int result = -1;
    if (nl_open(&nl) && dump_all(&nl, &routes)) {
        if (routes.count > 1)
            qsort(routes.list, routes.count, sizeof *routes.list, by_rank);
        size_t count = routes.count < room ? routes.count : room;
        for (size_t i = 0; i < count; i++) {
            find_source(&nl, &routes.list[i].route);
            out[i] = routes.list[i].route;
        }
        result = (int)count;
    }
    nl_close(&nl);
    free(routes.list);
    return result;
}
