/* Hello, barriers and reductions with many ranks. Says what the job segment
   holds only through mpirun (--report-segment). */
#include "check.h"

int main(void)
{
    START();
    for (int i = 0; i < 20; i++) {
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        int mine = rank + i, sum = -1;
        MPI(MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
        EQ(sum, ranks * (ranks - 1) / 2 + ranks * i);
    }
    double wide[1000], total[1000];
    for (int i = 0; i < 1000; i++)
        wide[i] = rank * i;
    MPI(MPI_Allreduce(wide, total, 1000, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD));
    for (int i = 0; i < 1000; i++)
        EQ(total[i], (ranks - 1) * i);
    PASSED();
}
