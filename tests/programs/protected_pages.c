/* Buffers whose pages the program has protected, and whose handler gives access on a
   touch (a collector's card marking, incremental checkpoints, memory that is restored
   when it is asked for): every byte comes, and the handler is called by the rank that
   owns the page.
   usage: protected_pages ROUNDS | unhandled | noticed */
#define _GNU_SOURCE
#include "check.h"
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LONGEST = 2 << 20, SIDES = 2 };

static char *mine[SIDES];
static volatile long touched;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    char *at = info->si_addr;
    (void)context;
    for (int side = 0; side < SIDES; side++)
        if (at >= mine[side] && at < mine[side] + LONGEST) {
            touched++;
            mprotect((char *)((uintptr_t)at & -4096ul), 4096, PROT_READ | PROT_WRITE);
            return;
        }
    (void)signal;
    _exit(98);
}

static void handle(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    EQ(sigaction(SIGSEGV, &action, NULL), 0);
}

static void protect(int side, int how) { EQ(mprotect(mine[side], LONGEST, how), 0); }

enum { OUT, IN };

/* Both buffers as they are before a message: what goes out is made, what is to come
   is cleared; then the pages are protected. */
static void prepare(size_t len, unsigned seed)
{
    protect(OUT, PROT_READ | PROT_WRITE);
    protect(IN, PROT_READ | PROT_WRITE);
    fill(mine[OUT], len, seed + (unsigned)rank);
    memset(mine[IN], 0, LONGEST);
    protect(OUT, seed % 2 ? PROT_NONE : PROT_READ);
    protect(IN, seed % 3 ? PROT_READ : PROT_NONE);
    touched = 0;
}

static void came(size_t len, unsigned seed, int from)
{
    CHECK(touched > 0, "nobody touched the protected pages of %zu bytes", len);
    FILLED(mine[IN], len, seed + (unsigned)from);
    ALL(mine[IN] + len, LONGEST - len, 0);
}

static void contiguous(size_t len, unsigned seed)
{
    int peer = 1 - rank;
    prepare(len, seed);
    MPI(MPI_Sendrecv(mine[OUT], (int)len, MPI_BYTE, peer, 1, mine[IN], (int)len, MPI_BYTE, peer,
                     1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    came(len, seed, peer);
    /* One after the other, and the receiver late. */
    prepare(len, seed + 1);
    for (int turn = 0; turn < 2; turn++)
        if (turn == rank) {
            MPI(MPI_Send(mine[OUT], (int)len, MPI_BYTE, peer, 2, MPI_COMM_WORLD));
        } else {
            if (seed % 2)
                usleep(2000);
            MPI(MPI_Recv(mine[IN], (int)len, MPI_BYTE, peer, 2, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
        }
    came(len, seed + 1, peer);
}

/* Several receives at once, which the kernel may serve in one call. */
static void several(unsigned seed)
{
    enum { N = 12, EACH = 20000 };
    MPI_Request requests[2 * N];
    int peer = 1 - rank;
    prepare(N * EACH, seed);
    for (int i = 0; i < N; i++)
        MPI(MPI_Irecv(mine[IN] + i * EACH, EACH, MPI_BYTE, peer, i, MPI_COMM_WORLD,
                      &requests[i]));
    for (int i = 0; i < N; i++)
        MPI(MPI_Isend(mine[OUT] + i * EACH, EACH, MPI_BYTE, peer, i, MPI_COMM_WORLD,
                      &requests[N + i]));
    MPI(MPI_Waitall(2 * N, requests, MPI_STATUSES_IGNORE));
    came(N * EACH, seed, peer);
}

/* Runs of 3,000 bytes with as much between them, on one side or on both. */
static void runs(unsigned seed, int out, int in)
{
    enum { RUN = 3000, N = 300 };
    MPI_Datatype type;
    int peer = 1 - rank;
    MPI(MPI_Type_vector(N, RUN, 2 * RUN, MPI_BYTE, &type));
    MPI(MPI_Type_commit(&type));
    prepare(2 * RUN * N, seed);
    MPI(MPI_Sendrecv(mine[OUT], out ? 1 : N * RUN, out ? type : MPI_BYTE, peer, 3, mine[IN],
                     in ? 1 : N * RUN, in ? type : MPI_BYTE, peer, 3, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    CHECK(touched > 0, "");
    unsigned char *whole = room(2 * RUN * N);
    fill(whole, 2 * RUN * N, seed + (unsigned)peer);
    for (size_t i = 0; i < (size_t)N * RUN; i++) {
        size_t scattered = i / RUN * 2 * RUN + i % RUN;
        EQ((unsigned char)mine[IN][in ? scattered : i], whole[out ? scattered : i]);
    }
    free(whole);
    MPI(MPI_Type_free(&type));
}

static void collectives(size_t len, unsigned seed)
{
    prepare(len, seed);
    MPI(MPI_Alltoall(mine[OUT], (int)len / 2, MPI_BYTE, mine[IN], (int)len / 2, MPI_BYTE,
                     MPI_COMM_WORLD));
    CHECK(touched > 0, "");
    prepare(len, seed + 1);
    MPI(MPI_Allreduce(mine[OUT], mine[IN], (int)len, MPI_BYTE, MPI_BXOR, MPI_COMM_WORLD));
    unsigned char *one = room(len), *other = room(len);
    fill(one, len, seed + 1);
    fill(other, len, seed + 2);
    for (size_t i = 0; i < len; i++)
        EQ((unsigned char)mine[IN][i], one[i] ^ other[i]);
    free(one);
    free(other);
    prepare(len, seed + 2);
    MPI(MPI_Bcast(rank == 0 ? mine[OUT] : mine[IN], (int)len, MPI_BYTE, 0, MPI_COMM_WORLD));
    if (rank == 1)
        came(len, seed + 2, 0);
}

static void windows(size_t len, unsigned seed)
{
    MPI_Win win;
    char *base;
    int peer = 1 - rank;
    MPI(MPI_Win_allocate(LONGEST, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win));
    prepare(len, seed);
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Put(mine[OUT], (int)len, MPI_BYTE, peer, 0, (int)len, MPI_BYTE, win));
    MPI(MPI_Win_fence(0, win));
    FILLED(base, len, seed + (unsigned)peer);
    MPI(MPI_Get(mine[IN], (int)len, MPI_BYTE, peer, 0, (int)len, MPI_BYTE, win));
    MPI(MPI_Win_fence(0, win));
    came(len, seed, rank);
    MPI(MPI_Win_free(&win));
}

/* Rank 1's buffer may not be written, and nobody handles that: its receive fails, of
   its own buffer, or the rank ends; rank 0 is not to blame. */
static void unhandled(void)
{
    enum { LEN = 1 << 20 };
    if (rank == 0) {
        MPI(MPI_Send(mine[OUT], LEN, MPI_BYTE, 1, 1, MPI_COMM_WORLD));
        return;
    }
    protect(IN, PROT_READ);
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    FAILS(MPI_Recv(mine[IN], LEN, MPI_BYTE, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE),
          MPI_ERR_BUFFER);
}

int main(int argc, char **argv)
{
    START();
    EQ(ranks, 2);
    CHECK(argc == 2, "usage");
    for (int side = 0; side < SIDES; side++) {
        mine[side] = mmap(NULL, LONGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);
        CHECK(mine[side] != MAP_FAILED, "");
        memset(mine[side], 1, LONGEST);
    }
    if (!strcmp(argv[1], "unhandled")) {
        unhandled();
        PASSED();
    }
    handle();
    int rounds = atoi(argv[1]);
    for (int round = 0; round < rounds; round++) {
        unsigned seed = 10 * (unsigned)round;
        for (size_t len = 5000; len <= LONGEST; len = len * 5 - 1234)
            contiguous(len, seed++);
        several(seed++);
        runs(seed++, 0, 1);
        runs(seed++, 1, 0);
        runs(seed++, 1, 1);
        collectives(100000, seed++);
        collectives(1 << 20, seed++);
        windows(300000, seed++);
    }
    PASSED();
}
