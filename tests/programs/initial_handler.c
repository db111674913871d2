/* The error handler that programs begin with: `mpirun -initial-errhandler`.
   usage: initial_handler return | fatal | abort
   return: also before MPI_Init and after MPI_Finalize, errors are returned. */
#include "check.h"

static int handler_of(MPI_Comm comm)
{
    MPI_Errhandler handler;
    MPI(MPI_Comm_get_errhandler(comm, &handler));
    int which = handler == MPI_ERRORS_ARE_FATAL ? 'f' : handler == MPI_ERRORS_ABORT ? 'a'
                : handler == MPI_ERRORS_RETURN  ? 'r'
                                                : '?';
    MPI(MPI_Errhandler_free(&handler));
    return which;
}

int main(int argc, char **argv)
{
    int n, wanted = argc > 1 ? argv[1][0] : 'f';
    if (wanted == 'r')
        CHECK(MPI_Comm_size(MPI_COMM_WORLD, &n) != MPI_SUCCESS, "before MPI_Init");
    START();
    EQ(handler_of(MPI_COMM_WORLD), wanted);
    EQ(handler_of(MPI_COMM_SELF), wanted);
    if (wanted == 'r') {
        CHECK(MPI_Send(&n, 1, MPI_INT, ranks, 0, MPI_COMM_WORLD) != MPI_SUCCESS, "no such rank");
        CHECK(MPI_Comm_rank(MPI_COMM_NULL, &n) != MPI_SUCCESS, "no communicator");
        MPI(MPI_Finalize());
        CHECK(MPI_Comm_size(MPI_COMM_WORLD, &n) != MPI_SUCCESS, "after MPI_Finalize");
        printf("rank %d: %ld checks passed\n", rank, checks);
        return 0;
    }
    PASSED();
}
