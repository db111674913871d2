/* Ranks that come to MPI_Finalize while others still have something to do. In the first
   modes those wait for what a rank in MPI_Finalize can no longer do, and the job hangs;
   in the others all is right, and only slow.
   usage: early MODE */
#include "check.h"
#include <pthread.h>
#include <unistd.h>

enum { LARGE = 1 << 20, LATE = 2500000 /* microseconds */ };

static char bytes[LARGE];

static void receive(int from, int tag)
{
    MPI(MPI_Recv(bytes, LARGE, MPI_CHAR, from, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
}

static void *sleeper(void *lock)
{
    pthread_mutex_lock(lock); /* for ever */
    return NULL;
}

static void *late_sender(void *unused)
{
    (void)unused;
    usleep(LATE);
    MPI(MPI_Send(bytes, 1, MPI_CHAR, 0, 1, MPI_COMM_WORLD));
    return NULL;
}

/* Wrong: what the job hangs in. */
static int hangs(const char *mode)
{
    int in = 0, out = 0;
    if (!strcmp(mode, "barrier")) {
        if (rank != 1)
            MPI(MPI_Barrier(MPI_COMM_WORLD));
    } else if (!strcmp(mode, "ibarrier")) {
        MPI_Request request;
        if (rank != 1) {
            MPI(MPI_Ibarrier(MPI_COMM_WORLD, &request));
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        }
    } else if (!strcmp(mode, "allreduce")) {
        if (rank != 1)
            MPI(MPI_Allreduce(&in, &out, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    } else if (!strcmp(mode, "receive")) {
        if (rank == 0)
            receive(1, 7);
    } else if (!strcmp(mode, "send")) {
        if (rank == 0)
            MPI(MPI_Ssend(bytes, 1, MPI_CHAR, 1, 8, MPI_COMM_WORLD));
    } else if (!strcmp(mode, "waitall")) {
        MPI_Request requests[2];
        if (rank == 0) {
            for (int i = 0; i < 2; i++)
                MPI(MPI_Irecv(bytes + i, 1, MPI_CHAR, 2 - i, 9, MPI_COMM_WORLD, requests + i));
            MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        } else if (rank == 2) {
            usleep(100000);
            MPI(MPI_Send(bytes, 1, MPI_CHAR, 0, 9, MPI_COMM_WORLD));
        }
    } else if (!strcmp(mode, "beside")) { /* a third rank is at work all the time */
        if (rank == 0)
            receive(1, 7);
        while (rank == 2)
            usleep(1000);
    } else if (!strcmp(mode, "threads")) {
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        pthread_t thread;
        pthread_mutex_lock(&lock);
        EQ(pthread_create(&thread, NULL, sleeper, &lock), 0);
        if (rank == 0)
            receive(1, 7);
    } else
        return 0;
    return 1;
}

/* Right, but late. */
static void is_slow(const char *mode)
{
    MPI_Request requests[2];
    if (!strcmp(mode, "compute")) {
        if (rank == 0)
            usleep(LATE);
    } else if (!strcmp(mode, "anybody")) { /* the last rank is left to send */
        if (rank == 0)
            receive(MPI_ANY_SOURCE, 7);
        if (rank == 2) {
            usleep(LATE);
            MPI(MPI_Send(bytes, 1, MPI_CHAR, 0, 7, MPI_COMM_WORLD));
        }
    } else if (!strcmp(mode, "chain")) { /* 0 waits for 2, which waits for 3 */
        if (rank == 3)
            usleep(LATE);
        if (rank == 0 || rank == 2)
            receive(rank == 0 ? 2 : 3, 7);
        if (rank >= 2)
            MPI(MPI_Send(bytes, 1, MPI_CHAR, rank == 3 ? 2 : 0, 7, MPI_COMM_WORLD));
    } else if (!strcmp(mode, "flight")) { /* sent, and not yet received */
        if (rank == 1) {
            MPI(MPI_Isend(bytes, LARGE, MPI_CHAR, 0, 7, MPI_COMM_WORLD, requests));
            MPI(MPI_Request_free(requests));
            MPI(MPI_Send(bytes, 1, MPI_CHAR, 0, 8, MPI_COMM_WORLD));
        }
        if (rank == 0) {
            usleep(LATE);
            receive(1, 8);
            receive(1, 7);
        }
    } else if (!strcmp(mode, "open")) { /* one of two has come; the sender of that has left */
        if (rank == 0) {
            for (int i = 0; i < 2; i++)
                MPI(MPI_Irecv(bytes + i, 1, MPI_CHAR, i + 1, 9, MPI_COMM_WORLD, requests + i));
            MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
        } else if (rank <= 2) {
            usleep(rank == 1 ? 200000 : LATE);
            MPI(MPI_Send(bytes, 1, MPI_CHAR, 0, 9, MPI_COMM_WORLD));
        }
    } else if (!strcmp(mode, "either")) { /* one of two will do */
        if (rank == 0) {
            int which;
            for (int i = 0; i < 2; i++)
                MPI(MPI_Irecv(bytes + i, 1, MPI_CHAR, i + 1, 9, MPI_COMM_WORLD, requests + i));
            MPI(MPI_Waitany(2, requests, &which, MPI_STATUS_IGNORE));
            EQ(which, 1);
            MPI(MPI_Cancel(requests));
            MPI(MPI_Wait(requests, MPI_STATUS_IGNORE));
        } else if (rank == 2) {
            usleep(LATE);
            MPI(MPI_Send(bytes, 1, MPI_CHAR, 0, 9, MPI_COMM_WORLD));
        }
    } else if (!strcmp(mode, "helper")) { /* a thread outside of MPI will see to it */
        pthread_t thread;
        if (rank == 0) {
            receive(1, 1);
            MPI(MPI_Send(bytes, 1, MPI_CHAR, 1, 2, MPI_COMM_WORLD));
        } else if (rank == 1) {
            EQ(pthread_create(&thread, NULL, late_sender, NULL), 0);
            receive(0, 2);
            EQ(pthread_join(thread, NULL), 0);
        }
    } else
        CHECK(0, "no such mode: %s", mode);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2, "");
    const char *mode = argv[1];
    int threads = !strcmp(mode, "threads") || !strcmp(mode, "helper");
    int level = threads ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE;
    MPI(MPI_Init_thread(&argc, &argv, level, &level));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    if (!hangs(mode))
        is_slow(mode);
    PASSED();
}
