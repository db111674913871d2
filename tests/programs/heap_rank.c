/* A rank's large memory lies in its own window of the heap file, before MPI_Init and
   after, and messages from and to it arrive. For the preloaded library. */
#define _GNU_SOURCE
#include "check.h"
#include <sys/mman.h>
#include <unistd.h>

enum { LEN = 1 << 20 };

/* The offset in the heap file of an address, or -1. */
static long offset(const void *at)
{
    char line[512];
    long found = -1;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to, in_file;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s %lx", &from, &to, mode, &in_file) == 4 &&
            (uintptr_t)at >= from && (uintptr_t)at < to && strstr(line, "lariat-heap"))
            found = (long)(in_file + ((uintptr_t)at - from));
    }
    if (maps)
        fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    char *early = malloc(LEN);
    CHECK(argc > 0 && offset(early) >= 0, "malloc before MPI_Init gave %p", (void *)early);
    if (!getenv("HEAP_RANK_AGAIN")) {
        /* The same process, a new program: it has the window again, emptied. */
        memset(early, 1, LEN);
        setenv("HEAP_RANK_AGAIN", "1", 1);
        execv(argv[0], argv);
        CHECK(0, "execv");
    }
    for (size_t at = 0; at < LEN; at += 512)
        EQ(early[at], 0);
    START();
    char *late = malloc(LEN);
    char *mapped = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *asked, *little;
    MPI(MPI_Alloc_mem(LEN, MPI_INFO_NULL, &asked));
    MPI(MPI_Alloc_mem(1, MPI_INFO_NULL, &little));
    CHECK(offset(late) >= 0, "malloc gave %p", (void *)late);
    CHECK(offset(mapped) >= 0, "mmap gave %p", (void *)mapped);
    CHECK(offset(asked) >= 0, "MPI_Alloc_mem gave %p", (void *)asked);
    CHECK(offset(little) >= 0, "MPI_Alloc_mem of a byte gave %p", (void *)little);

    /* Each rank has a window of its own. */
    long mine = offset(early) >> 30, theirs[64];
    MPI(MPI_Allgather(&mine, 1, MPI_LONG, theirs, 1, MPI_LONG, MPI_COMM_WORLD));
    for (int other = 0; other < ranks; other++)
        CHECK(other == rank || theirs[other] != mine, "rank %d has it as well", other);

    char *block[] = {early, late, mapped, asked};
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
    for (int round = 0; round < 4; round++) {
        char *in = block[(round + 1) % 4];
        fill(block[round], LEN, (unsigned)(rank * 10 + round));
        MPI(MPI_Sendrecv(block[round], LEN, MPI_CHAR, to, 0, in, LEN, MPI_CHAR, from, 0,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        FILLED(in, LEN, (unsigned)(from * 10 + round));
    }
    MPI(MPI_Free_mem(asked));
    MPI(MPI_Free_mem(little));
    CHECK(munmap(mapped, LEN) == 0, "munmap");
    free(late);
    free(early);
    PASSED();
}
