/* Partitions that several threads say are ready, and look for, at the same time. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 4, PARTS = 64, N = 720, ROUNDS = 60, LOOKS = 3 * PARTS, LOOK = N / 3 };

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
        for (int i = 0; i < N; i++)
            out[p * N + i] = value(rank, current, p * N + i);
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
        for (int i = p * LOOK; i < (p + 1) * LOOK; i++)
            EQ(in[i], value(peer_of_receive, current, i));
    }
    return NULL;
}

static void together(void *(*one)(void *), void *(*two)(void *))
{
    pthread_t threads[2 * THREADS];
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, one, (void *)i);
        pthread_create(&threads[THREADS + i], NULL, two, (void *)i);
    }
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Every rank sends to its right and receives from its left, both by threads. */
int main(void)
{
    int level = -1;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    peer_of_receive = left;
    out = room(sizeof(int) * PARTS * N);
    in = room(sizeof(int) * PARTS * N);
    MPI(MPI_Psend_init(out, PARTS, N, MPI_INT, right, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &send));
    /* Three times as many, a third as long. */
    MPI(MPI_Precv_init(in, LOOKS, LOOK, MPI_INT, left, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &recv));
    for (current = 0; current < ROUNDS; current++) {
        MPI(MPI_Start(&send));
        if (current % 3 == 2 && ranks > 1)
            MPI(MPI_Barrier(MPI_COMM_WORLD));
        MPI(MPI_Start(&recv));
        together(sends, looks);
        MPI(MPI_Wait(&recv, MPI_STATUS_IGNORE));
        for (int i = 0; i < PARTS * N; i++)
            EQ(in[i], value(left, current, i));
        MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
    }
    EQ(threads_done, THREADS * ROUNDS);
    MPI(MPI_Request_free(&send));
    MPI(MPI_Request_free(&recv));
    PASSED();
}
