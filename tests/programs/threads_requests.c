/* MPI_THREAD_MULTIPLE under load: every kind of request, in every way of completing, in
   several threads at once; requests that one thread starts and another completes; matched probes that threads race for;
   communicators, windows and files that threads make and use at once. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 60, KINDS = 10, LEN = 3000 };

static MPI_Comm comms[THREADS];
static char folder[1024];

static int query(void *extra, MPI_Status *status)
{
    (void)extra;
    MPI_Status_set_elements(status, MPI_BYTE, 0);
    MPI_Status_set_cancelled(status, 0);
    status->MPI_SOURCE = MPI_UNDEFINED;
    status->MPI_TAG = MPI_UNDEFINED;
    return MPI_SUCCESS;
}

static int release(void *extra)
{
    (void)extra;
    return MPI_SUCCESS;
}

static int cancel(void *extra, int complete)
{
    (void)extra, (void)complete;
    return MPI_SUCCESS;
}

/* Completes all of `count` requests, in a way that depends on `how`. */
static void complete(int how, int count, MPI_Request *requests)
{
    int done = 0, some = 0, flag = 0, index = -1, indices[KINDS + 2];
    MPI_Status statuses[KINDS + 2];
    switch (how % 7) {
    case 0:
        MPI(MPI_Waitall(count, requests, statuses));
        break;
    case 1:
        for (int i = count - 1; i >= 0; i--)
            MPI(MPI_Wait(&requests[i], MPI_STATUS_IGNORE));
        break;
    case 2:
        for (;;) {
            MPI(MPI_Waitany(count, requests, &index, MPI_STATUS_IGNORE));
            if (index == MPI_UNDEFINED)
                break;
            CHECK(++done <= count, "%d", done);
        }
        break;
    case 3:
        for (;;) {
            MPI(MPI_Waitsome(count, requests, &some, indices, statuses));
            if (some == MPI_UNDEFINED)
                break;
            CHECK((done += some) <= count, "%d", done);
        }
        break;
    case 4:
        for (;;) {
            MPI(MPI_Testsome(count, requests, &some, indices, statuses));
            if (some == MPI_UNDEFINED)
                break;
            CHECK((done += some) <= count, "%d", done);
        }
        break;
    case 5:
        while (!flag)
            MPI(MPI_Testall(count, requests, &flag, statuses));
        break;
    default:
        do
            MPI(MPI_Testany(count, requests, &index, &flag, MPI_STATUS_IGNORE));
        while (index != MPI_UNDEFINED || !flag);
    }
}

/* Each thread has a communicator of its own, with the same thread of the other ranks. */
static void *kinds(void *argument)
{
    intptr_t me = (intptr_t)argument;
    MPI_Comm comm = comms[me];
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    int out[LEN] = {0}, in[4][LEN], sum = 0, one = rank + 1, *gathered = room(sizeof(int) * (size_t)ranks);
    MPI_Request persistent[4], grequest;
    MPI(MPI_Send_init(out, LEN, MPI_INT, right, 20, comm, &persistent[0]));
    MPI(MPI_Recv_init(in[1], LEN, MPI_INT, left, 20, comm, &persistent[1]));
    MPI(MPI_Psend_init(out, 3, LEN / 3, MPI_INT, right, 21, comm, MPI_INFO_NULL, &persistent[2]));
    MPI(MPI_Precv_init(in[2], 2, LEN / 2, MPI_INT, left, 21, comm, MPI_INFO_NULL, &persistent[3]));
    for (int round = 0; round < ROUNDS; round++) {
        MPI_Request all[KINDS];
        for (int i = 0; i < LEN; i++)
            out[i] = (rank * THREADS + (int)me) * 100000 + round * 100 + i;
        MPI(MPI_Irecv(in[0], LEN, MPI_INT, left, 1, comm, &all[0]));
        MPI(MPI_Isend(out, LEN, MPI_INT, right, 1, comm, &all[1]));
        MPI(MPI_Iallreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm, &all[2]));
        MPI(MPI_Iallgather(&one, 1, MPI_INT, gathered, 1, MPI_INT, comm, &all[3]));
        MPI(MPI_Ibarrier(comm, &all[4]));
        MPI(MPI_Grequest_start(query, release, cancel, NULL, &grequest));
        all[5] = grequest;
        MPI(MPI_Startall(4, persistent));
        memcpy(all + 6, persistent, sizeof persistent);
        MPI(MPI_Pready_range(0, 2, persistent[2]));
        MPI(MPI_Grequest_complete(grequest));
        complete(round + (int)me, KINDS, all);
        EQ(sum, ranks * (ranks + 1) / 2);
        for (int i = 0; i < ranks; i++)
            EQ(gathered[i], i + 1);
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < LEN; i++)
                EQ(in[k][i], (left * THREADS + (int)me) * 100000 + round * 100 + i);
    }
    for (int i = 0; i < 4; i++)
        MPI(MPI_Request_free(&persistent[i]));
    free(gathered);
    return NULL;
}

/* Several threads take one rank's messages by matched probes, and others send them. */
static int taken[THREADS * ROUNDS];

static void *probes(void *argument)
{
    intptr_t me = (intptr_t)argument;
    int peer = rank ^ 1;
    if (peer >= ranks)
        peer = rank;
    for (int i = 0; i < ROUNDS; i++) {
        int number = (int)me * ROUNDS + i, got = -1, count = -1, flag = 0;
        MPI_Message message;
        MPI_Status status;
        MPI_Request sent;
        MPI(MPI_Isend(&number, 1, MPI_INT, peer, 30 + (int)me % 2, comms[0], &sent));
        switch ((i + me) % 3) {
        case 0:
            MPI(MPI_Mprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comms[0], &message, &status));
            break;
        case 1:
            while (!flag)
                MPI(MPI_Improbe(peer, MPI_ANY_TAG, comms[0], &flag, &message, &status));
            break;
        default: /* what a probe sees another thread may take: only the matched one is sure */
            MPI(MPI_Iprobe(peer, MPI_ANY_TAG, comms[0], &flag, MPI_STATUS_IGNORE));
            MPI(MPI_Mprobe(peer, MPI_ANY_TAG, comms[0], &message, &status));
        }
        MPI(MPI_Get_count(&status, MPI_INT, &count));
        EQ(count, 1);
        if (i % 2)
            MPI(MPI_Mrecv(&got, 1, MPI_INT, &message, MPI_STATUS_IGNORE));
        else {
            MPI_Request received;
            MPI(MPI_Imrecv(&got, 1, MPI_INT, &message, &received));
            MPI(MPI_Wait(&received, MPI_STATUS_IGNORE));
        }
        CHECK(got >= 0 && got < THREADS * ROUNDS, "%d", got);
        EQ(__atomic_fetch_add(&taken[got], 1, __ATOMIC_RELAXED), 0);
        MPI(MPI_Wait(&sent, MPI_STATUS_IGNORE));
    }
    return NULL;
}

static void *objects(void *argument)
{
    intptr_t me = (intptr_t)argument;
    MPI_Comm comm = comms[me];
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    for (int round = 0; round < 6; round++) {
        MPI_Comm dup, half;
        MPI_Win win;
        int *memory, put = rank * 1000 + (int)me * 10 + round, sum = -1, one = 1, old = -1;
        MPI(MPI_Comm_dup(comm, &dup));
        MPI(MPI_Comm_split(dup, rank % 2, rank, &half));
        MPI(MPI_Win_allocate(2 * sizeof(int), sizeof(int), MPI_INFO_NULL, dup, &memory, &win));
        MPI(MPI_Win_lock_all(0, win));
        memory[0] = memory[1] = 0;
        MPI(MPI_Win_sync(win));
        MPI(MPI_Barrier(dup));
        MPI(MPI_Put(&put, 1, MPI_INT, right, 0, 1, MPI_INT, win));
        MPI(MPI_Fetch_and_op(&one, &old, MPI_INT, 0, 1, MPI_SUM, win));
        MPI(MPI_Win_flush_all(win));
        MPI(MPI_Barrier(dup));
        MPI(MPI_Win_sync(win));
        EQ(memory[0], left * 1000 + (int)me * 10 + round);
        if (rank == 0)
            EQ(memory[1], ranks);
        CHECK(old >= 0 && old < ranks, "%d", old);
        MPI(MPI_Win_unlock_all(win));
        MPI(MPI_Win_free(&win));
        MPI(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, half));
        EQ(sum, (ranks + 1 - rank % 2) / 2);
        MPI(MPI_Comm_free(&half));
        MPI(MPI_Comm_free(&dup));
    }
    return NULL;
}

static void *files(void *argument)
{
    intptr_t me = (intptr_t)argument;
    MPI_Comm comm = comms[me];
    char name[1100];
    snprintf(name, sizeof name, "%s/threads.%ld.%d", folder, (long)getppid(), (int)me);
    for (int round = 0; round < 4; round++) {
        MPI_File file;
        MPI_Status status;
        MPI_Request request;
        int out[50], in[50], left = (rank + ranks - 1) % ranks, count = -1;
        MPI(MPI_File_open(comm, name, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL, &file));
        for (int i = 0; i < 50; i++)
            out[i] = rank * 1000 + (int)me * 100 + i + round;
        MPI(MPI_File_iwrite_at(file, (MPI_Offset)sizeof out * rank, out, 50, MPI_INT, &request));
        MPI(MPI_Wait(&request, &status));
        MPI(MPI_Get_count(&status, MPI_INT, &count));
        EQ(count, 50);
        MPI(MPI_File_sync(file));
        MPI(MPI_Barrier(comm));
        MPI(MPI_File_sync(file));
        MPI(MPI_File_read_at_all(file, (MPI_Offset)sizeof in * left, in, 50, MPI_INT, &status));
        for (int i = 0; i < 50; i++)
            EQ(in[i], left * 1000 + (int)me * 100 + i + round);
        MPI(MPI_File_close(&file));
    }
    return NULL;
}

/* Requests that this thread has started are completed by the next one, who has its own
   from the one before. */
static MPI_Request handed[THREADS][4];
static int handed_in[THREADS][2][LEN], handed_out[THREADS][LEN];
static pthread_barrier_t all_threads;

static void *hand_over(void *argument)
{
    intptr_t me = (intptr_t)argument;
    int next = ((int)me + 1) % THREADS, right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    for (int round = 0; round < ROUNDS; round++) {
        MPI_Request *mine = handed[me], *theirs = handed[next];
        for (int i = 0; i < LEN; i++)
            handed_out[me][i] = rank * 10000 + (int)me * 100 + round + i;
        MPI(MPI_Irecv(handed_in[me][0], LEN, MPI_INT, left, (int)me, comms[me], &mine[0]));
        MPI(MPI_Issend(handed_out[me], LEN, MPI_INT, right, (int)me, comms[me], &mine[1]));
        MPI(MPI_Iallreduce(handed_out[me], handed_in[me][1], LEN, MPI_INT, MPI_MAX, comms[me], &mine[2]));
        MPI(MPI_Ibarrier(comms[me], &mine[3]));
        pthread_barrier_wait(&all_threads);
        complete(round + (int)me, 4, theirs);
        for (int i = 0; i < LEN; i++) {
            EQ(handed_in[next][0][i], left * 10000 + next * 100 + round + i);
            EQ(handed_in[next][1][i], (ranks - 1) * 10000 + next * 100 + round + i);
        }
        pthread_barrier_wait(&all_threads);
    }
    return NULL;
}

static void in_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, body, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
}

int main(int argc, char **argv)
{
    int level = -1;
    snprintf(folder, sizeof folder, "%s", argc > 1 ? argv[1] : "/tmp");
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    for (int i = 0; i < THREADS; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]));
    in_threads(kinds);
    pthread_barrier_init(&all_threads, NULL, THREADS);
    in_threads(hand_over);
    pthread_barrier_destroy(&all_threads);
    in_threads(probes);
    for (int i = 0; i < THREADS * ROUNDS; i++)
        EQ(taken[i], 1);
    in_threads(objects);
    in_threads(files);
    for (int i = 0; i < THREADS; i++)
        MPI(MPI_Comm_free(&comms[i]));
    PASSED();
}
