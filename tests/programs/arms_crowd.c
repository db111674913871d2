/* Many pairs at once: large messages from everybody to everybody, in random
   orders, from anybody, and through collectives; ranks that come late.
   usage: arms_crowd [ROUNDS] */
#include "bytes.h"
#include <time.h>

enum { MOST = 400000, RANKS = 16, ITEMS = 50000 };

static uint64_t state = 31; /* the same at every rank */

static uint64_t seed_of(int from, int to, long round)
{
    return ((uint64_t)round << 20) + (uint64_t)(from * RANKS + to) + 1;
}

static size_t size_of(int from, int to, long round)
{
    static const size_t kinds[] = {16384, 49153, 65537, 131072, 250001, MOST, 100, 81920};
    return kinds[mixed(seed_of(from, to, round)) % 8];
}

/* Everybody to everybody, oneself included, each in an order of its own. */
static void all_to_all(long round)
{
    static unsigned char *out[RANKS], *in[RANKS];
    MPI_Request requests[2 * RANKS];
    MPI_Status statuses[2 * RANKS];
    uint64_t own = state + (uint64_t)rank * 7919;
    int order[2 * RANKS], any = round % 3 == 2;
    for (int i = 0; i < 2 * ranks; i++) {
        int j = (int)draw(&own, (unsigned)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (int i = 0; i < 2 * ranks; i++) {
        int other = order[i] / 2;
        if (order[i] % 2) {
            size_t len = size_of(rank, other, round);
            out[other] = room(len);
            paint(out[other], len, seed_of(rank, other, round));
            MPI(MPI_Isend(out[other], (int)len, MPI_BYTE, other, (int)(round % 100), MPI_COMM_WORLD,
                          &requests[i]));
        } else {
            size_t len = any ? MOST : size_of(other, rank, round);
            in[other] = room(len + 64);
            memset(in[other], 0x5a, len + 64);
            MPI(MPI_Irecv(in[other], (int)len, MPI_BYTE, any ? MPI_ANY_SOURCE : other,
                          (int)(round % 100), MPI_COMM_WORLD, &requests[i]));
        }
    }
    MPI(MPI_Waitall(2 * ranks, requests, statuses));
    int seen[RANKS] = {0};
    for (int i = 0; i < 2 * ranks; i++) {
        int other = order[i] / 2, from = statuses[i].MPI_SOURCE;
        if (order[i] % 2) {
            free(out[other]);
            continue;
        }
        size_t len = size_of(from, rank, round);
        PAINTED(in[other], len, seed_of(from, rank, round));
        ALL(in[other] + len, 64, 0x5a);
        CHECK(!seen[from]++, "two messages from rank %d", from);
        free(in[other]);
    }
}

/* Around a ring, each rank's buffer being read and written by its neighbours. */
static void around(long round)
{
    size_t len = 65536 + draw(&state, 300000);
    unsigned char *out = room(len), *in = room(len);
    int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
    for (int i = 0; i < ranks; i++) {
        paint(out, len, seed_of(rank, right, round) + (uint64_t)i);
        MPI(MPI_Sendrecv(out, (int)len, MPI_BYTE, right, i, in, (int)len, MPI_BYTE, left, i,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        PAINTED(in, len, seed_of(left, rank, round) + (uint64_t)i);
    }
    free(out);
    free(in);
}

/* What collectives move goes the same ways. */
static void together(long round)
{
    int *out = room(sizeof *out * (size_t)ITEMS * (size_t)ranks);
    int *in = room(sizeof *in * (size_t)ITEMS * (size_t)ranks), root = (int)(round % ranks);
    int base = (int)(round % 1000);
    for (int i = 0; i < ITEMS * ranks; i++)
        out[i] = base + rank * 31 + i % 977, in[i] = -1;
    MPI(MPI_Alltoall(out, ITEMS, MPI_INT, in, ITEMS, MPI_INT, MPI_COMM_WORLD));
    for (int from = 0, at = 0; from < ranks; from++)
        for (int i = 0; i < ITEMS; i++, at++)
            CHECK(in[at] == base + from * 31 + (rank * ITEMS + i) % 977, "alltoall from %d at %d: %d",
                  from, i, in[at]);
    MPI(MPI_Allreduce(out, in, ITEMS, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    for (int i = 0; i < ITEMS; i++)
        CHECK(in[i] == ranks * (base + i % 977) + 31 * ranks * (ranks - 1) / 2, "sum at %d: %d", i,
              in[i]);
    MPI(MPI_Bcast(out, ITEMS * ranks, MPI_INT, root, MPI_COMM_WORLD));
    for (int i = 0; i < ITEMS * ranks; i++)
        CHECK(out[i] == base + root * 31 + i % 977, "from the root at %d: %d", i, out[i]);
    out[0] = rank;
    MPI(MPI_Allgather(out, ITEMS, MPI_INT, in, ITEMS, MPI_INT, MPI_COMM_WORLD));
    for (int from = 0; from < ranks; from++)
        CHECK(in[from * ITEMS] == from && in[from * ITEMS + 1] == base + root * 31 + 1, "gathered");
    free(out);
    free(in);
}

static void compute(double seconds)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec) < seconds);
}

/* One side of an exchange computes before it looks at MPI again. */
static void uneven(long round)
{
    int peer = rank ^ 1, late = (int)(round % 2);
    size_t len = 1000001;
    MPI_Request requests[2];
    if (peer >= ranks)
        return;
    unsigned char *out = room(len), *in = room(len);
    paint(out, len, seed_of(rank, peer, round));
    int posted = round % 4 < 2;
    if (rank % 2 == late && !posted)
        compute(0.01);
    MPI(MPI_Irecv(in, (int)len, MPI_BYTE, peer, 7, MPI_COMM_WORLD, &requests[0]));
    MPI(MPI_Isend(out, (int)len, MPI_BYTE, peer, 7, MPI_COMM_WORLD, &requests[1]));
    if (rank % 2 == late && posted)
        compute(0.01);
    MPI(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    PAINTED(in, len, seed_of(peer, rank, round));
    free(out);
    free(in);
}

int main(int argc, char **argv)
{
    START();
    long rounds = number(argc, argv, 1, 12);
    CHECK(ranks <= RANKS, "%d", ranks);
    for (long round = 0; round < rounds; round++) {
        all_to_all(round);
        around(round);
        if (round % 3 == 0)
            together(round);
        uneven(round);
        draw64(&state);
        MPI(MPI_Barrier(MPI_COMM_WORLD)); /* any-source receives stay within a round */
    }
    PASSED();
}
