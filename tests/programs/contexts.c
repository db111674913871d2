/* Communicators keep their messages apart (MPI 5.0, 7.1): the same tags on
   duplicates and on parts of the world never mix. */
#include "check.h"

int main(void)
{
    START();
    MPI_Comm dups[3], half, self;
    for (int i = 0; i < 3; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &dups[i]));
    MPI(MPI_Comm_dup(MPI_COMM_SELF, &self));
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks, got = -1;

    /* Sent on 0, 1, 2; received on 2, 0, 1. */
    MPI_Request sends[3];
    int values[3];
    for (int i = 0; i < 3; i++) {
        values[i] = rank * 10 + i;
        MPI(MPI_Isend(&values[i], 1, MPI_INT, to, 4, dups[i], &sends[i]));
    }
    static const int order[] = {2, 0, 1};
    for (int i = 0; i < 3; i++) {
        MPI(MPI_Recv(&got, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, dups[order[i]], MPI_STATUS_IGNORE));
        EQ(got, from * 10 + order[i]);
    }
    MPI(MPI_Waitall(3, sends, MPI_STATUSES_IGNORE));

    /* A receive on one does not see what comes on another. */
    int flag = -1;
    MPI_Request send;
    MPI(MPI_Isend(&rank, 1, MPI_INT, to, 5, dups[0], &send));
    MPI(MPI_Probe(from, 5, dups[0], MPI_STATUS_IGNORE));
    MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, dups[1], &flag, MPI_STATUS_IGNORE));
    EQ(flag, 0);
    MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, self, &flag, MPI_STATUS_IGNORE));
    EQ(flag, 0);
    MPI(MPI_Recv(&got, 1, MPI_INT, from, 5, dups[0], MPI_STATUS_IGNORE));
    EQ(got, from);
    MPI(MPI_Wait(&send, MPI_STATUS_IGNORE));

    /* Odd and even, numbered backwards. */
    int half_rank, half_ranks;
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &half));
    MPI(MPI_Comm_rank(half, &half_rank));
    MPI(MPI_Comm_size(half, &half_ranks));
    EQ(half_ranks, (ranks + (rank % 2 == 0)) / 2);
    EQ(half_rank, half_ranks - 1 - rank / 2);
    int left = (half_rank + half_ranks - 1) % half_ranks, right = (half_rank + 1) % half_ranks;
    MPI_Status status;
    MPI(MPI_Sendrecv(&rank, 1, MPI_INT, right, 1, &got, 1, MPI_INT, left, 1, half, &status));
    EQ(status.MPI_SOURCE, left);
    EQ(got % 2, rank % 2);
    EQ(got, (half_ranks - 1 - left) * 2 + rank % 2);

    /* Freed and made again, many times: ids are not used up or confused. */
    for (int i = 0; i < 200; i++) {
        MPI_Comm again;
        MPI(MPI_Comm_dup(half, &again));
        MPI(MPI_Sendrecv(&i, 1, MPI_INT, right, 1, &got, 1, MPI_INT, left, 1, again, MPI_STATUS_IGNORE));
        EQ(got, i);
        MPI(MPI_Comm_free(&again));
        CHECK(again == MPI_COMM_NULL, "");
    }
    MPI(MPI_Comm_free(&half));
    MPI(MPI_Comm_free(&self));
    for (int i = 0; i < 3; i++)
        MPI(MPI_Comm_free(&dups[i]));
    PASSED();
}
