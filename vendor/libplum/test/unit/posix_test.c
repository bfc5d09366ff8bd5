/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What only systems with signals and fork() have. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "platform/platform.h"

static void look(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
}

static void a_thread_hears_no_signal(void)
{
    plum_thread thread;
    sigset_t before, blocked, after;
    sigemptyset(&blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    REQUIRE(plum_thread_start(&thread, look, &blocked) == 0);
    plum_thread_join(&thread);
    CHECK(sigismember(&blocked, SIGTERM) == 1);
    CHECK(sigismember(&blocked, SIGINT) == 1);
    CHECK(sigismember(&blocked, SIGALRM) == 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    CHECK_EQ(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
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

int main(void)
{
    REQUIRE(plum_platform_start() == 0);
    RUN(a_thread_hears_no_signal);
    RUN(a_child_is_another_generation);
    return check_end();
}
