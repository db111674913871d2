/* A message longer than its receive is an error of the receive alone: nothing
   is written beyond the buffer, the sender and later messages go on
   (MPI 5.0, 3.2.4). */
#include "check.h"

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    static const int sizes[] = {1, 8, 40, 41, 64, 100, 4096, 5000, 65536, 65537, 300000, 4000000};
    char *buffer = room(4000000);
    int peer = rank ^ 1;
    MPI_Status status;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes && peer < ranks; i++) {
        int size = sizes[i];
        for (int way = 0; way < 5; way++) {
            if (rank % 2 == 0) {
                MPI_Request request;
                fill(buffer, (size_t)size, i);
                MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
                MPI(MPI_Isend(buffer, size, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &request));
                MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 3, MPI_COMM_WORLD));
                MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
                MPI(MPI_Send(&size, 1, MPI_INT, peer, 2, MPI_COMM_WORLD));
                continue;
            }
            int fits = size / 2, next = -1;
            memset(buffer, 0x44, (size_t)size + (size < 4000000 ? 8 : 0));
            MPI_Request request = MPI_REQUEST_NULL;
            MPI_Message message = MPI_MESSAGE_NULL;
            if (way == 0) /* posted before it arrives */
                MPI(MPI_Irecv(buffer, fits, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &request));
            MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 1, MPI_COMM_WORLD));
            MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            switch (way) {
            case 0: FAILS(MPI_Wait(&request, &status), MPI_ERR_TRUNCATE); break;
            case 1: FAILS(MPI_Recv(buffer, fits, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &status), MPI_ERR_TRUNCATE); break;
            case 2:
                MPI(MPI_Mprobe(peer, 2, MPI_COMM_WORLD, &message, &status));
                FAILS(MPI_Mrecv(buffer, fits, MPI_BYTE, &message, &status), MPI_ERR_TRUNCATE);
                break;
            case 3:
                MPI(MPI_Irecv(buffer, fits, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &request));
                FAILS(MPI_Waitall(1, &request, &status), MPI_ERR_IN_STATUS);
                FAILS(status.MPI_ERROR, MPI_ERR_TRUNCATE);
                break;
            case 4: /* no room at all */
                fits = 0;
                FAILS(MPI_Recv(buffer, 0, MPI_BYTE, peer, 2, MPI_COMM_WORLD, &status), MPI_ERR_TRUNCATE);
                break;
            }
            EQ(status.MPI_SOURCE, peer);
            EQ(status.MPI_TAG, 2);
            ALL(buffer + fits, (size_t)(size - fits), 0x44);
            MPI(MPI_Recv(&next, 1, MPI_INT, peer, 2, MPI_COMM_WORLD, &status));
            EQ(next, size);
        }
    }
    PASSED();
}
