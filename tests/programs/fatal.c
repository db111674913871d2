/* An error under the handler that is there first ends the job, and says which
   rank, call and communicator, and what was wrong. */
#include "check.h"

int main(int argc, char **argv)
{
    (void)argv;
    START();
    MPI_Comm comm;
    int x = 0;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    MPI(MPI_Comm_set_name(comm, "the fleet"));
    if (argc > 1)
        MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_ABORT));
    if (rank == ranks - 1)
        MPI_Send(&x, 1, MPI_INT, 77, 0, comm);
    MPI_Barrier(comm);
    PASSED();
}
