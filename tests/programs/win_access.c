/* Accesses by calls to windows of shared memory (MPI 5.0, 12.3): put, get and the
   accumulate functions, with and without requests, of simple and derived types. */
#include "check.h"
#include "windows.h"

static MPI_Win win;
static int *mine;
enum { WORDS = 512 };

static void make(void)
{
    MPI(allocate_window(WORDS * sizeof(int), sizeof(int), &mine, &win));
    for (int i = 0; i < WORDS; i++)
        mine[i] = 0;
    MPI(MPI_Win_fence(MPI_MODE_NOPRECEDE, win));
}

static void clear(void)
{
    MPI(MPI_Win_fence(0, win));
    for (int i = 0; i < WORDS; i++)
        mine[i] = 0;
    MPI(MPI_Win_fence(0, win));
}

static void put_and_get(void)
{
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    int out[10], in[10];
    for (int i = 0; i < 10; i++)
        out[i] = 100 * rank + i;
    MPI(MPI_Put(out, 10, MPI_INT, next, 5, 10, MPI_INT, win));
    MPI(MPI_Win_fence(0, win));
    for (int i = 0; i < 10; i++)
        EQ(mine[5 + i], 100 * before + i);
    MPI(MPI_Get(in, 10, MPI_INT, next, 5, 10, MPI_INT, win));
    MPI(MPI_Win_fence(0, win));
    for (int i = 0; i < 10; i++)
        EQ(in[i], 100 * rank + i);

    /* Every third word there, from a column here. */
    MPI_Datatype there, here;
    int square[4][4];
    for (int i = 0; i < 16; i++)
        square[i / 4][i % 4] = 1000 * rank + i;
    MPI(MPI_Type_vector(4, 1, 3, MPI_INT, &there));
    MPI(MPI_Type_vector(4, 1, 4, MPI_INT, &here));
    MPI(MPI_Type_commit(&there));
    MPI(MPI_Type_commit(&here));
    clear();
    MPI(MPI_Put_c(&square[0][2], 1, here, next, 20, 1, there, win));
    MPI(MPI_Win_fence(0, win));
    for (int i = 0; i < 4; i++) {
        EQ(mine[20 + 3 * i], 1000 * before + 4 * i + 2);
        EQ(mine[21 + 3 * i], 0);
    }
    int packed[4];
    MPI(MPI_Get(packed, 4, MPI_INT, next, 20, 1, there, win));
    MPI(MPI_Win_fence(0, win));
    for (int i = 0; i < 4; i++)
        EQ(packed[i], 1000 * rank + 4 * i + 2);
    clear();
    /* The last element just fits; and nothing goes to nobody. */
    MPI(MPI_Put(out, 1, MPI_INT, rank, WORDS - 1, 1, MPI_INT, win));
    MPI(MPI_Put(out, 1, there, rank, WORDS - 10, 1, there, win));
    MPI(MPI_Put(out, 1, MPI_INT, MPI_PROC_NULL, 1 << 30, 1, MPI_INT, win));
    MPI(MPI_Put(NULL, 0, MPI_INT, next, 0, 0, MPI_INT, win));
    clear();
    MPI(MPI_Type_free(&there));
    MPI(MPI_Type_free(&here));
}

static void accumulated(int rounds)
{
    /* All add at all, in several pieces at once. */
    int ones[WORDS];
    for (int i = 0; i < WORDS; i++)
        ones[i] = i;
    for (int i = 0; i < rounds; i++)
        for (int r = 0; r < ranks; r++)
            MPI(MPI_Accumulate(ones, 16, MPI_INT, (rank + r) % ranks, i % 8, 16, MPI_INT,
                               MPI_SUM, win));
    MPI(MPI_Win_fence(0, win));
    long wanted[32] = {0};
    for (int i = 0; i < rounds; i++)
        for (int j = 0; j < 16; j++)
            wanted[i % 8 + j] += (long)ranks * j;
    for (int i = 0; i < 32; i++)
        EQ(mine[i], wanted[i]);
    clear();

    /* With gaps on both sides. */
    MPI_Datatype odd, twos;
    MPI(MPI_Type_vector(8, 1, 2, MPI_INT, &odd));
    MPI(MPI_Type_indexed(2, (int[]){4, 4}, (int[]){0, 6}, MPI_INT, &twos));
    MPI(MPI_Type_commit(&odd));
    MPI(MPI_Type_commit(&twos));
    MPI(MPI_Accumulate(ones, 1, twos, 0, 1, 1, odd, MPI_SUM, win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 0)
        for (int i = 0; i < 8; i++) {
            EQ(mine[1 + 2 * i], ranks * (i < 4 ? i : i + 2));
            EQ(mine[2 + 2 * i], 0);
        }
    MPI(MPI_Type_free(&odd));
    MPI(MPI_Type_free(&twos));
    clear();

    /* Pairs, whose value and index may lie with a hole. */
    struct {
        double value;
        int index;
    } pair = {rank == ranks / 2 ? 9.5 : 1.0, rank}, *found;
    found = (void *)mine;
    MPI(MPI_Accumulate(&pair, 1, MPI_DOUBLE_INT, 0, 0, 1, MPI_DOUBLE_INT, MPI_MAXLOC, win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 0) {
        CHECK(found->value == 9.5, "%g", found->value);
        EQ(found->index, ranks / 2);
    }
    clear();

    MPI(MPI_Accumulate(&rank, 1, MPI_INT, 0, 7 + rank, 1, MPI_INT, MPI_REPLACE, win));
    int left = 0;
    MPI(MPI_Get_accumulate(NULL, 0, MPI_INT, &left, 1, MPI_INT, 0, 7, 1, MPI_INT, MPI_NO_OP, win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 0)
        for (int r = 0; r < ranks; r++)
            EQ(mine[7 + r], r);
    clear();
}

/* Each value of a counter is seen by one rank only. */
static void fetched(int rounds)
{
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    MPI(MPI_Win_lock_all(0, win));
    int one = 1, was, last = -1;
    long sum = 0, all = 0;
    for (int i = 0; i < rounds; i++) {
        if (i % 2)
            MPI(MPI_Fetch_and_op(&one, &was, MPI_INT, 0, 3, MPI_SUM, win));
        else
            MPI(MPI_Get_accumulate(&one, 1, MPI_INT, &was, 1, MPI_INT, 0, 3, 1, MPI_INT,
                                   MPI_SUM, win));
        MPI(MPI_Win_flush(0, win));
        CHECK(was > last, "%d after %d", was, last);
        last = was;
        sum += was;
    }
    MPI(MPI_Allreduce(&sum, &all, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD));
    long total = (long)rounds * ranks;
    EQ(all, total * (total - 1) / 2);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Fetch_and_op(NULL, &was, MPI_INT, 0, 3, MPI_NO_OP, win));
    MPI(MPI_Win_flush(0, win));
    EQ(was, total);
    MPI(MPI_Barrier(MPI_COMM_WORLD));

    /* A lock of the program's own, by compare and swap. */
    int zero = 0, id = rank + 1, old;
    for (int i = 0; i < rounds; i++) {
        do {
            MPI(MPI_Compare_and_swap(&id, &zero, &old, MPI_INT, 0, 10, win));
            MPI(MPI_Win_flush(0, win));
        } while (old != 0);
        int value;
        MPI(MPI_Get(&value, 1, MPI_INT, 0, 11, 1, MPI_INT, win));
        MPI(MPI_Win_flush(0, win));
        value++;
        MPI(MPI_Put(&value, 1, MPI_INT, 0, 11, 1, MPI_INT, win));
        MPI(MPI_Win_flush(0, win));
        MPI(MPI_Compare_and_swap(&zero, &id, &old, MPI_INT, 0, 10, win));
        MPI(MPI_Win_flush(0, win));
        EQ(old, id);
    }
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Win_fence(0, win));
    if (rank == 0)
        EQ(mine[11], total);
    clear();
}

static void with_requests(void)
{
    int out[3] = {rank, rank + 1, rank + 2}, in[3] = {-1, -1, -1}, was[3];
    int next = (rank + 1) % ranks;
    MPI_Request requests[4];
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, next, 0, win));
    MPI(MPI_Rput(out, 3, MPI_INT, next, 0, 3, MPI_INT, win, &requests[0]));
    MPI(MPI_Wait(&requests[0], MPI_STATUS_IGNORE));
    MPI(MPI_Rget(in, 3, MPI_INT, next, 0, 3, MPI_INT, win, &requests[0]));
    MPI(MPI_Raccumulate(out, 3, MPI_INT, next, 0, 3, MPI_INT, MPI_SUM, win, &requests[1]));
    MPI(MPI_Rget_accumulate(out, 3, MPI_INT, was, 3, MPI_INT, next, 0, 3, MPI_INT, MPI_PROD,
                            win, &requests[2]));
    MPI(MPI_Rput(out, 3, MPI_INT, MPI_PROC_NULL, 0, 3, MPI_INT, win, &requests[3]));
    MPI(MPI_Waitall(4, requests, MPI_STATUSES_IGNORE));
    MPI(MPI_Win_unlock(next, win));
    for (int i = 0; i < 3; i++) {
        EQ(in[i], rank + i);
        EQ(was[i], 2 * (rank + i));
    }
    MPI(MPI_Win_fence(0, win));
    int before = (rank + ranks - 1) % ranks;
    for (int i = 0; i < 3; i++)
        EQ(mine[i], 2 * (before + i) * (before + i));
    clear();
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 300;
    START();
    make();
    put_and_get();
    accumulated(rounds);
    fetched(rounds);
    with_requests();
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    MPI(MPI_Win_free(&win));
    PASSED();
}
