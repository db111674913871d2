/* Communicators that are made, used and freed leave nothing in the job segment: so
   many as the argument says, of two sizes, with messages and collectives on their
   boards, and now and then a window. */
#include "check.h"

int main(int argc, char **argv)
{
    START();
    int times = argc > 1 ? atoi(argv[1]) : 1000;
    for (int i = 0; i < times; i++) {
        MPI_Comm comm;
        int mine = i + rank, got = -1, sum = 0, n, me;
        MPI(MPI_Comm_split(MPI_COMM_WORLD, i % 3 == 0 ? rank / 2 : 0, 0, &comm));
        MPI(MPI_Comm_size(comm, &n));
        MPI(MPI_Comm_rank(comm, &me));
        MPI(MPI_Sendrecv(&mine, 1, MPI_INT, (me + 1) % n, 1, &got, 1, MPI_INT, (me + n - 1) % n, 1, comm,
                         MPI_STATUS_IGNORE));
        MPI(MPI_Barrier(comm));
        MPI(MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, comm));
        EQ(sum, n * (n - 1) / 2);
        if (i % 50 == 0) {
            MPI_Win win;
            int *base;
            MPI(MPI_Win_allocate(64, 1, MPI_INFO_NULL, comm, &base, &win));
            MPI(MPI_Win_fence(0, win));
            MPI(MPI_Win_free(&win));
        }
        MPI(MPI_Comm_free(&comm));
    }
    PASSED();
}
