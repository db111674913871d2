/* With LARIAT_CHECK=1, types that do not match (MPI 5.0, 3.3.1) and collectives
   on which ranks disagree (6.2) are errors that say what differs; what is right
   stays right. Argument: which of the wrong things to do, or none of them. */
#include "check.h"

static void right_things(void)
{
    int peer = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
    MPI_Datatype pairs, row;
    MPI(MPI_Type_contiguous(2, MPI_INT, &pairs));
    MPI(MPI_Type_vector(4, 2, 3, MPI_INT, &row));
    MPI(MPI_Type_commit(&pairs));
    MPI(MPI_Type_commit(&row));
    static int out[60000], in[60000];
    static const int counts[] = {0, 1, 2, 8, 10, 1000, 5000};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        int n = counts[i], got;
        MPI_Status status;
        /* the same sequence of ints, made in different ways */
        MPI(MPI_Sendrecv(out, n * 8, MPI_INT, peer, 1, in, 4 * n, pairs, from, 1, MPI_COMM_WORLD, &status));
        MPI(MPI_Sendrecv(out, n, row, peer, 2, in, n * 8 + 8, MPI_INT, from, 2, MPI_COMM_WORLD, &status));
        MPI(MPI_Get_count(&status, MPI_INT, &got));
        EQ(got, n * 8);
        MPI_Request request;
        MPI(MPI_Irecv(in, n * 8, MPI_INT, from, 3, MPI_COMM_WORLD, &request));
        MPI(MPI_Ssend(out, n * 4, pairs, peer, 3, MPI_COMM_WORLD));
        MPI(MPI_Wait(&request, &status));
    }
    /* a message that ends inside an element of the receive's cannot be told */
    MPI(MPI_Sendrecv(out, 3, MPI_INT, peer, 4, in, 4, pairs, from, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    double mine = rank, sum = -1;
    MPI(MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD));
    EQ(sum, ranks * (ranks - 1) / 2);
    MPI(MPI_Type_free(&pairs));
    MPI(MPI_Type_free(&row));
}

int main(int argc, char **argv)
{
    START();
    const char *what = argc > 1 ? argv[1] : "";
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    right_things();
    static char buffer[400000];
    int size = argc > 2 ? atoi(argv[2]) : 8;
    if (!strcmp(what, "types") && rank < 2) {
        MPI_Status status;
        if (rank == 0) {
            MPI(MPI_Send(buffer, size / 4, MPI_FLOAT, 1, 5, MPI_COMM_WORLD));
            MPI(MPI_Ssend(buffer, size / 4, MPI_FLOAT, 1, 6, MPI_COMM_WORLD));
        } else {
            FAILS(MPI_Recv(buffer, size / 4, MPI_INT, 0, 5, MPI_COMM_WORLD, &status), MPI_ERR_TYPE);
            MPI(MPI_Probe(0, 6, MPI_COMM_WORLD, &status));
            FAILS(MPI_Recv(buffer, size / 8, MPI_DOUBLE, 0, 6, MPI_COMM_WORLD, &status), MPI_ERR_TYPE);
        }
    }
    if (!strcmp(what, "self")) {
        MPI_Request request;
        MPI(MPI_Isend(buffer, 2, MPI_INT, rank, 7, MPI_COMM_WORLD, &request));
        FAILS(MPI_Recv(buffer, 1, MPI_DOUBLE, rank, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE), MPI_ERR_TYPE);
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    }
    if (!strcmp(what, "root"))
        FAILS(MPI_Bcast(buffer, 4, MPI_INT, rank == ranks - 1, MPI_COMM_WORLD), MPI_ERR_ROOT);
    if (!strcmp(what, "count"))
        FAILS(MPI_Bcast(buffer, 4 + (rank == 1), MPI_INT, 0, MPI_COMM_WORLD), MPI_ERR_COUNT);
    if (!strcmp(what, "call")) {
        int code = rank == 1 ? MPI_Bcast(buffer, 4, MPI_INT, 0, MPI_COMM_WORLD) : MPI_Barrier(MPI_COMM_WORLD);
        FAILS(code, MPI_ERR_OTHER);
    }
    right_things();
    PASSED();
}
