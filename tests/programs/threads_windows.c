/* MPI_THREAD_MULTIPLE: threads of all ranks access one window at once, of every flavor: they
   count, accumulate, take turns by a lock that they swap, and put and get words of their own.
   With a dynamic window each also attaches and detaches memory meanwhile.
   usage: threads_windows [ACCESSES] */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>

enum { THREADS = 4, SLOT = 24, MOST_RANKS = 8, WORDS = 4 + MOST_RANKS * THREADS * SLOT };
/* The first words of each part; behind them each thread of each rank has a slot. */
enum word { COUNTED, ADDED, LOCK, GUARDED, SLOTS };
enum flavor { CREATE, DYNAMIC, ALLOCATE, SHARED, FLAVORS };

static int accesses = 100;
static MPI_Comm comms[THREADS];
static MPI_Win win;
static enum flavor flavor;
static MPI_Aint bases[MOST_RANKS];
static int64_t did[MOST_RANKS][SLOTS]; /* what this rank's threads did at each target */

static MPI_Aint at(int target, int word)
{
    return flavor == DYNAMIC ? MPI_Aint_add(bases[target], word * 8) : word;
}

static void add_to(int target, enum word word, int64_t what)
{
    __atomic_fetch_add(&did[target][word], what, __ATOMIC_RELAXED);
}

static int64_t swap(int target, int64_t from, int64_t to)
{
    int64_t old = -1;
    MPI(MPI_Compare_and_swap(&to, &from, &old, MPI_INT64_T, target, at(target, LOCK), win));
    MPI(MPI_Win_flush(target, win));
    return old;
}

/* Adds 1 under a lock of the program's. */
static void take_turns(int target, int64_t me)
{
    int64_t value = -1;
    while (swap(target, 0, me) != 0)
        sched_yield();
    MPI(MPI_Get(&value, 1, MPI_INT64_T, target, at(target, GUARDED), 1, MPI_INT64_T, win));
    MPI(MPI_Win_flush(target, win));
    value++;
    MPI(MPI_Put(&value, 1, MPI_INT64_T, target, at(target, GUARDED), 1, MPI_INT64_T, win));
    MPI(MPI_Win_flush(target, win));
    EQ(swap(target, me, 0), me);
    add_to(target, GUARDED, 1);
}

/* Words of this thread's own, written in one way and read in another. */
static void use_slot(int how, int target, int first, int64_t *kept)
{
    int64_t got[SLOT];
    MPI_Request request;
    MPI_Aint disp = at(target, first);
    int n = 1 + how % SLOT;
    memset(got, 0xdb, sizeof got);
    if (how % 3 == 0) {
        MPI(MPI_Rput(kept, n, MPI_INT64_T, target, disp, n, MPI_INT64_T, win, &request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    } else if (how % 3 == 1)
        MPI(MPI_Put(kept, n, MPI_INT64_T, target, disp, n, MPI_INT64_T, win));
    else
        MPI(MPI_Accumulate(kept, n, MPI_INT64_T, target, disp, n, MPI_INT64_T, MPI_REPLACE, win));
    if (how % 2)
        MPI(MPI_Win_flush(target, win));
    else
        MPI(MPI_Win_flush_all(win));
    if (how % 5 == 0) {
        MPI(MPI_Rget(got, n, MPI_INT64_T, target, disp, n, MPI_INT64_T, win, &request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    } else if (how % 5 == 1) {
        MPI(MPI_Rget_accumulate(NULL, 0, MPI_INT64_T, got, n, MPI_INT64_T, target, disp, n, MPI_INT64_T,
                                MPI_NO_OP, win, &request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    } else {
        MPI(MPI_Get(got, n, MPI_INT64_T, target, disp, n, MPI_INT64_T, win));
        MPI(MPI_Win_flush_local(target, win));
    }
    for (int i = 0; i < n; i++)
        EQ(got[i], kept[i]);
}

/* A piece that the left neighbour's thread writes to, attached just for that. */
static void attach_and_detach(int me, int round)
{
    int left = (rank + ranks - 1) % ranks, right = (rank + 1) % ranks, len = 100 + round % 5 * 4000;
    int64_t *piece = room((size_t)len * 8), mark = rank * 1000000 + me * 1000 + round, done = 0;
    MPI_Aint mine, theirs;
    memset(piece, 0, (size_t)len * 8);
    MPI(MPI_Win_attach(win, piece, len * 8));
    MPI(MPI_Get_address(piece, &mine));
    MPI(MPI_Sendrecv(&mine, 1, MPI_AINT, left, 1, &theirs, 1, MPI_AINT, right, 1, comms[me], MPI_STATUS_IGNORE));
    MPI(MPI_Put(&mark, 1, MPI_INT64_T, right, MPI_Aint_add(theirs, (len - 1) * 8), 1, MPI_INT64_T, win));
    MPI(MPI_Win_flush(right, win));
    MPI(MPI_Sendrecv(&mark, 1, MPI_INT64_T, right, 2, &done, 1, MPI_INT64_T, left, 2, comms[me], MPI_STATUS_IGNORE));
    MPI(MPI_Win_sync(win));
    EQ(done, left * 1000000 + me * 1000 + round);
    EQ(piece[len - 1], done);
    ALL(piece, (size_t)(len - 1) * 8, 0);
    MPI(MPI_Win_detach(win, piece));
    free(piece);
}

static void *body(void *argument)
{
    int me = (int)(intptr_t)argument;
    uint64_t state = (uint64_t)(rank * THREADS + me + 1) * 0x9e3779b97f4a7c15u;
    int64_t last[MOST_RANKS] = {0}, kept[SLOT];
    for (int i = 0; i < accesses; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int draw = (int)(state >> 40), target = draw % ranks, what = draw / ranks % 16;
        int64_t one = 1, some = draw % 1000, old = -1;
        MPI_Request request;
        if (what < 5) {
            MPI(MPI_Fetch_and_op(&one, &old, MPI_INT64_T, target, at(target, COUNTED), MPI_SUM, win));
            MPI(MPI_Win_flush(target, win));
            CHECK(old >= last[target], "%lld after %lld", (long long)old, (long long)last[target]);
            last[target] = old + 1;
            add_to(target, COUNTED, 1);
        } else if (what < 8) {
            if (what == 5) {
                MPI(MPI_Raccumulate(&some, 1, MPI_INT64_T, target, at(target, ADDED), 1, MPI_INT64_T, MPI_SUM,
                                    win, &request));
                MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
            } else {
                MPI(MPI_Accumulate(&some, 1, MPI_INT64_T, target, at(target, ADDED), 1, MPI_INT64_T, MPI_SUM, win));
                MPI(MPI_Win_flush_local_all(win));
            }
            add_to(target, ADDED, some);
        } else if (what < 9) {
            take_turns(target, rank * THREADS + me + 1);
        } else if (what == 15 && i % 8 == 0) {
            MPI(MPI_Win_sync(win));
        } else {
            for (int k = 0; k < SLOT; k++)
                kept[k] = (int64_t)(state >> 8) + k;
            use_slot(draw / ranks / 16, target, SLOTS + (rank * THREADS + me) * SLOT, kept);
        }
    }
    for (int round = 0; flavor == DYNAMIC && round < accesses / 10; round++)
        attach_and_detach(me, round);
    return NULL;
}

static void one_window(int private)
{
    size_t len = WORDS * 8;
    int64_t *mine = NULL, wanted[SLOTS];
    pthread_t threads[THREADS];
    MPI_Aint base;
    if (flavor == CREATE || flavor == DYNAMIC) {
        int flags = MAP_ANONYMOUS | (private ? MAP_PRIVATE : MAP_SHARED);
        mine = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
        CHECK(mine != MAP_FAILED, "%zu bytes", len);
    }
    if (flavor == CREATE)
        MPI(MPI_Win_create(mine, (MPI_Aint)len, 8, MPI_INFO_NULL, MPI_COMM_WORLD, &win));
    else if (flavor == ALLOCATE)
        MPI(MPI_Win_allocate((MPI_Aint)len, 8, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win));
    else if (flavor == SHARED)
        MPI(MPI_Win_allocate_shared((MPI_Aint)len, 8, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win));
    else {
        MPI(MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win));
        MPI(MPI_Win_attach(win, mine, (MPI_Aint)len));
    }
    MPI(MPI_Get_address(mine, &base));
    MPI(MPI_Allgather(&base, 1, MPI_AINT, bases, 1, MPI_AINT, MPI_COMM_WORLD));
    memset(did, 0, sizeof did);
    MPI(MPI_Win_lock_all(0, win));
    memset(mine, 0, len);
    MPI(MPI_Win_sync(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    for (intptr_t i = 0; i < THREADS; i++)
        EQ(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        EQ(pthread_join(threads[i], NULL), 0);
    MPI(MPI_Win_unlock_all(win));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Reduce_scatter_block(did, wanted, SLOTS, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD));
    MPI(MPI_Win_lock(MPI_LOCK_SHARED, rank, 0, win));
    for (int word = 0; word < SLOTS; word++)
        CHECK(mine[word] == wanted[word], "window of kind %d: word %d is %lld, wanted %lld", flavor, word,
              (long long)mine[word], (long long)wanted[word]);
    MPI(MPI_Win_unlock(rank, win));
    MPI(MPI_Win_free(&win));
    if (flavor == CREATE || flavor == DYNAMIC)
        EQ(munmap(mine, len), 0);
}

int main(int argc, char **argv)
{
    int level = -1;
    accesses = argc > 1 ? atoi(argv[1]) : accesses;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    CHECK(ranks <= MOST_RANKS, "%d ranks", ranks);
    for (int i = 0; i < THREADS; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]));
    for (flavor = 0; flavor < FLAVORS; flavor++)
        for (int private = 0; private < (flavor <= DYNAMIC ? 2 : 1); private++)
            one_window(private);
    for (int i = 0; i < THREADS; i++)
        MPI(MPI_Comm_free(&comms[i]));
    PASSED();
}
