/* Rank 1 takes as many MiB as its argument says, and touches all of them. */
#include "check.h"

int main(int argc, char **argv)
{
    MPI(MPI_Init(&argc, &argv));
    MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    if (rank == 1)
        for (int i = 0; i < atoi(argv[1]); i++)
            memset(malloc(1 << 20), 1, 1 << 20);
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Finalize());
    PASSED();
}
