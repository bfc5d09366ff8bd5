/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "api/options.h"

#include <string.h>

#include "api/convert.h"

/* RFC 6887 section 19.2 */
enum { PCP_CLIENT_PORT = 5350, PCP_SERVER_PORT = 5351 };

/* The first version's sizes: what may never be cut from. A newer caller's longer struct is read as
 * far as it is known here. */
#define OPTIONS_LEAST     sizeof(plum_client_options_t)
#define MAP_OPTIONS_LEAST sizeof(plum_map_options_t)

static void give(void *out, size_t size, const void *defaults, size_t known)
{
    memset(out, 0, size);
    memcpy(out, defaults, size < known ? size : known);
}

void plum_client_options_default(plum_client_options_t *options, size_t size)
{
    if (options == NULL)
        return;
    plum_client_options_t o;
    memset(&o, 0, sizeof o);
    o.size = size;
    o.log_level = PLUM_LOG_LEVEL_INFO;
    o.protocols = PLUM_PROTOCOLS_ALL;
    o.lifetime_s = 7200; /* RFC 6886 section 3.3: two hours */
    o.discover_timeout_ms = 10000;
    o.mapping_timeout_ms = 10000;
    o.recheck_period_ms = 300000;
    o.shutdown_timeout_ms = 2000;
    o.restart_jitter_ms = 5000; /* RFC 6887 section 14.1.3 */
    o.gateway_port = PCP_SERVER_PORT;
    give(options, size, &o, sizeof o);
}

void plum_map_options_default(plum_map_options_t *options, size_t size)
{
    if (options == NULL)
        return;
    plum_map_options_t o;
    memset(&o, 0, sizeof o);
    o.size = size;
    give(options, size, &o, sizeof o);
}

static bool is_group(const plum_ip *ip)
{
    return ip->family == 6 ? ip->bytes[0] == 0xff : (ip->bytes[0] & 0xf0) == 0xe0;
}

static bool read_gateway(const char *text, plum_ip *out)
{
    return plum_ip_parse(text, out) && !plum_ip_is_any(out) && !is_group(out);
}

int plum_options_read(const plum_client_options_t *options, plum_loop_config *config)
{
    memset(config, 0, sizeof *config);
    if (options == NULL || options->size < OPTIONS_LEAST)
        return PLUM_ERR_INVALID;
    const plum_client_options_t *o = options;
    bool fed = (o->flags & PLUM_CLIENT_FEED_NETWORKS) != 0;
    if ((o->flags & ~PLUM_CLIENT_FEED_NETWORKS) != 0 || o->protocols == 0 ||
        (o->protocols & ~PLUM_PROTOCOLS_ALL) != 0 || o->lifetime_s == 0 ||
        (int)o->log_level < PLUM_LOG_LEVEL_VERBOSE || (int)o->log_level > PLUM_LOG_LEVEL_NONE ||
        o->discover_timeout_ms <= 0 || o->mapping_timeout_ms <= 0 || o->recheck_period_ms <= 0 ||
        o->shutdown_timeout_ms <= 0 || o->restart_jitter_ms < 0 || o->gateway_port == 0)
        return PLUM_ERR_INVALID;
    if (o->gateway != NULL && (fed || !read_gateway(o->gateway, &config->networks.gateway)))
        return PLUM_ERR_INVALID;
    if (o->interface_name != NULL && (fed || o->interface_name[0] == '\0'))
        return PLUM_ERR_INVALID;

    config->fed = fed;
    config->networks.gateway_port = o->gateway_port;
    config->networks.interface = o->interface_name;
    config->engine.allow = o->protocols;
    config->engine.lifetime = o->lifetime_s;
    config->engine.discover_timeout = (uint32_t)o->discover_timeout_ms;
    config->engine.mapping_timeout = (uint32_t)o->mapping_timeout_ms;
    config->engine.recheck_period = (uint32_t)o->recheck_period_ms;
    config->engine.shutdown_timeout = (uint32_t)o->shutdown_timeout_ms;
    config->engine.restart_jitter = (uint32_t)o->restart_jitter_ms;
    config->engine.log_level =
        o->log_callback != NULL ? (int)o->log_level : (int)PLUM_LOG_LEVEL_NONE;
    return PLUM_ERR_SUCCESS;
}

static bool is_plain_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            return false;
    return true;
}

static bool is_family(int family)
{
    return family == 0 || family == 4 || family == 6;
}

int plum_map_options_read(const plum_map_options_t *options, plum_create *create)
{
    memset(create, 0, sizeof *create);
    if (options == NULL || options->size < MAP_OPTIONS_LEAST)
        return PLUM_ERR_INVALID;
    const plum_map_options_t *o = options;
    plum_addr suggested;
    if (((int)o->transport != PLUM_IP_PROTOCOL_TCP && (int)o->transport != PLUM_IP_PROTOCOL_UDP) ||
        (o->flags & ~PLUM_MAP_PREFER_FAILURE) != 0 || o->internal_port == 0 || o->timeout_ms < 0 ||
        !is_family(o->family) || !plum_address_to(&o->suggested, &suggested))
        return PLUM_ERR_INVALID;
    if (o->transport == PLUM_IP_PROTOCOL_UDP &&
        (o->internal_port == PCP_CLIENT_PORT || o->internal_port == PCP_SERVER_PORT))
        return PLUM_ERR_INVALID; /* RFC 6887 section 11.3 */
    if (o->family != 0 && suggested.ip.family != 0 && suggested.ip.family != o->family)
        return PLUM_ERR_INVALID;
    if ((o->flags & PLUM_MAP_PREFER_FAILURE) != 0 && suggested.port == 0)
        return PLUM_ERR_INVALID;
    if (o->description != NULL && !is_plain_ascii(o->description))
        return PLUM_ERR_INVALID;

    if (plum_ip_is_any(&suggested.ip))
        suggested.ip = plum_ip_none(); /* a wildcard suggests nothing */
    create->transport = o->transport == PLUM_IP_PROTOCOL_UDP ? PLUM_UDP : PLUM_TCP;
    create->family = (uint8_t)o->family;
    create->internal_port = o->internal_port;
    create->suggested = suggested;
    create->lifetime = o->lifetime_s;
    create->timeout = (uint32_t)o->timeout_ms;
    create->flags = (o->flags & PLUM_MAP_PREFER_FAILURE) != 0 ? PLUM_CREATE_PREFER_FAILURE : 0u;
    create->description = o->description;
    return PLUM_ERR_SUCCESS;
}

static bool read_network(const plum_network_t *network, plum_network_info *out)
{
    plum_addr local;
    memset(out, 0, sizeof *out);
    if (!plum_address_to(&network->local, &local) ||
        !plum_address_to(&network->gateway, &out->gateway))
        return false;
    uint8_t family = local.ip.family, gateway_family = out->gateway.ip.family;
    if (family == 0 && gateway_family == 0)
        return false;
    if (family != 0 && gateway_family != 0 && family != gateway_family)
        return false;
    if (gateway_family != 0 && (plum_ip_is_any(&out->gateway.ip) || is_group(&out->gateway.ip)))
        return false;
    out->ifindex = network->ifindex;
    out->local = family != 0 ? local.ip : plum_ip_any(gateway_family);
    if (gateway_family == 0)
        out->gateway.port = 0;
    else if (out->gateway.port == 0)
        out->gateway.port = PCP_SERVER_PORT;
    return true;
}

int plum_networks_options_read(const plum_network_t *networks, size_t count, plum_network_info *out)
{
    if (count > PLUM_NETWORKS_MAX || (networks == NULL && count > 0))
        return PLUM_ERR_INVALID;
    for (size_t i = 0; i < count; i++)
        if (!read_network(&networks[i], &out[i]))
            return PLUM_ERR_INVALID;
    return PLUM_ERR_SUCCESS;
}
