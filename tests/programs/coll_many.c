/* Many collectives under way at a time (MPI 5.0, section 6.12): on several
   communicators, completed in any order, among other messages, in freed
   communicators; persistent ones started again and again. */
#include "coll.h"

enum { MANY = 60, COMMS = 4, TIMES = 20, LENGTH = 3000 };

static MPI_Comm comms[COMMS];

static void in_any_order(void)
{
    static int sums[MANY][5], roots[MANY][5], all[MANY][64], big[4][LENGTH], big_sum[4][LENGTH];
    MPI_Request requests[4 * MANY + 8];
    int n = 0;
    for (int i = 0; i < MANY; i++) {
        MPI_Comm comm = comms[i % COMMS];
        for (int j = 0; j < 5; j++) {
            sums[i][j] = rank + i + j;
            roots[i][j] = rank == i % ranks ? i * 10 + j : -1;
        }
        MPI(MPI_Iallreduce(MPI_IN_PLACE, sums[i], 5, MPI_INT, MPI_SUM, comm, &requests[n++]));
        MPI(MPI_Ibcast(roots[i], 5, MPI_INT, i % ranks, comm, &requests[n++]));
        all[i][rank] = rank * i;
        MPI(MPI_Iallgather(MPI_IN_PLACE, 0, MPI_INT, all[i], 1, MPI_INT, comm, &requests[n++]));
        if (i % 3 == 0)
            MPI(MPI_Ibarrier(comm, &requests[n++]));
        if (i % 15 == 0) {
            for (int j = 0; j < LENGTH; j++)
                big[i / 15][j] = rank + j;
            MPI(MPI_Iallreduce(big[i / 15], big_sum[i / 15], LENGTH, MPI_INT, MPI_SUM, comm,
                               &requests[n++]));
        }
        /* A blocking one in between, and messages of the program. */
        if (i % 7 == 0) {
            int one = 1, got, right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks, from;
            MPI(MPI_Allreduce(&one, &got, 1, MPI_INT, MPI_SUM, comm));
            EQ(got, ranks);
            MPI(MPI_Sendrecv(&rank, 1, MPI_INT, right, i, &from, 1, MPI_INT, MPI_ANY_SOURCE,
                             MPI_ANY_TAG, comm, MPI_STATUS_IGNORE));
            EQ(from, left);
        }
    }
    /* Every rank waits in another order. */
    int left = n;
    for (int i = 0; left > 0; i++) {
        int at = (i * (2 * rank + 1) + rank * 5) % n, flag;
        if (i < 2 * n) {
            MPI(MPI_Test(&requests[at], &flag, MPI_STATUS_IGNORE));
        } else {
            MPI(MPI_Waitall(n, requests, MPI_STATUSES_IGNORE));
            left = 0;
        }
    }
    int base = ranks * (ranks - 1) / 2;
    for (int i = 0; i < MANY; i++) {
        for (int j = 0; j < 5; j++) {
            EQ(sums[i][j], base + ranks * (i + j));
            EQ(roots[i][j], i * 10 + j);
        }
        for (int r = 0; r < ranks; r++)
            EQ(all[i][r], r * i);
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < LENGTH; j++)
            EQ(big_sum[i][j], base + ranks * j);
}

static void persistent(void)
{
    static int in[LENGTH], out[LENGTH], word, all[64];
    MPI_Request requests[3];
    MPI(MPI_Allreduce_init(in, out, LENGTH, MPI_INT, MPI_MAX, comms[1], MPI_INFO_NULL,
                           &requests[0]));
    MPI(MPI_Bcast_init(&word, 1, MPI_INT, ranks - 1, comms[1], MPI_INFO_NULL, &requests[1]));
    MPI(MPI_Allgather_init(&rank, 1, MPI_INT, all, 1, MPI_INT, comms[2], MPI_INFO_NULL,
                           &requests[2]));
    for (int t = 0; t < TIMES; t++) {
        for (int j = 0; j < LENGTH; j++)
            in[j] = rank * (t + 1) + j;
        word = rank == ranks - 1 ? t : -1;
        memset(all, -1, sizeof all);
        MPI(MPI_Startall(3, requests));
        if (t % 2) {
            int sum; /* another one of the same communicator overtakes */
            MPI(MPI_Allreduce(&t, &sum, 1, MPI_INT, MPI_SUM, comms[1]));
            EQ(sum, t * ranks);
        }
        MPI(MPI_Waitall(3, requests, MPI_STATUSES_IGNORE));
        for (int j = 0; j < LENGTH; j++)
            EQ(out[j], (ranks - 1) * (t + 1) + j);
        EQ(word, t);
        for (int r = 0; r < ranks; r++)
            EQ(all[r], r);
    }
    for (int i = 0; i < 3; i++)
        MPI(MPI_Request_free(&requests[i]));
}

static void freed(void)
{
    enum { N = 10 };
    static int values[N][64];
    MPI_Request requests[N];
    for (int i = 0; i < N; i++) {
        MPI_Comm comm;
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
        values[i][rank] = rank + i;
        MPI(MPI_Iallgather(MPI_IN_PLACE, 0, MPI_INT, values[i], 1, MPI_INT, comm, &requests[i]));
        MPI(MPI_Comm_free(&comm));
    }
    for (int i = N - 1; i >= 0; i--)
        MPI(MPI_Wait(&requests[i], MPI_STATUS_IGNORE));
    for (int i = 0; i < N; i++)
        for (int r = 0; r < ranks; r++)
            EQ(values[i][r], r + i);
}

/* Blocking ones back to back, with ranks that run ahead. */
static void in_a_row(void)
{
    for (int i = 0; i < 2000; i++) {
        int in = rank + i, out = -1, word = rank == i % ranks ? i : -1;
        switch ((unsigned)i * 2654435761u >> 30) {
        case 0:
            MPI(MPI_Allreduce(&in, &out, 1, MPI_INT, MPI_SUM, comms[i % COMMS]));
            EQ(out, ranks * (ranks - 1) / 2 + ranks * i);
            break;
        case 1:
            MPI(MPI_Bcast(&word, 1, MPI_INT, i % ranks, comms[i % COMMS]));
            EQ(word, i);
            break;
        case 2:
            MPI(MPI_Reduce(&in, &out, 1, MPI_INT, MPI_MAX, i % ranks, comms[i % COMMS]));
            EQ(out, rank == i % ranks ? ranks - 1 + i : -1);
            break;
        default:
            MPI(MPI_Barrier(comms[i % COMMS]));
        }
    }
}

int main(void)
{
    START();
    for (int i = 0; i < COMMS; i++)
        MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]));
    in_any_order();
    persistent();
    freed();
    in_a_row();
    for (int i = 0; i < COMMS; i++)
        MPI(MPI_Comm_free(&comms[i]));
    PASSED();
}
