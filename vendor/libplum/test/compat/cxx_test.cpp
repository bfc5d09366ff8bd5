// SPDX-License-Identifier: MIT OR Apache-2.0
// The headers serve C++ as they are, against the shared library.
#include <plum/client.h>
#include <plum/plum.h>

int main()
{
    plum_config_t config = {};
    config.log_level = PLUM_LOG_LEVEL_NONE;
    if (plum_init(nullptr) != PLUM_ERR_INVALID || plum_cleanup() != PLUM_ERR_FAILED)
        return 1;
    plum_client_options_t options;
    plum_client_options_default(&options, sizeof options);
    return options.size == sizeof options && config.recheck_period == 0 ? 0 : 1;
}
