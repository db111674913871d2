/* Puts and gets of many megabytes, of several origins at once, of memory that may be reached
   by messages alone; and an origin that does not look at its answers while another one
   accesses the same target (MPI 5.0, section 12.7.3). Three ranks or more. */
#define _GNU_SOURCE
#include "check.h"
#include <sys/mman.h>
#include <time.h>

enum { LEN = 18 << 20, PART = LEN + 4096 };

static unsigned char *private_memory(size_t len)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED, "%zu bytes", len);
    return at;
}

/* Every rank puts into its part at every other one, and gets it back. */
static void all_to_all(MPI_Win win, unsigned char *window, unsigned char *mine, unsigned char *back)
{
    fill(mine, LEN, (unsigned)rank);
    MPI(MPI_Win_fence(0, win));
    for (int r = 0; r < ranks; r++)
        MPI(MPI_Put(mine, LEN, MPI_BYTE, r, (MPI_Aint)rank * PART, LEN, MPI_BYTE, win));
    MPI(MPI_Win_fence(0, win));
    for (int r = 0; r < ranks; r++) {
        FILLED(window + (size_t)r * PART, LEN, (unsigned)r);
        ALL(window + (size_t)r * PART + LEN, PART - LEN, 0);
    }
    for (int r = 0; r < ranks; r++) {
        memset(back, 0, LEN);
        MPI(MPI_Get(back, LEN, MPI_BYTE, r, (MPI_Aint)rank * PART, LEN, MPI_BYTE, win));
        MPI(MPI_Win_fence(0, win));
        FILLED(back, LEN, (unsigned)rank);
    }
}

/* Rank 1 asks for much and then waits without MPI until rank 2 has had its own. */
static void stalled(MPI_Win win, unsigned char *back)
{
    int *flag, *first, unit;
    MPI_Aint size;
    MPI_Win flags;
    MPI(MPI_Win_allocate_shared(sizeof *flag, sizeof *flag, MPI_INFO_NULL, MPI_COMM_WORLD, &flag, &flags));
    *flag = 0;
    MPI(MPI_Win_shared_query(flags, 0, &size, &unit, &first));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 1 || rank == 2) {
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win));
        if (rank == 2)
            MPI(MPI_Recv(NULL, 0, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        memset(back, 0, LEN);
        MPI(MPI_Get(back, LEN, MPI_BYTE, 0, (MPI_Aint)rank * PART, LEN, MPI_BYTE, win));
        if (rank == 1) {
            MPI(MPI_Send(NULL, 0, MPI_BYTE, 2, 1, MPI_COMM_WORLD));
            while (!__atomic_load_n(first, __ATOMIC_ACQUIRE))
                nanosleep(&(struct timespec){0, 1000000}, NULL);
        }
        MPI(MPI_Win_unlock(0, win));
        FILLED(back, LEN, (unsigned)rank);
        if (rank == 2)
            __atomic_store_n(first, 1, __ATOMIC_RELEASE);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Win_free(&flags));
}

int main(void)
{
    START();
    CHECK(ranks >= 3, "%d ranks", ranks);
    size_t len = (size_t)ranks * PART;
    unsigned char *window = private_memory(len), *mine = private_memory(LEN), *back = private_memory(LEN);
    MPI_Win win;
    MPI(MPI_Win_create(window, (MPI_Aint)len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    all_to_all(win, window, mine, back);
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    stalled(win, back);
    MPI(MPI_Win_free(&win));
    munmap(window, len);
    munmap(mine, LEN);
    munmap(back, LEN);
    PASSED();
}
