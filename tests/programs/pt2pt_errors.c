/* Wrong arguments of point-to-point calls give the standard's classes
   (MPI 5.0, chapters 3 and 9.4), and leave the library usable. */
#include "check.h"

int main(void)
{
    START();
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    int x = 0, flag, *upper = NULL;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Status status;
    MPI_Message message;
    MPI(MPI_Comm_get_attr(comm, MPI_TAG_UB, &upper, &flag));
    EQ(flag, 1);
    CHECK(*upper >= 32767, "%d", *upper);

    FAILS(MPI_Send(&x, 1, MPI_INT, ranks, 0, comm), MPI_ERR_RANK);
    FAILS(MPI_Send(&x, 1, MPI_INT, -77, 0, comm), MPI_ERR_RANK);
    FAILS(MPI_Send(&x, 1, MPI_INT, MPI_ANY_SOURCE, 0, comm), MPI_ERR_RANK);
    FAILS(MPI_Recv(&x, 1, MPI_INT, ranks, 0, comm, &status), MPI_ERR_RANK);
    FAILS(MPI_Irecv(&x, 1, MPI_INT, -77, 0, comm, &request), MPI_ERR_RANK);
    FAILS(MPI_Probe(ranks, 0, comm, &status), MPI_ERR_RANK);
    FAILS(MPI_Iprobe(ranks, 0, comm, &flag, &status), MPI_ERR_RANK);
    FAILS(MPI_Mprobe(ranks, 0, comm, &message, &status), MPI_ERR_RANK);

    FAILS(MPI_Send(&x, 1, MPI_INT, 0, -1, comm), MPI_ERR_TAG);
    FAILS(MPI_Send(&x, 1, MPI_INT, 0, MPI_ANY_TAG, comm), MPI_ERR_TAG);
    if (*upper < INT32_MAX)
        FAILS(MPI_Send(&x, 1, MPI_INT, 0, *upper + 1, comm), MPI_ERR_TAG);
    FAILS(MPI_Recv(&x, 1, MPI_INT, 0, -77, comm, &status), MPI_ERR_TAG);
    FAILS(MPI_Isend(&x, 1, MPI_INT, 0, -5, comm, &request), MPI_ERR_TAG);

    FAILS(MPI_Send(&x, -1, MPI_INT, 0, 0, comm), MPI_ERR_COUNT);
    FAILS(MPI_Recv(&x, -1, MPI_INT, 0, 0, comm, &status), MPI_ERR_COUNT);
    FAILS(MPI_Sendrecv(&x, -1, MPI_INT, 0, 0, &x, 1, MPI_INT, 0, 0, comm, &status), MPI_ERR_COUNT);

    FAILS(MPI_Send(&x, 1, MPI_DATATYPE_NULL, 0, 0, comm), MPI_ERR_TYPE);
    FAILS(MPI_Recv(&x, 1, MPI_DATATYPE_NULL, 0, 0, comm, &status), MPI_ERR_TYPE);
    MPI_Datatype type;
    MPI(MPI_Type_contiguous(2, MPI_INT, &type));
    FAILS(MPI_Send(&x, 1, type, 0, 0, comm), MPI_ERR_TYPE); /* not committed */
    MPI(MPI_Type_free(&type));

    FAILS(MPI_Send(&x, 1, MPI_INT, 0, 0, MPI_COMM_NULL), MPI_ERR_COMM);
    FAILS(MPI_Recv(&x, 1, MPI_INT, 0, 0, MPI_COMM_NULL, &status), MPI_ERR_COMM);
    FAILS(MPI_Send(NULL, 1, MPI_INT, 0, 0, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Recv(NULL, 1, MPI_INT, 0, 0, comm, &status), MPI_ERR_BUFFER);

    /* A communicator that was freed, under a name that was kept. */
    MPI_Comm gone, kept;
    MPI(MPI_Comm_dup(MPI_COMM_SELF, &gone));
    kept = gone;
    MPI(MPI_Comm_free(&gone));
    FAILS(MPI_Send(&x, 1, MPI_INT, 0, 0, kept), MPI_ERR_COMM);

    /* And requests likewise, also of another kind. */
    MPI_Request stale;
    MPI(MPI_Irecv(&x, 1, MPI_INT, MPI_PROC_NULL, 0, comm, &request));
    stale = request;
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    if (stale != MPI_REQUEST_NULL)
        CHECK(MPI_Wait(&stale, MPI_STATUS_IGNORE) != MPI_SUCCESS || stale == MPI_REQUEST_NULL, "");
    request = (MPI_Request)MPI_COMM_WORLD;
    FAILS(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_ERR_REQUEST);
    FAILS(MPI_Waitall(-1, NULL, MPI_STATUSES_IGNORE), MPI_ERR_COUNT);
    request = MPI_REQUEST_NULL;
    FAILS(MPI_Start(&request), MPI_ERR_REQUEST);
    FAILS(MPI_Cancel(&request), MPI_ERR_REQUEST);
    FAILS(MPI_Request_free(&request), MPI_ERR_REQUEST);

    /* An error's text says something; and after all that a message passes. */
    char text[MPI_MAX_ERROR_STRING];
    int len = 0, code = MPI_Send(&x, 1, MPI_INT, ranks + 5, 0, comm);
    MPI(MPI_Error_string(code, text, &len));
    CHECK(len > 10 && len < MPI_MAX_ERROR_STRING && text[len] == 0, "%d", len);
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks, got = -1;
    MPI(MPI_Sendrecv(&rank, 1, MPI_INT, to, *upper, &got, 1, MPI_INT, from, *upper, comm, &status));
    EQ(got, from);
    EQ(status.MPI_TAG, *upper);
    PASSED();
}
