/* Reductions (MPI 5.0, sections 6.9 to 6.13): every form, root and length, in
   place and not, operations that commute and one that does not. */
#include "coll.h"

static MPI_Comm comm;
static int me, size;
static enum form form;
static const int lengths[] = { 0, 1, 2, 33, 1000, 20000 };

/* A pair (a, b) means x → a·x + b over 32-bit integers: composition. */
static void compose(void *in, void *inout, int *len, MPI_Datatype *datatype)
{
    enum layout layout = *datatype == with_holes ? HOLES : DENSE;
    int *left = in, *right = inout;
    EQ(layout == HOLES || *datatype != MPI_DATATYPE_NULL, 1);
    for (size_t i = 0; i < (size_t)*len; i++) {
        size_t a = place(layout, 2 * i), b = place(layout, 2 * i + 1);
        uint32_t la = (uint32_t)left[a], lb = (uint32_t)left[b];
        uint32_t ra = (uint32_t)right[a], rb = (uint32_t)right[b];
        right[a] = (int)(la * ra);
        right[b] = (int)(la * rb + lb);
    }
}

static void compose_large(void *in, void *inout, MPI_Count *len, MPI_Datatype *datatype)
{
    int n = (int)*len;
    compose(in, inout, &n, datatype);
}

static MPI_Datatype two_ints;
static MPI_Op composition, large_composition, addition;

static void add(void *in, void *inout, int *len, MPI_Datatype *datatype)
{
    enum layout layout = *datatype == with_holes ? HOLES : DENSE;
    for (size_t i = 0; i < 2 * (size_t)*len; i++) {
        int *at = (int *)inout + place(layout, i);
        *at = (int)((uint32_t)*at + (uint32_t)((int *)in)[place(layout, i)]);
    }
}

/* The result for ranks first..until, in pairs first_pair..+pairs. */
static int *wanted(MPI_Op op, int until, size_t pairs)
{
    int *all = room(2 * pairs * sizeof(int));
    for (size_t i = 0; i < pairs; i++) {
        uint32_t a = (uint32_t)value(0, 2 * i), b = (uint32_t)value(0, 2 * i + 1);
        for (int r = 1; r < until; r++) {
            uint32_t c = (uint32_t)value(r, 2 * i), d = (uint32_t)value(r, 2 * i + 1);
            if (op == MPI_SUM || op == addition) {
                a += c;
                b += d;
            } else {
                b = a * d + b;
                a = a * c;
            }
        }
        all[2 * i] = (int)a;
        all[2 * i + 1] = (int)b;
    }
    return all;
}

static void same(const int *got, enum layout layout, size_t pairs, const int *want)
{
    checks++;
    for (size_t i = 0; i < 2 * pairs; i++)
        if (got[place(layout, i)] != want[i]) {
            check_failed(__FILE__, __LINE__);
            fprintf(stderr, "int %zu of %zu is %#x, wanted %#x, %d ranks, form %d", i, 2 * pairs,
                    (unsigned)got[place(layout, i)], (unsigned)want[i], size, form);
            check_abort();
        }
    HOLES_KEPT(got, layout, pairs);
}

/* With one operation and layout: a predefined one needs ints. */
static MPI_Op op;
static enum layout layout;
static MPI_Datatype type;

static int count(size_t pairs)
{
    return (int)(type == MPI_INT ? 2 * pairs : pairs);
}

static void to_one_and_all(size_t pairs, int in_place)
{
    int *want = wanted(op, size, pairs);
    starts = in_place ? 1 : 2;
    for (int root = 0; root < size; root += size > 4 ? 2 : 1) {
        int *send = fresh(layout, pairs), *receive = me == root ? fresh(layout, pairs) : NULL;
        const void *own = send;
        give(send, layout, 0, pairs, me);
        if (me == root && in_place) {
            give(receive, layout, 0, pairs, me);
            own = MPI_IN_PLACE;
        }
        DO(form, Reduce, reduce, own, receive, count(pairs), type, op, root, comm);
        if (me == root)
            same(receive, layout, pairs, want);
        GIVEN(send, layout, 0, pairs, me);
        free(send);
        free(receive);
    }
    int *send = fresh(layout, pairs), *receive = fresh(layout, pairs);
    give(send, layout, 0, pairs, me);
    if (in_place)
        give(receive, layout, 0, pairs, me);
    const void *own = in_place ? MPI_IN_PLACE : (const void *)send;
    DO(form, Allreduce, allreduce, own, receive, count(pairs), type, op, comm);
    same(receive, layout, pairs, want);
    GIVEN(send, layout, 0, pairs, me);
    free(want);

    want = wanted(op, me + 1, pairs);
    if (in_place)
        give(receive, layout, 0, pairs, me);
    DO(form, Scan, scan, own, receive, count(pairs), type, op, comm);
    same(receive, layout, pairs, want);
    free(want);

    want = wanted(op, me, pairs);
    give(receive, layout, 0, pairs, me);
    DO(form, Exscan, exscan, own, receive, count(pairs), type, op, comm);
    if (me > 0)
        same(receive, layout, pairs, want);
    free(want);
    free(send);
    free(receive);
    starts = 2;
}

static void scattered(size_t pairs, int in_place)
{
    size_t all = 0, first = 0, mine = 0;
    int counts[size];
    for (int i = 0; i < size; i++) {
        size_t n = (pairs * (size_t)(i + 1)) % (pairs + 2);
        counts[i] = count(n);
        if (i == me) {
            first = all;
            mine = n;
        }
        all += n;
    }
    starts = in_place ? 1 : 2;
    int *want = wanted(op, size, all);
    int *send = fresh(layout, all), *receive = fresh(layout, in_place ? all : mine);
    give(send, layout, 0, all, me);
    if (in_place)
        give(receive, layout, 0, all, me);
    const void *own = in_place ? MPI_IN_PLACE : (const void *)send;
    DO(form, Reduce_scatter, reduce_scatter, own, receive, counts, type, op, comm);
    same(receive, layout, mine, want + 2 * first);
    free(want);
    free(send);
    free(receive);

    all = pairs * (size_t)size;
    want = wanted(op, size, all);
    send = fresh(layout, all);
    receive = fresh(layout, in_place ? all : pairs);
    give(send, layout, 0, all, me);
    if (in_place)
        give(receive, layout, 0, all, me);
    own = in_place ? MPI_IN_PLACE : (const void *)send;
    DO(form, Reduce_scatter_block, reduce_scatter_block, own, receive, count(pairs), type, op,
       comm);
    same(receive, layout, pairs, want + 2 * pairs * (size_t)me);
    free(want);
    free(send);
    free(receive);
    starts = 2;
}

static void all(int most)
{
    MPI(MPI_Comm_rank(comm, &me));
    MPI(MPI_Comm_size(comm, &size));
    struct {
        MPI_Op op;
        enum layout layout;
        MPI_Datatype type;
    } kinds[] = {
        { MPI_SUM, DENSE, MPI_INT },
        { composition, HOLES, with_holes },
        { large_composition, DENSE, two_ints },
        { addition, HOLES, with_holes },
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        op = kinds[k].op;
        layout = kinds[k].layout;
        type = kinds[k].type;
        for (form = BLOCKING; form < FORMS; form++)
            for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
                for (int in_place = 0; in_place < 2; in_place++)
                    if (lengths[i] <= most) {
                        to_one_and_all((size_t)lengths[i], in_place);
                        if (lengths[i] <= 1000)
                            scattered((size_t)lengths[i], in_place);
                    }
    }
}

int main(void)
{
    START();
    make_types();
    MPI(MPI_Type_contiguous(2, MPI_INT, &two_ints));
    MPI(MPI_Type_commit(&two_ints));
    MPI(MPI_Op_create(compose, 0, &composition));
    MPI(MPI_Op_create_c(compose_large, 0, &large_composition));
    MPI(MPI_Op_create(add, 1, &addition));
    comm = MPI_COMM_WORLD;
    all(ranks > 4 ? 1000 : 20000);
    comm = MPI_COMM_SELF;
    all(33);
    MPI(MPI_Comm_split(MPI_COMM_WORLD, 0, -rank, &comm));
    all(33);
    MPI(MPI_Comm_free(&comm));

    /* The operation, its type and the communicator may go before it ends. */
    int mine[2] = { value(rank, 0), value(rank, 1) }, got[2];
    MPI_Request request;
    MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    MPI(MPI_Iallreduce(mine, got, 1, two_ints, composition, comm, &request));
    MPI(MPI_Op_free(&composition));
    MPI(MPI_Type_free(&two_ints));
    MPI(MPI_Comm_free(&comm));
    EQ(composition == MPI_OP_NULL, 1);
    MPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
    int *want = wanted(large_composition, ranks, 1);
    EQ(got[0], want[0]);
    EQ(got[1], want[1]);
    free(want);
    MPI(MPI_Op_free(&large_composition));
    MPI(MPI_Op_free(&addition));
    MPI(MPI_Type_free(&with_holes));
    PASSED();
}
