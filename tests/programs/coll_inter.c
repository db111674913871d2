/* Collectives between the two groups of an intercommunicator (MPI 5.0, section
   6.2.2 and each operation's own). */
#include "coll.h"

static MPI_Comm comm;
static int me, ours, theirs, low; /* low: this process is of the first group */
static enum form form;

/* Who a rank of a group is in MPI_COMM_WORLD. */
static int who(int in_low, int r)
{
    return in_low ? 2 * r : 2 * r + 1;
}

/* The root argument for rank `root` of the first group. */
static int root_of(int root)
{
    return !low ? root : me == root ? MPI_ROOT : MPI_PROC_NULL;
}

static void rooted(int pairs)
{
    int firsts = low ? ours : theirs;
    for (int root = 0; root < firsts; root++) {
        int at = root_of(root), here = at == MPI_ROOT;
        enum layout layout = rank % 2 ? HOLES : DENSE;
        int *buffer = fresh(layout, pairs);
        if (here)
            give(buffer, layout, 0, pairs, root);
        DO(form, Bcast, bcast, buffer, COUNT(layout, pairs), TYPE(layout), at, comm);
        if (!low)
            GIVEN(buffer, layout, 0, pairs, root);

        int *all = fresh(layout, (size_t)pairs * theirs);
        give(buffer, layout, 0, pairs, rank);
        DO(form, Gather, gather, buffer, COUNT(layout, pairs), TYPE(layout), all,
           COUNT(layout, pairs), TYPE(layout), at, comm);
        if (here)
            for (int i = 0; i < theirs; i++)
                GIVEN(all, layout, (size_t)i * pairs, pairs, who(!low, i));
        if (here)
            for (int i = 0; i < theirs; i++)
                give(all, layout, (size_t)i * pairs, pairs, 100 + i);
        DO(form, Scatter, scatter, all, COUNT(layout, pairs), TYPE(layout), buffer,
           COUNT(layout, pairs), TYPE(layout), at, comm);
        if (!low)
            GIVEN(buffer, layout, 0, pairs, 100 + me);
        free(buffer);
        free(all);
    }
}

static void reduced(int n)
{
    int firsts = low ? ours : theirs;
    long *send = room((size_t)n * sizeof *send), *receive = room((size_t)n * sizeof *receive);
    long both[2] = { 0, 0 }; /* sums of world ranks of the groups: low's, other's */
    for (int r = 0; r < ranks; r++)
        both[r % 2] += r;
    for (int i = 0; i < n; i++)
        send[i] = rank + (long)i * 3;
#define SUM(of_low, i) (both[!(of_low)] + 3L * (i) * ((of_low) == low ? ours : theirs))
    DO(form, Allreduce, allreduce, send, receive, n, MPI_LONG, MPI_SUM, comm);
    for (int i = 0; i < n; i++)
        EQ(receive[i], SUM(!low, i));
    for (int root = 0; root < firsts; root++) {
        DO(form, Reduce, reduce, send, receive, n, MPI_LONG, MPI_SUM, root_of(root), comm);
        if (root_of(root) == MPI_ROOT)
            for (int i = 0; i < n; i++)
                EQ(receive[i], SUM(0, i));
    }
    /* The vectors of both groups are equally long: n is a multiple of both. */
    int each = n / ours, counts[ours];
    DO(form, Reduce_scatter_block, reduce_scatter_block, send, receive, each, MPI_LONG, MPI_SUM,
       comm);
    for (int i = 0; i < each; i++)
        EQ(receive[i], SUM(!low, me * each + i));
    for (int i = 0; i < ours; i++)
        counts[i] = i == 0 ? n - (ours - 1) : 1;
    DO(form, Reduce_scatter, reduce_scatter, send, receive, counts, MPI_LONG, MPI_SUM, comm);
    for (int i = 0; i < counts[me]; i++)
        EQ(receive[i], SUM(!low, me == 0 ? i : n - ours + me));
    free(send);
    free(receive);
}

static void exchanged(int pairs)
{
    enum layout layout = rank % 2 ? HOLES : DENSE;
    int *own = fresh(layout, (size_t)pairs * theirs), *all = fresh(layout, (size_t)pairs * theirs);
    give(own, layout, 0, pairs, rank);
    DO(form, Allgather, allgather, own, COUNT(layout, pairs), TYPE(layout), all,
       COUNT(layout, pairs), TYPE(layout), comm);
    for (int i = 0; i < theirs; i++)
        GIVEN(all, layout, (size_t)i * pairs, pairs, who(!low, i));

    for (int i = 0; i < theirs; i++)
        give(own, layout, (size_t)i * pairs, pairs, rank * 1000 + who(!low, i));
    DO(form, Alltoall, alltoall, own, COUNT(layout, pairs), TYPE(layout), all,
       COUNT(layout, pairs), TYPE(layout), comm);
    for (int i = 0; i < theirs; i++)
        GIVEN(all, layout, (size_t)i * pairs, pairs, who(!low, i) * 1000 + rank);

    /* Varying: rank i of the other group gives i % 3 pairs. */
    int counts[theirs], displs[theirs], at = 0, mine = me % 3;
    int *varying = fresh(layout, 3 * (size_t)theirs);
    for (int i = 0; i < theirs; i++) {
        counts[i] = COUNT(layout, i % 3);
        displs[i] = COUNT(layout, at);
        at += i % 3;
    }
    int *few = fresh(layout, 3);
    give(few, layout, 0, mine, rank);
    DO(form, Allgatherv, allgatherv, few, COUNT(layout, mine), TYPE(layout), varying, counts,
       displs, TYPE(layout), comm);
    at = 0;
    for (int i = 0; i < theirs; i++) {
        GIVEN(varying, layout, (size_t)at, i % 3, who(!low, i));
        at += i % 3;
    }
    free(few);
    free(varying);
    free(own);
    free(all);
}

static void wrong(void)
{
    int a[64] = { 0 }, b[64];
    MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    FAILS(MPI_Allreduce(MPI_IN_PLACE, b, 1, MPI_INT, MPI_SUM, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Allgather(MPI_IN_PLACE, 0, MPI_INT, b, 1, MPI_INT, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Alltoall(MPI_IN_PLACE, 0, MPI_INT, b, 1, MPI_INT, comm), MPI_ERR_BUFFER);
    FAILS(MPI_Scan(a, b, 1, MPI_INT, MPI_SUM, comm), MPI_ERR_COMM);
    FAILS(MPI_Exscan(a, b, 1, MPI_INT, MPI_SUM, comm), MPI_ERR_COMM);
    FAILS(MPI_Bcast(a, 1, MPI_INT, theirs, comm), MPI_ERR_ROOT);
    FAILS(MPI_Bcast(a, 1, MPI_INT, -1, comm), MPI_ERR_ROOT);
}

int main(void)
{
    START();
    make_types();
    MPI_Comm local;
    low = rank % 2 == 0;
    MPI(MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &local));
    MPI(MPI_Intercomm_create(local, 0, MPI_COMM_WORLD, low ? 1 : 0, 5, &comm));
    MPI(MPI_Comm_rank(comm, &me));
    MPI(MPI_Comm_size(comm, &ours));
    MPI(MPI_Comm_remote_size(comm, &theirs));
    for (form = BLOCKING; form < FORMS; form++) {
        DO(form, Barrier, barrier, comm);
        for (int n = 0; n < 300; n = 4 * n + 1) {
            rooted(n);
            exchanged(n);
        }
        reduced(ours * theirs);
        reduced(ours * theirs * 700);
        DO(form, Barrier, barrier, comm);
    }
    wrong();
    MPI(MPI_Comm_free(&comm));
    MPI(MPI_Comm_free(&local));
    MPI(MPI_Type_free(&with_holes));
    PASSED();
}
