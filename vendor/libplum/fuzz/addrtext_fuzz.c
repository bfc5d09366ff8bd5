/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text to address and back: what is read is what the C library reads, and what is written reads as
 * the same address. */
#include "fuzz.h"

#include "base/addr.h"

#ifdef __GLIBC__
#include <arpa/inet.h>
#include <sys/socket.h>
#endif

static void text_comes_back(const plum_ip *ip)
{
    char text[PLUM_ADDR_TEXT], again[PLUM_ADDR_TEXT], with_port[PLUM_ADDR_TEXT];
    plum_ip read;
    size_t size = plum_ip_text(ip, text);
    FUZZ_CHECK(size > 0 && size < PLUM_ADDR_TEXT && strlen(text) == size);
    FUZZ_CHECK(strspn(text, "0123456789abcdef.:%") == size);
    FUZZ_CHECK(plum_ip_parse(text, &read) && plum_ip_equal(&read, ip));
    FUZZ_CHECK(plum_ip_text(&read, again) == size && strcmp(text, again) == 0);

    plum_addr addr = {*ip, 65535};
    size_t longer = plum_addr_text(&addr, with_port);
    FUZZ_CHECK(longer < PLUM_ADDR_TEXT && strlen(with_port) == longer);
    FUZZ_CHECK(longer == size + (ip->family == 6 ? 8 : 6));
#ifdef __GLIBC__
    uint8_t theirs[16];
    int family = ip->family == 6 ? AF_INET6 : AF_INET;
    char *scope = strchr(text, '%');
    if (scope)
        *scope = 0;
    FUZZ_CHECK(inet_pton(family, text, theirs) == 1);
    FUZZ_CHECK(memcmp(theirs, ip->bytes, ip->family == 6 ? 16 : 4) == 0);
#endif
}

static void any_text(const uint8_t *bytes, size_t size)
{
    plum_ip ip;
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = 0;
    bool is_address = plum_ip_parse(text, &ip);
    FUZZ_CHECK(is_address == (ip.family != 0));
#ifdef __GLIBC__
    uint8_t theirs[16];
    if (!strchr(text, '%')) /* the C library leaves scopes to others */
        FUZZ_CHECK(is_address == (inet_pton(AF_INET, text, theirs) == 1 ||
                                  inet_pton(AF_INET6, text, theirs) == 1));
#endif
    if (is_address) {
        if (ip.scope && !plum_ip_is_linklocal(&ip))
            ip.scope = 0; /* it means nothing there, and is not written */
        text_comes_back(&ip);
    }
    free(text);
}

static void any_address(fuzz_input in)
{
    uint8_t wire[16] = {0}, back[16];
    for (size_t i = 0; i < sizeof wire; i++)
        wire[i] = fuzz_u8(&in);
    plum_ip ip = plum_ip_from_wire(wire);
    plum_ip_to_wire(&ip, back);
    FUZZ_CHECK(memcmp(wire, back, sizeof wire) == 0);
    if (plum_ip_is_linklocal(&ip) && ip.family == 6)
        ip.scope = fuzz_u32(&in);
    FUZZ_CHECK(!plum_ip_is_public(&ip) || (!plum_ip_is_any(&ip) && !plum_ip_is_linklocal(&ip)));
    text_comes_back(&ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_input in = {bytes, size};
    any_text(bytes, size);
    any_address(in);
    return 0;
}
