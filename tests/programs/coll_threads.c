/* Collectives by several threads at a time, each on its own communicator, with
   operations that call back (MPI 5.0, sections 6.14 and 11.6). */
#include "check.h"
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 150, LENGTH = 700 };

static MPI_Comm comms[THREADS];
static MPI_Op op;

static void add(void *in, void *inout, int *len, MPI_Datatype *type)
{
    int size;
    MPI_Type_size(*type, &size);
    for (int i = 0; i < *len * size / (int)sizeof(int); i++)
        ((int *)inout)[i] += ((int *)in)[i];
}

static void *work(void *which)
{
    int t = (int)(intptr_t)which, in[LENGTH], out[2][LENGTH];
    for (int round = 0; round < ROUNDS; round++) {
        MPI_Request requests[2];
        for (int i = 0; i < LENGTH; i++)
            in[i] = rank + round * t + i;
        int n = round % 3 ? 5 : LENGTH, want = ranks * (ranks - 1) / 2 + ranks * round * t;
        if (MPI_Allreduce(in, out[0], n, MPI_INT, op, comms[t]) != MPI_SUCCESS)
            abort();
        for (int i = 0; i < n; i++)
            if (out[0][i] != want + ranks * i)
                abort();
        MPI_Iallreduce(in, out[0], n, MPI_INT, op, comms[t], &requests[0]);
        MPI_Iallreduce(in, out[1], n, MPI_INT, MPI_SUM, comms[t], &requests[1]);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; i < n; i++)
            if (out[0][i] != want + ranks * i || out[1][i] != out[0][i])
                abort();
        MPI_Barrier(comms[t]);
    }
    return NULL;
}

int main(void)
{
    int provided;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided));
    EQ(provided, MPI_THREAD_MULTIPLE);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    MPI(MPI_Op_create(add, 1, &op));
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[t]));
    for (int t = 0; t < THREADS; t++)
        EQ(pthread_create(&threads[t], NULL, work, (void *)(intptr_t)t), 0);
    for (int t = 0; t < THREADS; t++)
        EQ(pthread_join(threads[t], NULL), 0);
    for (int t = 0; t < THREADS; t++)
        MPI(MPI_Comm_free(&comms[t]));
    MPI(MPI_Op_free(&op));
    PASSED();
}
