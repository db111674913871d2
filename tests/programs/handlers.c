/* The program's own handlers for SIGSEGV and SIGBUS, installed before or after
   MPI_Init, get the faults in the program's own memory, amid large messages.
   usage: handlers WHEN [ROUNDS]   (before, after, both) */
#include "places.h"
#include <setjmp.h>
#include <signal.h>

enum { LEN = 600000, PAGE = 4096 };

static sigjmp_buf recovery;
static volatile sig_atomic_t caught, used_info, on_own_stack;
static void *volatile expected, *volatile told;
static unsigned char own_stack[65536];

static void with_info(int signal, siginfo_t *info, void *context)
{
    unsigned char here;
    (void)context;
    caught = signal;
    used_info = 1;
    told = info->si_addr;
    on_own_stack = &here >= own_stack && &here < own_stack + sizeof own_stack;
    siglongjmp(recovery, 1);
}

static void plain(int signal)
{
    caught = signal;
    used_info = 0;
    siglongjmp(recovery, 1);
}

static void install(int kind)
{
    if (kind == 0) {
        signal(SIGSEGV, plain);
        signal(SIGBUS, plain);
        return;
    }
    stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
    struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    EQ(sigaltstack(&stack, NULL), 0);
    EQ(sigaction(SIGSEGV, &action, NULL), 0);
    EQ(sigaction(SIGBUS, &action, NULL), 0);
}

/* Touches memory that is not to be touched; the handler says so. */
static void fault(unsigned char *at, int write, int signal, int kind)
{
    caught = 0, told = NULL, on_own_stack = 0;
    expected = at;
    if (sigsetjmp(recovery, 1) == 0) {
        if (write)
            *(volatile unsigned char *)at = 1;
        else
            (void)*(volatile unsigned char *)at;
        CHECK(0, "%p can be touched", (void *)at);
    }
    EQ(caught, signal);
    EQ(used_info, kind);
    if (kind) {
        CHECK(told == expected, "%p, wanted %p", told, expected);
        EQ(on_own_stack, 1);
    }
}

static void faults(int kind)
{
    /* in a mapping that is large enough to be made of shared pages, in a read-only
       one, below any memory, and behind a file's end */
    unsigned char *map = mapped(64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memset(map, 1, 64 * PAGE);
    EQ(mprotect(map + 3 * PAGE, PAGE, PROT_NONE), 0);
    fault(map + 3 * PAGE + 5, 0, SIGSEGV, kind);
    EQ(mprotect(map + 3 * PAGE, PAGE, PROT_READ), 0);
    fault(map + 3 * PAGE + 6, 1, SIGSEGV, kind);
    EQ(map[3 * PAGE + 6], 1);
    EQ(munmap(map, 64 * PAGE), 0);
    fault((unsigned char *)(uintptr_t)32, 1, SIGSEGV, kind);
    int fd = unnamed_file(PAGE);
    unsigned char *file = mapped(2 * PAGE, PROT_READ, MAP_SHARED, fd);
    EQ(file[0], 0);
    fault(file + PAGE, 0, SIGBUS, kind);
    munmap(file, 2 * PAGE);
    close(fd);
}

int main(int argc, char **argv)
{
    const char *when = argc > 1 ? argv[1] : "before";
    int kind = 1, both = !strcmp(when, "both");
    if (both || !strcmp(when, "before"))
        install(1);
    START();
    if (!both && strcmp(when, "before"))
        install(1);
    long rounds = number(argc, argv, 2, 40);
    unsigned char *out = room(LEN), *in = room(LEN);
    int peer = rank ^ 1;
    for (long round = 0; round < rounds; round++) {
        MPI_Request requests[2];
        size_t len = round % 3 ? LEN : 50000;
        if (both && round % 10 == 5)
            install(kind = !kind);
        if (peer < ranks) {
            paint(out, len, (uint64_t)(round * 2 + rank));
            MPI(MPI_Irecv(in, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[0]));
            MPI(MPI_Isend(out, (int)len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[1]));
        }
        faults(kind);
        if (peer < ranks) {
            MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
            PAINTED(in, len, (uint64_t)(round * 2 + peer));
        }
    }
    PASSED();
}
