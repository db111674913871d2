/* Sends that are cancelled while their receives may be matching them: each is
   either received, once and whole, or cancelled, and the receiver agrees
   (MPI 5.0, 3.8.4). Numbers that the library gives to messages are used again
   all the time here. */
#include "check.h"

enum { BATCH = 24, MOST = 300000 };

static unsigned state;

static unsigned draw(unsigned below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static size_t length_of(unsigned kind)
{
    return kind == 0 ? 8 : kind == 1 ? 3000 : kind == 2 ? 40000 : kind == 3 ? 100000 : MOST;
}

int main(void)
{
    START();
    int seed = getenv("SEED") ? atoi(getenv("SEED")) : 1, rounds = 150;
    char *buffers[BATCH];
    for (int i = 0; i < BATCH; i++)
        buffers[i] = room(MOST);
    long cancels = 0, arrivals = 0;
    int peer = rank ^ 1;
    for (int round = 0; peer < ranks && round < rounds; round++) {
        state = (unsigned)(seed * 7919 + round);
        unsigned kinds[BATCH];
        MPI_Request requests[BATCH];
        int gone[BATCH];
        for (int i = 0; i < BATCH; i++)
            kinds[i] = draw(5);
        MPI(MPI_Barrier(MPI_COMM_WORLD));
        state += (unsigned)rank * 31337u;
        if ((rank + round) % 2 == 0) {
            for (int i = 0; i < BATCH; i++) {
                size_t len = length_of(kinds[i]);
                fill(buffers[i], len, (unsigned)(round * BATCH + i));
                if (draw(2))
                    MPI(MPI_Isend(buffers[i], (int)len, MPI_BYTE, peer, i, MPI_COMM_WORLD, &requests[i]));
                else
                    MPI(MPI_Issend(buffers[i], (int)len, MPI_BYTE, peer, i, MPI_COMM_WORLD, &requests[i]));
                if (draw(3) == 0)
                    MPI(MPI_Cancel(&requests[i]));
            }
            for (int i = 0; i < BATCH; i++)
                if (draw(3) == 0 || i % 6 == 5)
                    MPI(MPI_Cancel(&requests[i]));
            for (int i = 0; i < BATCH; i++) {
                MPI_Status status;
                MPI(MPI_Wait(&requests[i], &status));
                MPI(MPI_Test_cancelled(&status, &gone[i]));
                cancels += gone[i];
            }
            MPI(MPI_Send(gone, BATCH, MPI_INT, peer, 1000, MPI_COMM_WORLD));
        } else {
            int flag, backwards = draw(2) != 0;
            for (unsigned n = draw(200); n > 0; n--)
                MPI(MPI_Iprobe(peer, 2000, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
            for (int j = 0; j < BATCH; j++) {
                int i = backwards ? BATCH - 1 - j : j;
                MPI(MPI_Irecv(buffers[i], MOST, MPI_BYTE, peer, i, MPI_COMM_WORLD, &requests[i]));
            }
            MPI(MPI_Recv(gone, BATCH, MPI_INT, peer, 1000, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            for (int i = 0; i < BATCH; i++) {
                MPI_Status status;
                int cancelled, count;
                if (gone[i])
                    MPI(MPI_Cancel(&requests[i]));
                MPI(MPI_Wait(&requests[i], &status));
                MPI(MPI_Test_cancelled(&status, &cancelled));
                CHECK(cancelled == gone[i], "seed %d round %d message %d of kind %u: sender says %d",
                      seed, round, i, kinds[i], gone[i]);
                if (cancelled)
                    continue;
                MPI(MPI_Get_count(&status, MPI_BYTE, &count));
                EQ(count, length_of(kinds[i]));
                FILLED(buffers[i], (size_t)count, (unsigned)(round * BATCH + i));
                arrivals++;
            }
            MPI(MPI_Iprobe(peer, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE));
            EQ(flag, 0);
        }
    }
    if (getenv("SHOW_COUNTS"))
        fprintf(stderr, "rank %d: %ld cancelled, %ld received\n", rank, cancels, arrivals);
    for (int i = 0; i < BATCH; i++)
        free(buffers[i]);
    PASSED();
}
