/* Ten thousand receives posted, ten thousand messages unexpected; taken in
   order, backwards, and by wildcard. */
#include "check.h"

enum { MANY = 10000 };

int main(void)
{
    START();
    int *out = room(MANY * sizeof *out), *in = room(MANY * sizeof *in);
    MPI_Request *requests = room(MANY * sizeof *requests);
    int peer = rank ^ 1;
    if (peer >= ranks)
        PASSED();
    for (int i = 0; i < MANY; i++)
        out[i] = rank * MANY + i;
    for (int backwards = 0; backwards < 2; backwards++) {
        /* Posted first, all with tags of their own. */
        for (int i = 0; i < MANY; i++)
            MPI(MPI_Irecv(&in[i], 1, MPI_INT, peer, i, MPI_COMM_WORLD, &requests[i]));
        MPI(MPI_Sendrecv(NULL, 0, MPI_INT, peer, MANY, NULL, 0, MPI_INT, peer, MANY, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
        for (int i = 0; i < MANY; i++) {
            int tag = backwards ? MANY - 1 - i : i;
            MPI(MPI_Send(&out[tag], 1, MPI_INT, peer, tag, MPI_COMM_WORLD));
        }
        MPI(MPI_Waitall(MANY, requests, MPI_STATUSES_IGNORE));
        for (int i = 0; i < MANY; i++)
            EQ(in[i], peer * MANY + i);

        /* Unexpected: the empty message comes last, so all are here by then. */
        for (int i = 0; i < MANY; i++)
            MPI(MPI_Isend(&out[i], 1, MPI_INT, peer, i, MPI_COMM_WORLD, &requests[i]));
        MPI_Request last;
        MPI(MPI_Isend(NULL, 0, MPI_INT, peer, MANY, MPI_COMM_WORLD, &last));
        MPI(MPI_Recv(NULL, 0, MPI_INT, peer, MANY, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        for (int i = 0; i < MANY; i++) {
            int tag = backwards ? MANY - 1 - i : i, got = -1;
            MPI(MPI_Recv(&got, 1, MPI_INT, backwards ? MPI_ANY_SOURCE : peer, tag, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE));
            EQ(got, peer * MANY + tag);
        }
        MPI(MPI_Waitall(MANY, requests, MPI_STATUSES_IGNORE));
        MPI(MPI_Wait(&last, MPI_STATUS_IGNORE));

        /* One tag, many posted: they match in order. */
        for (int i = 0; i < MANY; i++)
            MPI(MPI_Irecv(&in[i], 1, MPI_INT, backwards ? MPI_ANY_SOURCE : peer, MPI_ANY_TAG, MPI_COMM_WORLD,
                          &requests[i]));
        for (int i = 0; i < MANY; i++)
            MPI(MPI_Send(&out[i], 1, MPI_INT, peer, 7, MPI_COMM_WORLD));
        MPI(MPI_Waitall(MANY, requests, MPI_STATUSES_IGNORE));
        for (int i = 0; i < MANY; i++)
            EQ(in[i], peer * MANY + i);
    }
    PASSED();
}
