/* Forks in a row while a peer writes into other parts of the shared memory and the
 * parent changes its own right after each fork. Every child finds what its parent
 * had at the fork, writes over all of it, and nobody else ever sees that.
 *
 * usage: storm rounds main|thread|coroutine|signal|raw */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <ucontext.h>

extern char **environ;
pid_t _Fork(void);

enum { MINE = 3 << 20, THEIRS = 1 << 20, FAR = 1 << 30, STACK = 256 << 10, OPEN = 3 };
/* Words at the start of the peer's part: its round, and whether it is to stop. */
enum { TURN, STOP, HEAD = 64 };

static char *mine, *far_off, *guard, *theirs;
static volatile uint64_t *head;
static int rounds;
static pid_t (*how)(void) = fork;
static pid_t forked_in_handler;

/* The peer: another process that maps the file, and writes and checks its part. */
static int peer(int fd, off_t at, pid_t parent)
{
    die_with(parent);
    char *map = mmap(NULL, THEIRS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
    CHECK(map != MAP_FAILED, "mmap of the peer");
    volatile uint64_t *words = (volatile uint64_t *)map;
    uint64_t round = 0;
    put(map + HEAD, THEIRS - HEAD, round);
    while (!words[STOP]) {
        CHECK(holds(map + HEAD, THEIRS - HEAD, round), "the peer's own memory, round %d", (int)round);
        put(map + HEAD, THEIRS - HEAD, ++round);
        words[TURN] = round;
    }
    return 0;
}

static void child(uint64_t round)
{
    CHECK(shared_forked(), "a child is told apart");
    CHECK(holds(mine, MINE, round), "a child's copy, round %d", (int)round);
    CHECK(holds(far_off, PAGE, round), "a child's copy behind a hole, round %d", (int)round);
    CHECK(zero(mine + MINE, PAGE), "a hole reads as zero");
    CHECK(write(2, guard, 1) < 0 && errno == EFAULT, "a guard page is still one");
    /* Whatever the peer had: it stays as it is now. */
    static char before[THEIRS];
    memcpy(before, theirs, THEIRS);
    for (int i = 0; i < 3; i++)
        sched_yield();
    CHECK(!memcmp(before, theirs, THEIRS), "the peer's part changed in a child");
    CHECK(file_mappings() == 0, "a child still maps the file");
    CHECK(fcntl(shared_fd(), F_GETFD) < 0, "a child still has the file open");
    CHECK(!mprotect(guard, PAGE, PROT_READ | PROT_WRITE), "mprotect");
    CHECK(holds(guard, PAGE, 77), "what lies in the guard page");
    memset(mine, 0xee, MINE + (64 << 10));
    memset(far_off, 0xee, PAGE);
    memset(guard, 0xee, PAGE);
    memset(theirs, 0xee, THEIRS);
    CHECK(!madvise(mine, PAGE, MADV_DONTNEED) && zero(mine, PAGE), "MADV_DONTNEED in a child");
    _exit(0);
}

static void handler(int signal)
{
    (void)signal;
    forked_in_handler = how();
}

static pid_t fork_in_handler(void)
{
    CHECK(!raise(SIGUSR1), "raise");
    return forked_in_handler;
}

static void *storm(void *by)
{
    pid_t (*fork_by)(void) = by ? fork_in_handler : how;
    pid_t open[OPEN] = {0};
    for (int i = 1; i <= rounds; i++) {
        int slot = i % OPEN;
        if (open[slot])
            CHECK(end_of(open[slot]) == 0, "a child of round %d", i - OPEN);
        put(mine, MINE, i);
        put(far_off, PAGE, i);
        pid_t pid = fork_by();
        CHECK(pid >= 0, "fork of round %d", i);
        if (pid == 0)
            child(i);
        put(mine, MINE, i + 1);
        put(far_off, PAGE, i + 1);
        open[slot] = pid;
        CHECK(holds(mine, MINE, i + 1), "the parent's memory, round %d", i);
        CHECK(holds(far_off, PAGE, i + 1), "the parent's memory, round %d", i);
    }
    for (int i = 0; i < OPEN; i++)
        if (open[i])
            CHECK(end_of(open[i]) == 0, "one of the last children");
    CHECK(holds(mine, MINE, rounds + 1), "the parent's memory at the end");
    return NULL;
}

static ucontext_t outside, inside;

static void coroutine(void)
{
    char local = 0;
    CHECK(&local > shared_base() && &local < shared_base() + shared_len(), "on a shared stack");
    storm(NULL);
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "peer"))
        return peer(atoi(argv[2]), atoll(argv[3]), atoi(argv[4]));
    CHECK(argc == 3, "usage");
    rounds = atoi(argv[1]);
    char *base = shared_base();
    mine = base;
    theirs = base + (64 << 20);
    guard = base + (96 << 20);
    far_off = base + FAR;
    head = (volatile uint64_t *)theirs;
    put(guard, PAGE, 77);
    CHECK(!mprotect(guard, PAGE, PROT_NONE), "mprotect");

    char fd[16], at[32], self[16];
    int handed_on = dup(shared_fd()); /* without close-on-exec */
    snprintf(fd, sizeof fd, "%d", handed_on);
    snprintf(at, sizeof at, "%lld", (long long)(theirs - base));
    snprintf(self, sizeof self, "%d", (int)getpid());
    char *arguments[] = {argv[0], "peer", fd, at, self, NULL};
    pid_t other;
    CHECK(!posix_spawn(&other, "/proc/self/exe", NULL, NULL, arguments, environ), "posix_spawn");
    close(handed_on);
    while (head[TURN] < 2) {
        int status;
        CHECK(waitpid(other, &status, WNOHANG) == 0, "the peer ended, status %x", status);
        sched_yield();
    }
    int open = descriptors();

    if (!strcmp(argv[2], "main")) {
        storm(NULL);
    } else if (!strcmp(argv[2], "raw")) {
        how = _Fork;
        storm(NULL);
    } else if (!strcmp(argv[2], "thread")) {
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, storm, NULL), "pthread_create");
        CHECK(!pthread_join(thread, NULL), "pthread_join");
        CHECK(shared_calls(0) == (size_t)rounds, "%zu calls of prepare", shared_calls(0));
        CHECK(shared_calls(1) == (size_t)rounds, "%zu calls of parent", shared_calls(1));
    } else if (!strcmp(argv[2], "coroutine")) {
        CHECK(!getcontext(&inside), "getcontext");
        inside.uc_stack.ss_sp = base + (32 << 20);
        inside.uc_stack.ss_size = STACK;
        inside.uc_link = &outside;
        makecontext(&inside, coroutine, 0);
        CHECK(!swapcontext(&outside, &inside), "swapcontext");
    } else if (!strcmp(argv[2], "signal")) {
        stack_t stack = {.ss_sp = base + (32 << 20), .ss_size = STACK};
        struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
        CHECK(!sigaltstack(&stack, NULL), "sigaltstack");
        CHECK(!sigaction(SIGUSR1, &action, NULL), "sigaction");
        storm((void *)1);
    } else {
        CHECK(0, "usage: storm rounds main|thread|coroutine|signal|raw");
    }

    uint64_t turns = head[TURN];
    while (head[TURN] == turns)
        sched_yield(); /* the peer still goes on, and its check holds */
    head[STOP] = 1;
    CHECK(end_of(other) == 0, "the peer");
    CHECK(descriptors() == open, "%d descriptors, before %d", descriptors(), open);
    CHECK(shared_calls(2) == 0 && shared_calls(3) == 0, "a child's hooks in the parent");
    CHECK(file_mappings() > 0 && !shared_forked(), "the parent's memory is still shared");
    uint64_t used = file_bytes(shared_fd());
    CHECK(used < MINE + THEIRS + STACK + (1 << 20), "%d bytes of the file", (int)used);
    puts("ok");
    return 0;
}
