/* Small accesses to a few bytes of malloc: at targets that are in MPI calls all the time, that
   leave them now and then to compute, and that are away for long. Nothing is lost or counted
   twice, and all that is fetched was there. */
#include "check.h"
#include <stddef.h>
#include <time.h>

enum { ROUNDS = 2000, SLOTS = 4, LONG = 300 };

struct counters {
    long sum[SLOTS];
    double real;
    int swapped, odd[5];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void compute(double seconds)
{
    double until = now() + seconds;
    while (now() < until)
        ;
}

static unsigned mixed(unsigned value)
{
    value = (value ^ value >> 15) * 2246822519u;
    return value ^ value >> 13;
}

/* A target that is away until it sees that all others have been there. */
static void away(MPI_Win win, volatile struct counters *own)
{
    long one = 1, before = -1;
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 0) {
        while (own->sum[0] < ranks - 1)
            compute(1e-5);
    } else {
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win));
        MPI(MPI_Fetch_and_op(&one, &before, MPI_LONG, 0, 0, MPI_SUM, win));
        MPI(MPI_Win_unlock(0, win));
        CHECK(before >= 0 && before < ranks, "what was there is %ld", before);
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    own->sum[0] = 0;
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

int main(int argc, char **argv)
{
    START();
    struct counters *own = malloc(sizeof *own);
    CHECK(own, "malloc");
    memset(own, 0, sizeof *own);
    MPI_Win win;
    MPI(MPI_Win_create(own, sizeof *own, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    if (argc > 1 && !strcmp(argv[1], "away"))
        away(win, own);
    long added[SLOTS] = {0}, fetched = -1;
    int taken = 0;
    double real = 0.5;
    MPI(MPI_Win_lock_all(0, win));
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned r = mixed(i * 7919u + (unsigned)rank);
        int target = (int)(r % (unsigned)ranks), slot = (int)(r / 64 % SLOTS);
        long value = (long)(r % 1000);
        MPI_Aint at = (MPI_Aint)(slot * (int)sizeof value);
        switch (r / 1024 % 4) {
        case 0:
            MPI(MPI_Fetch_and_op(&value, &fetched, MPI_LONG, target, at, MPI_SUM, win));
            MPI(MPI_Win_flush(target, win));
            CHECK(fetched >= 0, "what was there is %ld", fetched);
            added[slot] += value;
            break;
        case 1:
            MPI(MPI_Accumulate(&value, 1, MPI_LONG, target, at, 1, MPI_LONG, MPI_SUM, win));
            MPI(MPI_Accumulate(&real, 1, MPI_DOUBLE, target, offsetof(struct counters, real), 1,
                               MPI_DOUBLE, MPI_SUM, win));
            MPI(MPI_Win_flush(target, win));
            added[slot] += value;
            break;
        case 2: {
            int zero = 0, mine = rank + 1, was = -1;
            MPI_Aint place = offsetof(struct counters, swapped);
            MPI(MPI_Compare_and_swap(&mine, &zero, &was, MPI_INT, target, place, win));
            MPI(MPI_Win_flush(target, win));
            CHECK(was >= 0 && was <= ranks && was != mine, "rank %d is there, it says", was - 1);
            if (was == 0) {
                taken++;
                MPI(MPI_Compare_and_swap(&zero, &mine, &was, MPI_INT, target, place, win));
                MPI(MPI_Win_flush(target, win));
                EQ(was, mine);
            }
            break;
        }
        default: {
            /* The odd one out belongs to this rank's neighbour alone. */
            int out = (int)i, in = -1, next = (rank + 1) % ranks;
            MPI_Aint place = offsetof(struct counters, odd) + (MPI_Aint)sizeof(int);
            MPI(MPI_Put(&out, 1, MPI_INT, next, place, 1, MPI_INT, win));
            MPI(MPI_Win_flush(next, win));
            MPI(MPI_Get(&in, 1, MPI_INT, next, place, 1, MPI_INT, win));
            MPI(MPI_Win_flush(next, win));
            EQ(in, (int)i);
        }
        }
        if (r % 16 == 0)
            compute(r % LONG == 0 ? 1e-3 : 2e-6);
    }
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    long whole[SLOTS], sums[SLOTS];
    MPI(MPI_Allreduce(added, whole, SLOTS, MPI_LONG, MPI_SUM, MPI_COMM_WORLD));
    MPI(MPI_Allreduce(own->sum, sums, SLOTS, MPI_LONG, MPI_SUM, MPI_COMM_WORLD));
    for (int i = 0; i < SLOTS; i++)
        EQ(sums[i], whole[i]);
    EQ(own->swapped, 0);
    MPI(MPI_Win_free(&win));
    free(own);
    PASSED();
}
