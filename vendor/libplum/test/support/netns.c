/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "netns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_SUPPORT
#include "check.h"

static void give_up(const char *why)
{
    const char *ci = getenv("CI");
    bool fail = ci != NULL && strcmp(ci, "true") == 0;
    printf("%s: no network namespace may be made here (%s)\n", fail ? "FAILED" : "skipped", why);
    exit(fail ? 1 : CHECK_SKIPPED);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = (ssize_t)strlen(text);
    bool done = write(fd, text, (size_t)size) == size;
    close(fd);
    return done;
}

static bool enter_as_user(void)
{
    /* The only user that the namespace knows is its root, which is whoever runs the test. */
    char map[32] = "0 ";
    unsigned uid = (unsigned)getuid();
    char digits[16];
    size_t n = 0, at = 2;
    do
        digits[n++] = (char)('0' + uid % 10);
    while ((uid /= 10) != 0);
    while (n > 0)
        map[at++] = digits[--n];
    memcpy(map + at, " 1", 3);
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_file("/proc/self/uid_map", map);
}

static int run_ip(const char *words)
{
    char copy[256];
    char *argv[32] = {NULL};
    size_t size = strlen(words);
    if (size >= sizeof copy)
        return -1;
    memcpy(copy, words, size + 1);
    size_t argc = 0;
    static char name[] = "ip";
    argv[argc++] = name;
    for (char *p = copy; *p != '\0' && argc < 31;) {
        argv[argc++] = p;
        while (*p != '\0' && *p != ' ')
            p++;
        while (*p == ' ')
            *p++ = '\0';
    }
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        execvp("ip", argv);
        _exit(127);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void netns_ip(const char *words)
{
    if (run_ip(words) != 0) {
        fprintf(stderr, "ip %s: failed\n", words);
        exit(1);
    }
}

void netns_wait_running(const char *interface)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, interface, strnlen(interface, IFNAMSIZ - 1));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const time_t end = time(NULL) + 6;
    while (time(NULL) < end) {
        if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 &&
            (request.ifr_flags & IFF_RUNNING) != 0) {
            close(fd);
            return;
        }
        sched_yield();
    }
    fprintf(stderr, "%s does not run\n", interface);
    exit(1);
}

void netns_enter(void)
{
    /* Root needs no user namespace; and with more than one thread (a sanitizer's) none can be had.
     */
    if (unshare(CLONE_NEWNET) != 0 && !enter_as_user())
        give_up("unshare");
    int result = run_ip("link set lo up");
    if (result != 0)
        give_up(result == 127 ? "the program ip is not installed" : "ip link set lo up");
}

void netns_with_router(void)
{
    netns_ip("addr add " NETNS_ROUTER "/24 dev lo");
    netns_ip("route add default via " NETNS_ROUTER " dev lo");
}
