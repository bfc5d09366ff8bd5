/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between the interface's addresses and the core's. */
#ifndef PLUM_API_CONVERT_H
#define PLUM_API_CONVERT_H

#include "base/addr.h"
#include "client.h"

plum_address_t plum_address_from(const plum_addr *addr);
plum_address_t plum_address_from_ip(const plum_ip *ip);
/* False: a family that is none. */
bool plum_address_to(const plum_address_t *address, plum_addr *out);

#endif
