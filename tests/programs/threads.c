/* MPI_THREAD_MULTIPLE: several threads of each rank talk at once, each with its
   own tag, blocking all the way (MPI 5.0, 11.6). */
#include "check.h"
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 2000 };

static void *talk(void *argument)
{
    int tag = (int)(intptr_t)argument, peer = rank ^ 1;
    int size = tag == 3 ? 30000 : 4;
    int *out = calloc((size_t)size, sizeof *out), *in = calloc((size_t)size, sizeof *in);
    for (int i = 0; i < (tag == 3 ? ROUNDS / 20 : ROUNDS); i++) {
        MPI_Status status;
        out[0] = i * 10 + tag, out[size - 1] = i;
        if (rank % 2 == tag % 2) {
            if (MPI_Send(out, size, MPI_INT, peer, tag, MPI_COMM_WORLD) != MPI_SUCCESS ||
                MPI_Recv(in, size, MPI_INT, peer, tag, MPI_COMM_WORLD, &status) != MPI_SUCCESS)
                check_abort();
        } else {
            MPI_Request request;
            if (MPI_Irecv(in, size, MPI_INT, peer, tag, MPI_COMM_WORLD, &request) != MPI_SUCCESS ||
                MPI_Wait(&request, &status) != MPI_SUCCESS ||
                MPI_Send(out, size, MPI_INT, peer, tag, MPI_COMM_WORLD) != MPI_SUCCESS)
                check_abort();
        }
        if (in[0] != out[0] || in[size - 1] != i || status.MPI_TAG != tag) {
            fprintf(stderr, "rank %d, thread %d, round %d: got %d, wanted %d", rank, tag, i, in[0], out[0]);
            check_abort();
        }
    }
    free(out), free(in);
    return NULL;
}

int main(void)
{
    int provided = -1, level = -1, main_thread = -1;
    MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided));
    EQ(provided, MPI_THREAD_MULTIPLE);
    MPI(MPI_Query_thread(&level));
    EQ(level, MPI_THREAD_MULTIPLE);
    MPI(MPI_Is_thread_main(&main_thread));
    EQ(main_thread, 1);
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    EQ(ranks % 2, 0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        EQ(pthread_create(&threads[i], NULL, talk, (void *)(intptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        EQ(pthread_join(threads[i], NULL), 0);
    PASSED();
}
