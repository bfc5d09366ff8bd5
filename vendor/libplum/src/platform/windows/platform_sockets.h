/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The system's headers of sockets, for shared/ and the files here. */
#ifndef PLUM_PLATFORM_SOCKETS_H
#define PLUM_PLATFORM_SOCKETS_H

/* In this order: windows.h alone would bring the sockets of 1993. */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>

#include <iphlpapi.h>

#undef interface /* COM's word for struct */

typedef int plum_buffer_size; /* as send() and recv() take it */

#endif
