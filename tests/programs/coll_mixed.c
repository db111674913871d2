/* Ranks in different collectives (MPI 5.0, 6.1): nobody gets a result of another call,
   nobody hangs, and at least one rank is told. Every pair of calls is tried, the last
   rank in the second, all others in the first, on a communicator of their own. With an
   argument: the one pair that it names, under the default error handler. */
#include "check.h"
#include <unistd.h>

#define LARGE 50000

static double out[LARGE], in[LARGE * 8];

static int waited(int code, MPI_Request *request)
{
    return code != MPI_SUCCESS ? code : MPI_Wait(request, MPI_STATUS_IGNORE);
}

/* Does call number `what` on `comm`; -1: there is no such call. */
static int call(int what, MPI_Comm comm)
{
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Comm made = MPI_COMM_NULL;
    MPI_Win win;
    void *base;
    int code, counts[64], displs[64];
    for (int i = 0; i < ranks; i++) {
        counts[i] = 1;
        displs[i] = i;
    }
    switch (what) {
    case 0:
        return MPI_Barrier(comm);
    case 1:
        return MPI_Bcast(out, 1, MPI_DOUBLE, 0, comm);
    case 2:
        return MPI_Allreduce(out, in, 1, MPI_DOUBLE, MPI_SUM, comm);
    case 3:
        return MPI_Allreduce(out, in, LARGE, MPI_DOUBLE, MPI_SUM, comm);
    case 4:
        return MPI_Gather(out, 1, MPI_DOUBLE, in, 1, MPI_DOUBLE, 0, comm);
    case 5:
        return MPI_Scatter(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, ranks - 1, comm);
    case 6:
        return MPI_Allgather(out, 1, MPI_DOUBLE, in, 1, MPI_DOUBLE, comm);
    case 7:
        return MPI_Alltoallv(out, counts, displs, MPI_DOUBLE, in, counts, displs, MPI_DOUBLE, comm);
    case 8:
        return MPI_Reduce(out, in, 1, MPI_DOUBLE, MPI_SUM, ranks - 1, comm);
    case 9:
        return MPI_Scan(out, in, 1, MPI_DOUBLE, MPI_SUM, comm);
    case 10:
        return waited(MPI_Ibarrier(comm, &request), &request);
    case 11:
        return waited(MPI_Iallreduce(out, in, 1, MPI_DOUBLE, MPI_SUM, comm, &request), &request);
    case 12:
        code = MPI_Allreduce_init(out, in, 1, MPI_DOUBLE, MPI_SUM, comm, MPI_INFO_NULL, &request);
        if (code == MPI_SUCCESS)
            code = MPI_Start(&request);
        if (code == MPI_SUCCESS)
            code = MPI_Wait(&request, MPI_STATUS_IGNORE);
        MPI(MPI_Request_free(&request));
        return code;
    case 13:
        code = MPI_Comm_dup(comm, &made);
        break;
    case 14:
        code = MPI_Comm_split(comm, 0, 0, &made);
        break;
    case 15:
        code = waited(MPI_Comm_idup(comm, &made, &request), &request);
        made = MPI_COMM_NULL;
        break;
    case 16:
        code = MPI_Win_allocate(8, 1, MPI_INFO_NULL, comm, &base, &win);
        if (code == MPI_SUCCESS)
            MPI(MPI_Win_free(&win));
        return code;
    default:
        return -1;
    }
    if (made != MPI_COMM_NULL)
        MPI(MPI_Comm_free(&made));
    return code;
}

static const char *const names[] = {
    "barrier", "bcast", "allreduce", "large", "gather", "scatter", "allgather", "alltoallv", "reduce",
    "scan", "ibarrier", "iallreduce", "persistent", "dup", "split", "idup", "win",
};
#define CALLS ((int)(sizeof names / sizeof *names))

static int number(const char *name)
{
    for (int i = 0; i < CALLS; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

static void pair(int a, int b)
{
    MPI_Comm comm;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    int mine = call(rank == ranks - 1 ? b : a, comm) != MPI_SUCCESS;
    if (!mine)
        mine = MPI_Barrier(comm) != MPI_SUCCESS;
    else
        MPI_Barrier(comm);
    if (MPI_Comm_free(&comm) != MPI_SUCCESS) {
        mine = 1;
        MPI_Comm_free(&comm);
    }
    int seen = 0;
    MPI(MPI_Allreduce(&mine, &seen, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    CHECK((seen > 0) == (a != b), "%s at most ranks, %s at the last: %d ranks were told", names[a], names[b], seen);
}

int main(int argc, char **argv)
{
    START();
    for (int i = 0; i < LARGE; i++)
        out[i] = 1;
    if (argc > 2) {
        for (int i = 0; i < 3; i++)
            MPI(MPI_Allreduce(out, in, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD));
        MPI(call(number(argv[rank == ranks - 1 ? 2 : 1]), MPI_COMM_WORLD));
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        PASSED();
    }
    int step = argc > 1 ? atoi(argv[1]) : 1, at = 0;
    for (int a = 0; a < CALLS; a++)
        for (int b = 0; b < CALLS; b++)
            if (at++ % step == 0)
                pair(a, b);
    PASSED();
}
