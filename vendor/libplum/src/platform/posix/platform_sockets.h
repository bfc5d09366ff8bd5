/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The system's headers of sockets, for shared/. */
#ifndef PLUM_PLATFORM_SOCKETS_H
#define PLUM_PLATFORM_SOCKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

typedef size_t plum_buffer_size; /* as send() and recv() take it */

#endif
