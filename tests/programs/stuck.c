/* Jobs that do not end: some since no rank can go on, some though all ranks do.
   usage: stuck MODE */
#include "check.h"
#include <pthread.h>
#include <unistd.h>

enum { LARGE = 200000, MOST = 16 };

static void *receiver(void *unused)
{
    (void)unused;
    int value;
    MPI(MPI_Recv(&value, 1, MPI_INT, 1, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    return NULL;
}

/* A ring in which all receive before they send. */
static void ring(int first, int count)
{
    int value = rank, place = rank - first;
    int left = first + (place + count - 1) % count, right = first + (place + 1) % count;
    MPI(MPI_Recv(&value, 1, MPI_INT, left, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    MPI(MPI_Send(&value, 1, MPI_INT, right, 7, MPI_COMM_WORLD));
}

/* Everybody exchanges with everybody, for ever. */
static void exchange(int ints)
{
    static int out[MOST * LARGE], in[MOST * LARGE];
    MPI_Request requests[2 * MOST];
    CHECK(ranks <= MOST, "");
    for (int turn = 0;; turn++) {
        for (int i = 0; i < ranks; i++) {
            MPI(MPI_Isend(out + (size_t)i * ints, ints, MPI_INT, i, turn % 9, MPI_COMM_WORLD,
                          requests + 2 * i));
            MPI(MPI_Irecv(in + (size_t)i * ints, ints, MPI_INT, i, turn % 9, MPI_COMM_WORLD,
                          requests + 2 * i + 1));
        }
        MPI(MPI_Waitall(2 * ranks, requests, MPI_STATUSES_IGNORE));
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 2, "");
    const char *mode = argv[1];
    int level, value = 0;
    int multiple = !strcmp(mode, "threads") || !strcmp(mode, "helper") || !strcmp(mode, "two");
    MPI(MPI_Init_thread(&argc, &argv, multiple ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE, &level));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    if (!strcmp(mode, "ring")) {
        ring(0, ranks);
    } else if (!strcmp(mode, "part")) { /* the last rank goes on */
        if (rank < ranks - 1)
            ring(0, ranks - 1);
        for (;;)
            usleep(1000);
    } else if (!strcmp(mode, "tag")) {
        if (rank == 0)
            MPI(MPI_Recv(&value, 1, MPI_INT, 1, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        if (rank == 1)
            MPI(MPI_Send(&value, 1, MPI_INT, 0, 7, MPI_COMM_WORLD));
        MPI(MPI_Barrier(MPI_COMM_WORLD));
    } else if (!strcmp(mode, "anybody")) {
        MPI(MPI_Recv(&value, 1, MPI_INT, MPI_ANY_SOURCE, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    } else if (!strcmp(mode, "threads")) { /* two receive, one message comes */
        pthread_t threads[2];
        for (int i = 0; rank == 0 && i < 2; i++)
            EQ(pthread_create(threads + i, NULL, receiver, NULL), 0);
        for (int i = 0; rank == 0 && i < 2; i++)
            EQ(pthread_join(threads[i], NULL), 0);
        if (rank == 1)
            MPI(MPI_Send(&value, 1, MPI_INT, 0, 7, MPI_COMM_WORLD));
        MPI(MPI_Barrier(MPI_COMM_WORLD));
    } else if (!strcmp(mode, "helper")) { /* all wait, but a thread is at work */
        pthread_t thread;
        if (rank < 2)
            EQ(pthread_create(&thread, NULL, receiver, NULL), 0);
        for (;;)
            usleep(1000);
    } else if (!strcmp(mode, "two")) { /* 0 and 1 wait for each other, but 0 for 2 as well */
        pthread_t thread;
        if (rank == 0)
            EQ(pthread_create(&thread, NULL, receiver, NULL), 0);
        usleep(300000);
        if (rank < 2)
            MPI(MPI_Recv(&value, 1, MPI_INT, rank ? 0 : 2, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        for (;;)
            usleep(1000);
    } else if (!strcmp(mode, "accept")) { /* all wait for a client, who may still come */
        char port[MPI_MAX_PORT_NAME] = "";
        MPI_Comm client;
        if (rank == 0)
            MPI(MPI_Open_port(MPI_INFO_NULL, port));
        MPI(MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &client));
    } else if (!strcmp(mode, "large")) {
        exchange(LARGE);
    } else if (!strcmp(mode, "small")) {
        exchange(1);
    } else if (!strcmp(mode, "barriers")) {
        for (;;)
            MPI(MPI_Barrier(MPI_COMM_WORLD));
    } else if (!strcmp(mode, "compute")) { /* one is at work, all others wait for it */
        while (rank == 0)
            usleep(1000);
        MPI(MPI_Barrier(MPI_COMM_WORLD));
    } else
        CHECK(0, "no such mode: %s", mode);
    PASSED();
}
