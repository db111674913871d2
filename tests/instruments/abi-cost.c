/* What calls cost by each of the two ABIs: the least time of a call in many short batches, in ns, on
 * one rank, so that what else runs on the machine does not count. Built once with Lariat's mpicc
 * and once with one of MPICH's ABI:
 *
 *     build/bin/mpicc -O2 -o standard tests/instruments/abi-cost.c
 *     /path/of/mpich/bin/mpicc -O2 -o mpich tests/instruments/abi-cost.c
 *     build/bin/mpirun -n 1 ./standard; build/bin/mpirun -n 1 ./mpich
 *
 * Repeated in turn, and the least of each compared. */
#include <mpi.h>
#include <stdio.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#define LEAST(name, batch, ...)                                        \
    do {                                                               \
        double least = 1e18;                                           \
        for (int b = 0; b < 4000; b++) {                               \
            double before = now();                                     \
            for (int i = 0; i < (batch); i++) {                        \
                __VA_ARGS__;                                           \
            }                                                          \
            double time = (now() - before) / (batch);                  \
            least = time < least ? time : least;                       \
        }                                                              \
        printf("%-28s %6.1f\n", name, least);                          \
    } while (0)

int main(int argc, char **argv)
{
    int n, flag;
    double x = 1, y;
    long v = 7, w;
    MPI_Comm self = MPI_COMM_SELF;
    MPI_Request both[2];
    MPI_Status status, statuses[2];
    MPI_Datatype own;

    MPI_Init(&argc, &argv);
    MPI_Type_vector(2, 1, 2, MPI_INT, &own);
    MPI_Type_commit(&own);
    LEAST("Comm_rank", 200, MPI_Comm_rank(MPI_COMM_WORLD, &n));
    LEAST("Type_size", 200, MPI_Type_size(MPI_DOUBLE, &n));
    LEAST("Type_size, own type", 200, MPI_Type_size(own, &n));
    LEAST("Iprobe", 50, MPI_Iprobe(MPI_ANY_SOURCE, 5, self, &flag, &status));
    LEAST("Send, Recv", 20, {
        MPI_Send(&v, 1, MPI_LONG, 0, 1, self);
        MPI_Recv(&w, 1, MPI_LONG, 0, 1, self, &status);
    });
    LEAST("Irecv, Isend, two Wait", 20, {
        MPI_Irecv(&w, 1, MPI_LONG, 0, 1, self, &both[0]);
        MPI_Isend(&v, 1, MPI_LONG, 0, 1, self, &both[1]);
        MPI_Wait(&both[0], &status);
        MPI_Wait(&both[1], &status);
    });
    LEAST("Irecv, Isend, Waitall", 20, {
        MPI_Irecv(&w, 1, MPI_LONG, 0, 1, self, &both[0]);
        MPI_Isend(&v, 1, MPI_LONG, 0, 1, self, &both[1]);
        MPI_Waitall(2, both, statuses);
    });
    LEAST("Get_count", 200, MPI_Get_count(&status, MPI_LONG, &n));
    LEAST("Allreduce", 50, MPI_Allreduce(&x, &y, 1, MPI_DOUBLE, MPI_SUM, self));
    LEAST("Bcast", 50, MPI_Bcast(&x, 1, MPI_DOUBLE, 0, self));
    MPI_Type_free(&own);
    MPI_Finalize();
    return 0;
}
