/* Every size, arriving before its receive is posted, in blocking and
   nonblocking receives; into larger buffers, which stay untouched behind. */
#include "check.h"
#include "sizes.h"

int main(void)
{
    START();
    enum { GUARD = 256 };
    unsigned char *buffer = room(sizes[SIZES - 1] + GUARD);
    if (rank == 0) {
        for (int at = 0; at < SIZES; at++)
            for (int round = 0; round < 2; round++) {
                fill(buffer, sizes[at], (unsigned)at);
                MPI_Request data;
                MPI(MPI_Isend(buffer, (int)sizes[at], MPI_BYTE, 1, at, MPI_COMM_WORLD, &data));
                /* Rank 1 answers this one first: the data is unexpected by then. */
                MPI(MPI_Send(NULL, 0, MPI_BYTE, 1, 9999, MPI_COMM_WORLD));
                MPI(MPI_Wait(&data, MPI_STATUS_IGNORE));
            }
    } else if (rank == 1) {
        for (int at = 0; at < SIZES; at++)
            for (int round = 0; round < 2; round++) {
                int count = -1;
                MPI_Status status;
                memset(buffer, 0x5a, sizes[at] + GUARD);
                MPI(MPI_Recv(NULL, 0, MPI_BYTE, 0, 9999, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
                if (round) {
                    MPI_Request request;
                    MPI(MPI_Irecv(buffer, (int)sizes[at] + GUARD, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG,
                                  MPI_COMM_WORLD, &request));
                    MPI(MPI_Wait(&request, &status));
                } else
                    MPI(MPI_Recv(buffer, (int)sizes[at] + GUARD, MPI_BYTE, 0, at, MPI_COMM_WORLD, &status));
                MPI(MPI_Get_count(&status, MPI_BYTE, &count));
                EQ(count, sizes[at]);
                EQ(status.MPI_TAG, at);
                EQ(status.MPI_SOURCE, 0);
                FILLED(buffer, sizes[at], (unsigned)at);
                ALL(buffer + sizes[at], GUARD, 0x5a);
            }
    }
    PASSED();
}
