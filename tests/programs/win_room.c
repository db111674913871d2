/* What long accesses take of memory at their origin: little besides the program's buffers,
   also where they go by messages; and that their portions, of which most wait for their turn,
   arrive whole and in order (MPI 5.0, sections 12.3 and 12.7.2). Two ranks or more: rank 1 is
   the target, and the last rank looks at what rank 0 has done. */
#define _GNU_SOURCE
#include "check.h"
#include <sys/mman.h>
#include <sys/resource.h>

enum { MIB = 1 << 20, LEN = 256 * MIB, SPARE = 4096, MOST = 96 * MIB };

static unsigned char *window, *mine;
static MPI_Win win;

static void *private_memory(size_t len)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED, "%zu bytes", len);
    return at;
}

/* Bytes of shared pages that this process has mapped: its peers' memory, for a part. */
static long shared(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL, "no /proc/self/status");
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "RssShmem: %ld kB", &kib) == 1)
            break;
    fclose(status);
    return kib * 1024;
}

/* The most memory of its own that this process ever had, in bytes. */
static long peak(void)
{
    struct rusage usage;
    EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss * 1024L - shared();
}

/* Since `before` this process has had little more memory than then. */
static void took_little(long before, const char *what)
{
    long more = peak() - before;
    CHECK(more < MOST, "%s of %d MiB took %ld MiB more", what, LEN / MIB, more / MIB);
}

/* To a target that does not call MPI meanwhile but for its barrier. */
static void long_put_and_get(void)
{
    if (rank == 0) {
        fill(mine, LEN, 1);
        long before = peak();
        MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 1, 0, win));
        MPI(MPI_Put(mine, LEN, MPI_BYTE, 1, 0, LEN, MPI_BYTE, win));
        took_little(before, "MPI_Put");
        MPI(MPI_Win_unlock(1, win));
        took_little(before, "a put's end");
        memset(mine, 0, LEN);
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, 1, 0, win));
        MPI(MPI_Get(mine, LEN, MPI_BYTE, 1, 0, LEN, MPI_BYTE, win));
        took_little(before, "MPI_Get");
        MPI(MPI_Win_flush_local(1, win));
        took_little(before, "a get's end");
        FILLED(mine, LEN, 1);
        MPI(MPI_Win_unlock(1, win));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 1) {
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, 1, 0, win));
        FILLED(window, LEN, 1);
        ALL(window + LEN, SPARE, 0);
        MPI(MPI_Win_unlock(1, win));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

/* Every other word of a column there, every third one here. */
static void strided(void)
{
    enum { WORDS = LEN / 3 / 8 };
    MPI_Datatype here, there;
    int64_t *words = (int64_t *)mine, *theirs = (int64_t *)window;
    MPI(MPI_Type_vector(WORDS, 1, 3, MPI_INT64_T, &here));
    MPI(MPI_Type_vector(WORDS, 1, 2, MPI_INT64_T, &there));
    MPI(MPI_Type_commit(&here));
    MPI(MPI_Type_commit(&there));
    if (rank == 1)
        memset(window, 0, LEN);
    MPI(MPI_Win_fence(0, win));
    if (rank == 0) {
        for (int64_t i = 0; i < LEN / 8; i++)
            words[i] = i + 7;
        long before = peak();
        MPI(MPI_Put(mine, 1, here, 1, 0, 1, there, win));
        MPI(MPI_Type_free(&here));
        MPI(MPI_Type_free(&there));
        MPI(MPI_Win_fence(0, win));
        took_little(before, "a strided put");
    } else {
        MPI(MPI_Type_free(&here));
        MPI(MPI_Type_free(&there));
        MPI(MPI_Win_fence(0, win));
    }
    if (rank == 1)
        for (int64_t i = 0; i < WORDS; i++) {
            EQ(theirs[2 * i], 3 * i + 7);
            if (i < WORDS - 1)
                EQ(theirs[2 * i + 1], 0);
        }
    MPI(MPI_Win_fence(0, win));
}

/* Requests of puts and gets: a buffer is free when its own is complete. */
static void requests(void)
{
    enum { PART = 40 * MIB, PARTS = 3 };
    if (rank == 0) {
        MPI_Request all[PARTS], one;
        int done = 0;
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, 1, 0, win));
        for (int i = 0; i < PARTS; i++) {
            fill(mine + (size_t)i * PART, PART, 10u + (unsigned)i);
            MPI(MPI_Rput(mine + (size_t)i * PART, PART, MPI_BYTE, 1, (MPI_Aint)i * PART, PART, MPI_BYTE, win,
                         &all[i]));
        }
        for (int i = 0; i < PARTS; i++) {
            int which = -1;
            MPI(MPI_Waitany(PARTS, all, &which, MPI_STATUS_IGNORE));
            CHECK(which >= 0 && which < PARTS, "%d", which);
            memset(mine + (size_t)which * PART, 99, PART);
        }
        MPI(MPI_Win_flush(1, win));
        for (int i = 0; i < PARTS; i++) {
            MPI(MPI_Rget(mine, PART, MPI_BYTE, 1, (MPI_Aint)i * PART, PART, MPI_BYTE, win, &one));
            for (done = 0; !done;)
                MPI(MPI_Test(&one, &done, MPI_STATUS_IGNORE));
            FILLED(mine, PART, 10u + (unsigned)i);
        }
        MPI(MPI_Win_unlock(1, win));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

/* Accumulations at one place come in the order of their calls, short ones behind a long one
   too, and an unlock comes behind them all. */
static void in_order(void)
{
    enum { WORDS = 32 * MIB / 8 };
    int64_t *words = (int64_t *)mine, one = 1, two = 2, before = -1, at[2] = {-1, -1};
    if (rank == 0) {
        for (int64_t i = 0; i < WORDS; i++)
            words[i] = 5 * i;
        MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 1, 0, win));
        MPI(MPI_Accumulate(mine, WORDS, MPI_INT64_T, 1, 0, WORDS, MPI_INT64_T, MPI_REPLACE, win));
        MPI(MPI_Accumulate(&one, 1, MPI_INT64_T, 1, (WORDS - 1) * 8, 1, MPI_INT64_T, MPI_SUM, win));
        MPI(MPI_Fetch_and_op(&two, &before, MPI_INT64_T, 1, (WORDS - 1) * 8, MPI_PROD, win));
        MPI(MPI_Win_unlock(1, win));
        EQ(before, 5 * (WORDS - 1) + 1);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == ranks - 1) {
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, 1, 0, win));
        MPI(MPI_Get(at, 2, MPI_INT64_T, 1, (WORDS - 2) * 8, 2, MPI_INT64_T, win));
        MPI(MPI_Win_unlock(1, win));
        EQ(at[0], 5 * (WORDS - 2));
        EQ(at[1], 2 * (5 * (WORDS - 1) + 1));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

/* Rank 0 goes on before the end of its epoch: what waits for its turn goes out in any call. */
static void behind_other_calls(void)
{
    enum { PART = 64 * MIB };
    if (rank == 0) {
        fill(mine, PART, 30);
        MPI_Request put;
        MPI(MPI_Win_lock_all(0, win));
        MPI(MPI_Rput(mine, PART, MPI_BYTE, 1, 0, PART, MPI_BYTE, win, &put));
        MPI(MPI_Send(NULL, 0, MPI_BYTE, 1, 2, MPI_COMM_WORLD));
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Win_unlock_all(win));
        memset(mine, 98, PART);
        MPI(MPI_Wait(&put, MPI_STATUS_IGNORE));
        MPI(MPI_Send(NULL, 0, MPI_BYTE, 1, 4, MPI_COMM_WORLD));
    } else if (rank == 1) {
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, 0, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Send(NULL, 0, MPI_BYTE, 0, 3, MPI_COMM_WORLD));
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, 0, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, 1, 0, win));
        FILLED(window, PART, 30);
        MPI(MPI_Win_unlock(1, win));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

int main(void)
{
    START();
    CHECK(ranks >= 2, "%d ranks", ranks);
    size_t len = rank == 1 ? LEN + SPARE : 0;
    window = rank == 1 ? private_memory(len) : NULL;
    mine = rank == 0 ? private_memory(LEN) : NULL;
    MPI(MPI_Win_create(window, (MPI_Aint)len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    long_put_and_get();
    strided();
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    requests();
    in_order();
    behind_other_calls();
    MPI(MPI_Win_free(&win));
    PASSED();
}
