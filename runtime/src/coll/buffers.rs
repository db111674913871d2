//! The check of the buffers of collectives that are requests (`LARIAT_CHECK=1`): the program
//! leaves alone what is sent, and what is received into is nobody else's, until the request is
//! complete (MPI 5.0, section 6.12). Between two groups nothing is checked.

use super::args::{Call, Parts, Reduction, Root, Shape};
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::datatype::Datatype;
use crate::object::topology::NeighborEdges;
use crate::pml::{Buffer, OperationCheck};
use std::sync::Arc;

/// What a rank sends, and what it receives into; what is both counts as the latter.
type Buffers<'a> = (Vec<Buffer<'a>>, Vec<Buffer<'a>>);

/// The check of `call`'s buffers, if it has any.
pub(super) fn check(
    comm: &Comm,
    tag: Tag,
    call: &Call<'_>,
    edges: Option<&NeighborEdges>,
) -> Option<Box<OperationCheck>> {
    if comm.inter.is_some() {
        return None;
    }
    let (sent, received) = buffers(comm, call, edges);
    let words = format!("{tag} on {}", comm.label());
    let changed = "changed before the collective was complete";
    OperationCheck::new(("collective", words, changed), &sent, &received).map(Box::new)
}

fn elements(addr: *mut u8, count: usize, datatype: &Arc<Datatype>) -> Buffer<'_> {
    Buffer {
        addr,
        count,
        datatype: Some(datatype),
    }
}

/// The parts of a buffer that has `count` of them.
fn each<'a>(parts: &Parts<'a>, count: usize) -> Vec<Buffer<'a>> {
    let addr = parts.addr;
    match parts.shape {
        Shape::Equal(each, datatype) => {
            vec![elements(addr, each.saturating_mul(count), datatype)]
        }
        Shape::Varying(counts, displs, datatype) => {
            let at = |i| addr.wrapping_offset(datatype.extent().wrapping_mul(displs.get(i)));
            let part = |i| elements(at(i), counts.count(i), datatype);
            (0..count).map(part).collect()
        }
        Shape::Typed(counts, displs, datatypes) => {
            let at = |i| addr.wrapping_offset(displs.get(i));
            let part = |i| elements(at(i), counts.count(i), datatypes[i]);
            (0..count).map(part).collect()
        }
    }
}

/// A reduction that sends and receives so many elements.
fn reduced<'a>(reduction: &Reduction<'a>, (send, receive): (usize, usize)) -> Buffers<'a> {
    let of = |addr, count| vec![elements(addr, count, reduction.datatype)];
    match reduction.send {
        Some(addr) => (of(addr, send), of(reduction.receive, receive)),
        None => (Vec::new(), of(reduction.receive, send.max(receive))),
    }
}

fn buffers<'a>(comm: &Comm, call: &Call<'a>, edges: Option<&NeighborEdges>) -> Buffers<'a> {
    let ranks = comm.size() as usize;
    let is_root = |root: &Root| *root == Root::Rank(comm.rank);
    let (sources, destinations) = edges.map_or((0, 0), |edges| {
        (edges.sources.len(), edges.destinations.len())
    });
    let one = |buffer: &Option<Buffer<'a>>| buffer.iter().copied().collect();
    let all = |parts: &Option<Parts<'a>>| parts.as_ref().map_or(Vec::new(), |p| each(p, ranks));
    match call {
        Call::Barrier => (Vec::new(), Vec::new()),
        Call::Bcast(buffer, root) if is_root(root) => (vec![*buffer], Vec::new()),
        Call::Bcast(buffer, _) => (Vec::new(), vec![*buffer]),
        Call::Gather(send, receive, _) | Call::Gatherv(send, receive, _) => {
            (one(send), all(receive))
        }
        Call::Scatter(send, receive, _) | Call::Scatterv(send, receive, _) => {
            (all(send), one(receive))
        }
        Call::Allgather(send, receive) => (one(send), each(receive, ranks)),
        Call::Alltoall(send, receive) => (all(send), each(receive, ranks)),
        Call::Reduce(reduction, root) if is_root(root) => {
            reduced(reduction, (reduction.count, reduction.count))
        }
        Call::Reduce(reduction, _) => (reduced(reduction, (reduction.count, 0)).0, Vec::new()),
        Call::Allreduce(reduction) | Call::Scan(reduction) | Call::Exscan(reduction) => {
            reduced(reduction, (reduction.count, reduction.count))
        }
        Call::ReduceScatterBlock(reduction) => {
            let all = reduction.count.saturating_mul(ranks);
            reduced(reduction, (all, reduction.count))
        }
        Call::ReduceScatter(reduction, counts) => reduced(
            reduction,
            (reduction.count, counts.count(comm.rank as usize)),
        ),
        Call::NeighborAllgather(send, receive) => (vec![*send], each(receive, sources)),
        Call::NeighborAlltoall(send, receive) => (each(send, destinations), each(receive, sources)),
    }
}
