/* What the launcher's options told the program: MPI_UNIVERSE_SIZE and the kinds of memory.
   With an argument it prints a line and dies without flushing it. */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int rank, *size, is_set, length = MPI_MAX_INFO_VAL;
    char kinds[MPI_MAX_INFO_VAL] = "none";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc > 1) {
        printf("printed\n");
        MPI_Barrier(MPI_COMM_WORLD);
        raise(SIGKILL);
    }
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &size, &is_set);
    MPI_Info_get_string(MPI_INFO_ENV, "mpi_memory_alloc_kinds", &length, kinds, &is_set);
    if (rank == 0)
        printf("universe %d, kinds %s\n", *size, kinds);
    MPI_Finalize();
    return 0;
}
