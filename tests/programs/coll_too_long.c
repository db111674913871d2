/* The root scatters more to the last rank than that has room for: the job ends, and the
   error names the collective. */
#include "check.h"

int main(void)
{
    START();
    int counts[64], displs[64], last = ranks - 1;
    double out[512] = {0}, in[8];
    CHECK(ranks <= 64, "");
    for (int i = 0; i < ranks; i++) {
        counts[i] = i == last ? 8 : 1;
        displs[i] = i;
    }
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    MPI(MPI_Scatterv(out, counts, displs, MPI_DOUBLE, in, rank == last ? 7 : 1, MPI_DOUBLE, 0,
                     MPI_COMM_WORLD));
    PASSED();
}
