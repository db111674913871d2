/* Reductions give the same bits at every count, place, call and rank, in every form: those
   of a loop that combines the contributions in the order of ranks, from left to right. The
   values cancel, so that another order shows; some are NaN, with a sign and a payload. */
#include "check.h"
#include <math.h>

enum { MOST = 300000, PERIOD = 61 };

static double *in, *out, *place, want[PERIOD], below[PERIOD], below_all[PERIOD];
static float *in4, *out4;

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* What a rank contributes to an element of this kind. */
static double value(int r, int kind)
{
    uint64_t mixed = ((uint64_t)r * 131 + (uint64_t)kind) * 0x9e3779b97f4a7c15u;
    double x = (double)(mixed >> 20 & 0xffff) - 32768.0;
    switch (kind) {
    case 7: /* a NaN of one rank, quiet, with a payload */
        return r == 1 ? of_bits(0x7ff8000000abcd00u) : x;
    case 8: /* two, with signs; the first one stays */
        return r == 0 ? of_bits(0xfff8000000001200u) : r == 1 ? of_bits(0x7ff8000000003400u) : x;
    case 9: /* a signalling one becomes quiet */
        return r == ranks - 1 ? of_bits(0x7ff0000000005600u) : x;
    case 10: /* one that the addition makes */
        return r == 0 ? INFINITY : r == 1 ? -INFINITY : x;
    case 11: /* zeros keep their sign */
        return -0.0;
    }
    return (mixed >> 60) % 2 ? x * 1e15 : (mixed >> 61) % 2 ? x * 1e-3 : -x * 1e15;
}

static double add(double a, double b)
{
    if (isnan(a))
        return of_bits(bits_of(a) | 1ull << 51);
    if (isnan(b))
        return of_bits(bits_of(b) | 1ull << 51);
    volatile double sum = a + b;
    return isnan(sum) ? of_bits(0xfff8000000000000u) : sum;
}

static double greater(double a, double b)
{
    return b < a || isnan(a) ? a : b;
}

/* An operation of the user's that rounds: `commutes` or not, the order is that of ranks. */
static void user_add(void *left, void *right, int *len, MPI_Datatype *type)
{
    (void)type;
    const double *a = left;
    double *b = right;
    for (int i = 0; i < *len; i++)
        b[i] = add(a[i], b[i] * 0.5);
}

static double user_once(double a, double b)
{
    return add(a, b * 0.5);
}

static void references(double (*f)(double, double))
{
    for (int k = 0; k < PERIOD; k++) {
        double acc = value(0, k);
        below[k] = 0;
        for (int r = 1; r < ranks; r++) {
            if (r == rank)
                below[k] = acc;
            acc = f(acc, value(r, k));
            if (r == rank)
                below_all[k] = acc;
        }
        if (rank == 0)
            below_all[k] = value(0, k);
        want[k] = acc;
    }
}

static void same(const double *got, const double *wanted, int count, int first, const char *what)
{
    for (int i = 0; i < count; i++) {
        uint64_t g = bits_of(got[i]), w = bits_of(wanted[(i + first) % PERIOD]);
        CHECK(g == w, "%s, element %d of %d: %016llx, wanted %016llx", what, i, count,
              (unsigned long long)g, (unsigned long long)w);
    }
}

static void clear(double *at, int count)
{
    memset(at, 0x5a, (size_t)count * sizeof *at);
}

/* All forms at one count. */
static void forms(int count, MPI_Op op, MPI_Datatype type, int elements)
{
    MPI_Request request;
    int root = count % ranks, n = count * elements;
    clear(out, n);
    MPI(MPI_Allreduce(in, out, count, type, op, MPI_COMM_WORLD));
    same(out, want, n, 0, "allreduce");
    memcpy(place, in, (size_t)n * sizeof *in);
    MPI(MPI_Allreduce(MPI_IN_PLACE, place, count, type, op, MPI_COMM_WORLD));
    same(place, want, n, 0, "allreduce in place");
    clear(out, n);
    MPI(MPI_Iallreduce(in, out, count, type, op, MPI_COMM_WORLD, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    same(out, want, n, 0, "iallreduce");
    clear(out, n);
    MPI(MPI_Reduce(in, out, count, type, op, root, MPI_COMM_WORLD));
    if (rank == root)
        same(out, want, n, 0, "reduce");
    memcpy(place, in, (size_t)n * sizeof *in);
    MPI(MPI_Reduce(rank == root ? MPI_IN_PLACE : place, rank == root ? place : out, count, type, op, root, MPI_COMM_WORLD));
    same(place, rank == root ? want : in, rank == root ? n : 0, 0, "reduce in place");
    clear(out, n);
    MPI(MPI_Ireduce(in, out, count, type, op, root, MPI_COMM_WORLD, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    if (rank == root)
        same(out, want, n, 0, "ireduce");
    clear(out, n);
    MPI(MPI_Scan(in, out, count, type, op, MPI_COMM_WORLD));
    same(out, below_all, n, 0, "scan");
    clear(out, n);
    MPI(MPI_Exscan(in, out, count, type, op, MPI_COMM_WORLD));
    if (rank > 0)
        same(out, below, n, 0, "exscan");
    clear(out, n);
    MPI(MPI_Iscan(in, out, count, type, op, MPI_COMM_WORLD, &request));
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    same(out, below_all, n, 0, "iscan");
    clear(out, n);
    MPI(MPI_Allreduce_init(in, out, count, type, op, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    for (int i = 0; i < 2; i++) {
        clear(out, n);
        MPI(MPI_Start(&request));
        MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
        same(out, want, n, 0, "persistent allreduce");
    }
    MPI(MPI_Request_free(&request));
    int each = count / ranks, counts[64];
    if (each > 0) {
        clear(out, n);
        MPI(MPI_Reduce_scatter_block(in, out, each, type, op, MPI_COMM_WORLD));
        same(out, want, each * elements, rank * each * elements, "reduce_scatter_block");
    }
    for (int r = 0; r < ranks; r++)
        counts[r] = r == ranks - 1 ? count - (ranks - 1) * each : each;
    clear(out, n);
    MPI(MPI_Reduce_scatter(in, out, counts, type, op, MPI_COMM_WORLD));
    same(out, want, counts[rank] * elements, rank * each * elements, "reduce_scatter");
}

int main(int argc, char **argv)
{
    static const int COUNTS[] = {1,   2,   3,    4,    7,    8,    9,    15,    16,    17,    31,
                                 32,  33,  61,   63,   100,  128,  255,  500,   1000,  1025,  2500,
                                 5000, 8191, 8192, 10007, 20000, 20001, 65537, 131072, MOST};
    static double fixed[2][1024];
    START();
    int limit = argc > 1 ? atoi(argv[1]) : MOST;
    MPI_Op user, ordered;
    MPI_Datatype three;
    in = malloc((MOST + 8) * sizeof *in);
    out = malloc((MOST + 8) * sizeof *out);
    place = malloc((MOST + 8) * sizeof *place);
    in4 = malloc((MOST + 8) * sizeof *in4);
    out4 = malloc((MOST + 8) * sizeof *out4);
    MPI(MPI_Op_create(user_add, 1, &user));
    MPI(MPI_Op_create(user_add, 0, &ordered));
    MPI(MPI_Type_contiguous(1, MPI_DOUBLE, &three));
    MPI(MPI_Type_commit(&three));
    for (int i = 0; i < MOST; i++)
        in[i] = value(rank, i % PERIOD);
    for (size_t c = 0; c < sizeof COUNTS / sizeof *COUNTS && COUNTS[c] <= limit; c++) {
        references(add);
        forms(COUNTS[c], MPI_SUM, MPI_DOUBLE, 1);
        references(greater);
        forms(COUNTS[c], MPI_MAX, MPI_DOUBLE, 1);
        if (COUNTS[c] <= 20001) {
            references(user_once);
            forms(COUNTS[c], user, MPI_DOUBLE, 1);
            forms(COUNTS[c], ordered, three, 1);
        }
        /* memory that peers may not map, and unaligned */
        references(add);
        if (COUNTS[c] < 1024) {
            memcpy(fixed[0], in, sizeof fixed[0]);
            char *odd = (char *)fixed[1] + 4;
            MPI(MPI_Allreduce(fixed[0], odd, COUNTS[c], MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD));
            memcpy(out, odd, (size_t)COUNTS[c] * sizeof *out);
            same(out, want, COUNTS[c], 0, "allreduce of static memory");
            char stack[1024 * sizeof(double)];
            memcpy(stack, in, sizeof stack);
            MPI(MPI_Allreduce(stack, out, COUNTS[c], MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD));
            same(out, want, COUNTS[c], 0, "allreduce of the stack");
        }
        /* single precision */
        for (int i = 0; i < COUNTS[c]; i++)
            in4[i] = (float)value(rank, i % 7);
        MPI(MPI_Allreduce(in4, out4, COUNTS[c], MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD));
        for (int i = 0; i < COUNTS[c]; i++) {
            volatile float acc = (float)value(0, i % 7);
            for (int r = 1; r < ranks; r++)
                acc = acc + (float)value(r, i % 7);
            CHECK(acc == out4[i], "float %d of %d: %a, wanted %a", i, COUNTS[c], out4[i], acc);
        }
    }
    MPI(MPI_Type_free(&three));
    MPI(MPI_Op_free(&user));
    MPI(MPI_Op_free(&ordered));
    PASSED();
}
