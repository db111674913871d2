/* Windows of every flavor of processes of two jobs that were started separately.
   usage: win_jobs serve|visit FILE */
#include "meet.h"

enum { WORDS = 1000, ROUNDS = 20 };
enum { CREATE, ALLOCATE, SHARED, DYNAMIC, FLAVORS };

int main(int argc, char **argv)
{
    static int64_t words[WORDS];
    START();
    CHECK(argc > 2, "%d arguments", argc);
    MPI_Comm both;
    meet(argv[1], argv[2], &both);
    int me, all;
    MPI(MPI_Comm_rank(both, &me));
    MPI(MPI_Comm_size(both, &all));
    int next = (me + 1) % all, before = (me + all - 1) % all;
    MPI_Aint *bases = room((size_t)all * sizeof *bases), base;
    for (int flavor = 0; flavor < FLAVORS; flavor++) {
        MPI_Win win;
        int64_t *mine = words;
        if (flavor == CREATE)
            MPI(MPI_Win_create(words, sizeof words, 8, MPI_INFO_NULL, both, &win));
        else if (flavor == ALLOCATE)
            MPI(MPI_Win_allocate(sizeof words, 8, MPI_INFO_NULL, both, &mine, &win));
        else if (flavor == SHARED)
            MPI(MPI_Win_allocate_shared(sizeof words, 8, MPI_INFO_NULL, both, &mine, &win));
        else {
            MPI(MPI_Win_create_dynamic(MPI_INFO_NULL, both, &win));
            MPI(MPI_Win_attach(win, words, sizeof words));
        }
        memset(mine, 0, sizeof words);
        MPI(MPI_Get_address(mine, &base));
        MPI(MPI_Allgather(&base, 1, MPI_AINT, bases, 1, MPI_AINT, both));
        for (int round = 0; round < ROUNDS; round++) {
            int64_t out[10], in[10], old, one = 1;
            MPI_Aint unit = flavor == DYNAMIC ? 8 : 1;
            MPI_Aint there = flavor == DYNAMIC ? bases[next] : 0, first = flavor == DYNAMIC ? bases[0] : 0;
            for (int i = 0; i < 10; i++)
                out[i] = 1000 * me + 10 * round + i, in[i] = -1;
            MPI(MPI_Win_fence(0, win));
            MPI(MPI_Put(out, 10, MPI_INT64_T, next, there + unit * 20, 10, MPI_INT64_T, win));
            MPI(MPI_Win_fence(0, win));
            for (int i = 0; i < 10; i++)
                EQ(mine[20 + i], 1000 * before + 10 * round + i);
            MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
            MPI(MPI_Win_lock_all(0, win));
            MPI(MPI_Get(in, 10, MPI_INT64_T, next, there + unit * 20, 10, MPI_INT64_T, win));
            MPI(MPI_Fetch_and_op(&one, &old, MPI_INT64_T, 0, first + unit * 40, MPI_SUM, win));
            MPI(MPI_Accumulate(&one, 1, MPI_INT64_T, next, there + unit * 41, 1, MPI_INT64_T, MPI_SUM, win));
            MPI(MPI_Win_unlock_all(win));
            for (int i = 0; i < 10; i++)
                EQ(in[i], out[i]);
            CHECK(old >= (int64_t)round && old < (int64_t)all * ROUNDS, "%lld", (long long)old);
            MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win));
            MPI(MPI_Get(&old, 1, MPI_INT64_T, 0, first + unit * 42, 1, MPI_INT64_T, win));
            MPI(MPI_Win_flush(0, win));
            old++;
            MPI(MPI_Put(&old, 1, MPI_INT64_T, 0, first + unit * 42, 1, MPI_INT64_T, win));
            MPI(MPI_Win_unlock(0, win));
        }
        MPI(MPI_Win_fence(0, win));
        EQ(mine[41], ROUNDS);
        if (me == 0) {
            EQ(mine[40], ROUNDS * all);
            EQ(mine[42], ROUNDS * all);
        }
        MPI(MPI_Win_fence(0, win));
        MPI(MPI_Win_free(&win));
    }
    free(bases);
    MPI(MPI_Comm_disconnect(&both));
    PASSED();
}
