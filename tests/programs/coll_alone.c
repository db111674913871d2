/* Collectives whose arguments are wrong at one rank only, or share memory there: the
   others are told and do not hang, and the communicator is good for the next one.
   `everywhere`: whoever waits for that rank gets the error too. */
#include "check.h"

#define N 64

static int a[N * 64], b[N * 64], last;

/* What a call returned at this rank: an error at the rank that is wrong, an error or
   success at others, and an error at all if `everywhere`. */
static void told(int code, int wrong, int class_wanted, int everywhere, int line)
{
    int class_ = MPI_SUCCESS, sum = 0, one = 1;
    if (code != MPI_SUCCESS)
        MPI_Error_class(code, &class_);
    if (rank == wrong || everywhere)
        CHECK(class_ == class_wanted, "line %d: class %d, wanted %d", line, class_, class_wanted);
    else
        CHECK(class_ == class_wanted || class_ == MPI_SUCCESS, "line %d: class %d", line, class_);
    MPI(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    EQ(sum, ranks);
}
#define TOLD(call, wrong, class_, everywhere) told(call, wrong, class_, everywhere, __LINE__)

static int waited(int code, MPI_Request *request)
{
    return code != MPI_SUCCESS ? code : MPI_Wait(request, MPI_STATUS_IGNORE);
}

static void wrong_arguments(MPI_Comm c)
{
    MPI_Request request;
    MPI_Comm made;
    MPI_Win win;
    void *base;
    int bad = rank == last ? -1 : 1;
    TOLD(MPI_Bcast(a, rank == 0 ? -1 : 1, MPI_INT, 0, c), 0, MPI_ERR_COUNT, 1);
    TOLD(MPI_Bcast(a, 1, MPI_INT, rank == last ? ranks : 0, c), last, MPI_ERR_ROOT, 0);
    TOLD(MPI_Allgather(a, 1, MPI_INT, b, bad, MPI_INT, c), last, MPI_ERR_COUNT, 1);
    TOLD(MPI_Alltoall(a, bad, MPI_INT, b, 1, MPI_INT, c), last, MPI_ERR_COUNT, 1);
    TOLD(MPI_Allreduce(a, b, bad, MPI_INT, MPI_SUM, c), last, MPI_ERR_COUNT, 1);
    TOLD(MPI_Allreduce(a, b, N * 32, MPI_INT, rank == last ? MPI_OP_NULL : MPI_SUM, c), last, MPI_ERR_OP, 1);
    TOLD(MPI_Reduce(a, b, bad, MPI_INT, MPI_SUM, 0, c), last, MPI_ERR_COUNT, 0);
    TOLD(MPI_Scatter(a, 1, MPI_INT, b, 1, rank == 0 ? MPI_DATATYPE_NULL : MPI_INT, 0, c), 0, MPI_ERR_TYPE, 1);
    TOLD(MPI_Gather(a, 1, MPI_INT, b, rank == 0 ? -1 : 1, MPI_INT, 0, c), 0, MPI_ERR_COUNT, 0);
    TOLD(waited(MPI_Iallgather(a, 1, MPI_INT, b, bad, MPI_INT, c, &request), &request), last, MPI_ERR_COUNT, 1);
    TOLD(MPI_Comm_split(c, rank == last ? -5 : 0, 0, &made), last, MPI_ERR_ARG, 1);
    TOLD(MPI_Win_allocate(rank == last ? -5 : 8, 1, MPI_INFO_NULL, c, &base, &win), last, MPI_ERR_SIZE, 1);
}

/* Every rank's send buffer begins somewhere inside of what it receives. */
static void shared_memory(MPI_Comm c)
{
    int counts[64], displs[64];
    MPI_Request request;
    for (int i = 0; i < ranks; i++) {
        counts[i] = 2;
        displs[i] = 2 * i;
    }
    TOLD(MPI_Allgather(b + 2 * rank, 2, MPI_INT, b, 2, MPI_INT, c), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Allgatherv(b + 1, 2, MPI_INT, b, counts, displs, MPI_INT, c), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Alltoall(b + 1, 2, MPI_INT, b, 2, MPI_INT, c), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Alltoallv(b + 1, counts, displs, MPI_INT, b, counts, displs, MPI_INT, c), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Allreduce(b + 1, b, 2, MPI_INT, MPI_SUM, c), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Iallreduce(b + 1, b, 2, MPI_INT, MPI_SUM, c, &request), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Scan(b, b + 1, 2, MPI_INT, MPI_SUM, c), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Reduce_scatter_block(b, b + 1, 2, MPI_INT, MPI_SUM, c), 0, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Reduce_scatter(b, b + 1, counts, MPI_INT, MPI_SUM, c), 0, MPI_ERR_BUFFER, 1);
    /* only the root sees these two; who waits for it fails too */
    TOLD(MPI_Gather(b + 2 * rank, 2, MPI_INT, b, 2, MPI_INT, 0, c), 0, MPI_ERR_BUFFER, 0);
    TOLD(MPI_Scatter(b, 2, MPI_INT, b + 2 * rank, 2, MPI_INT, 0, c), 0, MPI_ERR_BUFFER, 1);
    /* only the last rank's share memory */
    int *into = rank == last ? a : b;
    TOLD(MPI_Allgather(a, 2, MPI_INT, into, 2, MPI_INT, c), last, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Allreduce(a, into, 2, MPI_INT, MPI_SUM, c), last, MPI_ERR_BUFFER, 1);
    TOLD(MPI_Allreduce(a, into, N * 32, MPI_INT, MPI_SUM, c), last, MPI_ERR_BUFFER, 1);
}

/* What lies between, or side by side, shares nothing. */
static void apart(MPI_Comm c)
{
    MPI_Datatype even;
    MPI(MPI_Type_vector(4, 1, 2, MPI_INT, &even));
    MPI(MPI_Type_commit(&even));
    MPI(MPI_Allreduce(b, b + 2, 2, MPI_INT, MPI_SUM, c));
    MPI(MPI_Allgather(b + 2 * ranks, 2, MPI_INT, b, 2, MPI_INT, c));
    if (rank == 0)
        MPI(MPI_Gather(b, 1, even, b + 1, 1, even, 0, MPI_COMM_SELF));
    MPI(MPI_Bcast(b, 0, MPI_INT, 0, c));
    MPI(MPI_Allgather(b, 0, MPI_INT, b, 0, MPI_INT, c));
    MPI(MPI_Type_free(&even));
}

int main(void)
{
    START();
    MPI_Comm c;
    last = ranks - 1;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &c));
    MPI(MPI_Comm_set_errhandler(c, MPI_ERRORS_RETURN));
    wrong_arguments(c);
    shared_memory(c);
    apart(c);
    /* After all that the communicator is good. */
    int one = 1, sum = 0;
    for (int i = 0; i < 3; i++) {
        MPI(MPI_Barrier(c));
        MPI(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, c));
        EQ(sum, ranks);
    }
    MPI(MPI_Comm_free(&c));
    PASSED();
}
