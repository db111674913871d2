/* Wrong arguments of collective operations: every rank passes the same, and
   gets the class that names the argument. */
#include "check.h"

int main(void)
{
    START();
    int a[256] = { 0 }, b[256], counts[64], displs[64], bad[64];
    MPI_Datatype types[64], vector;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    for (int i = 0; i < ranks; i++) {
        counts[i] = 1;
        displs[i] = i;
        bad[i] = i == ranks - 1 ? -7 : 1;
        types[i] = MPI_INT;
    }
    MPI(MPI_Type_vector(2, 1, 3, MPI_INT, &vector)); /* not committed */

    FAILS(MPI_Barrier(MPI_COMM_NULL), MPI_ERR_COMM);
    FAILS(MPI_Bcast(a, 1, MPI_INT, ranks, comm), MPI_ERR_ROOT);
    FAILS(MPI_Bcast(a, 1, MPI_INT, -1, comm), MPI_ERR_ROOT);
    FAILS(MPI_Bcast(a, 1, MPI_INT, MPI_ROOT, comm), MPI_ERR_ROOT);
    FAILS(MPI_Bcast(a, -1, MPI_INT, 0, comm), MPI_ERR_COUNT);
    FAILS(MPI_Bcast(a, 1, MPI_DATATYPE_NULL, 0, comm), MPI_ERR_TYPE);
    FAILS(MPI_Bcast(a, 1, vector, 0, comm), MPI_ERR_TYPE);
    FAILS(MPI_Bcast(NULL, 1, MPI_INT, 0, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Bcast(MPI_IN_PLACE, 1, MPI_INT, 0, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Ibcast(a, 1, MPI_INT, ranks, comm, &request), MPI_ERR_ROOT);
    FAILS(MPI_Ibcast(a, 1, MPI_INT, 0, comm, NULL), MPI_ERR_ARG);
    FAILS(MPI_Bcast_init(a, 1, vector, 0, comm, MPI_INFO_NULL, &request), MPI_ERR_TYPE);
    FAILS(MPI_Bcast_c(a, -5000000000, MPI_INT, 0, comm), MPI_ERR_COUNT);

    FAILS(MPI_Gather(a, -1, MPI_INT, b, 1, MPI_INT, 0, comm), MPI_ERR_COUNT);
    FAILS(MPI_Gather(a, 1, vector, b, 1, MPI_INT, 0, comm), MPI_ERR_TYPE);
    FAILS(MPI_Gatherv(a, 1, MPI_INT, b, counts, displs, MPI_INT, -3, comm), MPI_ERR_ROOT);
    FAILS(MPI_Allgather(a, 1, MPI_INT, a, 1, MPI_INT, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Allgather(a, 1, MPI_INT, b, -1, MPI_INT, comm), MPI_ERR_COUNT);
    FAILS(MPI_Allgather(a, 1, MPI_INT, NULL, 1, MPI_INT, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Allgatherv(a, 1, MPI_INT, b, bad, displs, MPI_INT, comm), MPI_ERR_COUNT);
    FAILS(MPI_Allgatherv(a, 1, MPI_INT, b, NULL, displs, MPI_INT, comm), MPI_ERR_ARG);
    FAILS(MPI_Allgatherv(a, 1, MPI_INT, b, counts, NULL, MPI_INT, comm), MPI_ERR_ARG);
    FAILS(MPI_Alltoall(a, 1, MPI_INT, a, 1, MPI_INT, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Alltoall(a, 1, MPI_INT, b, 1, MPI_DATATYPE_NULL, comm), MPI_ERR_TYPE);
    FAILS(MPI_Alltoallv(a, bad, displs, MPI_INT, b, counts, displs, MPI_INT, comm),
          MPI_ERR_COUNT);
    types[ranks - 1] = vector;
    FAILS(MPI_Alltoallw(a, counts, displs, types, b, counts, displs, types, comm), MPI_ERR_TYPE);
    FAILS(MPI_Ialltoallw(a, counts, displs, types, b, counts, displs, types, comm, &request),
          MPI_ERR_TYPE);

    FAILS(MPI_Allreduce(a, b, 1, MPI_INT, MPI_OP_NULL, comm), MPI_ERR_OP);
    FAILS(MPI_Allreduce(a, b, 1, MPI_FLOAT, MPI_BAND, comm), MPI_ERR_OP);
    FAILS(MPI_Allreduce(a, a, 1, MPI_INT, MPI_SUM, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Allreduce(a, b, -1, MPI_INT, MPI_SUM, comm), MPI_ERR_COUNT);
    FAILS(MPI_Allreduce(a, MPI_IN_PLACE, 1, MPI_INT, MPI_SUM, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Reduce(a, b, 1, MPI_INT, MPI_SUM, ranks, comm), MPI_ERR_ROOT);
    FAILS(MPI_Ireduce(a, b, 1, MPI_INT, MPI_MINLOC, 0, comm, &request), MPI_ERR_OP);
    if (rank != 0)
        FAILS(MPI_Reduce(MPI_IN_PLACE, b, 1, MPI_INT, MPI_SUM, 0, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Reduce_scatter(a, b, bad, MPI_INT, MPI_SUM, comm), MPI_ERR_COUNT);
    FAILS(MPI_Reduce_scatter_block(a, b, 1, vector, MPI_SUM, comm), MPI_ERR_TYPE);
    FAILS(MPI_Scan(a, b, 1, MPI_DATATYPE_NULL, MPI_SUM, comm), MPI_ERR_TYPE);
    FAILS(MPI_Exscan(a, b, 1, MPI_2INT, MPI_SUM, comm), MPI_ERR_OP);
    EQ(request == MPI_REQUEST_NULL, 1);

    /* What is not significant is not looked at. */
    if (rank == 0)
        MPI(MPI_Gather(MPI_IN_PLACE, -1, MPI_DATATYPE_NULL, b, 1, MPI_INT, 0, comm));
    else
        MPI(MPI_Gather(a, 1, MPI_INT, NULL, -1, MPI_DATATYPE_NULL, 0, comm));
    if (rank == 0)
        MPI(MPI_Scatter(b, 1, MPI_INT, MPI_IN_PLACE, -1, MPI_DATATYPE_NULL, 0, comm));
    else
        MPI(MPI_Scatter(NULL, -1, MPI_DATATYPE_NULL, a, 1, MPI_INT, 0, comm));
    /* Nothing is sent from nowhere. */
    MPI(MPI_Bcast(NULL, 0, MPI_INT, 0, comm));
    MPI(MPI_Allreduce(NULL, NULL, 0, MPI_INT, MPI_SUM, comm));
    MPI(MPI_Allgather(NULL, 0, MPI_INT, NULL, 0, MPI_INT, comm));

    /* After all that the communicator is good. */
    int one = 1, sum = 0;
    MPI(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm));
    EQ(sum, ranks);
    MPI(MPI_Type_free(&vector));
    PASSED();
}
