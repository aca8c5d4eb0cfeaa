/* Runs one program and says what it cost.
 *
 *   measure FD CORES SECONDS COMMAND [ARGUMENT]...      CORES such as 0 or 0,1
 *
 * Writes one line to file descriptor FD: exit code (128 + signal when killed), user and system CPU in microseconds,
 * peak memory in KiB, instant before the start (CLOCK_REALTIME, ns) and the time it took in ns. A program that takes
 * longer than SECONDS is killed, and so it is when this one is asked to end (SIGTERM). Peak memory is why this is not a
 * script: the kernel counts the memory of a process before exec as the new program's, so it must be started from
 * something small. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static volatile pid_t child;

static void expire(int signal) {
    (void)signal;
    if (child > 0) kill(child, SIGKILL);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static long long microseconds(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: measure FD CORES SECONDS COMMAND [ARGUMENT]...\n");
        return 2;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    for (char *core = argv[2], *end = core; *end; core = end + 1) {
        CPU_SET(strtoul(core, &end, 10), &set);
    }
    if (sched_setaffinity(0, sizeof set, &set)) {
        perror("sched_setaffinity");
        return 2;
    }
    signal(SIGALRM, expire);
    signal(SIGTERM, expire);
    alarm((unsigned)atoi(argv[3]));
    uint64_t start = now();
    pid_t pid;
    if (posix_spawnp(&pid, argv[4], NULL, NULL, argv + 4, environ)) {
        perror(argv[4]);
        return 2;
    }
    child = pid;
    int status;
    struct rusage use;
    while (wait4(pid, &status, 0, &use) < 0) {}
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    dprintf(atoi(argv[1]), "%d %lld %lld %ld %llu %llu\n", code, microseconds(use.ru_utime), microseconds(use.ru_stime),
            use.ru_maxrss, (unsigned long long)start, (unsigned long long)(now() - start));
    return 0;
}
