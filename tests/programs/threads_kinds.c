/* MPI_THREAD_MULTIPLE: requests of collectives that persist, of neighbourhoods, windows, files
   and new communicators, of buffered sends and of sends and receives in one, each kind in
   several threads at once, completed by another thread than the one that started them.
   usage: threads_kinds [ROUNDS [FOLDER]] */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, KINDS = 12, LEN = 500 };

static int rounds = 20;
static const char *folder = "/tmp";
static MPI_Comm comms[THREADS];
static pthread_barrier_t all_threads;

/* What one thread has under way. */
static struct work {
    MPI_Comm grid, dup;
    MPI_Win win;
    MPI_File file;
    MPI_Request persistent, requests[KINDS];
    int *memory;
    int out[LEN], both[LEN], in[LEN], back[LEN], read[LEN], sum, near[2], old, one, buffered;
    char buffer[LEN * sizeof(int) + 4 * MPI_BSEND_OVERHEAD];
} works[THREADS];

static int value(int from, int thread, int round, int i)
{
    return from * 1000000 + thread * 100000 + round * 1000 + i;
}

static void begin(int me, int round)
{
    struct work *w = &works[me];
    MPI_Request *r = w->requests;
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    MPI_Offset mine = (MPI_Offset)sizeof w->out * rank;
    for (int i = 0; i < LEN; i++)
        w->out[i] = w->both[i] = value(rank, me, round, i);
    w->buffered = -1;
    w->one = 1;
    MPI(MPI_Isendrecv_replace(w->both, LEN, MPI_INT, right, 1, left, 1, comms[me], &r[0]));
    MPI(MPI_Isendrecv(w->out, LEN, MPI_INT, right, 2, w->in, LEN, MPI_INT, left, 2, comms[me], &r[1]));
    MPI(MPI_Ibsend(&w->out[7], 1, MPI_INT, right, 3, comms[me], &r[2]));
    MPI(MPI_Irecv(&w->buffered, 1, MPI_INT, left, 3, comms[me], &r[3]));
    MPI(MPI_Start(&w->persistent));
    r[4] = w->persistent;
    MPI(MPI_Ineighbor_allgather(&w->out[1], 1, MPI_INT, w->near, 1, MPI_INT, w->grid, &r[5]));
    MPI(MPI_Rput(w->out, LEN, MPI_INT, rank, 0, LEN, MPI_INT, w->win, &r[6]));
    MPI(MPI_Raccumulate(&w->one, 1, MPI_INT, 0, LEN, 1, MPI_INT, MPI_SUM, w->win, &r[7]));
    MPI(MPI_Rget_accumulate(&w->one, 1, MPI_INT, &w->old, 1, MPI_INT, 0, LEN + 1, 1, MPI_INT,
                            MPI_SUM, w->win, &r[8]));
    MPI(MPI_Comm_idup(comms[me], &w->dup, &r[9]));
    MPI(MPI_File_iwrite_at(w->file, mine, w->out, LEN, MPI_INT, &r[10]));
    MPI(MPI_Ibarrier(comms[me], &r[11]));
}

static void complete(int how, MPI_Request *requests)
{
    int flag = 0, index, some, done = 0, indices[KINDS];
    MPI_Status statuses[KINDS];
    if (how % 3 == 0)
        MPI(MPI_Waitall(KINDS, requests, statuses));
    else if (how % 3 == 1)
        while (!flag)
            MPI(MPI_Testall(KINDS, requests, &flag, statuses));
    else
        for (;;) {
            MPI(MPI_Waitany(KINDS, requests, &index, statuses));
            if (index == MPI_UNDEFINED)
                break;
            done++;
            MPI(MPI_Testsome(KINDS, requests, &some, indices, statuses));
            if (some == MPI_UNDEFINED)
                break;
            CHECK((done += some) <= KINDS, "%d", done);
        }
}

static void check(int me, int round)
{
    struct work *w = &works[me];
    int left = (rank + ranks - 1) % ranks, right = (rank + 1) % ranks, size;
    MPI_Request get, read;
    MPI_Offset mine = (MPI_Offset)sizeof w->out * rank;
    for (int i = 0; i < LEN; i++) {
        EQ(w->both[i], value(left, me, round, i));
        EQ(w->in[i], value(left, me, round, i));
    }
    EQ(w->buffered, value(left, me, round, 7));
    EQ(w->sum, ranks);
    EQ(w->near[0], value(left, me, round, 1));
    EQ(w->near[1], value(right, me, round, 1));
    CHECK(w->old >= 0 && w->old < rounds * ranks, "%d", w->old);
    MPI(MPI_Comm_size(w->dup, &size));
    EQ(size, ranks);
    MPI(MPI_Barrier(w->dup));
    MPI(MPI_Comm_free(&w->dup));
    MPI(MPI_Win_flush(rank, w->win));
    MPI(MPI_Rget(w->back, LEN, MPI_INT, rank, 0, LEN, MPI_INT, w->win, &get));
    MPI(MPI_File_iread_at(w->file, mine, w->read, LEN, MPI_INT, &read));
    MPI(MPI_Wait(&get, MPI_STATUS_IGNORE));
    MPI(MPI_Wait(&read, MPI_STATUS_IGNORE));
    for (int i = 0; i < LEN; i++) {
        EQ(w->back[i], value(rank, me, round, i));
        EQ(w->read[i], value(rank, me, round, i));
    }
}

static void *body(void *argument)
{
    int me = (int)(intptr_t)argument, next = (me + 1) % THREADS;
    for (int round = 0; round < rounds; round++) {
        begin(me, round);
        pthread_barrier_wait(&all_threads);
        complete(round + me, works[next].requests);
        pthread_barrier_wait(&all_threads);
        check(me, round);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int level = -1;
    pthread_t threads[THREADS];
    if (argc > 1)
        rounds = atoi(argv[1]);
    if (argc > 2)
        folder = argv[2];
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    pthread_barrier_init(&all_threads, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        struct work *w = &works[i];
        char name[1100];
        snprintf(name, sizeof name, "%s/threads_kinds.%ld.%d", folder, (long)getppid(), i);
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]));
        MPI(MPI_Comm_attach_buffer(comms[i], w->buffer, sizeof w->buffer));
        MPI(MPI_Cart_create(comms[i], 1, &ranks, (int[]){1}, 0, &w->grid));
        MPI(MPI_Win_allocate((LEN + 2) * sizeof(int), sizeof(int), MPI_INFO_NULL, comms[i], &w->memory,
                             &w->win));
        memset(w->memory, 0, (LEN + 2) * sizeof(int));
        MPI(MPI_Barrier(comms[i]));
        MPI(MPI_Win_lock_all(0, w->win));
        MPI(MPI_File_open(comms[i], name, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                          MPI_INFO_NULL, &w->file));
        w->one = 1;
        MPI(MPI_Allreduce_init(&w->one, &w->sum, 1, MPI_INT, MPI_SUM, comms[i], MPI_INFO_NULL,
                               &w->persistent));
    }
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, body, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        struct work *w = &works[i];
        void *buffer;
        int size;
        MPI(MPI_Request_free(&w->persistent));
        MPI(MPI_Win_unlock_all(w->win));
        MPI(MPI_Barrier(comms[i]));
        if (rank == 0) {
            EQ(w->memory[LEN], rounds * ranks);
            EQ(w->memory[LEN + 1], rounds * ranks);
        }
        MPI(MPI_Win_free(&w->win));
        MPI(MPI_File_close(&w->file));
        MPI(MPI_Comm_free(&w->grid));
        MPI(MPI_Comm_detach_buffer(comms[i], &buffer, &size));
        MPI(MPI_Comm_free(&comms[i]));
    }
    PASSED();
}
