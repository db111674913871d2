/* Everybody sends to everybody at once, in both directions, before anybody
   waits: large messages must not wait for one another in a circle. */
#include "check.h"

static void round_of(int len)
{
    MPI_Request *requests = room(2 * (size_t)ranks * sizeof *requests);
    char **out = room((size_t)ranks * sizeof *out), **in = room((size_t)ranks * sizeof *in);
    for (int peer = 0; peer < ranks; peer++) {
        out[peer] = room((size_t)len);
        in[peer] = room((size_t)len);
        fill(out[peer], (size_t)len, (unsigned)(rank * ranks + peer));
        memset(in[peer], 0, (size_t)len);
    }
    for (int step = 0; step < ranks; step++) {
        int peer = (rank + step) % ranks;
        MPI(MPI_Isend(out[peer], len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[step]));
    }
    for (int step = 0; step < ranks; step++) {
        int peer = (rank + ranks - step) % ranks;
        MPI(MPI_Irecv(in[peer], len, MPI_BYTE, peer, 1, MPI_COMM_WORLD, &requests[ranks + step]));
    }
    MPI(MPI_Waitall(2 * ranks, requests, MPI_STATUSES_IGNORE));
    for (int peer = 0; peer < ranks; peer++) {
        FILLED(in[peer], (size_t)len, (unsigned)(peer * ranks + rank));
        free(out[peer]);
        free(in[peer]);
    }
    free(out), free(in), free(requests);
}

int main(void)
{
    START();
    for (int times = 0; times < 50; times++)
        round_of(8);
    for (int times = 0; times < 20; times++)
        round_of(4000);
    for (int times = 0; times < 5; times++)
        round_of(70000);
    round_of(1 << 20);
    if (ranks <= 3)
        round_of(5000001);
    PASSED();
}
