/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opens a TCP port on the router and keeps it open until Enter is pressed.
 *     map_port [PORT]
 */
#include <plum/plum.h>

#include <stdio.h>
#include <stdlib.h>

static void on_change(int id, plum_state_t state, const plum_mapping_t *m)
{
    switch (state) {
    case PLUM_STATE_SUCCESS:
        printf("%d: port %u is open at %s port %u\n", id, (unsigned)m->internal_port,
               m->external_host, (unsigned)m->external_port);
        break;
    case PLUM_STATE_FAILURE:
        printf("%d: not mapped; still trying\n", id);
        break;
    case PLUM_STATE_DESTROYED:
        printf("%d: closed\n", id);
        break;
    default:
        break;
    }
}

int main(int argc, char **argv)
{
    long port = argc > 1 ? strtol(argv[1], NULL, 10) : 8080;
    if (port < 1 || port > 65535) {
        fprintf(stderr, "usage: map_port [PORT]\n");
        return 2;
    }
    plum_config_t config = {.log_level = PLUM_LOG_LEVEL_WARN};
    if (plum_init(&config) != PLUM_ERR_SUCCESS)
        return 1;
    plum_mapping_t mapping = {.protocol = PLUM_IP_PROTOCOL_TCP, .internal_port = (uint16_t)port};
    mapping.external_port = mapping.internal_port;
    int result = plum_create_mapping(&mapping, on_change);
    if (result >= 0) {
        puts("Press Enter to close the port.");
        getchar();
    }
    plum_cleanup();
    return result >= 0 ? 0 : 1;
}
