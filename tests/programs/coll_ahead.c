/* A persistent broadcast that some ranks have started again while others are still in its
   last round: the next round's message is no sign that ranks differ. `late` starts each
   round last, so that its parent waits for it for a while, with its own message received. */
#include "check.h"
#include <unistd.h>

#define N (16 << 10) /* ints: too many to be sent before they are received */
#define ROUNDS 3

int main(int argc, char **argv)
{
    static int data[N];
    int late;
    MPI_Request request;
    MPI(MPI_Init(&argc, &argv));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    late = ranks - 1;
    MPI(MPI_Bcast_init(data, N, MPI_INT, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < N; i++)
            data[i] = rank == 0 ? round * N + i : -1;
        if (rank == late)
            usleep(300000);
        MPI(MPI_Start(&request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        for (int i = 0; i < N; i++)
            EQ(data[i], round * N + i);
    }
    MPI(MPI_Request_free(&request));
    PASSED();
}
