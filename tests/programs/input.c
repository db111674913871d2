/* Every rank counts the bytes on its standard input; rank 0 gets them all. */
#include "check.h"

int main(void)
{
    START();
    long bytes = 0, all = -1;
    while (getchar() != EOF)
        bytes++;
    MPI(MPI_Reduce(&bytes, &all, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD));
    if (rank == 0)
        printf("%ld of %ld bytes came to rank 0\n", bytes, all);
    PASSED();
}
