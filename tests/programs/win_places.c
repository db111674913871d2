/* Windows over memory that the program has, of every kind, whole or attached to a
   dynamic window (MPI 5.0, 12.2.1 and 12.2.4): every access, from all ranks at once.
   usage: win_places [ROUNDS] [create|dynamic|refused] [the place of each rank, else all]
   refused: from the second window on the kernel refuses to copy for every other rank,
   so that some origins copy and some ask. */
#include "places.h"
#include "windows.h"
#include "refuse.h"

enum { WORDS = 3000, BYTES = WORDS * 8 };

static MPI_Win win;
static int dynamic;
static int64_t *mine;         /* WORDS words in the window */
static MPI_Aint *bases;       /* of each rank's words, if dynamic */

/* The displacement of a word of a rank. Units differ between ranks: 8, 4, 2, 1. */
static int unit_of(int who)
{
    return 8 >> who % 4;
}

static MPI_Aint at(int who, int word)
{
    if (dynamic)
        return MPI_Aint_add(bases[who], (MPI_Aint)word * 8);
    return (MPI_Aint)word * 8 / unit_of(who);
}

static void make(void *memory)
{
    mine = memory;
    for (int i = 0; i < WORDS; i++)
        mine[i] = 0;
    if (dynamic) {
        MPI_Aint base;
        MPI(MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win));
        MPI(MPI_Win_attach(win, memory, BYTES));
        MPI(MPI_Get_address(memory, &base));
        MPI(MPI_Allgather(&base, 1, MPI_AINT, bases, 1, MPI_AINT, MPI_COMM_WORLD));
    } else {
        MPI(MPI_Win_create(memory, BYTES, unit_of(rank), MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    }
    int *flavor, *model, *unit, found;
    MPI_Aint *size;
    void *base;
    MPI(MPI_Win_get_attr(win, MPI_WIN_CREATE_FLAVOR, &flavor, &found));
    EQ(found, 1);
    EQ(*flavor, dynamic ? MPI_WIN_FLAVOR_DYNAMIC : MPI_WIN_FLAVOR_CREATE);
    MPI(MPI_Win_get_attr(win, MPI_WIN_MODEL, &model, &found));
    EQ(*model, MPI_WIN_UNIFIED);
    MPI(MPI_Win_get_attr(win, MPI_WIN_BASE, &base, &found));
    CHECK(base == (dynamic ? MPI_BOTTOM : memory), "%p", base);
    MPI(MPI_Win_get_attr(win, MPI_WIN_SIZE, &size, &found));
    EQ(*size, dynamic ? 0 : BYTES);
    MPI(MPI_Win_get_attr(win, MPI_WIN_DISP_UNIT, &unit, &found));
    EQ(*unit, dynamic ? 1 : unit_of(rank));
}

static void drop(void)
{
    if (dynamic) {
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        MPI(MPI_Win_detach(win, mine));
    }
    MPI(MPI_Win_free(&win));
    CHECK(win == MPI_WIN_NULL, "freed");
}

static void fence(void)
{
    MPI(MPI_Win_fence(0, win));
}

static void clear(void)
{
    fence();
    for (int i = 0; i < WORDS; i++)
        mine[i] = 0;
    fence();
}

static void puts_and_gets(int round)
{
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    static int64_t out[WORDS], in[WORDS];
    for (int i = 0; i < WORDS; i++)
        out[i] = (int64_t)rank << 32 | (round * 7919 + i), in[i] = -1;
    fence();
    MPI(MPI_Put(out, WORDS - 1, MPI_INT64_T, next, at(next, 1), WORDS - 1, MPI_INT64_T, win));
    fence();
    EQ(mine[0], 0);
    for (int i = 1; i < WORDS; i++)
        EQ(mine[i], (int64_t)before << 32 | (round * 7919 + i - 1));
    MPI(MPI_Get(in, 5, MPI_INT64_T, next, at(next, 11), 5, MPI_INT64_T, win));
    fence();
    for (int i = 0; i < 5; i++)
        EQ(in[i], (int64_t)rank << 32 | (round * 7919 + 10 + i));
    EQ(in[5], -1);

    /* Columns here, and another stride there. */
    MPI_Datatype here, there;
    MPI(MPI_Type_vector(200, 1, 3, MPI_INT64_T, &here));
    MPI(MPI_Type_vector(100, 2, 7, MPI_INT64_T, &there));
    MPI(MPI_Type_commit(&here));
    MPI(MPI_Type_commit(&there));
    clear();
    MPI(MPI_Put(out, 1, here, next, at(next, 5), 1, there, win));
    MPI(MPI_Put(NULL, 0, MPI_INT64_T, next, at(next, 0), 0, MPI_INT64_T, win));
    MPI(MPI_Put(out, 1, MPI_INT64_T, MPI_PROC_NULL, 1234567, 1, MPI_INT64_T, win));
    fence();
    for (int i = 0, k = 0; i < 100; i++)
        for (int j = 0; j < 7; j++) {
            int64_t value = mine[5 + 7 * i + j];
            if (j < 2)
                EQ(value, (int64_t)before << 32 | (round * 7919 + 3 * k++));
            else
                EQ(value, 0);
        }
    for (int i = 0; i < WORDS; i++)
        in[i] = -1;
    MPI(MPI_Get(in, 1, here, next, at(next, 5), 1, there, win));
    fence();
    for (int i = 0; i < 200; i++) {
        EQ(in[3 * i], (int64_t)rank << 32 | (round * 7919 + 3 * i));
        EQ(in[3 * i + 1], -1);
    }
    MPI(MPI_Type_free(&here));
    MPI(MPI_Type_free(&there));
    clear();
}

static void accumulations(int round)
{
    int64_t ones[64], got[64], old = -1, one = 1;
    for (int i = 0; i < 64; i++)
        ones[i] = i + round;
    fence();
    for (int who = 0; who < ranks; who++)
        for (int k = 0; k < 5; k++)
            MPI(MPI_Accumulate(ones, 64, MPI_INT64_T, (rank + who) % ranks, at((rank + who) % ranks, k),
                               64, MPI_INT64_T, MPI_SUM, win));
    fence();
    for (int i = 0; i < 70; i++) {
        int64_t wanted = 0;
        for (int k = 0; k < 5; k++)
            if (i - k >= 0 && i - k < 64)
                wanted += ones[i - k] * ranks;
        EQ(mine[i], wanted);
    }
    clear();

    /* A counter at every rank: each number is drawn once. */
    enum { DRAWS = 20 };
    for (int who = 0; who < ranks; who++) {
        int64_t last = -1;
        MPI(MPI_Win_lock(rank % 2 ? MPI_LOCK_SHARED : MPI_LOCK_EXCLUSIVE, who, 0, win));
        for (int i = 0; i < DRAWS; i++) {
            MPI(MPI_Fetch_and_op(&one, &old, MPI_INT64_T, who, at(who, 100), MPI_SUM, win));
            MPI(MPI_Win_flush(who, win));
            CHECK(old > last, "%lld after %lld", (long long)old, (long long)last);
            last = old;
        }
        MPI(MPI_Win_unlock(who, win));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, rank, 0, win));
    MPI(MPI_Get_accumulate(NULL, 0, MPI_INT64_T, got, 1, MPI_INT64_T, rank, at(rank, 100), 1,
                           MPI_INT64_T, MPI_NO_OP, win));
    MPI(MPI_Win_unlock(rank, win));
    EQ(got[0], (int64_t)DRAWS * ranks);
    MPI(MPI_Barrier(MPI_COMM_WORLD));

    /* A chain of swaps, by all at one word of rank 0. */
    MPI(MPI_Win_lock_all(0, win));
    for (int i = 0; i < DRAWS; i++)
        for (int64_t seen = 0;;) {
            int64_t want = seen + 1, was;
            MPI(MPI_Compare_and_swap(&want, &seen, &was, MPI_INT64_T, 0, at(0, 200), win));
            MPI(MPI_Win_flush(0, win));
            if (was == seen)
                break;
            seen = was;
        }
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 0)
        EQ(mine[200], (int64_t)DRAWS * ranks);
    clear();

    /* Pairs with a hole, and elements with a stride. */
    struct {
        short value;
        int index;
    } pair = {(short)(rank == ranks / 2 ? 900 : rank), rank};
    MPI_Datatype odd;
    MPI(MPI_Type_vector(40, 1, 2, MPI_INT64_T, &odd));
    MPI(MPI_Type_commit(&odd));
    MPI(MPI_Accumulate(&pair, 1, MPI_SHORT_INT, 0, at(0, 300), 1, MPI_SHORT_INT, MPI_MAXLOC, win));
    MPI(MPI_Accumulate(ones, 40, MPI_INT64_T, ranks - 1, at(ranks - 1, 401), 1, odd, MPI_SUM, win));
    double half = 0.5;
    MPI(MPI_Accumulate(&half, 1, MPI_DOUBLE, 0, at(0, 310), 1, MPI_DOUBLE, MPI_SUM, win));
    fence();
    if (rank == 0) {
        memcpy(&pair, &mine[300], sizeof pair);
        EQ(pair.value, 900);
        EQ(pair.index, ranks / 2);
        memcpy(&half, &mine[310], sizeof half);
        CHECK(half == 0.5 * ranks, "%g", half);
    }
    if (rank == ranks - 1)
        for (int i = 0; i < 40; i++) {
            EQ(mine[401 + 2 * i], ones[i] * ranks);
            EQ(mine[402 + 2 * i], 0);
        }
    clear();
    MPI(MPI_Get_accumulate(ones, 40, MPI_INT64_T, got, 40, MPI_INT64_T, rank, at(rank, 600), 1, odd,
                           MPI_REPLACE, win));
    fence();
    for (int i = 0; i < 40; i++) {
        EQ(got[i], 0);
        EQ(mine[600 + 2 * i], ones[i]);
    }
    MPI(MPI_Type_free(&odd));
    clear();
}

static void with_requests(int round)
{
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    int64_t out[8], in[8], old[8];
    MPI_Request requests[4];
    for (int i = 0; i < 8; i++)
        out[i] = 1000 * rank + 10 * round + i, in[i] = old[i] = -1;
    MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, win));
    MPI(MPI_Rput(out, 8, MPI_INT64_T, next, at(next, 0), 8, MPI_INT64_T, win, &requests[0]));
    MPI(MPI_Raccumulate(out, 8, MPI_INT64_T, next, at(next, 20), 8, MPI_INT64_T, MPI_SUM, win,
                        &requests[1]));
    MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    MPI(MPI_Win_flush_all(win));
    MPI(MPI_Rget(in, 8, MPI_INT64_T, next, at(next, 0), 8, MPI_INT64_T, win, &requests[0]));
    MPI(MPI_Rget_accumulate(out, 8, MPI_INT64_T, old, 8, MPI_INT64_T, next, at(next, 20), 8,
                            MPI_INT64_T, MPI_SUM, win, &requests[1]));
    MPI(MPI_Wait(&requests[1], MPI_STATUS_IGNORE));
    for (int done = 0; !done;)
        MPI(MPI_Test(&requests[0], &done, MPI_STATUS_IGNORE));
    for (int i = 0; i < 8; i++) {
        EQ(in[i], out[i]);
        EQ(old[i], out[i]);
    }
    /* Freed, and completed by the flush. */
    int64_t more = 5;
    MPI(MPI_Raccumulate(&more, 1, MPI_INT64_T, next, at(next, 40), 1, MPI_INT64_T, MPI_SUM, win,
                        &requests[0]));
    if (requests[0] != MPI_REQUEST_NULL)
        MPI(MPI_Request_free(&requests[0]));
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, rank, 0, win));
    for (int i = 0; i < 8; i++)
        EQ(mine[20 + i], 2 * (1000 * before + 10 * round + i));
    EQ(mine[40], 5);
    MPI(MPI_Win_unlock(rank, win));
    clear();
}

static void posted(int round)
{
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    int64_t value = 100 * rank + round, seen = -1;
    MPI_Group all, origin, target;
    MPI(MPI_Win_get_group(win, &all));
    MPI(MPI_Group_incl(all, 1, &before, &origin));
    MPI(MPI_Group_incl(all, 1, &next, &target));
    MPI(MPI_Win_fence(MPI_MODE_NOSUCCEED, win));
    MPI(MPI_Win_post(origin, 0, win));
    MPI(MPI_Win_start(target, 0, win));
    MPI(MPI_Put(&value, 1, MPI_INT64_T, next, at(next, 7), 1, MPI_INT64_T, win));
    MPI(MPI_Get(&seen, 1, MPI_INT64_T, next, at(next, 9), 1, MPI_INT64_T, win));
    MPI(MPI_Win_complete(win));
    EQ(seen, 0);
    if (round % 2)
        MPI(MPI_Win_wait(win));
    else
        for (int done = 0; !done;)
            MPI(MPI_Win_test(win, &done));
    EQ(mine[7], 100 * before + round);
    MPI(MPI_Group_free(&all));
    MPI(MPI_Group_free(&origin));
    MPI(MPI_Group_free(&target));
    clear();
}

static void wrong(void)
{
    int64_t value = 1, was;
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    MPI(MPI_Win_lock_all(0, win));
    for (int who = 0; who < ranks; who++) {
        ACCESS_FAILS(MPI_Put(&value, 1, MPI_INT64_T, who, at(who, WORDS), 1, MPI_INT64_T, win),
                     MPI_ERR_RMA_RANGE, MPI_Win_flush(who, win));
        ACCESS_FAILS(MPI_Get(&value, 1, MPI_INT64_T, who, at(who, WORDS - 1) + 9, 1, MPI_INT64_T, win),
                     MPI_ERR_RMA_RANGE, MPI_Win_flush(who, win));
        ACCESS_FAILS(MPI_Accumulate(&value, 1, MPI_INT64_T, who, at(who, WORDS), 1, MPI_INT64_T, MPI_SUM, win),
                     MPI_ERR_RMA_RANGE, MPI_Win_flush(who, win));
        ACCESS_FAILS(MPI_Compare_and_swap(&value, &value, &was, MPI_INT64_T, who, at(who, WORDS), win),
                     MPI_ERR_RMA_RANGE, MPI_Win_flush(who, win));
        ACCESS_FAILS(MPI_Put(&value, 1, MPI_INT64_T, who, -1, 1, MPI_INT64_T, win),
                     dynamic ? MPI_ERR_RMA_RANGE : MPI_ERR_DISP, MPI_Win_flush(who, win));
        FAILS(MPI_Put(&value, 1, MPI_INT64_T, who, at(who, 0), 2, MPI_INT64_T, win), MPI_ERR_TRUNCATE);
        FAILS(MPI_Accumulate(&value, 1, MPI_INT64_T, who, at(who, 0), 1, MPI_UINT64_T, MPI_SUM, win),
              MPI_ERR_TYPE);
        FAILS(MPI_Accumulate(&value, 1, MPI_DOUBLE, who, at(who, 0), 1, MPI_DOUBLE, MPI_BXOR, win),
              MPI_ERR_OP);
    }
    FAILS(MPI_Put(&value, 1, MPI_INT64_T, ranks, at(0, 0), 1, MPI_INT64_T, win), MPI_ERR_RANK);
    MPI(MPI_Win_unlock_all(win));
    FAILS(MPI_Put(&value, 1, MPI_INT64_T, 0, at(0, 0), 1, MPI_INT64_T, win), MPI_ERR_RMA_SYNC);
    clear();
}

/* What is told to be shared is. */
static void queried(void)
{
    MPI_Aint size;
    int unit;
    int64_t *theirs;
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    if (dynamic) {
        FAILS(MPI_Win_shared_query(win, rank, &size, &unit, &theirs), MPI_ERR_RMA_FLAVOR);
        return;
    }
    MPI(MPI_Win_shared_query(win, rank, &size, &unit, &theirs));
    EQ(size, BYTES);
    CHECK(theirs == mine, "%p", (void *)theirs);
    mine[1] = 77 + rank;
    fence();
    for (int who = 0; who < ranks; who++) {
        MPI(MPI_Win_shared_query(win, who, &size, &unit, &theirs));
        EQ(unit, unit_of(who));
        if (size == 0) {
            CHECK(!theirs, "%p", (void *)theirs);
        } else {
            EQ(size, BYTES);
            EQ(theirs[1], 77 + who);
        }
    }
    MPI(MPI_Win_shared_query(win, MPI_PROC_NULL, &size, &unit, &theirs));
    CHECK(size == 0 || size == BYTES, "%ld", (long)size);
    clear();
}

/* A second window over a part of the same memory, in other units. */
static void overlapping(void)
{
    MPI_Win other;
    int64_t value = 4242 + rank;
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    MPI(MPI_Win_create(mine + 50, 80, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &other));
    MPI(MPI_Win_fence(0, other));
    MPI(MPI_Put(&value, 1, MPI_INT64_T, next, 6, 1, MPI_INT64_T, other));
    MPI(MPI_Win_fence(0, other));
    EQ(mine[53], 4242 + before);
    MPI(MPI_Win_free(&other));
    value = -1;
    fence();
    MPI(MPI_Get(&value, 1, MPI_INT64_T, next, at(next, 53), 1, MPI_INT64_T, win));
    fence();
    EQ(value, 4242 + rank);
    clear();
}

/* Members without memory, and without anything at all. */
static void nothing_at_some(void)
{
    MPI_Win some;
    int has = rank % 2 == 0;
    int64_t value = 9, got = -1;
    MPI(MPI_Win_create(has ? mine : NULL, has ? BYTES : 0, 8, MPI_INFO_NULL, MPI_COMM_WORLD, &some));
    MPI(MPI_Win_set_errhandler(some, MPI_ERRORS_RETURN));
    MPI(MPI_Win_fence(0, some));
    for (int who = 0; who < ranks; who++) {
        MPI(MPI_Put(&value, 0, MPI_INT64_T, who, 0, 0, MPI_INT64_T, some));
        if (who % 2)
            FAILS(MPI_Get(&got, 1, MPI_INT64_T, who, 0, 1, MPI_INT64_T, some), MPI_ERR_RMA_RANGE);
        else
            MPI(MPI_Accumulate(&value, 1, MPI_INT64_T, who, 3, 1, MPI_INT64_T, MPI_SUM, some));
    }
    MPI(MPI_Win_fence(0, some));
    if (has)
        EQ(mine[3], 9 * ranks);
    MPI(MPI_Win_free(&some));
    MPI(MPI_Win_create(MPI_BOTTOM, 0, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &some));
    MPI(MPI_Win_fence(0, some));
    MPI(MPI_Win_fence(0, some));
    MPI(MPI_Win_free(&some));
    mine[3] = 0;
}

int main(int argc, char **argv)
{
    static unsigned char stack_like;
    unsigned char stack[2][BYTES + 64];
    area_stack[0] = stack[0], area_stack[1] = stack[1] + (stack_like = 0);
    START();
    int rounds = argc > 1 ? atoi(argv[1]) : 2;
    const char *only = argc > 2 ? argv[2] : "";
    bases = room((size_t)ranks * sizeof *bases);
    for (int kind = 0; kind < 2; kind++) {
        dynamic = kind;
        if ((dynamic && !strcmp(only, "create")) || (!dynamic && !strcmp(only, "dynamic")))
            continue;
        for (int place = 0; place < PLACES; place++) {
            if (argc > 3 && place != atoi(argv[3]))
                continue;
            /* The same kind everywhere, then another one at each rank. */
            for (int mixed = 0; mixed < 2; mixed++) {
                struct area area =
                    take_area((enum place)((place + mixed * rank) % PLACES), BYTES + 8, 0, 0);
                unsigned char *words = area.at + (8 - (uintptr_t)area.at % 8) % 8;
                make(words);
                for (int round = 0; round < rounds; round++) {
                    puts_and_gets(round);
                    accumulations(round);
                    with_requests(round);
                    posted(round);
                }
                queried();
                wrong();
                overlapping();
                nothing_at_some();
                drop();
                give_area(area);
                if (!strcmp(only, "refused") && rank % 2)
                    refuse(EPERM), only = "";
            }
        }
    }
    PASSED();
}
