/* Windows with MPI_THREAD_MULTIPLE: each thread with windows of its own, and all
   with one, of which each locks another rank. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 3 };
static MPI_Comm comms[THREADS];
static MPI_Win common;
static long *count[64];
static int rounds;

static void own_windows(int t)
{
    for (int i = 0; i < 5; i++) {
        MPI_Win win;
        long *mine, *first;
        MPI_Aint size;
        int unit;
        MPI(MPI_Win_allocate_shared(2 * sizeof(long), sizeof(long), MPI_INFO_NULL, comms[t],
                                    &mine, &win));
        mine[0] = mine[1] = 0;
        MPI(MPI_Win_shared_query(win, 0, &size, &unit, &first));
        MPI(MPI_Win_fence(0, win));
        for (int j = 0; j < rounds; j++) {
            long one = 1;
            MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win));
            first[0]++;
            MPI(MPI_Accumulate(&one, 1, MPI_LONG, 0, 1, 1, MPI_LONG, MPI_SUM, win));
            MPI(MPI_Win_unlock(0, win));
        }
        MPI(MPI_Win_fence(0, win));
        EQ(first[0], (long)ranks * rounds);
        EQ(first[1], (long)ranks * rounds);
        MPI(MPI_Win_fence(0, win));
        MPI(MPI_Win_free(&win));
    }
}

static void *work(void *arg)
{
    int t = (int)(intptr_t)arg;
    own_windows(t);
    /* No two threads of a rank may lock the same one. */
    for (int j = 0; t < ranks && j < rounds; j++) {
        MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, t, 0, common));
        count[t][0]++;
        MPI(MPI_Win_unlock(t, common));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int provided, unit;
    pthread_t threads[THREADS];
    MPI_Aint size;
    long *mine;
    rounds = argc > 1 ? atoi(argv[1]) : 100;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided));
    EQ(provided, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    CHECK(ranks <= 64, "%d", ranks);
    MPI(MPI_Win_allocate_shared(sizeof(long), 1, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &common));
    *mine = 0;
    for (int r = 0; r < ranks; r++)
        MPI(MPI_Win_shared_query(common, r, &size, &unit, &count[r]));
    for (int t = 0; t < THREADS; t++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[t]));
    for (int t = 0; t < THREADS; t++)
        EQ(pthread_create(&threads[t], NULL, work, (void *)(intptr_t)t), 0);
    for (int t = 0; t < THREADS; t++)
        EQ(pthread_join(threads[t], NULL), 0);
    MPI(MPI_Win_fence(0, common));
    for (int t = 0; t < THREADS && t < ranks; t++)
        EQ(count[t][0], (long)ranks * rounds);
    MPI(MPI_Win_free(&common));
    for (int t = 0; t < THREADS; t++)
        MPI(MPI_Comm_free(&comms[t]));
    PASSED();
}
