//! What a rank tells of itself where it was asked to: the regions of its memory and the
//! arm by which peers reach each, what came of trying every arm towards every
//! peer, and how its messages went. The launcher prints the tables; a rank without one prints its own.

use crate::coll;
use crate::object::group::Proc;
use crate::pml;
use btl_shm::region::{maps, report};
use std::ops::Range;
use std::sync::atomic::Ordering;
use wireup::layout::RegionKind;
use wireup::protocols;
use wireup::report::{self as tables, Report, Rows};
use wireup::segment::Segment;
use wireup::settings::{Arm, Settings};

/// Publishes what the settings ask for. Every rank has to have come to
/// `MPI_Init`: the arms are tried on what peers tell of themselves.
pub fn publish(segment: &Segment, rank: u32, settings: &Settings) {
    if settings.report_regions {
        tell(
            segment,
            rank,
            Report::Regions,
            &regions(segment, rank, settings.arm),
        );
    }
    if settings.report_arms {
        tell(segment, rank, Report::Arms, &arms(segment, rank));
    }
}

fn tell(segment: &Segment, rank: u32, report: Report, rows: &Rows) {
    if !segment.is_launched() {
        // A job of one: of arms there is nothing to tell.
        if !rows.rows.is_empty() {
            let table = match report {
                Report::Protocols => protocols::table,
                _ => tables::table,
            };
            eprintln!("{}", table(&[(rank, rows.clone())]));
        }
        return;
    }
    if let Err(why) = tables::publish(segment, rank, report, rows) {
        eprintln!("lariat: rank {rank} cannot publish its {report:?} report: {why}");
    }
}

fn regions(segment: &Segment, rank: u32, arm: Arm) -> Rows {
    let mut rows = Rows::new(&["region", "from", "to", "size", "resident", "arm", "what"]);
    let told = |range: Range<usize>| in_file(segment, rank, &range);
    let found = match maps::regions(told) {
        Ok(found) => found,
        Err(why) => {
            rows.add(["?", "", "", "", "", "", &format!("/proc/self/maps: {why}")]);
            return rows;
        }
    };
    let resident = report::resident(&found).ok();
    let peers = (0..segment.ranks()).filter(|peer| *peer != rank);
    let (attached, cma) = pml::arms(peers.map(Proc));
    for (i, region) in found.iter().enumerate() {
        let bytes = resident.as_ref().and_then(|all| all.get(i));
        rows.add([
            report::name(region.kind).to_owned(),
            format!("{:x}", region.start),
            format!("{:x}", region.end()),
            report::size(region.len),
            bytes.map_or_else(|| "-".to_owned(), |n| report::size(*n)),
            {
                let shared = match region.kind {
                    RegionKind::Internal => true,
                    RegionKind::Whole => false,
                    _ if region.what == maps::FROZEN => false,
                    _ => told(region.start..region.end()),
                };
                reached_by(shared, arm, attached, cma).to_owned()
            },
            region.what.clone(),
        ]);
    }
    rows
}

/// Whether the record of this rank tells of a part of a range as memory in the heap
/// file.
fn in_file(segment: &Segment, rank: u32, range: &Range<usize>) -> bool {
    segment.record(rank).shared.iter().any(|told| {
        // pairs with the Release of who adds it
        let start = usize::try_from(told.start.load(Ordering::Acquire)).unwrap_or(0);
        let len = usize::try_from(told.len.load(Ordering::Relaxed)).unwrap_or(0);
        start != 0 && start < range.end && range.start < start + len
    })
}

/// The arm by which large messages in a region go; `shared`: it lies in pages that
/// peers can map; `attached`, `cma`: these arms work.
fn reached_by(shared: bool, arm: Arm, attached: bool, cma: bool) -> &'static str {
    match arm {
        Arm::Auto | Arm::Shared if shared => "shared",
        Arm::Auto | Arm::Driver if attached => "driver",
        Arm::Auto if cma => "copy or cma",
        Arm::Cma if cma => "cma",
        _ => "copy",
    }
}

/// Publishes the regions as they are at the end of the job, and how messages went.
pub fn publish_last(segment: &Segment, rank: u32, settings: &Settings) {
    if settings.report_regions {
        let rows = regions(segment, rank, settings.arm);
        tell(segment, rank, Report::Regions, &rows);
    }
    if settings.report_protocols {
        tell(segment, rank, Report::Protocols, &pml::protocols());
        if segment.is_launched() {
            let collectives = coll::choices(segment.ranks());
            tell(segment, rank, Report::Collectives, &collectives);
        }
    }
}

fn arms(segment: &Segment, rank: u32) -> Rows {
    let peers = (0..segment.ranks()).filter(|peer| *peer != rank);
    let tried = peers.flat_map(|peer| {
        let arms = pml::try_arms(Proc(peer));
        arms.into_iter()
            .map(move |(arm, answer)| (arm, peer, answer))
    });
    grouped(&tried.collect::<Vec<_>>())
}

/// The rows of what was tried: arm, peer and outcome. Peers of whom the same is to be
/// said are one row; so ranks that reach all others alike have that row in common.
fn grouped(tried: &[(&str, u32, Result<(), String>)]) -> Rows {
    let mut found: Vec<(&str, &Result<(), String>, Vec<u32>)> = Vec::new();
    for (arm, peer, answer) in tried {
        match found
            .iter_mut()
            .find(|row| (row.0, row.1) == (*arm, answer))
        {
            Some(row) => row.2.push(*peer),
            None => found.push((arm, answer, vec![*peer])),
        }
    }
    let mut rows = Rows::new(&["from rank", "arm", "eight bytes"]);
    for (arm, answer, peers) in found {
        let all = tried.iter().filter(|one| one.0 == arm).count();
        let who = if peers.len() == all && all > 1 {
            "all others".to_owned()
        } else {
            tables::ranges(peers.into_iter())
        };
        let answer = answer.as_ref().map_or_else(String::as_str, |()| "arrive");
        rows.add([who.as_str(), arm, answer]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_that_are_reached_alike_are_one_row() {
        let no = || Err("no such device".to_owned());
        let rows = grouped(&[
            ("shared", 0, Ok(())),
            ("driver", 0, no()),
            ("shared", 2, Ok(())),
            ("driver", 2, Ok(())),
            ("shared", 3, Ok(())),
            ("driver", 3, no()),
        ]);
        let wanted = [
            ["all others", "shared", "arrive"],
            ["0, 3", "driver", "no such device"],
            ["2", "driver", "arrive"],
        ];
        assert_eq!(rows.rows, wanted);
        let pair = grouped(&[("shared", 1, Ok(()))]);
        assert_eq!(pair.rows, [["1", "shared", "arrive"]]);
    }
}
