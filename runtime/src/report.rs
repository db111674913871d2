//! What a rank tells of its memory where it was asked to: its regions and the arm
//! by which peers reach each, and what came of trying every arm towards every
//! peer. The launcher prints the tables; a rank without one prints its own.

use crate::pml;
use btl_shm::region::{maps, report};
use std::ops::Range;
use std::sync::atomic::Ordering;
use wireup::layout::RegionKind;
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
    if std::env::var_os(wireup::env::SEGMENT).is_none() {
        // A job of one: of arms there is nothing to tell.
        if !rows.rows.is_empty() {
            eprintln!("{}", tables::table(&[(rank, rows.clone())]));
        }
        return;
    }
    if let Err(why) = tables::publish(segment, rank, report, rows) {
        eprintln!("lariat: rank {rank} cannot tell of its memory: {why}");
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
    let peers = (0..segment.head().ranks).filter(|peer| *peer != rank);
    let (attached, cma) = pml::with_peers(|reach| {
        let cma = peers.clone().any(|peer| reach.cma(peer).is_some());
        (reach.has_driver(), cma)
    });
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

/// Publishes the regions as they are at the end of the job.
pub fn publish_last(segment: &Segment, rank: u32, settings: &Settings) {
    if settings.report_regions {
        let rows = regions(segment, rank, settings.arm);
        tell(segment, rank, Report::Regions, &rows);
    }
}

fn arms(segment: &Segment, rank: u32) -> Rows {
    let mut rows = Rows::new(&["from rank", "arm", "eight bytes"]);
    for peer in (0..segment.head().ranks).filter(|peer| *peer != rank) {
        let tried = pml::with_peers(|peers| {
            [
                ("shared", peers.try_shared(peer)),
                ("driver", peers.try_driver(peer)),
                ("cma", peers.try_cma(peer)),
            ]
        });
        for (arm, answer) in tried {
            let answer = answer.map_or_else(|why| why, |()| "arrive".to_owned());
            rows.add([peer.to_string(), arm.to_owned(), answer]);
        }
    }
    rows
}
