//! Process topologies (MPI 5.0, chapter 8).

use super::prelude::*;

export! {
    /// Section 8.5.1, Cartesian constructor.
    fn MPI_Cart_create(
        comm_old: MPI_Comm, ndims: c_int, dims: *const c_int, periods: *const c_int,
        reorder: c_int, comm_cart: *mut MPI_Comm,
    ) on comm_old;

    /// Section 8.5.2, Cartesian convenience function.
    fn MPI_Dims_create(nnodes: c_int, ndims: c_int, dims: *mut c_int);

    /// Section 8.5.3, graph constructor.
    fn MPI_Graph_create(
        comm_old: MPI_Comm, nnodes: c_int, indx: *const c_int, edges: *const c_int,
        reorder: c_int, comm_graph: *mut MPI_Comm,
    ) on comm_old;

    /// Section 8.5.4, distributed graph constructor.
    fn MPI_Dist_graph_create(
        comm_old: MPI_Comm, n: c_int, sources: *const c_int, degrees: *const c_int,
        destinations: *const c_int, weights: *const c_int, info: MPI_Info, reorder: c_int,
        comm_dist_graph: *mut MPI_Comm,
    ) on comm_old;

    /// Section 8.5.4, distributed graph constructor.
    fn MPI_Dist_graph_create_adjacent(
        comm_old: MPI_Comm, indegree: c_int, sources: *const c_int,
        sourceweights: *const c_int, outdegree: c_int, destinations: *const c_int,
        destweights: *const c_int, info: MPI_Info, reorder: c_int,
        comm_dist_graph: *mut MPI_Comm,
    ) on comm_old;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cart_coords(comm: MPI_Comm, rank: c_int, maxdims: c_int, coords: *mut c_int) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cart_get(
        comm: MPI_Comm, maxdims: c_int, dims: *mut c_int, periods: *mut c_int,
        coords: *mut c_int,
    ) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cart_rank(comm: MPI_Comm, coords: *const c_int, rank: *mut c_int) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cartdim_get(comm: MPI_Comm, ndims: *mut c_int) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Dist_graph_neighbors(
        comm: MPI_Comm, maxindegree: c_int, sources: *mut c_int, sourceweights: *mut c_int,
        maxoutdegree: c_int, destinations: *mut c_int, destweights: *mut c_int,
    ) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Dist_graph_neighbors_count(
        comm: MPI_Comm, indegree: *mut c_int, outdegree: *mut c_int, weighted: *mut c_int,
    ) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graph_get(
        comm: MPI_Comm, maxindex: c_int, maxedges: c_int, indx: *mut c_int, edges: *mut c_int,
    ) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graph_neighbors(
        comm: MPI_Comm, rank: c_int, maxneighbors: c_int, neighbors: *mut c_int,
    ) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graph_neighbors_count(comm: MPI_Comm, rank: c_int, nneighbors: *mut c_int) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graphdims_get(comm: MPI_Comm, nnodes: *mut c_int, nedges: *mut c_int) on comm;

    /// Section 8.5.5, topology inquiry.
    fn MPI_Topo_test(comm: MPI_Comm, status: *mut c_int) on comm;

    /// Section 8.5.6, Cartesian shift.
    fn MPI_Cart_shift(
        comm: MPI_Comm, direction: c_int, disp: c_int, rank_source: *mut c_int,
        rank_dest: *mut c_int,
    ) on comm;

    /// Section 8.5.7, partitioning of Cartesian structures.
    fn MPI_Cart_sub(comm: MPI_Comm, remain_dims: *const c_int, newcomm: *mut MPI_Comm) on comm;

    /// Section 8.5.8, low-level topology functions.
    fn MPI_Cart_map(
        comm: MPI_Comm, ndims: c_int, dims: *const c_int, periods: *const c_int,
        newrank: *mut c_int,
    ) on comm;

    /// Section 8.5.8, low-level topology functions.
    fn MPI_Graph_map(
        comm: MPI_Comm, nnodes: c_int, indx: *const c_int, edges: *const c_int,
        newrank: *mut c_int,
    ) on comm;
}
