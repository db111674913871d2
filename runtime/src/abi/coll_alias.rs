//! Buffers of a collective that share memory (MPI 5.0, section 2.3 and chapter 6): no
//! byte may be both sent and received, unless by `MPI_IN_PLACE`.
//!
//! Buffers that are runs of memory are always compared. Of scattered ones, which may
//! lie between each other, only the beginnings are, for to look at every run would
//! cost as much as sending it; under `LARIAT_CHECK=1` all runs are, and the parts of
//! a buffer that receives with each other.

use crate::coll::{Parts, Shape};
use crate::error::Result;
use crate::fail;
use crate::job;
use crate::object::datatype::Datatype;
use crate::pml::Buffer;

/// Bytes from here until there.
type Run = (usize, usize);

/// Elements of one type.
#[derive(Clone, Copy)]
struct Elements<'a> {
    addr: *mut u8,
    count: usize,
    datatype: &'a Datatype,
}

impl Elements<'_> {
    /// Where they are, if they are one run of memory.
    #[inline]
    fn run(&self) -> Option<Run> {
        let displ = self.datatype.single_run(self.count)?;
        let from = self.addr.wrapping_offset(displ).addr();
        Some((
            from,
            from.saturating_add(self.datatype.size().saturating_mul(self.count)),
        ))
    }

    /// Where their first byte is, if there is any.
    fn beginning(&self) -> Option<usize> {
        let has_any = self.count > 0 && self.datatype.size() > 0;
        has_any.then(|| self.addr.wrapping_offset(self.datatype.true_lb()).addr())
    }

    /// All their runs.
    fn runs(&self, into: &mut Vec<Run>) {
        let len = self.datatype.size().saturating_mul(self.count);
        let runs = self.datatype.segments(self.addr, self.count, 0, len);
        into.extend(runs.map(|(at, len)| (at.addr(), at.addr().saturating_add(len))));
    }
}

#[inline]
fn meet(a: Run, b: Run) -> bool {
    a.0 < b.1 && b.0 < a.1 && a.0 < a.1 && b.0 < b.1
}

/// Checks what a rank sends against what it receives: `send` elements and `receive`
/// elements of one type, from these addresses.
///
/// # Errors
/// Class BUFFER: they share memory.
#[inline]
pub(super) fn operands(
    datatype: &Datatype,
    (sendbuf, send): (*mut u8, usize),
    (recvbuf, receive): (*mut u8, usize),
) -> Result<()> {
    if datatype.is_contiguous() {
        // The data begins equally far from both addresses.
        let (size, from, into) = (datatype.size(), sendbuf.addr(), recvbuf.addr());
        let (sent, received) = (size.saturating_mul(send), size.saturating_mul(receive));
        let behind = into.wrapping_sub(from);
        if (behind < sent && received > 0) || (behind.wrapping_neg() < received && sent > 0) {
            return aliased();
        }
        return Ok(());
    }
    operands_in_runs(
        Elements {
            addr: sendbuf,
            count: send,
            datatype,
        },
        Elements {
            addr: recvbuf,
            count: receive,
            datatype,
        },
    )
}

#[cold]
fn operands_in_runs(from: Elements<'_>, into: Elements<'_>) -> Result<()> {
    match (from.run(), into.run()) {
        (Some(a), Some(b)) if meet(a, b) => aliased(),
        (Some(_), Some(_)) => Ok(()),
        _ => scattered(&[from], &[into]),
    }
}

/// Checks a buffer against one with parts.
///
/// # Errors
/// Class BUFFER: they share memory.
#[inline]
pub(super) fn buffer_and_parts(
    buffer: Option<&Buffer<'_>>,
    parts: Option<&Parts<'_>>,
    ranks: usize,
) -> Result<()> {
    let (Some(buffer), Some(parts)) = (buffer, parts) else {
        return Ok(());
    };
    let Some(datatype) = buffer.datatype else {
        return Ok(());
    };
    let one = Elements {
        addr: buffer.addr,
        count: buffer.count,
        datatype,
    };
    if let Some(whole) = whole(parts, ranks)
        && let (Some(a), Some(b)) = (one.run(), whole.run())
    {
        return if meet(a, b) { aliased() } else { Ok(()) };
    }
    if let (Some(a), Some(b)) = (one.run(), hull_of(parts, ranks))
        && !meet(a, b)
    {
        return Ok(());
    }
    scattered(&[one], &each(parts, ranks).collect::<Vec<_>>())
}

/// Checks a buffer that is sent against one that is received, each with so many parts.
///
/// # Errors
/// Class BUFFER: they share memory.
#[inline]
pub(super) fn parts(
    (send, destinations): (Option<&Parts<'_>>, usize),
    (receive, sources): (&Parts<'_>, usize),
) -> Result<()> {
    let Some(send) = send else {
        return received(receive, sources);
    };
    if let (Some(from), Some(into)) = (whole(send, destinations), whole(receive, sources))
        && let (Some(a), Some(b)) = (from.run(), into.run())
    {
        return if meet(a, b) { aliased() } else { Ok(()) };
    }
    if let (Some(a), Some(b)) = (hull_of(send, destinations), hull_of(receive, sources))
        && !meet(a, b)
    {
        // Mostly what is sent lies before or behind all that is received, and nothing more is
        // to be compared.
        return received(receive, sources);
    }
    let from: Vec<_> = each(send, destinations).collect();
    let into: Vec<_> = each(receive, sources).collect();
    scattered(&from, &into)?;
    received(receive, sources)
}

/// Checks that parts that are received do not share memory, where all is checked.
///
/// # Errors
/// Class BUFFER: they do.
#[inline]
pub(super) fn received(receive: &Parts<'_>, ranks: usize) -> Result<()> {
    match receive.shape {
        Shape::Equal(..) => Ok(()),
        _ if is_checked() => distinct(&each(receive, ranks).collect::<Vec<_>>()),
        _ => Ok(()),
    }
}

/// Equal parts as one.
#[inline]
fn whole<'a>(parts: &Parts<'a>, ranks: usize) -> Option<Elements<'a>> {
    match parts.shape {
        Shape::Equal(count, datatype) => Some(Elements {
            addr: parts.addr,
            count: count.saturating_mul(ranks),
            datatype,
        }),
        _ => None,
    }
}

/// The parts, equal ones as one.
fn each<'a>(parts: &Parts<'a>, ranks: usize) -> impl Iterator<Item = Elements<'a>> {
    let parts = *parts;
    let of = move |i: usize| match parts.shape {
        Shape::Equal(..) => whole(&parts, ranks).filter(|_| i == 0),
        Shape::Varying(counts, displs, datatype) => Some(Elements {
            addr: (parts.addr).wrapping_offset(datatype.extent().wrapping_mul(displs.get(i))),
            count: counts.count(i),
            datatype,
        }),
        Shape::Typed(counts, displs, datatypes) => Some(Elements {
            addr: parts.addr.wrapping_offset(displs.get(i)),
            count: counts.count(i),
            datatype: datatypes[i],
        }),
    };
    (0..ranks).filter_map(of)
}

fn is_checked() -> bool {
    job::current().is_some_and(|job| job.settings.check)
}

/// From the first byte of all parts to behind the last; `None`: one is no run of memory.
fn hull_of(parts: &Parts<'_>, ranks: usize) -> Option<Run> {
    let around = |hull: Run, run: Run| match run.0 < run.1 {
        true => (hull.0.min(run.0), hull.1.max(run.1)),
        false => hull,
    };
    let nothing = (usize::MAX, 0);
    match parts.shape {
        Shape::Varying(counts, displs, datatype) if datatype.is_contiguous() => {
            let first = parts.addr.wrapping_offset(datatype.true_lb()).addr();
            let run = |i: usize| {
                let from = first.wrapping_add_signed(datatype.extent().wrapping_mul(displs.get(i)));
                let len = datatype.size().saturating_mul(counts.count(i));
                (from, from.saturating_add(len))
            };
            Some((0..ranks).map(run).fold(nothing, around))
        }
        _ => each(parts, ranks).try_fold(nothing, |hull, part| Some(around(hull, part.run()?))),
    }
}

/// Checks several pieces that are sent against several that are received.
fn scattered(send: &[Elements<'_>], receive: &[Elements<'_>]) -> Result<()> {
    let is_checked = is_checked();
    let runs = |all: &[Elements<'_>]| {
        let mut runs = Vec::with_capacity(all.len());
        for one in all {
            match one.run() {
                Some(run) => runs.push(run),
                None if is_checked => one.runs(&mut runs),
                None => {}
            }
        }
        runs.retain(|run| run.0 < run.1);
        runs
    };
    let (from, mut into) = (runs(send), runs(receive));
    if from.is_empty() || into.is_empty() || !meet(hull(&from), hull(&into)) {
        // Those that are left are scattered, and not all runs are known.
    } else {
        into.sort_unstable();
        let shared = |run: &Run| {
            let until = into.partition_point(|other| other.0 < run.1);
            // Pieces that are received may share memory with each other.
            into[..until].iter().rev().any(|other| meet(*run, *other))
        };
        if from.iter().any(shared) {
            return aliased();
        }
    }
    let begins: Vec<usize> = receive.iter().filter_map(Elements::beginning).collect();
    let mut sent = send.iter().filter_map(Elements::beginning);
    if sent.any(|begin| begins.contains(&begin)) {
        return aliased();
    }
    Ok(())
}

fn hull(runs: &[Run]) -> Run {
    let from = runs.iter().map(|run| run.0).min();
    let until = runs.iter().map(|run| run.1).max();
    (from.unwrap_or(0), until.unwrap_or(0))
}

#[cold]
fn distinct(pieces: &[Elements<'_>]) -> Result<()> {
    let mut runs = Vec::new();
    pieces.iter().for_each(|piece| piece.runs(&mut runs));
    runs.retain(|run| run.0 < run.1);
    runs.sort_unstable();
    let pairs = runs.windows(2).map(|pair| (pair[0], pair[1]));
    if let Some((a, b)) = pairs.into_iter().find(|(a, b)| meet(*a, *b)) {
        fail!(
            BUFFER,
            "two parts of recvbuf share memory: {:#x}-{:#x} and {:#x}-{:#x}",
            a.0,
            a.1,
            b.0,
            b.1
        );
    }
    Ok(())
}

#[cold]
fn aliased() -> Result<()> {
    fail!(
        BUFFER,
        "sendbuf and recvbuf share memory; pass MPI_IN_PLACE where the call allows it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coll::Ints;
    use crate::object::datatype::byte;

    fn at(n: usize) -> *mut u8 {
        std::ptr::without_provenance_mut(n)
    }

    fn equal(addr: usize, each: usize) -> Parts<'static> {
        Parts {
            addr: at(addr),
            shape: Shape::Equal(each, byte()),
        }
    }

    #[test]
    fn runs_that_touch_do_not_meet() {
        assert!(meet((0, 8), (7, 9)) && meet((4, 5), (0, 8)));
        assert!(!meet((0, 8), (8, 9)) && !meet((3, 3), (0, 8)));
    }

    #[test]
    fn a_part_inside_of_a_buffer_is_found() {
        let buffer = |addr, count| Buffer {
            addr: at(addr),
            count,
            datatype: Some(byte()),
        };
        let check = |addr, count| {
            let receive = equal(1000, 10);
            buffer_and_parts(Some(&buffer(addr, count)), Some(&receive), 4).is_ok()
        };
        assert!(check(990, 10) && check(1040, 10) && check(1005, 0));
        assert!(!check(991, 10) && !check(1030, 10) && !check(1039, 1) && !check(900, 500));
        assert!(operands(byte(), (at(100), 8), (at(108), 8)).is_ok());
        assert!(operands(byte(), (at(100), 8), (at(107), 8)).is_err());
    }

    #[test]
    fn parts_may_lie_between_each_other() {
        let (counts, out, into) = ([4, 4], [0, 8], [4, 12]);
        let part = |displs: &'static [i32; 2]| Parts {
            addr: at(4096),
            shape: Shape::Varying(Ints::Int(&[4, 4]), Ints::Int(displs), byte()),
        };
        assert_eq!((counts, out, into), ([4, 4], [0, 8], [4, 12]));
        let (even, odd) = (part(&[0, 8]), part(&[4, 12]));
        assert!(parts((Some(&even), 2), (&odd, 2)).is_ok());
        assert!(parts((Some(&even), 2), (&part(&[4, 11]), 2)).is_err());
        assert!(parts((Some(&even), 2), (&equal(4100, 8), 2)).is_err());
    }
}
