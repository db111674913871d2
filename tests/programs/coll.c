/* Collectives that move data (MPI 5.0, sections 6.3 to 6.8, 6.12, 6.13): every
   form, root, layout and length, in place and not, on several communicators. */
#include "coll.h"

static MPI_Comm comm;
static int me, size;
static enum form form;
static const int lengths[] = { 0, 1, 3, 100, 5000 };
static int most; /* the longest length to try */

static enum layout layout_of(int rank)
{
    return rank % 3 == 1 ? HOLES : DENSE;
}

static void barrier(void)
{
    DO(form, Barrier, barrier, comm);
}

static void bcast(int pairs)
{
    enum layout layout = layout_of(me + pairs);
    for (int root = 0; root < size; root++) {
        int *buffer = fresh(layout, pairs);
        if (me == root)
            give(buffer, layout, 0, pairs, root);
        DO(form, Bcast, bcast, buffer, COUNT(layout, pairs), TYPE(layout), root, comm);
        GIVEN(buffer, layout, 0, pairs, root);
        HOLES_KEPT(buffer, layout, pairs);
        free(buffer);
    }
}

static void gather(int pairs, int in_place)
{
    enum layout from = layout_of(me), into = layout_of(me + 1);
    for (int root = 0; root < size; root++) {
        int *send = fresh(from, pairs), *receive = NULL;
        give(send, from, 0, pairs, me);
        const void *own = send;
        if (me == root) {
            receive = fresh(into, (size_t)pairs * size);
            if (in_place) {
                give(receive, into, (size_t)root * pairs, pairs, root);
                own = MPI_IN_PLACE;
            }
        }
        DO(form, Gather, gather, own, COUNT(from, pairs), TYPE(from), receive,
           COUNT(into, pairs), TYPE(into), root, comm);
        if (me == root) {
            for (int i = 0; i < size; i++)
                GIVEN(receive, into, (size_t)i * pairs, pairs, i);
            HOLES_KEPT(receive, into, (size_t)pairs * size);
        }
        free(send);
        free(receive);
    }
}

static void scatter(int pairs, int in_place)
{
    enum layout from = layout_of(me), into = layout_of(me + 1);
    for (int root = 0; root < size; root++) {
        int *receive = fresh(into, pairs), *send = NULL;
        void *own = receive;
        if (me == root) {
            send = fresh(from, (size_t)pairs * size);
            for (int i = 0; i < size; i++)
                give(send, from, (size_t)i * pairs, pairs, i);
            if (in_place)
                own = MPI_IN_PLACE;
        }
        DO(form, Scatter, scatter, send, COUNT(from, pairs), TYPE(from), own,
           COUNT(into, pairs), TYPE(into), root, comm);
        if (own == receive) {
            GIVEN(receive, into, 0, pairs, me);
            HOLES_KEPT(receive, into, pairs);
        }
        free(send);
        free(receive);
    }
}

/* In the v-forms rank i has this many pairs, in reverse order with gaps. */
static int part(int pairs, int rank_)
{
    return pairs ? (rank_ * 7 + pairs) % (pairs + 1) : 0;
}

static void parts(int pairs, enum layout layout, int *counts, int *displs, size_t *total)
{
    size_t at = 1;
    for (int i = size - 1; i >= 0; i--) {
        counts[i] = COUNT(layout, part(pairs, i));
        displs[i] = (int)COUNT(layout, at);
        at += (size_t)part(pairs, i) + 1;
    }
    *total = at;
}

static size_t first_pair(enum layout layout, const int *displs, int i)
{
    return (size_t)displs[i] / (layout == DENSE ? 2 : 1);
}

static void gatherv_scatterv(int pairs, int in_place)
{
    enum layout here = layout_of(me), there = layout_of(me + 1);
    int mine = part(pairs, me), counts[size], displs[size];
    size_t total;
    parts(pairs, there, counts, displs, &total);
    for (int root = 0; root < size; root++) {
        int *own = fresh(here, mine), *all = me == root ? fresh(there, total) : NULL;
        const void *given = own;
        give(own, here, 0, mine, me);
        if (me == root && in_place) {
            give(all, there, first_pair(there, displs, me), mine, me);
            given = MPI_IN_PLACE;
        }
        DO(form, Gatherv, gatherv, given, COUNT(here, mine), TYPE(here), all, counts, displs,
           TYPE(there), root, comm);
        if (me == root)
            for (int i = 0; i < size; i++) {
                size_t first = first_pair(there, displs, i);
                GIVEN(all, there, first, part(pairs, i), i);
                EQ(all[place(there, 2 * first - 1)], UNTOUCHED);
            }
        int *back = fresh(here, mine);
        void *taken = me == root && in_place ? MPI_IN_PLACE : (void *)back;
        DO(form, Scatterv, scatterv, all, counts, displs, TYPE(there), taken,
           COUNT(here, mine), TYPE(here), root, comm);
        if (taken == back)
            GIVEN(back, here, 0, mine, me);
        HOLES_KEPT(back, here, mine);
        free(back);
        free(own);
        free(all);
    }
}

static void allgather(int pairs, int in_place)
{
    enum layout from = layout_of(me), into = layout_of(me + 1);
    int *send = fresh(from, pairs), *receive = fresh(into, (size_t)pairs * size);
    const void *own = in_place ? MPI_IN_PLACE : (const void *)send;
    give(send, from, 0, pairs, me);
    if (in_place)
        give(receive, into, (size_t)me * pairs, pairs, me);
    DO(form, Allgather, allgather, own, COUNT(from, pairs), TYPE(from), receive,
       COUNT(into, pairs), TYPE(into), comm);
    for (int i = 0; i < size; i++)
        GIVEN(receive, into, (size_t)i * pairs, pairs, i);
    HOLES_KEPT(receive, into, (size_t)pairs * size);
    free(send);
    free(receive);
}

static void allgatherv(int pairs, int in_place)
{
    enum layout from = layout_of(me), into = layout_of(me + 1);
    int mine = part(pairs, me), counts[size], displs[size];
    size_t total;
    parts(pairs, into, counts, displs, &total);
    int *send = fresh(from, mine), *receive = fresh(into, total);
    const void *own = in_place ? MPI_IN_PLACE : (const void *)send;
    give(send, from, 0, mine, me);
    if (in_place)
        give(receive, into, first_pair(into, displs, me), mine, me);
    DO(form, Allgatherv, allgatherv, own, COUNT(from, mine), TYPE(from), receive, counts,
       displs, TYPE(into), comm);
    for (int i = 0; i < size; i++) {
        size_t first = first_pair(into, displs, i);
        GIVEN(receive, into, first, part(pairs, i), i);
        EQ(receive[place(into, 2 * first - 1)], UNTOUCHED);
    }
    free(send);
    free(receive);
}

/* What `from` sends to `to`. */
static int message(int from, int to)
{
    return from * 1000 + to;
}

static void alltoall(int pairs, int in_place)
{
    enum layout from = layout_of(me), into = layout_of(me + 1);
    int *send = fresh(from, (size_t)pairs * size), *receive = fresh(into, (size_t)pairs * size);
    for (int i = 0; i < size; i++) {
        give(send, from, (size_t)i * pairs, pairs, message(me, i));
        if (in_place)
            give(receive, into, (size_t)i * pairs, pairs, message(me, i));
    }
    starts = in_place ? 1 : 2;
    DO(form, Alltoall, alltoall, in_place ? MPI_IN_PLACE : (void *)send, COUNT(from, pairs),
       TYPE(from), receive, COUNT(into, pairs), TYPE(into), comm);
    starts = 2;
    for (int i = 0; i < size; i++)
        GIVEN(receive, into, (size_t)i * pairs, pairs, message(i, me));
    HOLES_KEPT(receive, into, (size_t)pairs * size);
    free(send);
    free(receive);
}

/* Pairs from one rank to another: symmetric, as in place wants it. */
static int exchanged(int pairs, int a, int b)
{
    return pairs ? (a * b + a + b + pairs) % (pairs + 1) : 0;
}

static void alltoallv(int pairs, int in_place, int typed)
{
    enum layout from = layout_of(me), into = layout_of(me + 1);
    int outs[size], out_at[size], ins[size], in_at[size];
    MPI_Datatype out_types[size], in_types[size];
    size_t total = 0;
    for (int i = 0; i < size; i++) {
        int n = exchanged(pairs, me, i);
        outs[i] = COUNT(from, n);
        ins[i] = COUNT(into, n);
        out_at[i] = (int)(typed ? place(from, 2 * total) * sizeof(int) : COUNT(from, total));
        in_at[i] = (int)(typed ? place(into, 2 * total) * sizeof(int) : COUNT(into, total));
        out_types[i] = TYPE(from);
        in_types[i] = TYPE(into);
        total += (size_t)n;
    }
    int *send = fresh(from, total), *receive = fresh(into, total);
    size_t first = 0;
    for (int i = 0; i < size; i++) {
        int n = exchanged(pairs, me, i);
        give(send, from, first, n, message(me, i));
        if (in_place)
            give(receive, into, first, n, message(me, i));
        first += (size_t)n;
    }
    void *own = in_place ? MPI_IN_PLACE : (void *)send;
    starts = in_place ? 1 : 2;
    if (typed)
        DO(form, Alltoallw, alltoallw, own, outs, out_at, out_types, receive, ins, in_at,
           in_types, comm);
    else
        DO(form, Alltoallv, alltoallv, own, outs, out_at, TYPE(from), receive, ins, in_at,
           TYPE(into), comm);
    starts = 2;
    first = 0;
    for (int i = 0; i < size; i++) {
        int n = exchanged(pairs, me, i);
        GIVEN(receive, into, first, n, message(i, me));
        first += (size_t)n;
    }
    HOLES_KEPT(receive, into, total);
    free(send);
    free(receive);
}

static void all(void)
{
    MPI(MPI_Comm_rank(comm, &me));
    MPI(MPI_Comm_size(comm, &size));
    for (form = BLOCKING; form < FORMS; form++) {
        barrier();
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            int pairs = lengths[i];
            if (pairs > most)
                continue;
            bcast(pairs);
            for (int in_place = 0; in_place < 2; in_place++) {
                gather(pairs, in_place);
                scatter(pairs, in_place);
                gatherv_scatterv(pairs, in_place);
                allgather(pairs, in_place);
                allgatherv(pairs, in_place);
                alltoall(pairs, in_place);
                alltoallv(pairs, in_place, 0);
                alltoallv(pairs, in_place, 1);
            }
        }
        barrier();
    }
    /* What goes along chains and in pieces. */
    for (form = BLOCKING; form < FORMS; form++) {
        bcast(40000);
        bcast(300000);
    }
}

int main(int argc, char **argv)
{
    most = argc > 1 ? atoi(argv[1]) : 5000;
    START();
    make_types();
    comm = MPI_COMM_WORLD;
    all();
    comm = MPI_COMM_SELF;
    all();
    MPI(MPI_Comm_split(MPI_COMM_WORLD, 0, -rank, &comm));
    most = most < 100 ? most : 100;
    all();
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &comm));
    all();
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Type_free(&with_holes));
    PASSED();
}
