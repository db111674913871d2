/* Barriers and reductions with many ranks; with the argument "small", of small
   values only. */
#include "check.h"

int main(int argc, char **argv)
{
    START();
    for (int i = 0; i < 20; i++) {
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        int mine = rank + i, sum = -1;
        MPI(MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
        EQ(sum, ranks * (ranks - 1) / 2 + ranks * i);
    }
    if (argc > 1 && !strcmp(argv[1], "small"))
        PASSED();
    double wide[1000], total[1000];
    for (int i = 0; i < 1000; i++)
        wide[i] = rank * i;
    MPI(MPI_Allreduce(wide, total, 1000, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD));
    for (int i = 0; i < 1000; i++)
        EQ(total[i], (ranks - 1) * i);
    PASSED();
}
