/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "platform/platform.h"

typedef struct {
    plum_thread thread;
    bool is_current;
    sigset_t blocked;
} seen;

static void look(void *arg)
{
    seen *s = arg;
    s->is_current = plum_thread_is_current(&s->thread);
    pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
}

static void a_thread_knows_itself_and_hears_no_signal(void)
{
    seen s = {0};
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    REQUIRE(plum_thread_start(&s.thread, look, &s) == 0);
    CHECK(!plum_thread_is_current(&s.thread));
    plum_thread_join(&s.thread);
    CHECK(s.is_current);
    CHECK(sigismember(&s.blocked, SIGTERM) == 1);
    CHECK(sigismember(&s.blocked, SIGINT) == 1);
    CHECK(sigismember(&s.blocked, SIGALRM) == 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    CHECK_EQ(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static void a_wait_ends_by_its_time(void)
{
    plum_mutex m;
    plum_cond c;
    REQUIRE(plum_mutex_init(&m) == 0 && plum_cond_init(&c) == 0);
    plum_mutex_lock(&m);
    plum_time start = plum_platform_now();
    while (plum_cond_wait(&c, &m, 20))
        continue; /* spurious */
    CHECK(plum_platform_now() >= start + 19);
    plum_mutex_unlock(&m);
    plum_cond_free(&c);
    plum_mutex_free(&m);
}

static void a_child_is_another_generation(void)
{
    uint64_t here = plum_platform_fork_generation();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(plum_platform_fork_generation() != here ? 0 : 1);
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(plum_platform_fork_generation(), here);
}

static void random_bytes_differ(void)
{
    uint8_t a[32] = {0}, b[32] = {0};
    CHECK_EQ(plum_platform_random(a, sizeof a), 0);
    CHECK_EQ(plum_platform_random(b, sizeof b), 0);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

int main(void)
{
    REQUIRE(plum_platform_start() == 0);
    REQUIRE(plum_platform_start() == 0); /* safe to call again */
    RUN(a_thread_knows_itself_and_hears_no_signal);
    RUN(a_wait_ends_by_its_time);
    RUN(a_child_is_another_generation);
    RUN(random_bytes_differ);
    return check_end();
}
