/* Messages between unlike layouts: random types of bytes on both sides, from a
   few bytes to some megabytes, blocking and not, in pieces of every kind.
   Both ranks of a pair know both types, so that the receiver can work out what
   must arrive. */
#include "check.h"

static uint64_t state;

static uint64_t next(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static int within(int low, int high)
{
    return low + (int)(next() % (uint64_t)(high - low + 1));
}

/* A type whose bytes do not overlap, of some `target` bytes. */
static MPI_Datatype make(int depth, MPI_Count target)
{
    MPI_Datatype old, new;
    MPI_Count size, lb, extent;
    if (depth == 0) {
        int block = target < 3 ? 1 : within(0, 2) ? within(1, 64) : 8;
        MPI(MPI_Type_contiguous(block, MPI_BYTE, &new));
        return new;
    }
    old = make(depth - 1, target / 4 + 1);
    MPI(MPI_Type_size_c(old, &size));
    MPI(MPI_Type_get_extent_c(old, &lb, &extent));
    MPI_Count n = size ? target / size : 0;
    if (n < 1)
        n = 1;
    switch (within(0, 5)) {
    case 0:
        MPI(MPI_Type_contiguous_c(n, old, &new));
        break;
    case 1: {
        MPI_Count len = within(1, n < 8 ? (int)n : 8);
        MPI(MPI_Type_vector_c((n + len - 1) / len, len, len + within(0, 3), old, &new));
        break;
    }
    case 2: { /* backwards */
        MPI_Count len = within(1, n < 4 ? (int)n : 4);
        MPI(MPI_Type_create_hvector_c((n + len - 1) / len, len,
                                      -(len * extent + within(0, 20)), old, &new));
        break;
    }
    case 3: { /* forward with gaps, blocks of several lengths */
        int m = n < 400 ? (int)n : 400, i;
        MPI_Count *lens = room(sizeof *lens * m), *at = room(sizeof *at * m), here = 0;
        for (i = 0; i < m; i++) {
            lens[i] = within(0, 2 * (int)(n / m));
            at[i] = here;
            here += lens[i] * extent + within(0, 40);
        }
        MPI(MPI_Type_create_hindexed_c(m, lens, at, old, &new));
        free(lens);
        free(at);
        break;
    }
    case 4: { /* a structure of two, with a hole between */
        MPI_Datatype other = make(depth - 1, target / 4 + 1), kids[2];
        MPI_Count lens[2], at[2], lb2, extent2;
        MPI(MPI_Type_get_extent_c(other, &lb2, &extent2));
        kids[0] = old;
        kids[1] = other;
        lens[0] = n / 2 + 1;
        lens[1] = 1;
        at[0] = -lb;
        at[1] = lens[0] * extent + within(0, 9) - lb2;
        MPI(MPI_Type_create_struct_c(2, lens, at, kids, &new));
        MPI(MPI_Type_free(&other));
        break;
    }
    default: { /* a box in a cube */
        int edge = 1, sizes[3], sub[3], start[3], i;
        while ((MPI_Count)edge * edge * edge < n && edge < 60)
            edge++;
        for (i = 0; i < 3; i++) {
            sizes[i] = edge + within(0, 3);
            sub[i] = edge;
            start[i] = within(0, sizes[i] - edge);
        }
        MPI(MPI_Type_create_subarray(3, sizes, sub, start,
                                     within(0, 1) ? MPI_ORDER_C : MPI_ORDER_FORTRAN, old,
                                     &new));
    }
    }
    MPI(MPI_Type_free(&old));

    /* an array's markers inside may end the type before its last byte */
    MPI_Count true_lb, true_extent;
    MPI(MPI_Type_get_extent_c(new, &lb, &extent));
    MPI(MPI_Type_get_true_extent_c(new, &true_lb, &true_extent));
    if (true_lb < lb || true_lb + true_extent > lb + extent) {
        old = new;
        MPI(MPI_Type_create_resized_c(old, true_lb, true_extent, &new));
        MPI(MPI_Type_free(&old));
    }
    return new;
}

/* The memory of `count` elements, and where they begin in it. */
static unsigned char *memory(MPI_Datatype type, int count, size_t *len, size_t *zero)
{
    MPI_Count lb, extent, true_lb, true_extent, low, high, last;
    MPI(MPI_Type_get_extent_c(type, &lb, &extent));
    MPI(MPI_Type_get_true_extent_c(type, &true_lb, &true_extent));
    last = (count - 1) * extent;
    low = true_lb + (last < 0 ? last : 0);
    high = true_lb + true_extent + (last > 0 ? last : 0);
    if (low > 0)
        low = 0;
    *zero = (size_t)-low + 16;
    *len = (size_t)(high - low) + 32;
    return room(*len);
}

static void exchange(uint64_t seed, int from, int to)
{
    state = seed;
    MPI_Count target = 1LL << within(2, 21), size, got;
    MPI_Datatype a = make(within(0, 3), target), b = make(within(0, 3), target);
    int counts[2], tag = (int)(seed % 1000), how = within(0, 4);
    MPI_Status status;
    MPI_Request request;
    MPI(MPI_Type_commit(&a));
    MPI(MPI_Type_commit(&b));
    counts[0] = within(1, 3);
    MPI(MPI_Type_size_c(a, &size));
    size *= counts[0];
    MPI(MPI_Type_size_c(b, &got));
    counts[1] = got ? (int)((size + got - 1) / got) : 1;
    if ((got == 0 && size > 0) || size > 1 << 24 || counts[1] > 1 << 20)
        goto out;

    size_t len, zero, len2, zero2;
    if (rank == from || rank == to) {
        unsigned char *source = memory(a, counts[0], &len, &zero);
        fill(source, len, (unsigned)seed);
        if (rank == from && how == 0) {
            MPI(MPI_Send(source + zero, counts[0], a, to, tag, MPI_COMM_WORLD));
        } else if (rank == from && how == 1) {
            MPI(MPI_Ssend(source + zero, counts[0], a, to, tag, MPI_COMM_WORLD));
        } else if (rank == from) {
            MPI(MPI_Isend(source + zero, counts[0], a, to, tag, MPI_COMM_WORLD, &request));
            MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        }
        if (rank == to) {
            unsigned char *target = memory(b, counts[1], &len2, &zero2);
            unsigned char *wanted = room(len2), *packed = room((size_t)size);
            memset(target, 0x5a, len2);
            memset(wanted, 0x5a, len2);
            MPI_Count at = 0, whole;
            MPI(MPI_Pack_c(source + zero, counts[0], a, packed, size, &at, MPI_COMM_WORLD));
            /* a last element may come only in part */
            MPI(MPI_Type_size_c(b, &whole));
            MPI_Count n = whole ? size / whole : 0;
            at = 0;
            MPI(MPI_Unpack_c(packed, size, &at, wanted + zero2, n, b, MPI_COMM_WORLD));
            if (how == 3) {
                MPI_Message message;
                MPI(MPI_Mprobe(from, tag, MPI_COMM_WORLD, &message, &status));
                MPI(MPI_Mrecv(target + zero2, counts[1], b, &message, &status));
            } else if (how == 4) {
                MPI(MPI_Irecv(target + zero2, counts[1], b, from, tag, MPI_COMM_WORLD, &request));
                MPI(MPI_Wait(&request, &status));
            } else {
                MPI(MPI_Recv(target + zero2, counts[1], b, from, tag, MPI_COMM_WORLD,
                             &status));
            }
            MPI(MPI_Get_count_c(&status, MPI_BYTE, &got));
            EQ(got, size);
            MPI(MPI_Get_elements_c(&status, b, &got));
            EQ(got, size);
            MPI(MPI_Get_count_c(&status, b, &got));
            EQ(got, whole == 0 ? 0 : size % whole ? MPI_UNDEFINED : size / whole);
            /* what came of the last element, by its own packing */
            if (whole && size % whole) {
                unsigned char *again = room((size_t)(whole * counts[1]));
                at = 0;
                MPI(MPI_Pack_c(target + zero2, counts[1], b, again, whole * counts[1], &at,
                               MPI_COMM_WORLD));
                CHECK(!memcmp(again, packed, (size_t)size), "seed %llu",
                      (unsigned long long)seed);
                free(again);
            } else {
                CHECK(!memcmp(target, wanted, len2), "seed %llu", (unsigned long long)seed);
            }
            free(target);
            free(wanted);
            free(packed);
        }
        free(source);
    }
out:
    MPI(MPI_Type_free(&a));
    MPI(MPI_Type_free(&b));
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 150;
    START();
    for (int i = 0; i < rounds; i++) {
        uint64_t seed = 77 + (uint64_t)i;
        int from = i % ranks, to = (i / ranks + from + 1) % ranks;
        if (from != to)
            exchange(seed, from, to);
    }
    PASSED();
}
