/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* plum.h is frozen: names, values and layout as libplum 0.6 has them. Only include/plum is on the
 * path. */
#include "plum.h"

#include "client.h"

#include "check.h"

#if defined(__LP64__)
_Static_assert(sizeof(plum_config_t) == 40, "plum_config_t");
_Static_assert(offsetof(plum_config_t, log_level) == 0, "log_level");
_Static_assert(offsetof(plum_config_t, log_callback) == 8, "log_callback");
_Static_assert(offsetof(plum_config_t, dummytls_domain) == 16, "dummytls_domain");
_Static_assert(offsetof(plum_config_t, discover_timeout) == 24, "discover_timeout");
_Static_assert(offsetof(plum_config_t, mapping_timeout) == 28, "mapping_timeout");
_Static_assert(offsetof(plum_config_t, recheck_period) == 32, "recheck_period");
_Static_assert(offsetof(plum_config_t, protocol) == 36, "protocol");
_Static_assert(sizeof(plum_mapping_t) == 280, "plum_mapping_t");
_Static_assert(offsetof(plum_mapping_t, user_ptr) == 272, "user_ptr");
#endif
_Static_assert(offsetof(plum_mapping_t, protocol) == 0, "protocol");
_Static_assert(offsetof(plum_mapping_t, mapping_protocol) == 4, "mapping_protocol");
_Static_assert(offsetof(plum_mapping_t, internal_port) == 8, "internal_port");
_Static_assert(offsetof(plum_mapping_t, external_port) == 10, "external_port");
_Static_assert(offsetof(plum_mapping_t, external_host) == 12, "external_host");
_Static_assert(sizeof(((plum_mapping_t *)0)->external_host) == 256, "external_host");

_Static_assert(PLUM_ERR_SUCCESS == 0 && PLUM_ERR_INVALID == -1 && PLUM_ERR_FAILED == -2 &&
                   PLUM_ERR_NOT_AVAIL == -3,
               "errors");
_Static_assert(PLUM_MAX_HOST_LEN == 256 && PLUM_MAX_ADDRESS_LEN == 64, "lengths");
_Static_assert(PLUM_LOG_LEVEL_VERBOSE == 0 && PLUM_LOG_LEVEL_DEBUG == 1 &&
                   PLUM_LOG_LEVEL_INFO == 2 && PLUM_LOG_LEVEL_WARN == 3 &&
                   PLUM_LOG_LEVEL_ERROR == 4 && PLUM_LOG_LEVEL_FATAL == 5 &&
                   PLUM_LOG_LEVEL_NONE == 6,
               "log levels");
_Static_assert(PLUM_IP_PROTOCOL_TCP == 0 && PLUM_IP_PROTOCOL_UDP == 1, "transports");
_Static_assert(PLUM_PROTOCOL_ANY == 0 && PLUM_PROTOCOL_PCP == 1 && PLUM_PROTOCOL_UPNP == 2,
               "protocols");
_Static_assert(PLUM_STATE_DESTROYED == 0 && PLUM_STATE_PENDING == 1 && PLUM_STATE_SUCCESS == 2 &&
                   PLUM_STATE_FAILURE == 3 && PLUM_STATE_DESTROYING == 4,
               "states");
_Static_assert(PLUM_MAPPING_PROTOCOL_UNKNOWN == 0 && PLUM_MAPPING_PROTOCOL_PCP == 1 &&
                   PLUM_MAPPING_PROTOCOL_NATPMP == 2 && PLUM_MAPPING_PROTOCOL_UPNP == 3 &&
                   PLUM_MAPPING_PROTOCOL_DIRECT == 4,
               "mapping protocols");
_Static_assert(PLUM_DUMMYTLS_PEM_CERT == 0 && PLUM_DUMMYTLS_PEM_CHAIN == 1 &&
                   PLUM_DUMMYTLS_PEM_FULLCHAIN == 2 && PLUM_DUMMYTLS_PEM_PRIVKEY == 3,
               "DummyTLS");
_Static_assert(sizeof(plum_log_level_t) == 4 && sizeof(plum_state_t) == 4, "enums are ints");
_Static_assert(sizeof(plum_address_t) == 24, "plum_address_t has no padding");

/* Each function with the type that programs written for 0.6 call it by. */
static void every_function_has_its_type(void)
{
    int (*init)(const plum_config_t *) = plum_init;
    int (*cleanup)(void) = plum_cleanup;
    int (*create)(const plum_mapping_t *, void (*)(int, plum_state_t, const plum_mapping_t *)) =
        plum_create_mapping;
    int (*query)(int, plum_state_t *, plum_mapping_t *) = plum_query_mapping;
    int (*destroy)(int) = plum_destroy_mapping;
    int (*local)(char *, size_t) = plum_get_local_address;
    int (*certificate)(plum_dummytls_cert_type_t, char *, size_t) = plum_get_dummytls_certificate;
    int (*host)(const char *, char *, size_t) = plum_get_dummytls_host;
    CHECK(init != NULL && create != NULL && query != NULL && destroy != NULL && local != NULL);
    CHECK_EQ(cleanup(), PLUM_ERR_FAILED);
    char buffer[8];
    CHECK_EQ(certificate(PLUM_DUMMYTLS_PEM_CERT, buffer, sizeof buffer), PLUM_ERR_NOT_AVAIL);
    CHECK_EQ(host("192.0.2.1", buffer, sizeof buffer), PLUM_ERR_NOT_AVAIL);
}

int main(void)
{
    RUN(every_function_has_its_type);
    return check_end();
}
