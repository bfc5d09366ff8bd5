/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Size-first structs become the newest form once, here, with every check there is. */
#ifndef PLUM_API_OPTIONS_H
#define PLUM_API_OPTIONS_H

#include "client.h"
#include "io/loop.h"

/* 0 or PLUM_ERR_INVALID. config->networks.interface still points into `options`. */
int plum_options_read(const plum_client_options_t *options, plum_loop_config *config);

/* 0 or PLUM_ERR_INVALID. create->description still points into `options`. */
int plum_map_options_read(const plum_map_options_t *options, plum_create *create);

/* 0 or PLUM_ERR_INVALID. */
int plum_networks_options_read(const plum_network_t *networks, size_t count,
                               plum_network_info *out);

#endif
