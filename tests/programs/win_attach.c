/* Memory that comes and goes in a dynamic window (MPI 5.0, 12.2.4): many pieces, pieces
   that touch, others that must not overlap, without a collective call.
   usage: win_attach [PIECES] [gone]: what is unmapped is an error to its peers */
#include "check.h"
#include "windows.h"
#include <sys/mman.h>

static MPI_Win win;
static int gone_fails;

/* Pieces of 16 bytes, every 48 bytes of one block, attached in an order like chance. */
static void many(int pieces)
{
    size_t len = (size_t)pieces * 48;
    char *block = room(len);
    MPI_Aint mine, *bases = room((size_t)ranks * sizeof *bases);
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    memset(block, 0, len);
    MPI(MPI_Get_address(block, &mine));
    MPI(MPI_Allgather(&mine, 1, MPI_AINT, bases, 1, MPI_AINT, MPI_COMM_WORLD));
    unsigned step = 7919;
    while (pieces % (int)step == 0)
        step += 2;
    for (int i = 0; i < pieces; i++)
        MPI(MPI_Win_attach(win, block + (size_t)i * step % (unsigned)pieces * 48, 16));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Win_lock_all(0, win));
    for (int i = 0; i < pieces; i++) {
        int64_t two[2] = {rank * 1000000LL + i, -i};
        MPI_Aint at = MPI_Aint_add(bases[next], (MPI_Aint)i * 48);
        MPI(MPI_Put(two, 2, MPI_INT64_T, next, at, 2, MPI_INT64_T, win));
        if (i % 64 == 0) {
            ACCESS_FAILS(MPI_Put(two, 2, MPI_INT64_T, next, at + 8, 2, MPI_INT64_T, win),
                         MPI_ERR_RMA_RANGE, MPI_Win_flush(next, win));
            ACCESS_FAILS(MPI_Get(two, 2, MPI_INT64_T, next, at - 8, 2, MPI_INT64_T, win),
                         MPI_ERR_RMA_RANGE, MPI_Win_flush(next, win));
            ACCESS_FAILS(MPI_Get(two, 1, MPI_INT64_T, next, at + 16, 1, MPI_INT64_T, win),
                         MPI_ERR_RMA_RANGE, MPI_Win_flush(next, win));
        }
    }
    /* All of them by one access: what lies between is not attached, nor touched. */
    MPI_Datatype all;
    int64_t *sums = room((size_t)pieces * 16);
    for (int i = 0; i < 2 * pieces; i++)
        sums[i] = 1;
    MPI(MPI_Type_create_hvector(pieces, 2, 48, MPI_INT64_T, &all));
    MPI(MPI_Type_commit(&all));
    MPI(MPI_Win_flush(next, win));
    MPI(MPI_Accumulate(sums, 2 * pieces, MPI_INT64_T, next, bases[next], 1, all, MPI_SUM, win));
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    for (int i = 0; i < pieces; i++) {
        int64_t *two = (int64_t *)(block + (size_t)i * 48);
        EQ(two[0], before * 1000000LL + i + 1);
        EQ(two[1], 1 - i);
        EQ(two[2], 0);
        EQ(two[5], 0);
    }
    MPI(MPI_Type_free(&all));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    for (int i = pieces - 1; i >= 0; i--)
        MPI(MPI_Win_detach(win, block + (size_t)i * 48));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    int64_t value = 1;
    MPI(MPI_Win_lock_all(0, win));
    ACCESS_FAILS(MPI_Put(&value, 1, MPI_INT64_T, next, bases[next], 1, MPI_INT64_T, win),
                 MPI_ERR_RMA_RANGE, MPI_Win_flush(next, win));
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    free(sums);
    free(bases);
    free(block);
}

/* Pieces that touch are one to an access; what overlaps is refused, and nothing lost. */
static void touching(void)
{
    static int64_t words[64];
    MPI_Aint mine, theirs;
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    int64_t out[32];
    for (int i = 0; i < 32; i++)
        out[i] = 100 * rank + i, words[i] = words[i + 32] = 0;
    MPI(MPI_Win_attach(win, words + 16, 16 * 8));
    MPI(MPI_Win_attach(win, words, 16 * 8));
    MPI(MPI_Win_attach(win, words + 40, 8));
    FAILS(MPI_Win_attach(win, words, 8), MPI_ERR_RMA_ATTACH);
    FAILS(MPI_Win_attach(win, words + 31, 16), MPI_ERR_RMA_ATTACH);
    FAILS(MPI_Win_attach(win, words + 39, 24), MPI_ERR_RMA_ATTACH);
    FAILS(MPI_Win_attach(win, (char *)words + 321, 1), MPI_ERR_RMA_ATTACH);
    FAILS(MPI_Win_attach(win, words, -1), MPI_ERR_SIZE);
    FAILS(MPI_Win_attach(win, NULL, 8), MPI_ERR_BUFFER);
    FAILS(MPI_Win_attach(win, (void *)(intptr_t)-64, 128), MPI_ERR_SIZE);
    FAILS(MPI_Win_detach(win, words + 1), MPI_ERR_BASE);
    FAILS(MPI_Win_detach(win, words + 32), MPI_ERR_BASE);
    MPI(MPI_Win_attach(win, words + 50, 0));
    MPI(MPI_Win_detach(win, words + 50));
    FAILS(MPI_Win_detach(win, words + 50), MPI_ERR_BASE);
    MPI(MPI_Get_address(words, &mine));
    MPI(MPI_Sendrecv(&mine, 1, MPI_AINT, before, 0, &theirs, 1, MPI_AINT, next, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    MPI(MPI_Win_fence(0, win));
    MPI(MPI_Put(out, 32, MPI_INT64_T, next, theirs, 32, MPI_INT64_T, win));
    int code = MPI_Put(out, 33, MPI_INT64_T, next, theirs, 33, MPI_INT64_T, win);
    if (code == MPI_SUCCESS && several_hosts())
        code = MPI_Win_fence(0, win);
    else
        MPI(MPI_Win_fence(0, win));
    FAILS(code, MPI_ERR_RMA_RANGE);
    MPI(MPI_Win_fence(0, win));
    for (int i = 0; i < 32; i++)
        EQ(words[i], 100 * before + i);
    EQ(words[32], 0);
    MPI(MPI_Win_detach(win, words));
    MPI(MPI_Win_detach(win, words + 16));
    MPI(MPI_Win_detach(win, words + 40));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

/* The target attaches more and more while another reads what was there before. */
static void grows_meanwhile(void)
{
    enum { MOST = 2000, EACH = 16 };
    static char pieces[MOST][2 * EACH];
    static int64_t word;
    MPI_Aint mine, theirs;
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    word = 31 + rank;
    MPI(MPI_Win_attach(win, &word, sizeof word));
    MPI(MPI_Get_address(&word, &mine));
    MPI(MPI_Sendrecv(&mine, 1, MPI_AINT, before, 0, &theirs, 1, MPI_AINT, next, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    MPI(MPI_Win_lock_all(0, win));
    for (int i = 0; i < MOST; i++) {
        int64_t got = -1;
        MPI(MPI_Win_attach(win, pieces[i * 7 % MOST], EACH));
        if (i % 8)
            continue;
        MPI(MPI_Get(&got, 1, MPI_INT64_T, next, theirs, 1, MPI_INT64_T, win));
        MPI(MPI_Win_flush(next, win));
        EQ(got, 31 + next);
    }
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD)); /* and the rest goes with the window */
}

/* What the target has unmapped is an error, and the window works on. */
static void unmapped(void)
{
    size_t len = 1 << 16; /* too little for the shared heap to map */
    char *block = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MPI_Win whole;
    int64_t value = 5;
    int next = (rank + 1) % ranks;
    CHECK(block != MAP_FAILED, "mmap");
    memset(block, 1, len);
    MPI(MPI_Win_create(block, (MPI_Aint)len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &whole));
    MPI(MPI_Win_set_errhandler(whole, MPI_ERRORS_RETURN));
    MPI(MPI_Win_lock_all(0, whole));
    if (next != rank) {
        MPI(MPI_Put(&value, 1, MPI_INT64_T, next, 64, 1, MPI_INT64_T, whole));
        MPI(MPI_Win_flush(next, whole));
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    munmap(block, len);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (next != rank && gone_fails) {
        int code = MPI_Get(&value, 1, MPI_INT64_T, next, 64, 1, MPI_INT64_T, whole);
        FAILS(code, MPI_ERR_RMA_RANGE);
        FAILS(MPI_Accumulate(&value, 1, MPI_INT64_T, next, 64, 1, MPI_INT64_T, MPI_SUM, whole),
              MPI_ERR_RMA_RANGE);
    }
    MPI(MPI_Win_unlock_all(whole));
    MPI(MPI_Win_free(&whole));
}

int main(int argc, char **argv)
{
    START();
    MPI_Info info;
    int flag;
    char value[MPI_MAX_INFO_VAL];
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    FAILS(MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_NULL, &win), MPI_ERR_COMM);
    FAILS(MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, NULL), MPI_ERR_ARG);
    FAILS(MPI_Win_create_dynamic((MPI_Info)MPI_COMM_WORLD, MPI_COMM_WORLD, &win), MPI_ERR_INFO);
    FAILS(MPI_Win_create(NULL, 8, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win), MPI_ERR_BUFFER);
    FAILS(MPI_Win_create(&flag, -1, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win), MPI_ERR_SIZE);
    FAILS(MPI_Win_create(&flag, 4, 0, MPI_INFO_NULL, MPI_COMM_WORLD, &win), MPI_ERR_DISP);
    FAILS(MPI_Win_create(&flag, 4, 1, MPI_INFO_NULL, MPI_COMM_NULL, &win), MPI_ERR_COMM);
    FAILS(MPI_Win_create(&flag, 4, 1, MPI_INFO_NULL, MPI_COMM_WORLD, NULL), MPI_ERR_ARG);
    FAILS(MPI_Win_create((void *)(intptr_t)-64, 128, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win),
          MPI_ERR_SIZE);
    MPI(MPI_Info_create(&info));
    MPI(MPI_Info_set(info, "accumulate_ordering", "none"));
    MPI(MPI_Info_set(info, "same_size", "true"));
    MPI(MPI_Info_set(info, "same_disp_unit", "true"));
    MPI(MPI_Info_set(info, "accumulate_ops", "same_op"));
    MPI(MPI_Info_set(info, "mpi_accumulate_granularity", "8"));
    MPI(MPI_Info_set(info, "alloc_shared_noncontig", "true"));
    MPI(MPI_Win_create_dynamic(info, MPI_COMM_WORLD, &win));
    MPI(MPI_Info_free(&info));
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    MPI(MPI_Win_get_info(win, &info));
    MPI(MPI_Info_get(info, "accumulate_ordering", MPI_MAX_INFO_VAL - 1, value, &flag));
    CHECK(flag && !strcmp(value, "none"), "%s", value);
    MPI(MPI_Info_get(info, "same_disp_unit", MPI_MAX_INFO_VAL - 1, value, &flag));
    CHECK(flag && !strcmp(value, "true"), "%s", value);
    MPI(MPI_Info_get(info, "mpi_accumulate_granularity", MPI_MAX_INFO_VAL - 1, value, &flag));
    CHECK(flag && !strcmp(value, "8"), "%s", value);
    MPI(MPI_Info_get(info, "no_locks", MPI_MAX_INFO_VAL - 1, value, &flag));
    CHECK(flag && !strcmp(value, "false"), "%s", value);
    MPI(MPI_Info_get(info, "alloc_shared_noncontig", MPI_MAX_INFO_VAL - 1, value, &flag));
    CHECK(!flag, "a key of windows that allocate: %s", value);
    MPI(MPI_Info_free(&info));
    FAILS(MPI_Win_attach(MPI_WIN_NULL, value, 1), MPI_ERR_WIN);
    FAILS(MPI_Win_detach(MPI_WIN_NULL, value), MPI_ERR_WIN);
    gone_fails = argc > 2 && !strcmp(argv[2], "gone");
    touching();
    many(argc > 1 ? atoi(argv[1]) : 1000);
    grows_meanwhile();
    MPI(MPI_Win_free(&win));
    MPI(MPI_Win_create(&flag, 4, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    MPI(MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN));
    FAILS(MPI_Win_attach(win, value, 1), MPI_ERR_RMA_FLAVOR);
    FAILS(MPI_Win_detach(win, value), MPI_ERR_RMA_FLAVOR);
    MPI(MPI_Win_free(&win));
    unmapped();
    PASSED();
}
