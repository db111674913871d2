/* Neighbourhood collectives (MPI 5.0, section 8.6) on grids, graphs and
   distributed graphs. */
#include "coll.h"

/* MPI_UNWEIGHTED is an address that nobody reads. */
#pragma GCC diagnostic ignored "-Wstringop-overread"

static MPI_Comm comm;
static int me;
static enum form form;
enum { PAIRS = 5 };

/* What a process gives along its i-th edge out. */
static int edge(int from, int i)
{
    return from * 100 + i;
}

/* Neighbours as lists, and for each edge in which edge out of its source it
   is. */
static int ins, outs, sources[64], destinations[64], ends[64];

static void exchange(void)
{
    enum layout from = me % 2 ? HOLES : DENSE, into = me % 3 ? DENSE : HOLES;
    size_t in = (size_t)ins * PAIRS, out = (size_t)outs * PAIRS;
    int *own = fresh(from, PAIRS), *got = fresh(into, in + 1);
    int counts[64], displs[64], out_counts[64], out_displs[64];
    give(own, from, 0, PAIRS, me);
    for (int i = 0; i < ins; i++) {
        counts[i] = COUNT(into, PAIRS);
        displs[i] = COUNT(into, (ins - 1 - i) * PAIRS);
    }
#define BLOCKS(first, who)                                                     \
    for (int i = 0; i < ins; i++)                                              \
        if (sources[i] == MPI_PROC_NULL)                                       \
            EQ(got[place(into, 2 * (size_t)(first))], UNTOUCHED);              \
        else                                                                   \
            GIVEN(got, into, (size_t)(first), PAIRS, who)
    DO(form, Neighbor_allgather, neighbor_allgather, own, COUNT(from, PAIRS), TYPE(from), got,
       COUNT(into, PAIRS), TYPE(into), comm);
    BLOCKS(i * PAIRS, sources[i]);
    free(got);
    got = fresh(into, in + 1);
    DO(form, Neighbor_allgatherv, neighbor_allgatherv, own, COUNT(from, PAIRS), TYPE(from), got,
       counts, displs, TYPE(into), comm);
    BLOCKS((ins - 1 - i) * PAIRS, sources[i]);
    free(got);
    free(own);

    own = fresh(from, out + 1);
    got = fresh(into, in + 1);
    for (int i = 0; i < outs; i++) {
        give(own, from, (size_t)i * PAIRS, PAIRS, edge(me, i));
        out_counts[i] = COUNT(from, PAIRS);
        out_displs[i] = COUNT(from, i * PAIRS);
    }
    DO(form, Neighbor_alltoall, neighbor_alltoall, own, COUNT(from, PAIRS), TYPE(from), got,
       COUNT(into, PAIRS), TYPE(into), comm);
    BLOCKS(i * PAIRS, edge(sources[i], ends[i]));
    free(got);
    got = fresh(into, in + 1);
    DO(form, Neighbor_alltoallv, neighbor_alltoallv, own, out_counts, out_displs, TYPE(from), got,
       counts, displs, TYPE(into), comm);
    BLOCKS((ins - 1 - i) * PAIRS, edge(sources[i], ends[i]));
    free(got);
    got = fresh(into, in + 1);
    MPI_Aint at[64], out_at[64];
    MPI_Datatype types[64], out_types[64];
    for (int i = 0; i < ins; i++) {
        at[i] = (MPI_Aint)(place(into, 2 * (size_t)i * PAIRS) * sizeof(int));
        types[i] = TYPE(into);
    }
    for (int i = 0; i < outs; i++) {
        out_at[i] = (MPI_Aint)(place(from, 2 * (size_t)i * PAIRS) * sizeof(int));
        out_types[i] = TYPE(from);
    }
    DO(form, Neighbor_alltoallw, neighbor_alltoallw, own, out_counts, out_at, out_types, got,
       counts, at, types, comm);
    BLOCKS(i * PAIRS, edge(sources[i], ends[i]));
    HOLES_KEPT(got, into, in + 1);
    free(got);
    free(own);
}

static void all(void)
{
    MPI(MPI_Comm_rank(comm, &me));
    for (form = BLOCKING; form < FORMS; form++)
        exchange();
    MPI(MPI_Comm_free(&comm));
}

static void grid(int ndims, const int *dims, const int *periods)
{
    MPI(MPI_Cart_create(MPI_COMM_WORLD, ndims, dims, periods, 0, &comm));
    if (comm == MPI_COMM_NULL)
        return;
    ins = outs = 2 * ndims;
    for (int d = 0; d < ndims; d++) {
        MPI(MPI_Cart_shift(comm, d, 1, &sources[2 * d], &sources[2 * d + 1]));
        /* What comes from below went upwards there, and the other way round. */
        ends[2 * d] = 2 * d + 1;
        ends[2 * d + 1] = 2 * d;
    }
    all();
}

int main(void)
{
    START();
    make_types();
    int none[3] = { 0, 0, 0 }, ring[3] = { 1, 1, 1 }, mixed[3] = { 1, 0, 1 };
    int line[1] = { ranks }, one[1] = { 1 };
    grid(1, line, none);
    grid(1, line, ring);
    grid(1, one, ring);
    int dims[3] = { 0, 0, 0 };
    MPI(MPI_Dims_create(ranks, 2, dims));
    grid(2, dims, ring);
    grid(2, dims, none);
    int cube[3] = { 1, ranks / 2 ? ranks / 2 : 1, ranks > 1 ? 2 : 1 };
    grid(3, cube, ring);
    grid(3, cube, mixed);

    /* Everybody's neighbours are the ranks below, in a graph of pairs. */
    int index[64], edges[4096], n = 0;
    for (int r = 0; r < ranks; r++) {
        for (int other = 0; other < ranks; other++)
            if (other != r && (other + r) % 2)
                edges[n++] = other;
        index[r] = n;
    }
    if (n > 0) {
        MPI(MPI_Graph_create(MPI_COMM_WORLD, ranks, index, edges, 0, &comm));
        int first = rank ? index[rank - 1] : 0;
        ins = outs = index[rank] - first;
        for (int i = 0; i < ins; i++) {
            sources[i] = edges[first + i];
            int theirs = sources[i] ? index[sources[i] - 1] : 0;
            for (int j = theirs; j < index[sources[i]]; j++)
                if (edges[j] == rank)
                    ends[i] = j - theirs;
        }
        all();
    }

    /* Edges to the next two ranks, the next one twice, and to oneself. */
    int out[4] = { (rank + 1) % ranks, (rank + 2) % ranks, (rank + 1) % ranks, rank };
    int in[4] = { (rank + ranks - 1) % ranks, rank, (rank + 2 * ranks - 2) % ranks,
                  (rank + ranks - 1) % ranks };
    if (ranks > 2) {
        MPI(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 4, in, MPI_UNWEIGHTED, 4, out,
                                           MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &comm));
        ins = outs = 4;
        int which[4] = { 0, 3, 1, 2 };
        memcpy(sources, in, sizeof in);
        memcpy(destinations, out, sizeof out);
        memcpy(ends, which, sizeof which);
        all();
    }

    /* Nobody. */
    MPI(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 0, in, MPI_UNWEIGHTED, 0, out,
                                       MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &comm));
    ins = outs = 0;
    all();

    /* No topology. */
    int a[4] = { 0 }, b[4];
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    FAILS(MPI_Neighbor_allgather(a, 1, MPI_INT, b, 1, MPI_INT, MPI_COMM_WORLD), MPI_ERR_TOPOLOGY);
    MPI(MPI_Type_free(&with_holes));
    PASSED();
}
