/* Every way to a child process, while a large message is under way to this rank
   and from it: the child has its own memory, and the message is right.
   usage: fork_family [ROUNDS] */
#include "places.h"
#include <errno.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>

enum { LEN = 700000, KEPT = 300000, STACK_LEN = 256 << 10 };

static unsigned char *out, *in, *heap, *map, bss[KEPT];
static struct known {
    unsigned char *at;
    uint64_t sum;
} kept[3];

/* In a child: its memory is the parent's as it was, and its own from now on. */
static void look_and_scribble(void)
{
    for (int i = 0; i < 3; i++)
        if (sum_of(kept[i].at, KEPT, 0) != kept[i].sum) {
            dprintf(2, "child of rank %d: memory %d is not the parent's\n", rank, i);
            _exit(1);
        }
    for (int i = 0; i < 3; i++)
        memset(kept[i].at, 0xdd, KEPT);
    memset(in, 0xdd, LEN);
    memset(out, 0xdd, LEN);
    free(malloc(100000));
}

static void ended_well(pid_t pid)
{
    int status = -1;
    pid_t got;
    CHECK(pid > 0, "no child: %s", strerror(errno));
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    CHECK(got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
}

static void fork_here(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        look_and_scribble();
        _exit(0);
    }
    ended_well(pid);
}

static void by_vfork(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    ended_well(pid);
}

static void by_raw_fork(void) /* without the handlers of pthread_atfork */
{
    pid_t pid = _Fork();
    if (pid == 0) {
        look_and_scribble();
        _exit(0);
    }
    ended_well(pid);
}

static void by_forkpty(void)
{
    int terminal;
    pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    if (pid == 0) {
        look_and_scribble();
        _exit(0);
    }
    ended_well(pid);
    close(terminal);
}

static void by_daemon(void) /* a child's child that outlives it */
{
    int ends[2];
    char word = 0;
    EQ(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        if (daemon(0, 1)) /* the parent of the daemon exits with 0 here */
            _exit(1);
        look_and_scribble();
        _exit(write(ends[1], "x", 1) != 1);
    }
    close(ends[1]);
    ended_well(pid);
    EQ(read(ends[0], &word, 1), 1);
    EQ(word, 'x');
    close(ends[0]);
}

static void grandchild(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pid_t again = fork();
        if (again == 0) {
            look_and_scribble();
            _exit(0);
        }
        int status = -1;
        waitpid(again, &status, 0);
        look_and_scribble();
        _exit(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    }
    ended_well(pid);
}

static void *thread(void *unused)
{
    fork_here();
    return unused;
}

static void from_thread(void)
{
    pthread_t id;
    EQ(pthread_create(&id, NULL, thread, NULL), 0);
    EQ(pthread_join(id, NULL), 0);
}

/* What the C library keeps of a thread lies on its stack too. If that is memory
   that peers share, a child cannot be separated from it by the thread itself: the
   fork may be refused, but never give a child that is not separate. */
static void *thread_on_heap(void *unused)
{
    pid_t pid = fork();
    if (pid == 0) {
        look_and_scribble();
        _exit(0);
    }
    if (pid > 0 || errno != EAGAIN)
        ended_well(pid);
    return unused;
}

static void from_thread_on_heap(void)
{
    pthread_attr_t attributes;
    pthread_t id;
    void *stack = NULL;
    EQ(posix_memalign(&stack, 4096, STACK_LEN), 0);
    EQ(pthread_attr_init(&attributes), 0);
    EQ(pthread_attr_setstack(&attributes, stack, STACK_LEN), 0);
    EQ(pthread_create(&id, &attributes, thread_on_heap, NULL), 0);
    EQ(pthread_join(id, NULL), 0);
    pthread_attr_destroy(&attributes);
    free(stack);
}

static void from_coroutine(void)
{
    static ucontext_t main_context, other;
    void *stack = malloc(STACK_LEN);
    EQ(getcontext(&other), 0);
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = STACK_LEN;
    other.uc_link = &main_context;
    makecontext(&other, fork_here, 0);
    EQ(swapcontext(&main_context, &other), 0);
    free(stack);
}

static void on_signal(int signal)
{
    (void)signal;
    pid_t pid = _Fork(); /* may be called in a handler, unlike fork */
    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            if (sum_of(kept[i].at, KEPT, 0) != kept[i].sum)
                _exit(1);
        for (int i = 0; i < 3; i++)
            memset(kept[i].at, 0xdd, KEPT);
        _exit(0);
    }
    ended_well(pid);
}

static void from_handler(void) /* on a stack of malloc's */
{
    stack_t stack = {.ss_sp = malloc(STACK_LEN), .ss_size = STACK_LEN}, none = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    EQ(sigaltstack(&stack, NULL), 0);
    EQ(sigaction(SIGUSR2, &action, NULL), 0);
    EQ(raise(SIGUSR2), 0);
    EQ(sigaltstack(&none, NULL), 0);
    free(stack.ss_sp);
}

static const struct {
    const char *name;
    void (*call)(void);
} ways[] = {
    {"fork", fork_here}, {"vfork", by_vfork}, {"_Fork", by_raw_fork}, {"forkpty", by_forkpty},
    {"daemon", by_daemon}, {"grandchild", grandchild}, {"thread", from_thread},
    {"thread on heap", from_thread_on_heap}, {"coroutine", from_coroutine}, {"handler", from_handler},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

int main(int argc, char **argv)
{
    START();
    long rounds = number(argc, argv, 1, 3);
    const char *only = getenv("ONLY_WAY"); /* one of the names above */
    int peer = (rank ^ 1) < ranks ? rank ^ 1 : rank;
    out = room(LEN), in = room(LEN), heap = room(KEPT);
    map = mapped(KEPT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    kept[0].at = heap, kept[1].at = map, kept[2].at = bss;
    for (long i = 0; i < rounds * WAYS; i++) {
        MPI_Request requests[2];
        if (only && strcmp(only, ways[i % WAYS].name))
            continue;
        paint(out, LEN, (uint64_t)(i * 10 + rank));
        for (int k = 0; k < 3; k++) {
            paint(kept[k].at, KEPT, (uint64_t)(i * 100 + k));
            kept[k].sum = sum_of(kept[k].at, KEPT, 0);
        }
        MPI(MPI_Irecv(in, LEN, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[0]));
        MPI(MPI_Isend(out, LEN, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[1]));
        ways[i % WAYS].call();
        MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        if (painted(in, LEN, (uint64_t)(i * 10 + peer)) != LEN)
            fprintf(stderr, "rank %d: after %s\n", rank, ways[i % WAYS].name);
        PAINTED(in, LEN, (uint64_t)(i * 10 + peer));
        PAINTED(out, LEN, (uint64_t)(i * 10 + rank));
        for (int k = 0; k < 3; k++)
            PAINTED(kept[k].at, KEPT, (uint64_t)(i * 100 + k));
    }
    PASSED();
}
