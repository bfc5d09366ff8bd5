/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A network namespace of the test's own: nothing it does is seen outside. */
#ifndef PLUM_TEST_NETNS_H
#define PLUM_TEST_NETNS_H

/* Moves this process into a new namespace with lo up. Call it first in main(), before any thread.
 * Where that is not permitted it says so and ends the program: skipped, or failed with CI set. */
void netns_enter(void);

/* Runs `ip` with these words; ends the program when it fails. */
void netns_ip(const char *words);

/* Waits, bounded, until a link that was set up runs: the kernel's own worker has to see it first.
 */
void netns_wait_running(const char *interface);

/* 10.0.0.1/24 on lo, and the default route through that address: the host is its own router, as
 * in the smallest set-up that people test with. */
#define NETNS_ROUTER "10.0.0.1"
void netns_with_router(void);

#endif
