/* Flushes (MPI 5.0, 12.5.4): what they order, and programs that wait by them.

   usage: win_flush [ROUNDS] */
#include "check.h"

static MPI_Win win;
static int64_t *mine;

/* A token goes around. Whoever waits for it makes no call but a flush. */
static void passes_a_token(int rounds)
{
    volatile int64_t *token = mine;
    for (int64_t round = 1; round <= rounds; round++) {
        int next = (rank + 1) % ranks;
        if (rank == 0) {
            MPI(MPI_Put(&round, 1, MPI_INT64_T, next, 0, 1, MPI_INT64_T, win));
            MPI(MPI_Win_flush(next, win));
        }
        while (*token != round)
            MPI(MPI_Win_flush(rank, win));
        if (rank != 0) {
            MPI(MPI_Put(&round, 1, MPI_INT64_T, next, 0, 1, MPI_INT64_T, win));
            MPI(MPI_Win_flush(next, win));
        }
    }
}

/* Two ranks store a word each, flush, and look at the other's: one of them at least sees
   what was stored. Each round has words of its own. */
static void orders_stores_before_loads(int rounds)
{
    int64_t one = 1, seen = 0;
    int other = 1 - rank;
    for (int round = 0; round < rounds; round++) {
        MPI_Aint word = 1 + round % 64, result = 65 + round % 64;
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        mine[word] = mine[result] = 0;
        MPI(MPI_Win_sync(win));
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        if (rank < 2) {
            if (round % 3 == 0) {
                MPI(MPI_Put(&one, 1, MPI_INT64_T, other, word, 1, MPI_INT64_T, win));
            } else {
                int64_t zero = 0;
                if (round % 3 == 1)
                    MPI(MPI_Fetch_and_op(&one, &seen, MPI_INT64_T, other, word, MPI_SUM, win));
                else
                    MPI(MPI_Compare_and_swap(&one, &zero, &seen, MPI_INT64_T, other, word, win));
            }
            MPI(MPI_Win_flush(other, win));
            EQ(round % 3 ? seen : 0, 0);
            MPI(MPI_Get(&seen, 1, MPI_INT64_T, rank, word, 1, MPI_INT64_T, win));
            MPI(MPI_Win_flush(rank, win));
            MPI(MPI_Accumulate(&seen, 1, MPI_INT64_T, 0, result, 1, MPI_INT64_T, MPI_SUM, win));
            MPI(MPI_Win_flush(0, win));
        }
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        if (rank == 0)
            CHECK(mine[result] >= 1, "round %d: %lld", round, (long long)mine[result]);
    }
}

/* Single elements and rows of them change the same words: nothing is lost. */
static void mixes_single_elements_and_rows(int rounds)
{
    enum { ROW = 100 };
    int64_t row[ROW], one = 1, seen;
    for (int i = 0; i < ROW; i++)
        row[i] = 1;
    for (int round = 0; round < rounds; round++) {
        MPI_Aint word = 129 + round % ROW;
        MPI(MPI_Accumulate(row, ROW, MPI_INT64_T, 0, 129, ROW, MPI_INT64_T, MPI_SUM, win));
        MPI(MPI_Fetch_and_op(&one, &seen, MPI_INT64_T, 0, word, MPI_SUM, win));
        MPI(MPI_Win_flush(0, win));
        CHECK(seen >= round, "%lld in round %d", (long long)seen, round);
        int64_t wanted = seen;
        do {
            int64_t new = wanted + 1;
            seen = wanted;
            MPI(MPI_Compare_and_swap(&new, &seen, &wanted, MPI_INT64_T, 0, word, win));
            MPI(MPI_Win_flush(0, win));
        } while (wanted != seen);
    }
    MPI(MPI_Win_flush_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    int64_t sum = 0;
    MPI(MPI_Win_sync(win));
    for (int i = 0; rank == 0 && i < ROW; i++)
        sum += mine[129 + i];
    if (rank == 0)
        EQ(sum, (int64_t)ranks * rounds * (ROW + 2));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

/* What is wrong is said, and nothing happens. */
static void refuses(void)
{
    int64_t one = 1, kept = 77, got = 55;
    mine[0] = kept;
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    FAILS(MPI_Win_flush(rank, win), MPI_ERR_RMA_SYNC);
    FAILS(MPI_Win_flush(ranks, win), MPI_ERR_RANK);
    FAILS(MPI_Win_flush(-7, win), MPI_ERR_RANK);
    FAILS(MPI_Put(&one, 1, MPI_INT64_T, rank, 0, 1, MPI_INT64_T, win), MPI_ERR_RMA_SYNC);
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, rank, 0, win));
    FAILS(MPI_Put(&one, 1, MPI_INT64_T, rank, 1 << 20, 1, MPI_INT64_T, win), MPI_ERR_RMA_RANGE);
    FAILS(MPI_Put(&one, 1, MPI_INT64_T, rank, -1, 1, MPI_INT64_T, win), MPI_ERR_DISP);
    FAILS(MPI_Get(NULL, 1, MPI_INT64_T, rank, 0, 1, MPI_INT64_T, win), MPI_ERR_BUFFER);
    FAILS(MPI_Fetch_and_op(NULL, &got, MPI_INT64_T, rank, 0, MPI_SUM, win), MPI_ERR_BUFFER);
    FAILS(MPI_Fetch_and_op(&one, &got, MPI_INT64_T, rank, 0, MPI_MINLOC, win), MPI_ERR_OP);
    FAILS(MPI_Compare_and_swap(&one, &kept, &got, MPI_DOUBLE, rank, 0, win), MPI_ERR_TYPE);
    FAILS(MPI_Compare_and_swap(&one, NULL, &got, MPI_INT64_T, rank, 0, win), MPI_ERR_BUFFER);
    MPI(MPI_Fetch_and_op(NULL, &got, MPI_INT64_T, rank, 0, MPI_NO_OP, win));
    MPI(MPI_Put(&one, 1, MPI_INT64_T, MPI_PROC_NULL, 0, 1, MPI_INT64_T, win));
    MPI(MPI_Win_flush(MPI_PROC_NULL, win));
    MPI(MPI_Win_unlock(rank, win));
    EQ(got, kept);
    EQ(mine[0], kept);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    int rounds = argc > 1 ? atoi(argv[1]) : 300;
    MPI_Aint size = 256 * sizeof *mine;
    MPI(MPI_Win_allocate(size, sizeof *mine, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win));
    memset(mine, 0, (size_t)size);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Win_lock_all(0, win));
    passes_a_token(rounds);
    if (ranks > 1)
        orders_stores_before_loads(rounds);
    mixes_single_elements_and_rows(rounds);
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    refuses();
    MPI(MPI_Win_free(&win));
    PASSED();
}
