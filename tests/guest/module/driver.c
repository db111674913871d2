// See driver.h. The program runs all tests, or those that its arguments name.
#include "driver.h"

#include <setjmp.h>

void fail(const char *file, int line, const char *what, long left, long right) {
    printf("%s:%d: not so: %s (%ld, %ld)\n", file, line, what, left, right);
    fflush(stdout);
    _exit(1);
}

int device_open(void) { return open("/dev/xpmem", O_RDWR | O_CLOEXEC); }

int device(void) {
    static int descriptor = -1;
    static pid_t opened_by;
    if (opened_by != getpid()) {
        descriptor = device_open();
        CHECK(descriptor >= 0);
        opened_by = getpid();
    }
    return descriptor;
}

long make(void *start, size_t size, int mode) {
    struct xpmem_make arg = {.vaddr = (uintptr_t)start,
                             .size = size,
                             .permit_type = XPMEM_PERMIT_MODE,
                             .permit_value = mode};
    return ioctl(device(), XPMEM_CMD_MAKE, &arg) ? -1 : arg.segid;
}

long make_all(void) { return make(NULL, ~0UL, 0600); }

long unmake(long segid) { return ioctl(device(), XPMEM_CMD_REMOVE, &segid); }

long get(long segid, int flags) {
    struct xpmem_get arg = {
        .segid = segid, .flags = flags, .permit_type = XPMEM_PERMIT_MODE};
    return ioctl(device(), XPMEM_CMD_GET, &arg) ? -1 : arg.apid;
}

long release(long apid) { return ioctl(device(), XPMEM_CMD_RELEASE, &apid); }

void *attach_at(long apid, long offset, size_t size, void *where) {
    struct xpmem_attach arg = {.apid = apid,
                               .offset = offset,
                               .size = size,
                               .vaddr = (uintptr_t)where};
    if (ioctl(device(), XPMEM_CMD_ATTACH, &arg))
        return MAP_FAILED;
    return (void *)arg.vaddr;
}

void *attach(long apid, long offset, size_t size) {
    return attach_at(apid, offset, size, NULL);
}

int detach(void *address) {
    uint64_t word = (uintptr_t)address;
    return ioctl(device(), XPMEM_CMD_DETACH, &word);
}

long stat_of(const char *name) {
    FILE *stats = fopen("/proc/xpmem/stats", "r");
    char line[64];
    long value;
    CHECK(stats);
    while (fscanf(stats, "%63s %ld", line, &value) == 2) {
        if (!strcmp(line, name)) {
            fclose(stats);
            return value;
        }
    }
    fail(__FILE__, __LINE__, name, 0, 0);
}

long alive(void) {
    return stat_of("processes") + stat_of("segments") + stat_of("permits") +
           stat_of("attachments");
}

static _Thread_local sigjmp_buf touching;
static _Thread_local volatile sig_atomic_t is_touching;

static void on_fault(int signal) {
    if (is_touching)
        siglongjmp(touching, signal);
    printf("signal %d where nothing was touched\n", signal);
    fflush(stdout);
    _exit(1);
}

static void catch_faults(void) {
    // The handler leaves by a jump: the signal must not stay blocked.
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

int peek(const volatile void *address, unsigned char *value) {
    int signal = sigsetjmp(touching, 0);
    if (!signal) {
        is_touching = 1;
        *value = *(const volatile unsigned char *)address;
    }
    is_touching = 0;
    return signal;
}

int poke(volatile void *address, unsigned char value) {
    int signal = sigsetjmp(touching, 0);
    if (!signal) {
        is_touching = 1;
        *(volatile unsigned char *)address = value;
    }
    is_touching = 0;
    return signal;
}

struct request {
    long (*call)(long);
    long argument;
};

struct peer peer_start(void) {
    int to[2], from[2];
    EQ(pipe(to), 0);
    EQ(pipe(from), 0);
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct request request;
        close(to[1]);
        close(from[0]);
        while (read(to[0], &request, sizeof request) == sizeof request) {
            long result = request.call(request.argument);
            CHECK(write(from[1], &result, sizeof result) == sizeof result);
        }
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    return (struct peer){pid, to[1], from[0]};
}

void tell(struct peer *peer, long (*call)(long), long argument) {
    struct request request = {call, argument};
    CHECK(write(peer->to, &request, sizeof request) == sizeof request);
}

long answer(struct peer *peer) {
    long result;
    CHECK(read(peer->from, &result, sizeof result) == sizeof result);
    return result;
}

long ask(struct peer *peer, long (*call)(long), long argument) {
    tell(peer, call, argument);
    return answer(peer);
}

void peer_kill(struct peer *peer, int signal) {
    int status;
    kill(peer->pid, signal);
    CHECK(waitpid(peer->pid, &status, 0) == peer->pid);
    close(peer->to);
    close(peer->from);
}

void peer_exit(struct peer *peer) {
    int status;
    close(peer->to);
    CHECK(waitpid(peer->pid, &status, 0) == peer->pid);
    EQ(status, 0);
    close(peer->from);
}

void *fresh(size_t size) {
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(start != MAP_FAILED);
    return start;
}

void *shared(size_t size) {
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(start != MAP_FAILED);
    return start;
}

void fill(void *start, size_t size, unsigned char value) {
    memset(start, value, size);
}

double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// One test in a process of its own, with all that it starts in one group.
static bool passes(const struct test *test) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        setpgid(0, 0);
        catch_faults();
        // A test that hangs is a failure, and not the end of all of them.
        alarm(HANGS_AFTER);
        test->run();
        fflush(stdout);
        _exit(0);
    }
    setpgid(pid, pid);
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status))
        printf("ended by signal %d%s\n", WTERMSIG(status),
               WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    kill(-pid, SIGKILL);
    // The last references go a moment after the processes.
    for (int tries = 0; alive() && tries < 50 * HANGS_AFTER; tries++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        usleep(20000);
    }
    if (alive()) {
        printf("%ld objects of the module are left\n", alive());
        return false;
    }
    return status == 0;
}

int main(int count, char **names) {
    const struct test *groups[] = {interface_tests, mapping_tests, recall_tests,
                                   storm_tests};
    int passed = 0, failed = 0;
    for (size_t group = 0; group < sizeof groups / sizeof *groups; group++) {
        for (const struct test *test = groups[group]; test->name; test++) {
            bool wanted = count < 2;
            for (int i = 1; i < count; i++)
                wanted |= !strcmp(names[i], test->name);
            if (!wanted)
                continue;
            double start = now();
            bool good = passes(test);
            printf("%s %s (%.1f s)\n", good ? "ok    " : "FAILED", test->name,
                   now() - start);
            passed += good;
            failed += !good;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
