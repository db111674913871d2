//! Process topologies (MPI 5.0, chapter 8).

use super::prelude::*;
use super::topo_arg::*;
use crate::pml::collective;
use crate::topo::make::{self, Edges};
use crate::topo::{self, cart, dims, graph};
use wireup::collective::Kind;

export! {
    /// Section 8.5.1, Cartesian constructor.
    fn MPI_Cart_create(
        comm_old: MPI_Comm, ndims: c_int, dims: *const c_int, periods: *const c_int,
        reorder: c_int, comm_cart: *mut MPI_Comm,
    ) on comm_old {
        let n = arg::number(ndims, "ndims")?;
        let (dims, periods) = (arg::slice(dims, n, "dims")?, arg::slice(periods, n, "periods")?);
        let comm = arg::comm(comm_old)?;
        let new = collective::settle(comm, Kind::CART_CREATE, || {
            make::cart(comm, cart::grid(dims, periods)?, reorder != 0)
        })?;
        arg::put(comm_cart, "comm_cart", MPI_Comm(new))
    }

    /// Section 8.5.2, Cartesian convenience function.
    fn MPI_Dims_create(nnodes: c_int, ndims: c_int, dims: *mut c_int) {
        dims::create(nnodes, arg::slice_mut(dims, arg::number(ndims, "ndims")?, "dims")?)
    }

    /// Section 8.5.3, graph constructor.
    fn MPI_Graph_create(
        comm_old: MPI_Comm, nnodes: c_int, indx: *const c_int, edges: *const c_int,
        reorder: c_int, comm_graph: *mut MPI_Comm,
    ) on comm_old {
        let comm = arg::comm(comm_old)?;
        let new = collective::settle(comm, Kind::GRAPH_CREATE, || {
            make::graph(comm, graph_arg(nnodes, indx, edges)?, reorder != 0)
        })?;
        arg::put(comm_graph, "comm_graph", MPI_Comm(new))
    }

    /// Section 8.5.4, distributed graph constructor.
    fn MPI_Dist_graph_create(
        comm_old: MPI_Comm, n: c_int, sources: *const c_int, degrees: *const c_int,
        destinations: *const c_int, weights: *const c_int, info: MPI_Info, reorder: c_int,
        comm_dist_graph: *mut MPI_Comm,
    ) on comm_old {
        let n = arg::number(n, "n")?;
        let sources = arg::slice(sources, n, "sources")?;
        let degrees = arg::slice(degrees, n, "degrees")?;
        let count = sum_degrees(degrees)?;
        let destinations = arg::slice(destinations, count, "destinations")?;
        let weights = weights_arg(weights, count, "weights")?;
        arg::hints(info)?;
        let edges = Edges { sources, degrees, destinations, weights };
        let comm = arg::comm(comm_old)?;
        let new = collective::settle(comm, Kind::DIST_GRAPH_CREATE, || {
            make::dist_graph(comm, edges, reorder != 0)
        })?;
        arg::put(comm_dist_graph, "comm_dist_graph", MPI_Comm(new))
    }

    /// Section 8.5.4, distributed graph constructor.
    fn MPI_Dist_graph_create_adjacent(
        comm_old: MPI_Comm, indegree: c_int, sources: *const c_int,
        sourceweights: *const c_int, outdegree: c_int, destinations: *const c_int,
        destweights: *const c_int, info: MPI_Info, reorder: c_int,
        comm_dist_graph: *mut MPI_Comm,
    ) on comm_old {
        arg::hints(info)?;
        let inward = edges_arg(indegree, sources, sourceweights, INWARD)?;
        let outward = edges_arg(outdegree, destinations, destweights, OUTWARD)?;
        let own = join_edges(inward, outward)?;
        let comm = arg::comm(comm_old)?;
        let new = collective::settle(comm, Kind::DIST_GRAPH_CREATE_ADJACENT, || {
            make::dist_graph_adjacent(comm, own, reorder != 0)
        })?;
        arg::put(comm_dist_graph, "comm_dist_graph", MPI_Comm(new))
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cart_coords(comm: MPI_Comm, rank: c_int, maxdims: c_int, coords: *mut c_int) on comm {
        let comm = arg::comm(comm)?;
        let grid = topo::cart_of(comm)?;
        let found = cart::coords(grid, topo::member(comm, rank)?);
        put_all(coords, maxdims, ["coords", "maxdims"], &found)
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cart_get(
        comm: MPI_Comm, maxdims: c_int, dims: *mut c_int, periods: *mut c_int,
        coords: *mut c_int,
    ) on comm {
        let comm = arg::comm(comm)?;
        let grid = topo::cart_of(comm)?;
        put_all(dims, maxdims, ["dims", "maxdims"], &grid.dims)?;
        let rings: Vec<c_int> = grid.periods.iter().map(|period| c_int::from(*period)).collect();
        put_all(periods, maxdims, ["periods", "maxdims"], &rings)?;
        let own = cart::coords(grid, comm.rank.cast_signed());
        put_all(coords, maxdims, ["coords", "maxdims"], &own)
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cart_rank(comm: MPI_Comm, coords: *const c_int, rank: *mut c_int) on comm {
        let grid = topo::cart_of(arg::comm(comm)?)?;
        let coords = arg::slice(coords, grid.dims.len(), "coords")?;
        arg::put(rank, "rank", cart::rank(grid, coords)?)
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Cartdim_get(comm: MPI_Comm, ndims: *mut c_int) on comm {
        let grid = topo::cart_of(arg::comm(comm)?)?;
        arg::put(ndims, "ndims", len_of(&grid.dims))
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Dist_graph_neighbors(
        comm: MPI_Comm, maxindegree: c_int, sources: *mut c_int, sourceweights: *mut c_int,
        maxoutdegree: c_int, destinations: *mut c_int, destweights: *mut c_int,
    ) on comm {
        let own = topo::dist_graph_of(arg::comm(comm)?)?;
        put_first(sources, maxindegree, ["sources", "maxindegree"], &own.sources)?;
        put_first(destinations, maxoutdegree, ["destinations", "maxoutdegree"], &own.destinations)?;
        let Some((inward, outward)) = &own.weights else { return Ok(()) };
        put_weights(sourceweights, maxindegree, ["sourceweights", "maxindegree"], inward)?;
        put_weights(destweights, maxoutdegree, ["destweights", "maxoutdegree"], outward)
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Dist_graph_neighbors_count(
        comm: MPI_Comm, indegree: *mut c_int, outdegree: *mut c_int, weighted: *mut c_int,
    ) on comm {
        let own = topo::dist_graph_of(arg::comm(comm)?)?;
        arg::put(indegree, "indegree", len_of(&own.sources))?;
        arg::put(outdegree, "outdegree", len_of(&own.destinations))?;
        arg::put_flag(weighted, "weighted", own.weights.is_some())
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graph_get(
        comm: MPI_Comm, maxindex: c_int, maxedges: c_int, indx: *mut c_int, edges: *mut c_int,
    ) on comm {
        let graph = topo::graph_of(arg::comm(comm)?)?;
        put_all(indx, maxindex, ["indx", "maxindex"], &graph.index)?;
        put_all(edges, maxedges, ["edges", "maxedges"], &graph.edges)
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graph_neighbors(
        comm: MPI_Comm, rank: c_int, maxneighbors: c_int, neighbors: *mut c_int,
    ) on comm {
        let comm = arg::comm(comm)?;
        let found = graph::neighbors(topo::graph_of(comm)?, topo::member(comm, rank)?);
        put_all(neighbors, maxneighbors, ["neighbors", "maxneighbors"], found.unwrap_or(&[]))
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graph_neighbors_count(comm: MPI_Comm, rank: c_int, nneighbors: *mut c_int) on comm {
        let comm = arg::comm(comm)?;
        let found = graph::neighbors(topo::graph_of(comm)?, topo::member(comm, rank)?);
        arg::put(nneighbors, "nneighbors", len_of(found.unwrap_or(&[])))
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Graphdims_get(comm: MPI_Comm, nnodes: *mut c_int, nedges: *mut c_int) on comm {
        let graph = topo::graph_of(arg::comm(comm)?)?;
        arg::put(nnodes, "nnodes", len_of(&graph.index))?;
        arg::put(nedges, "nedges", len_of(&graph.edges))
    }

    /// Section 8.5.5, topology inquiry.
    fn MPI_Topo_test(comm: MPI_Comm, status: *mut c_int) on comm {
        arg::put(status, "status", topo::test(arg::comm(comm)?))
    }

    /// Section 8.5.6, Cartesian shift.
    fn MPI_Cart_shift(
        comm: MPI_Comm, direction: c_int, disp: c_int, rank_source: *mut c_int,
        rank_dest: *mut c_int,
    ) on comm {
        let comm = arg::comm(comm)?;
        let here = comm.rank.cast_signed();
        let (before, behind) = cart::shift(topo::cart_of(comm)?, here, direction, disp)?;
        arg::put(rank_source, "rank_source", before)?;
        arg::put(rank_dest, "rank_dest", behind)
    }

    /// Section 8.5.7, partitioning of Cartesian structures.
    fn MPI_Cart_sub(comm: MPI_Comm, remain_dims: *const c_int, newcomm: *mut MPI_Comm) on comm {
        let comm = arg::comm(comm)?;
        let n = topo::cart_of(comm)?.dims.len();
        let remain = arg::slice(remain_dims, n, "remain_dims")?;
        let remain: Vec<bool> = remain.iter().map(|remains| *remains != 0).collect();
        let new = collective::settle(comm, Kind::CART_SUB, || make::cart_sub(comm, &remain))?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 8.5.8, low-level topology functions.
    fn MPI_Cart_map(
        comm: MPI_Comm, ndims: c_int, dims: *const c_int, periods: *const c_int,
        newrank: *mut c_int,
    ) on comm {
        let n = arg::number(ndims, "ndims")?;
        let (dims, periods) = (arg::slice(dims, n, "dims")?, arg::slice(periods, n, "periods")?);
        let grid = cart::grid(dims, periods)?;
        arg::put(newrank, "newrank", make::cart_map(arg::comm(comm)?, &grid)?)
    }

    /// Section 8.5.8, low-level topology functions.
    fn MPI_Graph_map(
        comm: MPI_Comm, nnodes: c_int, indx: *const c_int, edges: *const c_int,
        newrank: *mut c_int,
    ) on comm {
        let graph = graph_arg(nnodes, indx, edges)?;
        arg::put(newrank, "newrank", make::graph_map(arg::comm(comm)?, &graph)?)
    }
}
