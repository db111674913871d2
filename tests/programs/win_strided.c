/* Accesses to many runs of a window's memory that calls of the kernel reach: they are
   made together. This program's own calls of that name count, and hand on. */
#define _GNU_SOURCE
#include "check.h"
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RUNS = 5000, STRIDE = 4 };

static long calls, pieces;

ssize_t process_vm_readv(pid_t pid, const struct iovec *own, unsigned long owns,
                         const struct iovec *theirs, unsigned long many, unsigned long flags)
{
    calls++;
    pieces += (long)many;
    return syscall(SYS_process_vm_readv, pid, own, owns, theirs, many, flags);
}

ssize_t process_vm_writev(pid_t pid, const struct iovec *own, unsigned long owns,
                          const struct iovec *theirs, unsigned long many, unsigned long flags)
{
    calls++;
    pieces += (long)many;
    return syscall(SYS_process_vm_writev, pid, own, owns, theirs, many, flags);
}

/* So many runs went by calls, or none did. */
static void counted(const char *what)
{
    CHECK(calls <= 2 + pieces / 100, "%s: %ld calls for %ld runs", what, calls, pieces);
    calls = pieces = 0;
}

int main(void)
{
    MPI_Datatype every;
    MPI_Win win;
    static int own[RUNS], back[RUNS];
    START();
    CHECK(ranks == 2, "%d", ranks);
    size_t len = RUNS * STRIDE * sizeof(int);
    int *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < RUNS * STRIDE; i++)
        memory[i] = -1;
    MPI(MPI_Type_vector(RUNS, 1, STRIDE, MPI_INT, &every));
    MPI(MPI_Type_commit(&every));
    MPI(MPI_Win_create(memory, (MPI_Aint)len, sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < RUNS; i++)
            own[i] = turn * 100000 + i;
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        calls = pieces = 0;
        if (rank == 0) {
            MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 1, 0, win));
            MPI(MPI_Put(own, RUNS, MPI_INT, 1, 0, 1, every, win));
            MPI(MPI_Win_flush(1, win));
            counted("put");
            MPI(MPI_Get(back, RUNS, MPI_INT, 1, 0, 1, every, win));
            MPI(MPI_Win_flush(1, win));
            counted("get");
            for (int i = 0; i < RUNS; i++)
                CHECK(back[i] == own[i], "%d: %d", i, back[i]);
            for (int i = 0; i < RUNS; i++)
                own[i] = 1;
            MPI(MPI_Accumulate(own, RUNS, MPI_INT, 1, 0, 1, every, MPI_SUM, win));
            MPI(MPI_Win_flush(1, win));
            counted("accumulate");
            MPI(MPI_Win_unlock(1, win));
        }
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        if (rank == 1) {
            MPI(MPI_Win_lock(MPI_LOCK_SHARED, 1, 0, win));
            for (int i = 0; i < RUNS * STRIDE; i++) {
                int wanted = i % STRIDE ? -1 : turn * 100000 + i / STRIDE + 1;
                CHECK(memory[i] == wanted, "turn %d, %d: %d", turn, i, memory[i]);
            }
            MPI(MPI_Win_unlock(1, win));
        }
    }
    MPI(MPI_Win_free(&win));
    MPI(MPI_Type_free(&every));
    munmap(memory, len);
    PASSED();
}
