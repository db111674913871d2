/* Synchronization of windows (MPI 5.0, 12.5): fences, post-start-complete-wait,
   locks and flushes, by loads and stores in shared memory. */
#include "check.h"
#include <sched.h>

static MPI_Win win;
static volatile long *base[64];

static void make(int words)
{
    MPI_Aint size;
    int unit;
    long *mine;
    MPI(MPI_Win_allocate_shared(words * sizeof(long), sizeof(long), MPI_INFO_NULL,
                                MPI_COMM_WORLD, &mine, &win));
    memset(mine, 0, words * sizeof(long));
    for (int r = 0; r < ranks; r++)
        MPI(MPI_Win_shared_query(win, r, &size, &unit, &base[r]));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

static void fences(int rounds)
{
    make(2);
    MPI(MPI_Win_fence(MPI_MODE_NOPRECEDE, win));
    for (int i = 1; i <= rounds; i++) {
        base[(rank + i) % ranks][i % 2] = 1000 * i + rank;
        MPI(MPI_Win_fence(0, win));
        EQ(base[rank][i % 2], 1000 * i + (rank + ranks * i - i) % ranks);
    }
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED | MPI_MODE_NOSTORE | MPI_MODE_NOPUT, win));
    MPI(MPI_Win_free(&win));
}

static MPI_Group group_of(const int *members, int n)
{
    MPI_Group all, some;
    MPI(MPI_Win_get_group(win, &all));
    MPI(MPI_Group_incl(all, n, members, &some));
    MPI(MPI_Group_free(&all));
    return some;
}

/* Each writes into the next one's memory. */
static void ring(int rounds, int by_test)
{
    make(1);
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    MPI_Group to = group_of(&next, 1), from = group_of(&before, 1);
    for (int i = 1; i <= rounds; i++) {
        int assert = i % 3 == 0 ? MPI_MODE_NOSTORE : 0, flag = 0;
        MPI(MPI_Win_post(from, assert, win));
        MPI(MPI_Win_start(to, 0, win));
        base[next][0] = 10 * i + rank;
        MPI(MPI_Win_complete(win));
        if (by_test) {
            while (!flag)
                MPI(MPI_Win_test(win, &flag));
        } else
            MPI(MPI_Win_wait(win));
        EQ(base[rank][0], 10 * i + before);
    }
    MPI(MPI_Group_free(&to));
    MPI(MPI_Group_free(&from));
    MPI(MPI_Win_free(&win));
}

/* Rank 0 exposes to all, itself included; then all to rank 0. */
static void star(int rounds)
{
    make(ranks);
    int all[64], zero = 0;
    for (int r = 0; r < ranks; r++)
        all[r] = r;
    MPI_Group everybody = group_of(all, ranks), center = group_of(&zero, 1);
    MPI_Group nobody = group_of(all, 0);
    for (int i = 1; i <= rounds; i++) {
        if (rank == 0)
            MPI(MPI_Win_post(everybody, 0, win));
        MPI(MPI_Win_start(center, 0, win));
        base[0][rank] = i + rank;
        MPI(MPI_Win_complete(win));
        if (rank == 0) {
            MPI(MPI_Win_wait(win));
            for (int r = 0; r < ranks; r++)
                EQ(base[0][r], i + r);
        }
        MPI(MPI_Win_post(center, 0, win));
        if (rank == 0) {
            MPI(MPI_Win_start(everybody, 0, win));
            for (int r = 0; r < ranks; r++)
                base[r][0] = 7 * i + r;
            MPI(MPI_Win_complete(win));
        }
        MPI(MPI_Win_wait(win));
        EQ(base[rank][0], 7 * i + rank);
        MPI(MPI_Win_post(nobody, 0, win));
        MPI(MPI_Win_start(nobody, 0, win));
        MPI(MPI_Win_complete(win));
        MPI(MPI_Win_wait(win));
        /* The next round writes where this one was just read. */
        MPI(MPI_Barrier(MPI_COMM_WORLD));
    }
    MPI(MPI_Group_free(&everybody));
    MPI(MPI_Group_free(&center));
    MPI(MPI_Group_free(&nobody));
    MPI(MPI_Win_free(&win));
}

/* A counter at every rank, incremented by everybody under the exclusive lock, in
   two halves that a reader under the shared lock must find equal. */
static void locks(int rounds)
{
    make(2);
    for (int i = 0; i < rounds; i++) {
        int target = (i * 5 + rank) % ranks;
        MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, target, 0, win));
        long value = base[target][0];
        base[target][0] = value + 1;
        if (i % 16 == 0)
            sched_yield();
        EQ(base[target][1], value);
        base[target][1] = value + 1;
        MPI(MPI_Win_unlock(target, win));
        if (i % 3 == 0) {
            target = i % ranks;
            MPI(MPI_Win_lock(MPI_LOCK_SHARED, target, 0, win));
            long first = base[target][0];
            MPI(MPI_Win_flush_local(target, win));
            EQ(base[target][1], first);
            MPI(MPI_Win_unlock(target, win));
        }
        if (i % 7 == 0) {
            MPI(MPI_Win_lock_all(0, win));
            for (int r = 0; r < ranks; r++)
                EQ(base[r][0], base[r][1]);
            MPI(MPI_Win_flush_local_all(win));
            MPI(MPI_Win_unlock_all(win));
        }
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    long sum = 0;
    for (int r = 0; r < ranks; r++)
        sum += base[r][0];
    EQ(sum, (long)ranks * rounds);
    MPI(MPI_Barrier(MPI_COMM_WORLD)); /* all have counted */
    /* Several targets at once, in the order that all keep to. */
    for (int i = 0; i < rounds / 10; i++) {
        for (int r = 0; r < ranks; r++)
            MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, r, 0, win));
        for (int r = 0; r < ranks; r++)
            base[r][0] += 1, base[r][1] += 1;
        MPI(MPI_Win_flush_all(win));
        for (int r = ranks; r-- > 0;)
            MPI(MPI_Win_unlock(r, win));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    sum = 0;
    for (int r = 0; r < ranks; r++)
        sum += base[r][0];
    EQ(sum, (long)ranks * (rounds + ranks * (rounds / 10)));
    MPI(MPI_Win_free(&win));
}

/* Flags in shared memory, looked at in a loop around MPI_Win_sync. */
static void flags(int rounds)
{
    make(1);
    int next = (rank + 1) % ranks;
    MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, win));
    for (int i = 1; i <= rounds; i++) {
        if (rank == 0) {
            MPI(MPI_Win_sync(win));
            base[next][0] = i;
        }
        do
            MPI(MPI_Win_sync(win));
        while (base[rank][0] != i);
        if (rank != 0) {
            base[next][0] = i;
            MPI(MPI_Win_sync(win));
        }
    }
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Win_free(&win));
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 300;
    START();
    CHECK(ranks <= 64, "%d", ranks);
    fences(rounds);
    ring(rounds, 0);
    ring(rounds, 1);
    star(rounds / 3);
    locks(rounds);
    flags(rounds);
    PASSED();
}
