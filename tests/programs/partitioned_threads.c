/* Partitions that several threads say are ready, and look for, at the same time. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 4, PARTS = 64, ROUNDS = 60, LOOKS = 3 * PARTS };

static int n, look; /* elements of a partition, and of one of the receiver's */
static MPI_Request send, recv;
static int *out, *in;
static int current;
static int threads_done;

static int value(int from, int round, int i)
{
    return from * 100000000 + round * 100000 + i;
}

static void *sends(void *argument)
{
    long me = (long)argument;
    /* Each thread has every fourth partition, the last first. */
    for (int p = PARTS - THREADS + (int)me; p >= 0; p -= THREADS) {
        for (int i = 0; i < n; i++)
            out[p * n + i] = value(rank, current, p * n + i);
        MPI(MPI_Pready(p, send));
    }
    __atomic_fetch_add(&threads_done, 1, __ATOMIC_RELAXED);
    return NULL;
}

static int peer_of_receive;

static void *looks(void *argument)
{
    long me = (long)argument;
    int own = LOOKS / THREADS;
    for (int p = (int)me * own; p < ((int)me + 1) * own; p++) {
        int flag = 0;
        while (!flag)
            MPI(MPI_Parrived(recv, p, &flag));
        for (int i = p * look; i < (p + 1) * look; i++)
            EQ(in[i], value(peer_of_receive, current, i));
    }
    return NULL;
}

static void together(void *(*one)(void *), void *(*two)(void *), int waits)
{
    pthread_t threads[2 * THREADS];
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, one, (void *)i);
        pthread_create(&threads[THREADS + i], NULL, two, (void *)i);
    }
    for (int flag = 0; waits && !flag;)
        MPI(MPI_Test(&recv, &flag, MPI_STATUS_IGNORE));
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Every rank sends to its right and receives from its left, both by threads. With `waits`
   the receive is also tested for meanwhile. */
static void rounds(int elements, int count, int waits)
{
    n = elements;
    look = n / 3;
    threads_done = 0;
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    peer_of_receive = left;
    out = room(sizeof(int) * PARTS * (size_t)n);
    in = room(sizeof(int) * PARTS * (size_t)n);
    MPI(MPI_Psend_init(out, PARTS, n, MPI_INT, right, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &send));
    /* Three times as many, a third as long. */
    MPI(MPI_Precv_init(in, LOOKS, look, MPI_INT, left, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &recv));
    for (current = 0; current < count; current++) {
        MPI(MPI_Start(&send));
        if (current % 3 == 2 && ranks > 1)
            MPI(MPI_Barrier(MPI_COMM_WORLD));
        MPI(MPI_Start(&recv));
        together(sends, looks, waits);
        MPI(MPI_Wait(&recv, MPI_STATUS_IGNORE));
        for (int i = 0; i < PARTS * n; i++)
            EQ(in[i], value(left, current, i));
        MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
    }
    EQ(threads_done, THREADS * count);
    MPI(MPI_Request_free(&send));
    MPI(MPI_Request_free(&recv));
    free(out);
    free(in);
}

int main(void)
{
    int level = -1;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    rounds(720, ROUNDS, 0);
    rounds(9000, 12, 1);
    rounds(60, 12, 1);
    PASSED();
}
