/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is told to the engine of the networks: read from the routes, given by the program, or the
 * one in place of the other. */
#ifndef PLUM_IO_NETWORKS_H
#define PLUM_IO_NETWORKS_H

#include "engine/engine.h"
#include "platform/platform.h"

#define PLUM_NETWORKS_MAX 64

typedef struct {
    plum_ip gateway;       /* family 0: the default routes' */
    uint16_t gateway_port; /* 5351 */
    const char *interface; /* NULL: any; lives as long as the loop */
} plum_networks_config;

typedef struct {
    uint32_t ifindex;
    uint8_t family;
    uint32_t ordinal; /* the how many-th of this interface and family */
} plum_network_key;

typedef struct {
    plum_networks_config config;
    plum_network_key *known; /* the number of a network is its place here + 1 */
    size_t known_count, known_room;
    plum_network_info list[PLUM_NETWORKS_MAX];
    size_t count;
    bool told; /* the engine knows `list` */
} plum_networks;

void plum_networks_init(plum_networks *n, const plum_networks_config *config);
void plum_networks_free(plum_networks *n);

/* Reads routes and addresses. True: something changed since the engine was told. A read that fails
 * changes nothing. */
bool plum_networks_read(plum_networks *n);

/* Takes the program's own list (network numbers are filled in here); true as above. */
bool plum_networks_feed(plum_networks *n, const plum_network_info *list, size_t count);

/* Does any of them have a gateway? */
bool plum_networks_have_gateway(const plum_networks *n);

#endif
