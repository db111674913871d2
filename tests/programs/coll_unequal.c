/* Ranks that give unequal lengths, operators or types to one collective. Without
   LARIAT_CHECK: what is found for nothing; with it (argument `checked`): everything. */
#include "check.h"

static double a[4096], b[4096 * 8];

/* Whether any rank got an error of this class, and none of another. */
static void seen(int code, int class_wanted, int line)
{
    int class_ = MPI_SUCCESS, most = 0;
    if (code != MPI_SUCCESS)
        MPI_Error_class(code, &class_);
    CHECK(class_ == MPI_SUCCESS || class_ == class_wanted, "line %d: class %d, wanted %d", line, class_, class_wanted);
    MPI(MPI_Allreduce(&class_, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD));
    CHECK(most == class_wanted, "line %d: no rank was told", line);
}
#define SEEN(call, class_) seen(call, class_, __LINE__)

static int waited(int code, MPI_Request *request)
{
    return code != MPI_SUCCESS ? code : MPI_Wait(request, MPI_STATUS_IGNORE);
}

int main(int argc, char **argv)
{
    START();
    MPI_Comm c;
    MPI_Request request;
    int checked = argc > 1 && !strcmp(argv[1], "checked"), last = ranks - 1, is_last = rank == last, counts[64], displs[64];
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &c));
    MPI(MPI_Comm_set_errhandler(c, MPI_ERRORS_RETURN));
    /* a root that sends less than is expected */
    SEEN(MPI_Bcast(a, rank == 0 ? 1 : 2, MPI_DOUBLE, 0, c), MPI_ERR_COUNT);
    SEEN(MPI_Bcast(a, rank == 0 ? 1000 : 2000, MPI_DOUBLE, 0, c), MPI_ERR_COUNT);
    SEEN(waited(MPI_Ibcast(a, rank == 0 ? 1 : 2, MPI_DOUBLE, 0, c, &request), &request), MPI_ERR_COUNT);
    SEEN(MPI_Scatter(b, 1, MPI_DOUBLE, a, rank == 0 ? 1 : 2, MPI_DOUBLE, 0, c), MPI_ERR_COUNT);
    /* a rank that sends less */
    SEEN(MPI_Gather(a, is_last ? 1 : 2, MPI_DOUBLE, b, 2, MPI_DOUBLE, 0, c), MPI_ERR_COUNT);
    SEEN(MPI_Reduce(a, b, is_last ? 1 : 2, MPI_DOUBLE, MPI_SUM, 0, c), MPI_ERR_COUNT);
    /* lengths, operators and types of small reductions for all */
    SEEN(MPI_Allreduce(a, b, is_last ? 1 : 2, MPI_DOUBLE, MPI_SUM, c), MPI_ERR_COUNT);
    SEEN(MPI_Allreduce(a, b, 1, MPI_DOUBLE, is_last ? MPI_MAX : MPI_SUM, c), MPI_ERR_OP);
    SEEN(MPI_Allreduce(a, b, 1, is_last ? MPI_INT64_T : MPI_DOUBLE, MPI_SUM, c), MPI_ERR_TYPE);
    if (checked) {
        SEEN(MPI_Allreduce(a, b, 1000, MPI_DOUBLE, is_last ? MPI_MAX : MPI_SUM, c), MPI_ERR_OP);
        SEEN(MPI_Reduce(a, b, 1, is_last ? MPI_INT64_T : MPI_DOUBLE, MPI_SUM, 0, c), MPI_ERR_TYPE);
        SEEN(waited(MPI_Iallreduce(a, b, 1, MPI_DOUBLE, is_last ? MPI_MAX : MPI_SUM, c, &request), &request), MPI_ERR_OP);
        SEEN(MPI_Bcast(a, 2, is_last ? MPI_INT64_T : MPI_DOUBLE, 0, c), MPI_ERR_TYPE);
        SEEN(MPI_Bcast(a, rank == 0 ? 0 : 1, MPI_DOUBLE, 0, c), MPI_ERR_COUNT);
        for (int i = 0; i < ranks; i++) {
            counts[i] = 1 + (i == 0 && is_last);
            displs[i] = 2 * i;
        }
        SEEN(MPI_Alltoallv(a, counts, displs, MPI_DOUBLE, b, counts, displs, MPI_DOUBLE, c), MPI_ERR_COUNT);
        SEEN(MPI_Reduce_scatter(a, b, counts, MPI_DOUBLE, MPI_SUM, c), MPI_ERR_COUNT);
        SEEN(MPI_Allgather(a, 1, is_last ? MPI_INT64_T : MPI_DOUBLE, b, 1, MPI_DOUBLE, c), MPI_ERR_TYPE);
        int code = MPI_Allreduce_init(a, b, 1, MPI_DOUBLE, is_last ? MPI_MAX : MPI_SUM, c, MPI_INFO_NULL, &request);
        MPI(code);
        MPI(MPI_Start(&request));
        SEEN(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_ERR_OP);
        MPI(MPI_Request_free(&request));
    }
    /* what is right stays right */
    a[0] = 1;
    MPI(MPI_Allreduce(a, b, 1, MPI_DOUBLE, MPI_SUM, c));
    EQ(b[0], ranks);
    for (int i = 0; i < ranks; i++)
        counts[i] = displs[i] = i;
    MPI(MPI_Gatherv(a, rank, MPI_DOUBLE, b, counts, displs, MPI_DOUBLE, 0, MPI_COMM_WORLD));
    MPI(MPI_Comm_free(&c));
    PASSED();
}
