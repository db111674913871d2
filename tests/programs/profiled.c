/* Known traffic, for the profile: argument 1 says what is done.
 *
 * known:  each rank sends rank+1 messages of 100 bytes to the next, and one of 100000; then
 *         five barriers and a put of 24 bytes to the one before
 * late:   rank 0 is late for ten messages of rank 1's and for ten barriers
 * dies:   as known, and then rank 0 kills itself while the others wait
 */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int rank, size;

static void work(int milliseconds)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < milliseconds);
}

static void known(void)
{
    static char out[100000], in[100000];
    int next = (rank + 1) % size, before = (rank + size - 1) % size;
    MPI_Request request;
    for (int i = 0; i <= before; i++) {
        MPI_Irecv(in, 100, MPI_CHAR, before, 5, MPI_COMM_WORLD, &request);
        if (i <= rank && size > 1)
            MPI_Send(out, 100, MPI_CHAR, next, 5, MPI_COMM_WORLD);
        else if (size == 1)
            MPI_Send(out, 100, MPI_CHAR, 0, 5, MPI_COMM_WORLD);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    for (int i = before + 1; i <= rank && size > 1; i++)
        MPI_Send(out, 100, MPI_CHAR, next, 5, MPI_COMM_WORLD);
    MPI_Sendrecv(out, 100000, MPI_CHAR, next, 6, in, 100000, MPI_CHAR, before, 6,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int i = 0; i < 5; i++)
        MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win win;
    char *base;
    MPI_Win_allocate(64, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &win);
    MPI_Win_fence(0, win);
    MPI_Put(out, 24, MPI_CHAR, before, 0, 24, MPI_CHAR, win);
    MPI_Win_fence(0, win);
    MPI_Win_free(&win);
}

static void late(void)
{
    int value = 0;
    for (int i = 0; i < 10; i++) {
        if (rank == 0)
            work(20);
        if (rank == 0)
            MPI_Send(&value, 1, MPI_INT, 1, 0, MPI_COMM_WORLD);
        if (rank == 1)
            MPI_Recv(&value, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    for (int i = 0; i < 10; i++) {
        if (rank == 0)
            work(10);
        MPI_Barrier(MPI_COMM_WORLD);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "known";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (strcmp(what, "late") == 0)
        late();
    else
        known();
    if (strcmp(what, "dies") == 0) {
        if (rank == 0) {
            work(200);
            raise(SIGKILL);
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
    MPI_Finalize();
    return 0;
}
