/* Two jobs that have met at a port, of which one ends by a signal: the other finds out.
   usage: hosts_part serve|visit FILE */
#include "meet.h"
#include <signal.h>

int main(int argc, char **argv)
{
    MPI_Comm both;
    int value;
    START();
    CHECK(argc > 2, "%d arguments", argc);
    meet(argv[1], argv[2], &both);
    MPI(MPI_Barrier(both));
    if (!strcmp(argv[1], "serve")) {
        if (rank == ranks - 1)
            raise(SIGKILL);
        MPI(MPI_Barrier(MPI_COMM_WORLD));
    }
    MPI(MPI_Recv(&value, 1, MPI_INT, 0, 1, both, MPI_STATUS_IGNORE));
    return 3;
}
