/* Messages of every size around every threshold, at every alignment of both
   buffers, into receives posted before and after them. What comes is whole,
   nothing beside it is touched, and a sender writes over its buffer the moment
   it may. usage: arms_sizes [ROUNDS]   (1: what every run of the tests does) */
#include "bytes.h"

enum { GUARD = 4096, LARGEST = 64 << 20, ROOM = LARGEST + 4 * GUARD };

static unsigned char *out, *in; /* ROOM bytes each */
static uint64_t messages;       /* so far, the same at both ranks of a pair */
static int peer;

enum how { POSTED_FIRST, POSTED_LATE, BLOCKING, HOWS };

static void send_one(const void *from, size_t len, enum how how, uint64_t seed)
{
    MPI_Request request;
    int tag = (int)(seed % 1000);
    if (how == POSTED_FIRST) {
        MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 2001, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Send(from, (int)len, MPI_BYTE, peer, tag, MPI_COMM_WORLD));
    } else if (how == POSTED_LATE) {
        MPI(MPI_Isend(from, (int)len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
        MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 2002, MPI_COMM_WORLD));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    } else {
        MPI(MPI_Send(from, (int)len, MPI_BYTE, peer, tag, MPI_COMM_WORLD));
    }
}

static void receive_one(void *to, size_t len, enum how how, uint64_t seed)
{
    MPI_Request request;
    MPI_Status status;
    int tag = (int)(seed % 1000);
    if (how == POSTED_FIRST) {
        MPI(MPI_Irecv(to, (int)len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &request));
        MPI(MPI_Send(NULL, 0, MPI_BYTE, peer, 2001, MPI_COMM_WORLD));
        MPI(MPI_Wait(&request, &status));
    } else {
        if (how == POSTED_LATE)
            MPI(MPI_Recv(NULL, 0, MPI_BYTE, peer, 2002, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        MPI(MPI_Recv(to, (int)len, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &status));
    }
    int count = -1;
    MPI(MPI_Get_count(&status, MPI_BYTE, &count));
    EQ(count, len);
}

/* One message each way, the lower rank's first. */
static void both_ways(size_t len, size_t from, size_t to, enum how how)
{
    uint64_t seed = ++messages;
    for (int turn = 0; turn < 2; turn++, seed += 1ull << 40) {
        if ((rank < peer) == (turn == 0)) {
            paint(out + from, len, seed);
            send_one(out + from, len, how, seed);
            memset(out + from, 0xee, len); /* ours again */
        } else {
            memset(in + to - GUARD, 0x5a, len + 2 * GUARD);
            receive_one(in + to, len, how, seed);
            PAINTED(in + to, len, seed);
            ALL(in + to - GUARD, GUARD, 0x5a);
            ALL(in + to + len, GUARD, 0x5a);
        }
    }
}

/* At its edges and one byte, one word and one page around them. */
static void sizes_around(uint64_t *state, size_t edge)
{
    static const int off[] = {0, -1, 1, -7, 8, -64, 63, 4096, -4096};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        if ((long)edge + off[i] < 0)
            continue;
        size_t from = GUARD + draw(state, 64), to = GUARD + draw(state, 64);
        both_ways(edge + (size_t)off[i], from, to, (enum how)draw(state, HOWS));
    }
}

/* All alignments of one buffer while the other's goes along at its own pace. */
static void alignments(uint64_t *state, size_t len, size_t step)
{
    for (size_t i = 0; i < 64; i += step) {
        both_ways(len, GUARD + i, GUARD + (i * 5 + draw(state, 64)) % 64, draw(state, HOWS));
        /* the buffer's begin or end just before, at and behind a page's */
        both_ways(len, 2 * GUARD + i - 32, 2 * GUARD + 32 - i, draw(state, HOWS));
        both_ways(len + i, 3 * GUARD - len % 4096 - 32, GUARD + draw(state, 64), draw(state, HOWS));
    }
}

int main(int argc, char **argv)
{
    START();
    long rounds = number(argc, argv, 1, 1);
    uint64_t state = 4711;
    peer = rank ^ 1;
    out = room(ROOM);
    in = room(ROOM);
    for (long round = 0; round < rounds && peer < ranks; round++) {
        for (int how = 0; how < HOWS; how++)
            both_ways(0, GUARD, GUARD, how);
        for (int i = 0; i < EDGES; i++)
            sizes_around(&state, edges[i]);
        for (size_t len = 2; len <= 64; len++)
            both_ways(len, GUARD + draw(&state, 64), GUARD + draw(&state, 64), draw(&state, HOWS));
        for (size_t len = 4 << 20; len <= LARGEST; len *= 4)
            for (int off = -1; off <= 1; off++)
                both_ways(off > 0 && len == LARGEST ? len : len + (size_t)off,
                          GUARD + draw(&state, 64), GUARD + draw(&state, 64), draw(&state, HOWS));
        static const size_t at[] = {16384, 16385, 49151, 49152, 65537, 81920 + 17, 131072, 300001};
        for (size_t i = 0; i < sizeof at / sizeof *at; i++)
            alignments(&state, at[i], rounds > 1 ? 1 : 3);
    }
    free(out);
    free(in);
    PASSED();
}
