/* Topologies whose ranks may be reordered (MPI 5.0, sections 8.5.1, 8.5.3, 8.5.4
   and 8.5.8). Whatever the order is, coordinates, ranks, neighbours and messages
   agree, and no more edges lead from core to core than before. With the argument
   «moved», ranks are bound to two cores in turn, and fewer must. */
#define _GNU_SOURCE
#include "comms.h"
#include <sched.h>

/* GCC takes MPI_UNWEIGHTED, which is no address, for an empty array. */
#pragma GCC diagnostic ignored "-Wstringop-overread"
#pragma GCC diagnostic ignored "-Wstringop-overflow"

static int moved, *core; /* core: by rank in MPI_COMM_WORLD */

/* The first processor that this process may run on, which stands for its core. */
static int processor(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            return i;
    return -1;
}

/* Which ranks of MPI_COMM_WORLD the ranks of comm are; each comes once. */
static int *members(MPI_Comm comm)
{
    int n, *all, *seen = calloc((size_t)ranks, sizeof *seen);
    MPI(MPI_Comm_size(comm, &n));
    all = malloc((size_t)n * sizeof *all);
    MPI(MPI_Allgather(&rank, 1, MPI_INT, all, 1, MPI_INT, comm));
    for (int i = 0; i < n; i++)
        EQ(seen[all[i]]++, 0);
    free(seen);
    return all;
}

/* What those edges to destinations weigh that lead to other cores, from all
   processes together: if ranks had kept their order, and as it is. */
static void edges(MPI_Comm comm, int count, const int *destinations, const int *weights, int far[2])
{
    int own, own_count[2] = {0, 0}, *world = members(comm);
    MPI(MPI_Comm_rank(comm, &own));
    for (int i = 0; i < count; i++)
        if (destinations[i] != MPI_PROC_NULL) {
            int weight = weights ? weights[i] : 1;
            own_count[0] += weight * (core[own] != core[destinations[i]]);
            own_count[1] += weight * (core[world[own]] != core[world[destinations[i]]]);
        }
    MPI(MPI_Allreduce(own_count, far, 2, MPI_INT, MPI_SUM, comm));
    CHECK(far[1] <= far[0], "%d between cores instead of %d", far[1], far[0]);
    free(world);
}

/* Every neighbour sends its rank in comm. */
static void talk(MPI_Comm comm, int in, const int *sources, int out, const int *destinations)
{
    int own, *got = malloc((size_t)(in + 1) * sizeof *got);
    MPI_Request *requests = malloc((size_t)(in + out + 1) * sizeof *requests);
    MPI(MPI_Comm_rank(comm, &own));
    for (int i = 0; i < in; i++)
        MPI(MPI_Irecv(&got[i], 1, MPI_INT, sources[i], 5, comm, &requests[i]));
    for (int i = 0; i < out; i++)
        MPI(MPI_Isend(&own, 1, MPI_INT, destinations[i], 5, comm, &requests[in + i]));
    MPI(MPI_Waitall(in + out, requests, MPI_STATUSES_IGNORE));
    for (int i = 0; i < in; i++)
        if (sources[i] != MPI_PROC_NULL)
            EQ(got[i], sources[i]);
    for (int i = 0; i < in; i++)
        got[i] = MPI_PROC_NULL;
    MPI(MPI_Neighbor_allgather(&own, 1, MPI_INT, got, 1, MPI_INT, comm));
    for (int i = 0; i < in; i++)
        EQ(got[i], sources[i]);
    free(got);
    free(requests);
}

/* A grid of the first so many processes. */
static void grid(int ndims, const int *dims, const int *periods)
{
    MPI_Comm comm;
    int size = 1, mapped, own, back, far[2], coords[3], near[6];
    for (int i = 0; i < ndims; i++)
        size *= dims[i];
    MPI(MPI_Cart_map(MPI_COMM_WORLD, ndims, dims, periods, &mapped));
    MPI(MPI_Cart_create(MPI_COMM_WORLD, ndims, dims, periods, 1, &comm));
    if (comm == MPI_COMM_NULL) {
        EQ(mapped, MPI_UNDEFINED);
        return;
    }
    WORKS(comm, size, mapped);
    MPI(MPI_Comm_rank(comm, &own));
    for (int r = 0; r < size; r++) {
        MPI(MPI_Cart_coords(comm, r, ndims, coords));
        MPI(MPI_Cart_rank(comm, coords, &back));
        EQ(back, r);
    }
    MPI(MPI_Cart_coords(comm, own, ndims, coords));
    for (int i = 0; i < ndims; i++) {
        int token[2] = {own, -1}, at[3];
        MPI(MPI_Cart_shift(comm, i, 1, &near[2 * i], &near[2 * i + 1]));
        for (int side = 0; side < 2; side++) {
            memcpy(at, coords, sizeof at);
            at[i] += 2 * side - 1;
            back = MPI_PROC_NULL;
            if (periods[i] || (at[i] >= 0 && at[i] < dims[i]))
                MPI(MPI_Cart_rank(comm, at, &back));
            EQ(near[2 * i + side], back);
        }
        MPI(MPI_Sendrecv(&token[0], 1, MPI_INT, near[2 * i + 1], i, &token[1], 1, MPI_INT, near[2 * i], i, comm, MPI_STATUS_IGNORE));
        EQ(token[1], near[2 * i] == MPI_PROC_NULL ? -1 : near[2 * i]);
    }
    /* In a ring of two, all messages from one side are alike. */
    talk(comm, 2 * ndims, near, 2 * ndims, near);
    edges(comm, 2 * ndims, near, NULL, far);
    if (moved && ndims == 1 && size >= 4)
        CHECK(far[1] < far[0], "%d between cores as before", far[1]);
    MPI(MPI_Comm_free(&comm));
}

/* A chain as a graph. */
static void chain(void)
{
    MPI_Comm comm;
    int mapped, own, n, near[2], far[2];
    int *index = malloc((size_t)ranks * sizeof *index), *ends = malloc(2 * (size_t)ranks * sizeof *ends);
    n = 0;
    for (int i = 0; i < ranks; i++) {
        if (i > 0)
            ends[n++] = i - 1;
        if (i + 1 < ranks)
            ends[n++] = i + 1;
        index[i] = n;
    }
    MPI(MPI_Graph_map(MPI_COMM_WORLD, ranks, index, ends, &mapped));
    MPI(MPI_Graph_create(MPI_COMM_WORLD, ranks, index, ends, 1, &comm));
    WORKS(comm, ranks, mapped);
    MPI(MPI_Comm_rank(comm, &own));
    MPI(MPI_Graph_neighbors_count(comm, own, &n));
    EQ(n, (own > 0) + (own + 1 < ranks));
    MPI(MPI_Graph_neighbors(comm, own, 2, near));
    talk(comm, n, near, n, near);
    edges(comm, n, near, NULL, far);
    if (moved && ranks >= 4)
        CHECK(far[1] < far[0], "%d between cores as before", far[1]);
    MPI(MPI_Comm_free(&comm));
    free(index);
    free(ends);
}

/* Edges come with their node: node i sends to i + 1, with weight 10 i, and the
   last one to nobody. */
static void check_line(MPI_Comm comm)
{
    int own, in, out, weighted, source[1], from[1] = {-1}, destination[1], to[1] = {-1}, far[2];
    WORKS(comm, ranks, -1);
    MPI(MPI_Comm_rank(comm, &own));
    MPI(MPI_Dist_graph_neighbors_count(comm, &in, &out, &weighted));
    CHECK(in == (own > 0) && out == (own + 1 < ranks) && weighted, "%d %d %d", in, out, weighted);
    MPI(MPI_Dist_graph_neighbors(comm, 1, source, from, 1, destination, to));
    if (in) {
        EQ(source[0], own - 1);
        EQ(from[0], 10 * (own - 1) + 1);
    }
    if (out) {
        EQ(destination[0], own + 1);
        EQ(to[0], 10 * own + 1);
    }
    talk(comm, in, source, out, destination);
    edges(comm, out, destination, to, far);
    if (moved && ranks >= 4)
        CHECK(far[1] < far[0], "%d between cores as before", far[1]);
}

static void distributed(void)
{
    MPI_Comm comm;
    int left = rank - 1, right = rank + 1, in = rank > 0, out = rank + 1 < ranks;
    int from = 10 * left + 1, to = 10 * rank + 1;
    MPI(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, in, &left, &from, out, &right, &to, MPI_INFO_NULL, 1, &comm));
    check_line(comm);
    MPI(MPI_Comm_free(&comm));

    /* Each process gives the edge of the next one's node. */
    int node = (rank + 1) % ranks, next = node + 1, one = 1, weight = 10 * node + 1;
    MPI(MPI_Dist_graph_create(MPI_COMM_WORLD, next < ranks, &node, &one, &next, &weight, MPI_INFO_NULL, 1, &comm));
    check_line(comm);
    MPI(MPI_Comm_free(&comm));
}

int main(int argc, char **argv)
{
    START();
    moved = argc > 1 && !strcmp(argv[1], "moved");
    int here = processor();
    core = malloc((size_t)ranks * sizeof *core);
    MPI(MPI_Allgather(&here, 1, MPI_INT, core, 1, MPI_INT, MPI_COMM_WORLD));
    for (int ring = 0; ring < 2; ring++) {
        int periods[3] = {ring, 0, ring}, dims[3];
        for (int ndims = 1; ndims <= 3; ndims++) {
            memset(dims, 0, sizeof dims);
            MPI(MPI_Dims_create(ranks, ndims, dims));
            grid(ndims, dims, periods);
        }
        dims[0] = ranks / 2 + 1; /* not everybody is in it */
        grid(1, dims, periods);
    }
    grid(2, (int[]){1, ranks}, (int[]){0, 1});
    chain();
    distributed();
    free(core);
    PASSED();
}
