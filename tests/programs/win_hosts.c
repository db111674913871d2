/* Windows over several hosts (MPI 5.0, chapter 12): accesses of ranks of the target's host and
   of others to the same words, locks that both wait for, and targets that are not in MPI.

   usage: win_hosts [ROUNDS] */
#include "check.h"
#include <sched.h>

static MPI_Win win;
static int64_t *mine;
enum { WORDS = 1 << 19 };

static void says(int code, const char *what)
{
    char text[MPI_MAX_ERROR_STRING];
    int len;
    MPI(MPI_Error_string(code, text, &len));
    CHECK(strstr(text, what), "%s does not say %s", text, what);
}

static void clear(void)
{
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    memset(mine, 0, WORDS * 8);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

/* Everybody adds to a word of each rank in every way that there is. Nothing is lost, and no
   value is fetched twice. */
static void counters(int rounds)
{
    int64_t one = 1, seen, total = (int64_t)ranks * rounds;
    char *fetched = calloc((size_t)(total * ranks), 1);
    clear();
    MPI(MPI_Win_lock_all(0, win));
    for (int round = 0; round < rounds; round++)
        for (int target = 0; target < ranks; target++) {
            MPI(MPI_Fetch_and_op(&one, &seen, MPI_INT64_T, target, 0, MPI_SUM, win));
            MPI(MPI_Accumulate(&one, 1, MPI_INT64_T, target, 1, 1, MPI_INT64_T, MPI_SUM, win));
            MPI(MPI_Win_flush(target, win));
            CHECK(seen >= 0 && seen < total && !fetched[target * total + seen], "%lld of %d",
                  (long long)seen, target);
            fetched[target * total + seen] = 1;
            int64_t wanted = 0, found = 0;
            do {
                int64_t new = wanted + 1;
                MPI(MPI_Compare_and_swap(&new, &wanted, &found, MPI_INT64_T, target, 2, win));
                MPI(MPI_Win_flush(target, win));
                if (found == wanted)
                    break;
                wanted = found;
            } while (1);
        }
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Allreduce(MPI_IN_PLACE, fetched, (int)(total * ranks), MPI_CHAR, MPI_SUM,
                      MPI_COMM_WORLD));
    for (int64_t i = 0; i < total * ranks; i++)
        EQ(fetched[i], 1);
    for (int word = 0; word < 3; word++)
        EQ(mine[word], total);
    free(fetched);
}

/* Two words are changed under the exclusive lock, and are equal under the shared one. */
static void locks(int rounds)
{
    clear();
    for (int round = 0; round < rounds; round++) {
        int target = (rank + round) % ranks;
        int64_t pair[2];
        MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, target, 0, win));
        MPI(MPI_Get(pair, 2, MPI_INT64_T, target, 0, 2, MPI_INT64_T, win));
        MPI(MPI_Win_flush(target, win));
        EQ(pair[0], pair[1]);
        pair[0]++;
        MPI(MPI_Put(&pair[0], 1, MPI_INT64_T, target, 0, 1, MPI_INT64_T, win));
        MPI(MPI_Win_flush_local(target, win));
        MPI(MPI_Put(&pair[0], 1, MPI_INT64_T, target, 1, 1, MPI_INT64_T, win));
        MPI(MPI_Win_unlock(target, win));
        target = (rank + 2 * round + 1) % ranks;
        MPI(MPI_Win_lock(MPI_LOCK_SHARED, target, 0, win));
        MPI(MPI_Get(pair, 2, MPI_INT64_T, target, 0, 2, MPI_INT64_T, win));
        MPI(MPI_Win_unlock(target, win));
        EQ(pair[0], pair[1]);
        if (round % 7 == 0) {
            MPI(MPI_Win_lock_all(0, win));
            MPI(MPI_Get(pair, 2, MPI_INT64_T, target, 0, 2, MPI_INT64_T, win));
            MPI(MPI_Win_flush_all(win));
            EQ(pair[0], pair[1]);
            MPI(MPI_Win_unlock_all(win));
        }
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    int64_t sum = mine[0];
    MPI(MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD));
    EQ(sum, (int64_t)rounds * ranks);
}

/* A target that makes no call until all others have been there. */
static void silent_targets(void)
{
    clear();
    for (int target = 0; target < ranks; target++) {
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        if (rank == target) {
            volatile int64_t *count = mine;
            while (*count != ranks - 1)
                sched_yield();
        } else {
            int64_t one = 1, seen;
            MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, target, 0, win));
            MPI(MPI_Get(&seen, 1, MPI_INT64_T, target, 0, 1, MPI_INT64_T, win));
            MPI(MPI_Win_flush(target, win));
            CHECK(seen < ranks - 1, "%lld", (long long)seen);
            MPI(MPI_Accumulate(&one, 1, MPI_INT64_T, target, 0, 1, MPI_INT64_T, MPI_SUM, win));
            MPI(MPI_Win_unlock(target, win));
        }
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

/* Long and strided transfers to every rank, with requests and without. */
static void long_ones(void)
{
    enum { ROWS = 700, ROW = 300 };
    MPI_Datatype rows;
    MPI(MPI_Type_vector(ROWS, ROW, 2 * ROW, MPI_INT64_T, &rows));
    MPI(MPI_Type_commit(&rows));
    int64_t *out = malloc(ROWS * ROW * 8), *in = malloc(2 * ROWS * ROW * 8);
    clear();
    for (int from = 0; from < ranks; from++) {
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        if (rank == from)
            for (int target = 0; target < ranks; target++) {
                MPI_Request request;
                for (int i = 0; i < ROWS * ROW; i++)
                    out[i] = (int64_t)i * 1000 + 10 * target + from;
                MPI(MPI_Win_lock(MPI_LOCK_SHARED, target, 0, win));
                MPI(MPI_Rput(out, ROWS * ROW, MPI_INT64_T, target, 7, 1, rows, win, &request));
                MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
                MPI(MPI_Win_flush(target, win));
                memset(in, 0x33, 2 * ROWS * ROW * 8);
                MPI(MPI_Rget(in, 1, rows, target, 7, 1, rows, win, &request));
                MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
                for (int i = 0; i < ROWS * ROW; i++)
                    CHECK(in[i / ROW * 2 * ROW + i % ROW] == out[i], "%d at %d", i, target);
                EQ(in[ROW], 0x3333333333333333);
                MPI(MPI_Accumulate(out, ROWS * ROW, MPI_INT64_T, target, 7, 1, rows, MPI_SUM, win));
                MPI(MPI_Win_unlock(target, win));
            }
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        for (int i = 0; i < ROWS * ROW; i++) {
            int64_t wanted = 2 * ((int64_t)i * 1000 + 10 * rank + from);
            CHECK(mine[7 + i / ROW * 2 * ROW + i % ROW] == wanted, "%d from %d", i, from);
        }
        EQ(mine[7 + ROW], 0);
    }
    free(out);
    free(in);
    MPI(MPI_Type_free(&rows));
}

/* What is told of memory that is not shared, and what cannot be had. */
static void told(void)
{
    MPI_Comm host;
    MPI_Group all, here;
    MPI_Win no;
    MPI_Aint size;
    int unit, members, near = 0;
    int64_t *base;
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    int code = MPI_Win_allocate_shared(8, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &no);
    FAILS(code, MPI_ERR_RMA_SHARED);
    says(code, "MPI_Comm_split_type");
    MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host));
    MPI(MPI_Comm_group(MPI_COMM_WORLD, &all));
    MPI(MPI_Comm_group(host, &here));
    MPI(MPI_Comm_size(host, &members));
    clear();
    for (int target = 0; target < ranks; target++) {
        int in_host;
        MPI(MPI_Group_translate_ranks(all, 1, &target, here, &in_host));
        MPI(MPI_Win_shared_query(win, target, &size, &unit, &base));
        EQ(unit, 8);
        if (in_host == MPI_UNDEFINED) {
            EQ(size, 0);
            CHECK(base == NULL, "%p", (void *)base);
        } else {
            near++;
            EQ(size, WORDS * 8);
            base[100 + rank] = 5 + target;
        }
    }
    EQ(near, members);
    MPI(MPI_Win_sync(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Win_sync(win));
    int stored = 0;
    for (int from = 0; from < ranks; from++)
        stored += mine[100 + from] == 5 + rank;
    EQ(stored, members);
    MPI(MPI_Group_free(&all));
    MPI(MPI_Group_free(&here));
    MPI(MPI_Comm_free(&host));
}

/* What is attached at other hosts is reached; what is not, is said when the access completes. */
static void attached(void)
{
    MPI_Win dynamic;
    static int64_t memory[64];
    MPI_Aint addresses[64], own;
    int next = (rank + 1) % ranks, code;
    int64_t value = 40 + rank;
    MPI(MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &dynamic));
    MPI(MPI_Win_set_errhandler(dynamic, MPI_ERRORS_RETURN));
    MPI(MPI_Win_attach(dynamic, memory, 32 * 8));
    MPI(MPI_Get_address(memory, &own));
    MPI(MPI_Allgather(&own, 1, MPI_AINT, addresses, 1, MPI_AINT, MPI_COMM_WORLD));
    MPI(MPI_Win_lock_all(0, dynamic));
    MPI(MPI_Put(&value, 1, MPI_INT64_T, next, addresses[next] + 31 * 8, 1, MPI_INT64_T, dynamic));
    MPI(MPI_Win_flush(next, dynamic));
    code = MPI_Put(&value, 1, MPI_INT64_T, next, addresses[next] + 32 * 8, 1, MPI_INT64_T, dynamic);
    if (code == MPI_SUCCESS)
        code = MPI_Win_flush(next, dynamic);
    FAILS(code, MPI_ERR_RMA_RANGE);
    says(code, "not all attached");
    MPI(MPI_Win_flush(next, dynamic));
    MPI(MPI_Win_unlock_all(dynamic));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    EQ(memory[31], 40 + (rank + ranks - 1) % ranks);
    EQ(memory[32], 0);
    MPI(MPI_Win_detach(dynamic, memory));
    MPI(MPI_Win_free(&dynamic));
}

int main(int argc, char **argv)
{
    MPI(MPI_Init(&argc, &argv));
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    MPI(MPI_Win_allocate(WORDS * 8, 8, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win));
    silent_targets();
    counters(rounds);
    locks(rounds);
    long_ones();
    told();
    attached();
    MPI(MPI_Win_free(&win));
    PASSED();
}
