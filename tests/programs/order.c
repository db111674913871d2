/* Messages between two ranks do not overtake one another (MPI 5.0, 3.5),
   whatever their sizes, with and without wildcards. */
#include "check.h"

static int messages = 600; /* from each rank */

/* Sizes that take different ways, so that a later one could be faster. */
static int size_of(int i)
{
    static const int some[] = {4, 100000, 8, 64, 5000, 70000, 4, 300000, 40, 4100};
    return some[i % 10];
}

int main(int argc, char **argv)
{
    if (argc > 1)
        messages = atoi(argv[1]);
    START();
    int *buffer = room(300000);
    memset(buffer, 0, 300000);
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;

    /* One tag, received in order; every rank sends and receives. */
    for (int wild = 0; wild < 4; wild++) {
        MPI_Request *requests = room((size_t)messages * sizeof *requests);
        int **copies = room((size_t)messages * sizeof *copies);
        for (int i = 0; i < messages; i++) {
            copies[i] = room((size_t)size_of(i));
            memset(copies[i], 0, (size_t)size_of(i));
            copies[i][0] = i;
            MPI(MPI_Isend(copies[i], size_of(i), MPI_BYTE, to, 5, MPI_COMM_WORLD, &requests[i]));
        }
        for (int i = 0; i < messages; i++) {
            MPI_Status status;
            int count = -1;
            buffer[0] = -1;
            MPI(MPI_Recv(buffer, 300000, MPI_BYTE, wild & 1 ? MPI_ANY_SOURCE : from,
                         wild & 2 ? MPI_ANY_TAG : 5, MPI_COMM_WORLD, &status));
            MPI(MPI_Get_count(&status, MPI_BYTE, &count));
            EQ(buffer[0], i);
            EQ(count, size_of(i));
            EQ(status.MPI_SOURCE, from);
            EQ(status.MPI_TAG, 5);
        }
        MPI(MPI_Waitall(messages, requests, MPI_STATUSES_IGNORE));
        for (int i = 0; i < messages; i++)
            free(copies[i]);
        free(copies);
        free(requests);
    }

    /* Two tags, the second received first. */
    MPI_Request pair[2];
    int one = 1, two = 2, got = 0;
    MPI(MPI_Isend(&one, 1, MPI_INT, to, 1, MPI_COMM_WORLD, &pair[0]));
    MPI(MPI_Isend(&two, 1, MPI_INT, to, 2, MPI_COMM_WORLD, &pair[1]));
    MPI(MPI_Recv(&got, 1, MPI_INT, from, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    EQ(got, 2);
    MPI(MPI_Recv(&got, 1, MPI_INT, from, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    EQ(got, 1);
    MPI(MPI_Waitall(2, pair, MPI_STATUSES_IGNORE));

    /* Posted receives match in the order of posting: a wildcard posted first
       takes the message before an exact one, and the other way round. */
    for (int wild_first = 0; wild_first < 2; wild_first++) {
        int a = -1, b = -1;
        MPI_Request receives[2];
        MPI(MPI_Irecv(&a, 1, MPI_INT, wild_first ? MPI_ANY_SOURCE : from, wild_first ? MPI_ANY_TAG : 7,
                      MPI_COMM_WORLD, &receives[0]));
        MPI(MPI_Irecv(&b, 1, MPI_INT, wild_first ? from : MPI_ANY_SOURCE, wild_first ? 7 : MPI_ANY_TAG,
                      MPI_COMM_WORLD, &receives[1]));
        MPI(MPI_Isend(&one, 1, MPI_INT, to, 7, MPI_COMM_WORLD, &pair[0]));
        MPI(MPI_Isend(&two, 1, MPI_INT, to, 7, MPI_COMM_WORLD, &pair[1]));
        MPI(MPI_Waitall(2, receives, MPI_STATUSES_IGNORE));
        EQ(a, 1);
        EQ(b, 2);
        MPI(MPI_Waitall(2, pair, MPI_STATUSES_IGNORE));
    }

    /* From all ranks at once to rank 0: ordered by sender. Nobody is still in what
       came before, where rank 0 takes anything. */
    MPI(MPI_Barrier(MPI_COMM_WORLD));
    if (rank == 0) {
        int *next = room((size_t)ranks * sizeof *next);
        memset(next, 0, (size_t)ranks * sizeof *next);
        for (int i = 0; i < (ranks - 1) * messages; i++) {
            MPI_Status status;
            MPI(MPI_Recv(buffer, 300000, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status));
            EQ(buffer[0], next[status.MPI_SOURCE]);
            EQ(status.MPI_TAG, next[status.MPI_SOURCE] % 3);
            next[status.MPI_SOURCE]++;
        }
        for (int i = 1; i < ranks; i++)
            EQ(next[i], messages);
    } else
        for (int i = 0; i < messages; i++) {
            buffer[0] = i;
            MPI(MPI_Send(buffer, size_of(i + rank), MPI_BYTE, 0, i % 3, MPI_COMM_WORLD));
        }
    PASSED();
}
