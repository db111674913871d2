/* Sendrecv and its relatives around rings and in pairs, any number of ranks
   (MPI 5.0, 3.10 and 3.11). */
#include "check.h"
#include "sizes.h"

int main(void)
{
    START();
    int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
    size_t most = sizes[SIZES - 1];
    char *out = room(most), *in = room(most);
    for (int at = 0; at < SIZES; at++) {
        int len = (int)sizes[at], count = -1;
        unsigned mine = (unsigned)(rank * 1000 + at), theirs = (unsigned)(from * 1000 + at);
        MPI_Status status;
        fill(out, sizes[at], mine);
        memset(in, 0, sizes[at]);
        MPI(MPI_Sendrecv(out, len, MPI_BYTE, to, at, in, len, MPI_BYTE, from, at, MPI_COMM_WORLD, &status));
        MPI(MPI_Get_count(&status, MPI_BYTE, &count));
        EQ(count, len);
        EQ(status.MPI_SOURCE, from);
        EQ(status.MPI_TAG, at);
        FILLED(in, sizes[at], theirs);
        MPI(MPI_Sendrecv_replace(out, len, MPI_BYTE, to, at, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status));
        MPI(MPI_Get_count(&status, MPI_BYTE, &count));
        EQ(count, len);
        EQ(status.MPI_SOURCE, from);
        FILLED(out, sizes[at], theirs);
        /* One's own neighbours may differ in size. */
        int send_len = len / 2 + rank, fits = len / 2 + from;
        if ((size_t)send_len <= most && (size_t)fits <= most) {
            fill(out, (size_t)send_len, mine);
            MPI(MPI_Sendrecv(out, send_len, MPI_BYTE, to, 1, in, fits, MPI_BYTE, from, 1, MPI_COMM_WORLD, &status));
            FILLED(in, (size_t)fits, theirs);
        }
    }
    MPI_Request request;
    MPI_Status status;
    fill(out, 100000, (unsigned)rank);
    MPI(MPI_Isendrecv(out, 100000, MPI_BYTE, to, 2, in, 100000, MPI_BYTE, from, 2, MPI_COMM_WORLD, &request));
    MPI(MPI_Wait(&request, &status));
    FILLED(in, 100000, (unsigned)from);
    EQ(status.MPI_SOURCE, from);
    MPI(MPI_Isendrecv_replace(out, 100000, MPI_BYTE, to, 2, from, 2, MPI_COMM_WORLD, &request));
    MPI(MPI_Wait(&request, &status));
    FILLED(out, 100000, (unsigned)from);
    free(out);
    free(in);
    PASSED();
}
