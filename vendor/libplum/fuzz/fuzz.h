/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the targets share. Each defines LLVMFuzzerTestOneInput(); libFuzzer or replay.c calls it. */
#ifndef PLUM_FUZZ_H
#define PLUM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define FUZZ_FAIL(what)                                                                            \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);                                  \
        abort();                                                                                   \
    } while (0)

/* The input as a source of numbers; zeros once it has run dry. */
typedef struct {
    const uint8_t *at;
    size_t left;
} fuzz_input;

static inline uint8_t fuzz_u8(fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline uint16_t fuzz_u16(fuzz_input *in)
{
    uint16_t high = fuzz_u8(in);
    return (uint16_t)(high << 8 | fuzz_u8(in));
}

static inline uint32_t fuzz_u32(fuzz_input *in)
{
    uint32_t high = fuzz_u16(in);
    return high << 16 | fuzz_u16(in);
}

/* Up to `want` bytes, in place. */
static inline const uint8_t *fuzz_bytes(fuzz_input *in, size_t want, size_t *got)
{
    const uint8_t *p = in->at;
    *got = want < in->left ? want : in->left;
    if (*got > 0)
        in->at += *got;
    in->left -= *got;
    return p;
}

/* A heap block of exactly this size, so that a read too far is seen; free() it. */
static inline uint8_t *fuzz_exact(const uint8_t *bytes, size_t size)
{
    uint8_t *p = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(p != NULL);
    if (size > 0)
        memcpy(p, bytes, size);
    return p;
}

static inline bool fuzz_is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

#endif
