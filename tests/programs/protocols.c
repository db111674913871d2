/* Messages of all sizes between two ranks, there and back, in every pattern from which
   something is learnt: contiguous and scattered, left alone and rewritten, from malloc's
   memory and from the stack, one at a time and several at once. Every byte is checked.
   Prints how many messages of more than 264 bytes there were.
   usage: protocols [ROUNDS] */
#include "bytes.h"

enum { STACK = 128 << 10, AT_ONCE = 4, INLINE_MOST = 264 };

static long sent;

/* One side of a message: elements of `size` bytes each. */
struct side {
    unsigned char *at;
    MPI_Datatype type;
    int count;
    size_t size;
};

static void swap(struct side out, struct side in, int at_once)
{
    MPI_Request requests[2 * AT_ONCE];
    if (at_once == 1) { /* blocking receives: those can send an RTR */
        for (int turn = 0; turn < 2; turn++)
            if (turn == rank)
                MPI(MPI_Send(out.at, out.count, out.type, 1 - rank, 7, MPI_COMM_WORLD));
            else
                MPI(MPI_Recv(in.at, in.count, in.type, 1 - rank, 7, MPI_COMM_WORLD,
                             MPI_STATUS_IGNORE));
        sent += (size_t)out.count * out.size > INLINE_MOST;
        return;
    }
    MPI_Aint low, out_extent, in_extent;
    MPI(MPI_Type_get_extent(out.type, &low, &out_extent));
    MPI(MPI_Type_get_extent(in.type, &low, &in_extent));
    for (int i = 0; i < at_once; i++) {
        int each = out.count / at_once, n = i < at_once - 1 ? each : out.count - i * each;
        MPI(MPI_Irecv(in.at + i * each * in_extent, n, in.type, 1 - rank, i, MPI_COMM_WORLD,
                      &requests[2 * i]));
        MPI(MPI_Isend(out.at + i * each * out_extent, n, out.type, 1 - rank, i, MPI_COMM_WORLD,
                      &requests[2 * i + 1]));
        sent += (size_t)n * out.size > INLINE_MOST;
    }
    MPI(MPI_Waitall(2 * at_once, requests, MPI_STATUSES_IGNORE));
}

static void contiguous(unsigned char *out, unsigned char *in, size_t len, long rounds, int at_once)
{
    for (int rewritten = 0; rewritten < 2; rewritten++)
        for (long round = 0; round < rounds; round++) {
            uint64_t seed = 2 * len + (rewritten ? (uint64_t)round << 32 : 0);
            if (rewritten || round == 0)
                paint(out, len, seed + (unsigned)rank);
            if (len)
                in[len - 1] = in[len / 2] = in[0] = (unsigned char)round;
            swap((struct side){out, MPI_BYTE, (int)len, 1}, (struct side){in, MPI_BYTE, (int)len, 1},
                 at_once);
            if (rewritten || round % 16 == 0 || round == rounds - 1)
                PAINTED(in, len, seed + (unsigned)(1 - rank));
        }
}

/* Every other `block` bytes on the sides that are scattered. */
static void scattered(unsigned char *out, unsigned char *in, size_t len, size_t block, int out_gap,
                      int in_gap, long rounds, int at_once)
{
    MPI_Datatype dense, sparse;
    int count = (int)(len / block);
    MPI(MPI_Type_contiguous((int)block, MPI_BYTE, &dense));
    MPI(MPI_Type_create_resized(dense, 0, 2 * (MPI_Aint)block, &sparse));
    MPI(MPI_Type_commit(&dense));
    MPI(MPI_Type_commit(&sparse));
    size_t out_step = (1 + (size_t)out_gap) * block, in_step = (1 + (size_t)in_gap) * block;
    for (long round = 0; round < rounds; round++) {
        uint64_t seed = 3 * len + ((uint64_t)round << 32);
        paint(out, (size_t)count * out_step, seed + (unsigned)rank);
        memset(in, 0x5a, (size_t)count * in_step);
        swap((struct side){out, out_gap ? sparse : dense, count, block},
             (struct side){in, in_gap ? sparse : dense, count, block}, at_once);
        for (size_t i = 0; i < (size_t)count * in_step; i++) {
            size_t at = i / in_step * out_step + i % in_step;
            unsigned char want =
                i % in_step < block ? byte_of(at, seed + (unsigned)(1 - rank)) : 0x5a;
            CHECK(in[i] == want, "byte %zu of %zu is 0x%02x, wanted 0x%02x", i, len, in[i], want);
        }
    }
    MPI(MPI_Type_free(&sparse));
    MPI(MPI_Type_free(&dense));
}

static void patterns(unsigned char *out, unsigned char *in, size_t len, long rounds)
{
    contiguous(out, in, len, rounds, 1);
    contiguous(out, in, len, rounds / 4 + 1, AT_ONCE);
    for (size_t block = 24; block <= 4096; block += 4072)
        for (int gaps = 1; gaps < 4; gaps++) {
            scattered(out, in, len / 2, block, gaps & 1, gaps >> 1, rounds / 16 + 1, 1);
            scattered(out, in, len / 2, block, gaps & 1, gaps >> 1, rounds / 32 + 1, AT_ONCE);
        }
}

int main(int argc, char **argv)
{
    static const size_t lens[] = {0,     8,     40,    41,     1000,   3000,   6000,
                                  12000, 24000, 50000, 100000, 200000, 300000, 1 << 20};
    long rounds = number(argc, argv, 1, 60);
    unsigned char *out = room(3 << 20), *in = room(3 << 20);
    unsigned char stack_out[STACK], stack_in[STACK];
    START();
    EQ(ranks, 2);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        patterns(out, in, lens[i], lens[i] < 300000 ? rounds : rounds / 8 + 1);
        if (lens[i] <= STACK) {
            contiguous(stack_out, stack_in, lens[i], rounds / 2, 1);
            scattered(stack_out, stack_in, lens[i] / 2, 24, 1, 1, rounds / 16, 1);
            contiguous(stack_out, in, lens[i], rounds / 4, 1);
            contiguous(out, stack_in, lens[i], rounds / 4, 1);
        }
    }
    free(out);
    free(in);
    printf("rank %d: %ld messages\n", rank, sent);
    PASSED();
}
