#!/bin/sh
# Intel MPI 2021.18.1: an inactive persistent receive from MPI_PROC_NULL counts as active.
#
# MPI 5.0, 3.7.3 and 3.9: waiting for a request that is inactive returns at once with an
# empty status (source MPI_ANY_SOURCE), and MPI_Waitsome over requests of which none is
# active sets outcount to MPI_UNDEFINED. Made by MPI_Recv_init from MPI_PROC_NULL and never
# started, the request leaves the status as it was, and MPI_Waitsome says that one is
# complete. MPICH 5.0.2, from which it descends, does as the standard says.
. "$(dirname "$0")/common.sh"
pypi intel impi-rt==2021.18.1 impi-devel==2021.18.1
pypi mpich mpich==5.0.2
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    int number, index, done;
    MPI_Request request;
    MPI_Status status = { .MPI_SOURCE = 77 };
    MPI_Init(NULL, NULL);
    MPI_Recv_init(&number, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, &status);
    printf("status: %s\n", status.MPI_SOURCE == MPI_ANY_SOURCE ? "empty" : "not empty");
    MPI_Waitsome(1, &request, &done, &index, MPI_STATUSES_IGNORE);
    printf("waitsome: %s\n", done == MPI_UNDEFINED ? "none active" : "one complete");
    MPI_Request_free(&request);
    MPI_Finalize();
    return 0;
}
END
alone intel | stated "status: not empty" "waitsome: one complete"
alone mpich | stated "status: empty" "waitsome: none active"
