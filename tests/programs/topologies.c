/* Process topologies (MPI 5.0, chapter 8): grids, graphs, distributed graphs,
   and collectives with their neighbours. */
#include "comms.h"

/* GCC takes MPI_UNWEIGHTED, which is no address, for an empty array. */
#pragma GCC diagnostic ignored "-Wstringop-overread"
#pragma GCC diagnostic ignored "-Wstringop-overflow"

static void grids(void)
{
    int dims[2] = {0, 0}, periods[2] = {1, 0}, got[2], rings[2], coords[2], n, status;
    MPI_Comm grid, row, rest;
    MPI(MPI_Dims_create(ranks, 2, dims));
    EQ(dims[0] * dims[1], ranks);
    CHECK(dims[0] >= dims[1], "%d %d", dims[0], dims[1]);
    MPI(MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 1, &grid));
    WORKS(grid, ranks, -1);
    MPI(MPI_Topo_test(grid, &status));
    EQ(status, MPI_CART);
    MPI(MPI_Topo_test(MPI_COMM_WORLD, &status));
    EQ(status, MPI_UNDEFINED);
    MPI(MPI_Cartdim_get(grid, &n));
    EQ(n, 2);
    MPI(MPI_Cart_get(grid, 2, got, rings, coords));
    CHECK(got[0] == dims[0] && got[1] == dims[1] && rings[0] == 1 && rings[1] == 0, "not so");
    int own, back, at[2];
    MPI(MPI_Comm_rank(grid, &own));
    MPI(MPI_Cart_rank(grid, coords, &back));
    EQ(back, own);
    EQ(coords[0] * dims[1] + coords[1], own);
    at[0] = coords[0] - 3 * dims[0]; /* around the ring */
    at[1] = coords[1];
    MPI(MPI_Cart_rank(grid, at, &back));
    EQ(back, own);
    at[1] = dims[1];
    for (int r = 0; r < ranks; r++) {
        MPI(MPI_Cart_coords(grid, r, 2, got));
        EQ(got[0] * dims[1] + got[1], r);
    }

    /* Along the ring, and up to the wall. */
    int from, to, token;
    MPI(MPI_Cart_shift(grid, 0, 1, &from, &to));
    MPI(MPI_Sendrecv(&own, 1, MPI_INT, to, 0, &token, 1, MPI_INT, from, 0, grid, MPI_STATUS_IGNORE));
    EQ(token, (coords[0] + dims[0] - 1) % dims[0] * dims[1] + coords[1]);
    MPI(MPI_Cart_shift(grid, 1, 1, &from, &to));
    token = -5;
    MPI(MPI_Sendrecv(&own, 1, MPI_INT, to, 0, &token, 1, MPI_INT, from, 0, grid, MPI_STATUS_IGNORE));
    EQ(token, coords[1] ? own - 1 : -5);
    EQ(to, coords[1] + 1 < dims[1] ? own + 1 : MPI_PROC_NULL);

    /* Every neighbour's rank, in the standard's order. */
    int heard[4] = {-9, -9, -9, -9};
    MPI(MPI_Neighbor_allgather(&own, 1, MPI_INT, heard, 1, MPI_INT, grid));
    EQ(heard[0], (coords[0] + dims[0] - 1) % dims[0] * dims[1] + coords[1]);
    EQ(heard[1], (coords[0] + 1) % dims[0] * dims[1] + coords[1]);
    EQ(heard[2], coords[1] ? own - 1 : -9);
    EQ(heard[3], coords[1] + 1 < dims[1] ? own + 1 : -9);
    int out[4] = {own * 4, own * 4 + 1, own * 4 + 2, own * 4 + 3};
    memset(heard, 0xff, sizeof heard);
    MPI(MPI_Neighbor_alltoall(out, 1, MPI_INT, heard, 1, MPI_INT, grid));
    EQ(heard[0], ((coords[0] + dims[0] - 1) % dims[0] * dims[1] + coords[1]) * 4 + 1);
    EQ(heard[1], ((coords[0] + 1) % dims[0] * dims[1] + coords[1]) * 4);

    /* Rows keep the second dimension. */
    MPI(MPI_Cart_sub(grid, (int[]){0, 1}, &row));
    WORKS(row, dims[1], coords[1]);
    MPI(MPI_Cart_get(row, 1, got, rings, at));
    CHECK(got[0] == dims[1] && rings[0] == 0 && at[0] == coords[1], "not so");
    MPI(MPI_Comm_free(&row));
    MPI(MPI_Cart_sub(grid, (int[]){0, 0}, &row));
    WORKS(row, 1, 0);
    MPI(MPI_Cartdim_get(row, &n));
    EQ(n, 0);
    MPI(MPI_Comm_free(&row));
    MPI(MPI_Comm_dup(grid, &row));
    MPI(MPI_Topo_test(row, &status));
    EQ(status, MPI_CART);
    MPI(MPI_Comm_free(&row));
    MPI(MPI_Comm_split(grid, 0, 0, &row));
    MPI(MPI_Topo_test(row, &status));
    EQ(status, MPI_UNDEFINED);
    MPI(MPI_Comm_free(&row));

    /* A grid smaller than the world leaves processes out. */
    int line = (ranks + 1) / 2;
    MPI(MPI_Cart_create(MPI_COMM_WORLD, 1, &line, &(int){0}, 0, &rest));
    if (rank < line) {
        WORKS(rest, line, rank);
        MPI(MPI_Comm_free(&rest));
    } else
        NONE(rest);
    MPI(MPI_Cart_create(MPI_COMM_WORLD, 0, NULL, NULL, 0, &rest));
    if (rank == 0) {
        WORKS(rest, 1, 0);
        MPI(MPI_Comm_free(&rest));
    } else
        NONE(rest);
    MPI(MPI_Cart_map(MPI_COMM_WORLD, 1, &line, &(int){0}, &n));
    EQ(n, rank < line ? rank : MPI_UNDEFINED);

    /* Wrong arguments. */
    int big = ranks + 1;
    MPI(MPI_Comm_set_errhandler(grid, MPI_ERRORS_RETURN));
    CHECK(MPI_Cart_create(MPI_COMM_WORLD, 1, &big, &(int){0}, 0, &rest) != MPI_SUCCESS, "not so");
    CHECK(MPI_Cart_create(MPI_COMM_WORLD, 1, &(int){-1}, &(int){0}, 0, &rest) != MPI_SUCCESS, "not so");
    CHECK(MPI_Cart_create(MPI_COMM_WORLD, -1, NULL, NULL, 0, &rest) != MPI_SUCCESS, "not so");
    CHECK(MPI_Dims_create(7, 2, (int[]){0, 3}) != MPI_SUCCESS, "not so");
    CHECK(MPI_Dims_create(6, 2, (int[]){0, -3}) != MPI_SUCCESS, "not so");
    FAILS(MPI_Cart_coords(grid, ranks, 2, got), MPI_ERR_RANK);
    FAILS(MPI_Cart_coords(grid, 0, 1, got), MPI_ERR_ARG);
    FAILS(MPI_Cart_rank(grid, (int[]){0, dims[1]}, &back), MPI_ERR_ARG);
    FAILS(MPI_Cart_shift(grid, 2, 1, &from, &to), MPI_ERR_ARG);
    FAILS(MPI_Cartdim_get(MPI_COMM_WORLD, &n), MPI_ERR_TOPOLOGY);
    FAILS(MPI_Graphdims_get(grid, &n, &n), MPI_ERR_TOPOLOGY);
    MPI(MPI_Comm_free(&grid));
}

/* A ring, each process with its two neighbours. */
static void graphs(void)
{
    int *index = malloc((size_t)ranks * sizeof *index), *edges = malloc((size_t)ranks * 2 * sizeof *edges);
    int left = (rank + ranks - 1) % ranks, right = (rank + 1) % ranks, n, m, status, pair[2];
    MPI_Comm ring;
    for (int i = 0; i < ranks; i++) {
        index[i] = 2 * i + 2;
        edges[2 * i] = (i + ranks - 1) % ranks;
        edges[2 * i + 1] = (i + 1) % ranks;
    }
    MPI(MPI_Graph_create(MPI_COMM_WORLD, ranks, index, edges, 0, &ring));
    WORKS(ring, ranks, rank);
    MPI(MPI_Topo_test(ring, &status));
    EQ(status, MPI_GRAPH);
    MPI(MPI_Graphdims_get(ring, &n, &m));
    CHECK(n == ranks && m == 2 * ranks, "%d %d", n, m);
    MPI(MPI_Graph_neighbors_count(ring, rank, &n));
    EQ(n, 2);
    MPI(MPI_Graph_neighbors(ring, rank, 2, pair));
    CHECK(pair[0] == left && pair[1] == right, "%d %d", pair[0], pair[1]);
    memset(index, 0, (size_t)ranks * sizeof *index);
    memset(edges, 0, (size_t)ranks * 2 * sizeof *edges);
    MPI(MPI_Graph_get(ring, ranks, 2 * ranks, index, edges));
    EQ(index[ranks - 1], 2 * ranks);
    EQ(edges[2 * rank + 1], right);
    MPI(MPI_Neighbor_allgather(&rank, 1, MPI_INT, pair, 1, MPI_INT, ring));
    CHECK(pair[0] == left && pair[1] == right, "%d %d", pair[0], pair[1]);
    MPI(MPI_Graph_map(MPI_COMM_WORLD, ranks, index, edges, &n));
    EQ(n, rank);
    edges[0] = ranks;
    MPI_Comm bad;
    CHECK(MPI_Graph_create(MPI_COMM_WORLD, ranks, index, edges, 0, &bad) != MPI_SUCCESS, "not so");
    MPI(MPI_Comm_free(&ring));
    free(index);
    free(edges);
}

static void distributed(void)
{
    int left = (rank + ranks - 1) % ranks, right = (rank + 1) % ranks;
    int n, m, weighted, status, in[2], out[2], inw[2], outw[2], heard = -1;
    MPI_Comm ring, star, empty;
    /* One way around. */
    MPI(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, &left, MPI_UNWEIGHTED, 1, &right, MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &ring));
    WORKS(ring, ranks, rank);
    MPI(MPI_Topo_test(ring, &status));
    EQ(status, MPI_DIST_GRAPH);
    MPI(MPI_Dist_graph_neighbors_count(ring, &n, &m, &weighted));
    CHECK(n == 1 && m == 1 && !weighted, "%d %d %d", n, m, weighted);
    MPI(MPI_Neighbor_allgather(&rank, 1, MPI_INT, &heard, 1, MPI_INT, ring));
    EQ(heard, left);
    MPI(MPI_Comm_free(&ring));

    /* The same, each edge given by the rank two further on, with weights. */
    int source = (rank + 2) % ranks, target = (rank + 3) % ranks, weight = 10 + source;
    MPI(MPI_Dist_graph_create(MPI_COMM_WORLD, 1, &source, &(int){1}, &target, &weight, MPI_INFO_NULL, 0, &ring));
    MPI(MPI_Dist_graph_neighbors_count(ring, &n, &m, &weighted));
    CHECK(n == 1 && m == 1 && weighted, "%d %d %d", n, m, weighted);
    MPI(MPI_Dist_graph_neighbors(ring, 2, in, inw, 2, out, outw));
    CHECK(in[0] == left && out[0] == right, "%d %d", in[0], out[0]);
    CHECK(inw[0] == 10 + left && outw[0] == 10 + rank, "%d %d", inw[0], outw[0]);
    MPI(MPI_Neighbor_allgather(&rank, 1, MPI_INT, &heard, 1, MPI_INT, ring));
    EQ(heard, left);
    MPI(MPI_Comm_free(&ring));

    /* Rank 0 gives all edges of a star, to itself too. */
    int *all = malloc((size_t)ranks * sizeof *all), *got = malloc((size_t)ranks * sizeof *got);
    for (int i = 0; i < ranks; i++)
        all[i] = i;
    MPI(MPI_Dist_graph_create(MPI_COMM_WORLD, rank == 0, &(int){0}, &ranks, all, MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &star));
    MPI(MPI_Dist_graph_neighbors_count(star, &n, &m, &weighted));
    CHECK(n == 1 && m == (rank ? 0 : ranks) && !weighted, "%d %d", n, m);
    for (int i = 0; i < ranks; i++)
        all[i] = 7 * i;
    MPI(MPI_Neighbor_alltoall(all, 1, MPI_INT, &heard, 1, MPI_INT, star));
    EQ(heard, 7 * rank);
    if (rank == 0) {
        MPI(MPI_Dist_graph_neighbors(star, 1, in, MPI_UNWEIGHTED, ranks - 1, got, MPI_UNWEIGHTED));
        for (int i = 0; i + 1 < ranks; i++)
            EQ(got[i], i);
    }
    MPI(MPI_Comm_free(&star));
    MPI(MPI_Dist_graph_create(MPI_COMM_WORLD, 0, NULL, NULL, NULL, MPI_WEIGHTS_EMPTY, MPI_INFO_NULL, 0, &empty));
    MPI(MPI_Dist_graph_neighbors_count(empty, &n, &m, &weighted));
    CHECK(n == 0 && m == 0 && weighted, "%d %d %d", n, m, weighted);
    MPI(MPI_Comm_free(&empty));
    MPI_Comm bad;
    FAILS(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, &ranks, MPI_UNWEIGHTED, 0, NULL, MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &bad), MPI_ERR_ARG);
    FAILS(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, &left, MPI_UNWEIGHTED, 1, &right, &weight, MPI_INFO_NULL, 0, &bad), MPI_ERR_ARG);
    free(all);
    free(got);
}

int main(void)
{
    START();
    MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    grids();
    graphs();
    distributed();
    PASSED();
}
