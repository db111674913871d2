/* Cartesian, graph and distributed-graph topologies, and MPI_Dims_create. */
#include "oracle.h"

static void dims(void)
{
    for (int n = 1; n <= 128; n += rank ? 37 : 1)
        for (int d = 1; d <= 4; d++)
            for (int fixed = 0; fixed < 3; fixed++) {
                int size[4] = {0};
                if (fixed && d > 1)
                    size[fixed % d] = 1 + fixed;
                int code = MPI_Dims_create(n, d, size);
                say("dims %d/%d/%d: %s", n, d, fixed, class_name(code));
                for (int i = 0; code == MPI_SUCCESS && i < d; i++)
                    say(" %d", size[i]);
                say("\n");
            }
}

static void cart(int d, int periodic)
{
    int size[4] = {0}, periods[4], coords[4], got[4], got_periods[4], kind, n;
    MPI_Comm grid, sub;
    MPI_Dims_create(ranks, d, size);
    for (int i = 0; i < d; i++)
        periods[i] = periodic >> i & 1;
    int code = MPI_Cart_create(MPI_COMM_WORLD, d, size, periods, 0, &grid);
    say("cart %d %d: %s\n", d, periodic, class_name(code));
    MPI_Comm_set_errhandler(grid, MPI_ERRORS_RETURN);
    MPI_Topo_test(grid, &kind);
    MPI_Cartdim_get(grid, &n);
    MPI_Cart_get(grid, d, got, got_periods, coords);
    say("  %d %d:", kind == MPI_CART, n);
    for (int i = 0; i < d; i++)
        say(" %d %d %d", got[i], got_periods[i], coords[i]);
    say("\n");
    for (int i = 0; i < ranks; i++) {
        MPI_Cart_coords(grid, i, d, coords);
        MPI_Cart_rank(grid, coords, &n);
        say("  %d at", i);
        for (int j = 0; j < d; j++)
            say(" %d", coords[j]);
        say(" is %d\n", n);
        for (int j = 0; j < d; j++)
            coords[j] += periods[j] ? 3 * (j + 1) * (j % 2 ? -1 : 1) * size[j] + 1 : 0;
        code = MPI_Cart_rank(grid, coords, &n);
        say("  wrapped: %s %d\n", class_name(code), n);
    }
    for (int i = 0; i < d; i++)
        for (int by = -ranks - 1; by <= ranks + 1; by++) {
            int from, to;
            MPI_Cart_shift(grid, i, by, &from, &to);
            say("  shift %d %d: %s %s\n", i, by, number(from), number(to));
        }
    for (int keep = 0; keep < 1 << d; keep++) {
        int remain[4], kept, place, members;
        for (int i = 0; i < d; i++)
            remain[i] = keep >> i & 1;
        MPI_Cart_sub(grid, remain, &sub);
        MPI_Comm_rank(sub, &place);
        MPI_Comm_size(sub, &members);
        MPI_Cartdim_get(sub, &kept);
        say("  sub %d: %d of %d, %d dimensions:", keep, place, members, kept);
        MPI_Cart_get(sub, 4, got, got_periods, coords);
        for (int i = 0; i < kept; i++)
            say(" %d %d %d", got[i], got_periods[i], coords[i]);
        say("\n");
        MPI_Comm_free(&sub);
    }
    code = MPI_Cart_map(MPI_COMM_WORLD, d, size, periods, &n);
    say("  map: %s %d\n", class_name(code), n >= 0 && n < ranks);
    /* neighbours, in the order of the standard */
    int mine = rank, heard[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    MPI_Neighbor_allgather(&mine, 1, MPI_INT, heard, 1, MPI_INT, grid);
    say("  heard");
    for (int i = 0; i < 2 * d; i++)
        say(" %d", heard[i]);
    say("\n");
    MPI_Comm dup;
    MPI_Comm_dup(grid, &dup);
    MPI_Topo_test(dup, &kind);
    say("  a duplicate is one: %d\n", kind == MPI_CART);
    MPI_Comm_free(&dup);
    MPI_Comm_free(&grid);
}

static void graph(void)
{
    int index[16], edges[64], n = 0, kind, nodes, arcs, got[64], got_index[16];
    MPI_Comm ring;
    for (int i = 0; i < ranks; i++) {
        edges[n++] = (i + 1) % ranks;
        edges[n++] = (i + ranks - 1) % ranks;
        if (i == 0)
            edges[n++] = 0;
        index[i] = n;
    }
    int code = MPI_Graph_create(MPI_COMM_WORLD, ranks, index, edges, 0, &ring);
    say("graph: %s\n", class_name(code));
    MPI_Topo_test(ring, &kind);
    MPI_Graphdims_get(ring, &nodes, &arcs);
    MPI_Graph_get(ring, 16, 64, got_index, got);
    say("  %d %d %d:", kind == MPI_GRAPH, nodes, arcs);
    for (int i = 0; i < nodes; i++)
        say(" %d", got_index[i]);
    for (int i = 0; i < arcs; i++)
        say(" %d", got[i]);
    say("\n");
    for (int i = 0; i < ranks; i++) {
        MPI_Graph_neighbors_count(ring, i, &n);
        MPI_Graph_neighbors(ring, i, 64, got);
        say("  %d:", i);
        for (int j = 0; j < n; j++)
            say(" %d", got[j]);
        say("\n");
    }
    MPI_Comm_free(&ring);
    if (ranks > 1) { /* the last one stays outside */
        for (int i = 0; i < ranks - 1; i++)
            index[i] = i + 1, edges[i] = (i + 1) % (ranks - 1);
        MPI_Graph_create(MPI_COMM_WORLD, ranks - 1, index, edges, 0, &ring);
        say("  smaller: %s\n", ring == MPI_COMM_NULL ? "outside" : "inside");
        if (ring != MPI_COMM_NULL)
            MPI_Comm_free(&ring);
    }
}

static void dist_graph(int weighted)
{
    MPI_Comm made;
    int sources[3], targets[3], in[3], out[3], n_in = 1 + rank % 2, n_out = 0;
    /* i sends to i+1, and even ones to i+2 too */
    sources[0] = (rank + ranks - 1) % ranks, in[0] = 10 + rank;
    n_in = 1;
    if ((rank + 2 * ranks - 2) % ranks % 2 == 0)
        sources[n_in] = (rank + 2 * ranks - 2) % ranks, in[n_in++] = 20 + rank;
    targets[n_out] = (rank + 1) % ranks, out[n_out++] = 30 + rank;
    if (rank % 2 == 0)
        targets[n_out] = (rank + 2) % ranks, out[n_out++] = 40 + rank;
    int code = MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, n_in, sources, weighted ? in : MPI_UNWEIGHTED, n_out, targets,
                                              weighted ? out : MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &made);
    say("dist_graph_adjacent %d: %s", weighted, class_name(code));
    for (int again = 0; again < 2; again++) {
        int count_in, count_out, has, kind, from[16], to[16], from_weight[16], to_weight[16];
        MPI_Topo_test(made, &kind);
        MPI_Dist_graph_neighbors_count(made, &count_in, &count_out, &has);
        MPI_Dist_graph_neighbors(made, count_in, from, has ? from_weight : MPI_UNWEIGHTED, count_out, to, has ? to_weight : MPI_UNWEIGHTED);
        say(" %d %d %d %d:", kind == MPI_DIST_GRAPH, count_in, count_out, has);
        if (again) /* their order is not laid down */
            for (int i = 0; i < 2; i++)
                for (int j = 0, n = i ? count_out : count_in, *a = i ? to : from, *w = i ? to_weight : from_weight; j < n; j++)
                    for (int k = 0; k + 1 < n; k++)
                        if (a[k] > a[k + 1]) {
                            int swap = a[k];
                            a[k] = a[k + 1], a[k + 1] = swap;
                            if (has)
                                swap = w[k], w[k] = w[k + 1], w[k + 1] = swap;
                        }
        for (int i = 0; i < count_in; i++)
            say(" %d/%d", from[i], has ? from_weight[i] : -1);
        say(" ->");
        for (int i = 0; i < count_out; i++)
            say(" %d/%d", to[i], has ? to_weight[i] : -1);
        say("\n");
        MPI_Comm_free(&made);
        if (again)
            break;
        /* each names edges of another */
        int who = (rank + 1) % ranks, degree = 2, ends[2] = {(rank + 2) % ranks, (rank + 1) % ranks}, weights[2] = {rank, rank + 100};
        if (ranks < 3)
            degree = 1;
        code = MPI_Dist_graph_create(MPI_COMM_WORLD, 1, &who, &degree, ends, weighted ? weights : MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &made);
        say("dist_graph %d: %s", weighted, class_name(code));
    }
}

int main(void)
{
    begin();
    dims();
    for (int d = 1; d <= 3; d++)
        for (int periodic = 0; periodic < 1 << d; periodic += 1 + (d == 3))
            cart(d, periodic);
    graph();
    dist_graph(0);
    dist_graph(1);
    return finish();
}
