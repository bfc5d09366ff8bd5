/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Jitter: a small generator seeded once from the system's randomness. Nonces do not come from here.
 */
#ifndef PLUM_BASE_RNG_H
#define PLUM_BASE_RNG_H

#include <stdint.h>

typedef struct {
    uint64_t state;
} plum_rng;

static inline uint64_t plum_rng_next(plum_rng *r)
{
    /* SplitMix64: any seed will do, the period is 2^64. */
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in 0..=max. */
static inline uint64_t plum_rng_upto(plum_rng *r, uint64_t max)
{
    return max == UINT64_MAX ? plum_rng_next(r) : plum_rng_next(r) % (max + 1);
}

#endif
