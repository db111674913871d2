/* Messages, collectives, communicators and a window where the address space ends KIB
   kibibytes above what is used before MPI_Init or after it: all of it works, or an MPI
   error says what there was not enough of. With "some", that is so at odd ranks alone.
   usage: little_room KIB before | after [some] */
#include "check.h"
#include <sys/resource.h>
#include <unistd.h>

enum { LEN = 8 << 20, PARTS = 100, PART = 3000 };

static void narrow(long kib)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%ld", &pages) == 1, "");
    fclose(file);
    rlim_t most = (rlim_t)pages * 4096 + (rlim_t)kib * 1024;
    struct rlimit limit = {most, most};
    EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

/* Makes a stack that need not grow later. In a function of its own: what main had for
   this would lie above the frames of all that main calls. */
__attribute__((noinline)) static void deepen(void)
{
    volatile char deep[1 << 20];
    for (size_t i = 0; i < sizeof deep; i += 512)
        deep[i] = 1;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3 || (argc == 4 && !strcmp(argv[3], "some")), "usage");
    const char *number = getenv("LARIAT_RANK");
    CHECK(number, "a rank of a job");
    int is_narrow = argc == 3 || atoi(number) % 2;
    char *out = room(LEN), *in = room(LEN);
    memset(out, 1, LEN);
    deepen();
    if (is_narrow && !strcmp(argv[2], "before"))
        narrow(atol(argv[1]));
    START();
    if (is_narrow && !strcmp(argv[2], "after"))
        narrow(atol(argv[1]));
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
    for (int turn = 0; turn < 5; turn++) {
        MPI_Comm copy;
        MPI_Request requests[2 * PARTS];
        MPI(MPI_Sendrecv(out, LEN, MPI_BYTE, to, 1, in, LEN, MPI_BYTE, from, 1, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
        ALL(in, LEN, 1);
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &copy));
        MPI(MPI_Barrier(copy));
        MPI(MPI_Comm_free(&copy));
        for (int i = 0; i < PARTS; i++)
            MPI(MPI_Isend(out, PART, MPI_BYTE, to, 9, MPI_COMM_WORLD, &requests[i]));
        for (int i = 0; i < PARTS; i++)
            MPI(MPI_Irecv(in + PART * i, PART, MPI_BYTE, from, 9, MPI_COMM_WORLD,
                          &requests[PARTS + i]));
        MPI(MPI_Waitall(2 * PARTS, requests, MPI_STATUSES_IGNORE));
        memset(out, 1 << rank % 8, LEN);
        int all = (1 << (ranks < 8 ? ranks : 8)) - 1;
        MPI(MPI_Allreduce(out, in, 1 << 18, MPI_BYTE, MPI_BOR, MPI_COMM_WORLD));
        ALL(in, 1 << 18, all);
        MPI(MPI_Allreduce(out, in, 1000, MPI_BYTE, MPI_BOR, MPI_COMM_WORLD));
        ALL(in, 1000, all);
        memset(in, 0, LEN);
        MPI(MPI_Reduce(out, in, 1 << 18, MPI_BYTE, MPI_BOR, ranks - 1, MPI_COMM_WORLD));
        ALL(in, 1 << 18, rank == ranks - 1 ? all : 0);
        MPI(MPI_Allreduce(MPI_IN_PLACE, out, 1 << 18, MPI_BYTE, MPI_BOR, MPI_COMM_WORLD));
        ALL(out, 1 << 18, all);
        memset(out, 1, LEN);
    }
    MPI_Win win;
    void *base;
    MPI(MPI_Win_allocate(1 << 22, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win));
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Win_free(&win));
    PASSED();
}
