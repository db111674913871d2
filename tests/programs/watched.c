/* For whoever looks at a job from outside: the last rank is the slowest (work), or two
 * ranks wait for different things (hang). */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, size;

/* So many steps, each of which takes a third of a second on the last rank. */
static void work(int steps)
{
    for (int step = 0; step < steps; step++) {
        double mine = rank, sum;
        if (rank == size - 1)
            usleep(300000);
        MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        if (rank == 0) {
            printf("step %d is done\n", step);
            fflush(stdout);
        }
    }
}

static void hang(void)
{
    double values[3] = { 0 };
    if (rank == 1)
        MPI_Send(values, 3, MPI_DOUBLE, 0, 7, MPI_COMM_WORLD);
    if (rank == 0)
        MPI_Recv(values, 3, MPI_DOUBLE, 1, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else
        MPI_Barrier(MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc > 2 && !strcmp(argv[1], "work"))
        work(atoi(argv[2]));
    else
        hang();
    MPI_Finalize();
    return 0;
}
