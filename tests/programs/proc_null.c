/* Communication with MPI_PROC_NULL succeeds, does nothing, and says so in its
   status (MPI 5.0, 3.10). */
#include "check.h"

static void check_status_at(int line, const MPI_Status *status)
{
    int count = -1;
    CHECK(status->MPI_SOURCE == MPI_PROC_NULL, "%d, of line %d", status->MPI_SOURCE, line);
    EQ(status->MPI_TAG, MPI_ANY_TAG);
    MPI(MPI_Get_count(status, MPI_BYTE, &count));
    EQ(count, 0);
}

#define check_status(status) check_status_at(__LINE__, status)

int main(void)
{
    START();
    char buffer[16];
    MPI_Status status;
    MPI_Request request;
    MPI_Comm comm = MPI_COMM_WORLD;
    memset(buffer, 0x11, sizeof buffer);
    MPI(MPI_Send(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm));
    MPI(MPI_Ssend(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm));
    MPI(MPI_Rsend(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm));
    MPI(MPI_Bsend(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm));
    MPI(MPI_Recv(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm, &status));
    check_status(&status);
    MPI(MPI_Irecv(buffer, 16, MPI_BYTE, MPI_PROC_NULL, MPI_ANY_TAG, comm, &request));
    MPI(MPI_Wait(&request, &status));
    check_status(&status);
    MPI(MPI_Isend(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm, &request));
    MPI(MPI_Wait(&request, &status));
    MPI(MPI_Issend(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm, &request));
    MPI(MPI_Wait(&request, &status));
    MPI(MPI_Sendrecv(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm,
                     &status));
    check_status(&status);
    MPI(MPI_Sendrecv_replace(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, MPI_PROC_NULL, 1, comm, &status));
    check_status(&status);
    MPI(MPI_Recv_init(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm, &request));
    for (int i = 0; i < 3; i++) {
        MPI(MPI_Start(&request));
        MPI(MPI_Wait(&request, &status));
        check_status(&status);
    }
    MPI(MPI_Request_free(&request));
    MPI(MPI_Send_init(buffer, 16, MPI_BYTE, MPI_PROC_NULL, 1, comm, &request));
    MPI(MPI_Start(&request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    MPI(MPI_Request_free(&request));
    ALL(buffer, sizeof buffer, 0x11);

    /* One side of a line of ranks, the usual use. */
    int left = rank == 0 ? MPI_PROC_NULL : rank - 1, right = rank == ranks - 1 ? MPI_PROC_NULL : rank + 1;
    int got = -5;
    MPI(MPI_Sendrecv(&rank, 1, MPI_INT, right, 2, &got, 1, MPI_INT, left, 2, comm, &status));
    EQ(got, rank == 0 ? -5 : rank - 1);
    EQ(status.MPI_SOURCE, left);
    PASSED();
}
