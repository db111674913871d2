/* Partitioned sends that one thread waits for and frees while others have not yet come back
   from MPI_Pready. */
#include "check.h"
#include <pthread.h>
#include <sched.h>

enum { THREADS = 3, ROUNDS = 2000, N = 16 };

static MPI_Request send;
static int out[THREADS * N], in[THREADS * N];
static int round_of_threads;

static void *hands_over(void *argument)
{
    long me = (long)argument;
    for (int round = 1; round <= ROUNDS; round++) {
        while (__atomic_load_n(&round_of_threads, __ATOMIC_ACQUIRE) < round)
            sched_yield();
        MPI(MPI_Pready((int)me, __atomic_load_n(&send, __ATOMIC_RELAXED)));
        while (__atomic_load_n(&round_of_threads, __ATOMIC_ACQUIRE) == round && round < ROUNDS)
            sched_yield();
    }
    return NULL;
}

int main(void)
{
    int level = -1;
    pthread_t threads[THREADS];
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, hands_over, (void *)i);
    for (int round = 1; round <= ROUNDS; round++) {
        MPI_Request recv;
        for (int i = 0; i < THREADS * N; i++)
            out[i] = round * 1000 + i + rank;
        MPI(MPI_Psend_init(out, THREADS, N, MPI_INT, right, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &send));
        MPI(MPI_Precv_init(in, 1, THREADS * N, MPI_INT, left, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &recv));
        MPI(MPI_Start(&recv));
        MPI(MPI_Start(&send));
        __atomic_store_n(&round_of_threads, round, __ATOMIC_RELEASE);
        MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));
        MPI(MPI_Request_free(&send));
        MPI(MPI_Wait(&recv, MPI_STATUS_IGNORE));
        MPI(MPI_Request_free(&recv));
        for (int i = 0; i < THREADS * N; i++)
            EQ(in[i], round * 1000 + i + left);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    PASSED();
}
