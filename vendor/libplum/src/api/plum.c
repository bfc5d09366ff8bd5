/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The 0.6 interface: a shell over one default client. */
#include <stdio.h>
#include <string.h>

#include "api/client_internal.h"
#include "api/convert.h"
#include "api/options.h"
#include "text/writer.h"

/* One word says where the default client stands and whose it is: the process generation above, a
 * stage in the low bits. A child reads it and touches nothing else, not even the mutex, which its
 * parent may have held at the fork. */
enum { NONE, STARTING, LIVE, CLOSING, STAGE_BITS = 2 };
static atomic_uint_fast64_t word;

static plum_mutex lock; /* guards default_client; a leaf */
static uint64_t lock_generation;
static plum_client_t *default_client;

static uint64_t at(uint64_t generation, uint64_t stage)
{
    return generation << STAGE_BITS | stage;
}

/* A reference to the default client; NULL: there is none in this process. */
static plum_client_t *acquire(void)
{
    uint64_t seen = atomic_load(&word);
    uint64_t generation = plum_platform_fork_generation();
    if (seen != at(generation, LIVE) && seen != at(generation, CLOSING))
        return NULL;
    plum_mutex_lock(&lock);
    plum_client_t *client = default_client;
    if (client != NULL)
        plum_client_ref(client);
    plum_mutex_unlock(&lock);
    return client;
}

static void set_default(plum_client_t *client)
{
    plum_mutex_lock(&lock);
    default_client = client;
    plum_mutex_unlock(&lock);
}

static void log_to_stdout(void *ctx, plum_log_level_t level, const char *message)
{
    (void)ctx;
    static const char *const names[] = {"VERBOSE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    char line[1024];
    plum_writer w;
    plum_writer_init(&w, line, sizeof line);
    plum_writer_text(&w, "plum ");
    if ((int)level >= 0 && (size_t)level < sizeof names / sizeof names[0])
        plum_writer_text(&w, names[level]);
    plum_writer_text(&w, ": ");
    plum_writer_text(&w, message);
    plum_writer_end(&w);
    puts(line); /* one call, so that lines of two threads do not mix */
    fflush(stdout);
}

/* The program's own callback has no ctx, and a function pointer may not travel as void *. */
static plum_log_callback_t shell_log;

static void log_to_program(void *ctx, plum_log_level_t level, const char *message)
{
    (void)ctx;
    shell_log(level, message);
}

static int or_default(int value, int otherwise)
{
    return value == 0 ? otherwise : value;
}

static int read_config(const plum_config_t *config, plum_client_options_t *out)
{
    if (config == NULL || config->discover_timeout < 0 || config->mapping_timeout < 0 ||
        config->recheck_period < 0 || (int)config->log_level < PLUM_LOG_LEVEL_VERBOSE ||
        (int)config->log_level > PLUM_LOG_LEVEL_NONE)
        return PLUM_ERR_INVALID;
    plum_client_options_default(out, sizeof *out);
    switch ((int)config->protocol) {
    case PLUM_PROTOCOL_ANY:
        out->protocols = PLUM_PROTOCOLS_ALL;
        break;
    case PLUM_PROTOCOL_PCP:
        out->protocols = PLUM_PROTOCOLS_PCP | PLUM_PROTOCOLS_NATPMP;
        break;
    case PLUM_PROTOCOL_UPNP:
        out->protocols = PLUM_PROTOCOLS_UPNP;
        break;
    default:
        return PLUM_ERR_INVALID;
    }
    out->log_level = config->log_level;
    out->log_callback = config->log_callback != NULL ? log_to_program : log_to_stdout;
    out->discover_timeout_ms = or_default(config->discover_timeout, out->discover_timeout_ms);
    out->mapping_timeout_ms = or_default(config->mapping_timeout, out->mapping_timeout_ms);
    out->recheck_period_ms = or_default(config->recheck_period, out->recheck_period_ms);
    return PLUM_ERR_SUCCESS;
}

int plum_init(const plum_config_t *config)
{
    plum_client_options_t options;
    int result = read_config(config, &options);
    if (result != PLUM_ERR_SUCCESS)
        return result;
    if (plum_platform_start() != 0)
        return PLUM_ERR_FAILED;
    uint64_t generation = plum_platform_fork_generation();
    uint_fast64_t nothing = 0;
    if (!atomic_compare_exchange_strong(&word, &nothing, at(generation, STARTING)))
        return PLUM_ERR_FAILED; /* initialised already, or in the parent */

    /* From here on this is the only thread that starts. */
    if (lock_generation != generation) {
        if (plum_mutex_init(&lock) != 0) {
            atomic_store(&word, 0);
            return PLUM_ERR_FAILED;
        }
        lock_generation = generation;
    }
    shell_log = config->log_callback;
    plum_client_t *client = NULL;
    if (plum_client_new(&options, &client) != PLUM_ERR_SUCCESS) {
        atomic_store(&word, 0);
        return PLUM_ERR_FAILED;
    }
    set_default(client);
    atomic_store(&word, at(generation, LIVE));
    return PLUM_ERR_SUCCESS;
}

int plum_cleanup(void)
{
    plum_client_t *client = acquire();
    if (client == NULL)
        return PLUM_ERR_FAILED;
    uint64_t generation = plum_platform_fork_generation();
    uint_fast64_t live = at(generation, LIVE);
    if (plum_thread_is_current(&client->thread) ||
        !atomic_compare_exchange_strong(&word, &live, at(generation, CLOSING))) {
        plum_client_unref(client);
        return PLUM_ERR_FAILED;
    }
    plum_client_close(client, NULL, NULL);
    plum_client_join(client, -1);
    set_default(NULL);
    plum_client_free(client); /* joined: only lets the handle go */
    plum_client_unref(client);
    atomic_store(&word, 0);
    return PLUM_ERR_SUCCESS;
}

static int read_mapping(const plum_mapping_t *mapping, plum_map_options_t *out)
{
    if (mapping == NULL)
        return PLUM_ERR_INVALID;
    plum_map_options_default(out, sizeof *out);
    out->transport = mapping->protocol;
    out->internal_port = mapping->internal_port;
    out->user_ptr = mapping->user_ptr;
    plum_addr hint;
    memset(&hint, 0, sizeof hint);
    const char *host = mapping->external_host;
    if (host[0] != '\0' &&
        (memchr(host, '\0', PLUM_MAX_HOST_LEN) == NULL || !plum_ip_parse(host, &hint.ip)))
        return PLUM_ERR_INVALID;
    out->suggested = plum_address_from(&hint);
    out->suggested.port = mapping->external_port;
    return PLUM_ERR_SUCCESS;
}

int plum_create_mapping(const plum_mapping_t *mapping, plum_mapping_callback_t callback)
{
    plum_map_options_t options;
    plum_create checked;
    if (read_mapping(mapping, &options) != PLUM_ERR_SUCCESS ||
        plum_map_options_read(&options, &checked) != PLUM_ERR_SUCCESS)
        return PLUM_ERR_INVALID;
    plum_client_t *client = acquire();
    if (client == NULL)
        return PLUM_ERR_FAILED;
    int id = plum_client_map_for_shell(client, &options, callback);
    plum_client_unref(client);
    return id;
}

int plum_query_mapping(int id, plum_state_t *state, plum_mapping_t *mapping)
{
    plum_client_t *client = acquire();
    if (client == NULL)
        return PLUM_ERR_FAILED;
    plum_mapping_info_t info;
    int result = plum_client_query(client, id, &info, sizeof info);
    plum_client_unref(client);
    if (result != PLUM_ERR_SUCCESS)
        return result;
    if (state != NULL)
        *state = info.state;
    if (mapping != NULL)
        *mapping = plum_mapping_from_info(&info);
    return PLUM_ERR_SUCCESS;
}

int plum_destroy_mapping(int id)
{
    plum_client_t *client = acquire();
    if (client == NULL)
        return PLUM_ERR_FAILED;
    int result = plum_client_unmap(client, id);
    plum_client_unref(client);
    return result;
}

int plum_get_local_address(char *buffer, size_t size)
{
    if (buffer == NULL && size > 0)
        return PLUM_ERR_INVALID;
    plum_address_t address;
    plum_addr binary;
    int result = plum_client_local_address(0, &address);
    if (result != PLUM_ERR_SUCCESS)
        return result;
    char text[PLUM_ADDR_TEXT];
    if (!plum_address_to(&address, &binary))
        return PLUM_ERR_NOT_AVAIL;
    size_t length = plum_ip_text(&binary.ip, text);
    if (size > 0) {
        size_t fits = length < size ? length : size - 1;
        memcpy(buffer, text, fits);
        buffer[fits] = '\0';
    }
    return (int)length;
}

int plum_get_dummytls_certificate(plum_dummytls_cert_type_t type, char *buffer, size_t size)
{
    (void)type;
    (void)buffer;
    (void)size;
    return PLUM_ERR_NOT_AVAIL;
}

int plum_get_dummytls_host(const char *address, char *buffer, size_t size)
{
    (void)address;
    (void)buffer;
    (void)size;
    return PLUM_ERR_NOT_AVAIL;
}
