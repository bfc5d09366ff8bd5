/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A test program: functions without arguments, run by name, a count at the end.
 *
 *     static void adds_up(void) { CHECK_EQ(1 + 1, 2); }
 *     int main(void) { RUN(adds_up); return check_end(); }
 */
#ifndef PLUM_TEST_CHECK_H
#define PLUM_TEST_CHECK_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_THREAD__)
#define CHECK_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHECK_UNDER_TSAN 1
#endif
#endif
#ifndef CHECK_UNDER_TSAN
#define CHECK_UNDER_TSAN 0
#endif

/* CTest's "not run". */
#define CHECK_SKIPPED 77

/* One for the whole program; set from callbacks as well. What is linked to a test from support/
 * says CHECK_SUPPORT before it includes this. */
extern atomic_bool check_now_failed;
#ifndef CHECK_SUPPORT
atomic_bool check_now_failed;
static int check_passed, check_failed;
#endif

static inline void check_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    check_now_failed = true;
}

static inline void check_eq(const char *file, int line, const char *what, intmax_t got,
                            intmax_t want)
{
    if (got == want)
        return;
    fprintf(stderr, "%s:%d: %s: got %" PRIdMAX ", want %" PRIdMAX "\n", file, line, what, got,
            want);
    check_now_failed = true;
}

static inline void check_str(const char *file, int line, const char *what, const char *got,
                             const char *want)
{
    if (strcmp(got, want) == 0)
        return;
    fprintf(stderr, "%s:%d: %s: got \"%s\", want \"%s\"\n", file, line, what, got, want);
    check_now_failed = true;
}

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            check_fail(__FILE__, __LINE__, #cond);                                                 \
    } while (0)
#define CHECK_EQ(got, want)  check_eq(__FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(want))
#define CHECK_STR(got, want) check_str(__FILE__, __LINE__, #got, (got), (want))
/* For what the rest of the test cannot do without. */
#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            check_fail(__FILE__, __LINE__, #cond);                                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#ifndef CHECK_SUPPORT
static inline void check_run(const char *name, void (*test)(void))
{
    const time_t begun = time(NULL);
    check_now_failed = false;
    test();
    const long took = (long)(time(NULL) - begun);
    if (took > 2)
        printf("slow: %s took %ld s\n", name, took);
    if (check_now_failed) {
        check_failed++;
        printf("FAILED %s\n", name);
    } else {
        check_passed++;
    }
    fflush(stdout);
}

#define RUN(test) check_run(#test, test)

static inline int check_end(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed == 0 && check_passed > 0 ? 0 : 1;
}

#endif

#endif
