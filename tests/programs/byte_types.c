/* With --check: messages of MPI_BYTE received as another type, from two lines, one of them
   twice. A warning comes for each line. Two ranks. */
#include "check.h"

int main(void)
{
    START();
    double value = 0;
    if (rank == 1)
        for (int i = 0; i < 3; i++)
            MPI(MPI_Send(&value, sizeof value, MPI_BYTE, 0, 7, MPI_COMM_WORLD));
    if (rank == 0) {
        for (volatile int i = 0; i < 2; i++)
            MPI(MPI_Recv(&value, 1, MPI_DOUBLE, 1, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Recv(&value, 1, MPI_DOUBLE, 1, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    }
    PASSED();
}
