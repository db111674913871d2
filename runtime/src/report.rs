//! What a rank tells of its memory where it was asked to: its regions and the arm
//! by which peers reach each, and what came of trying every arm towards every
//! peer. The launcher prints the tables.

use crate::pml;
use btl_shm::region::maps::{self, Region};
use btl_shm::region::{heap, report};
use wireup::layout::RegionKind;
use wireup::report::{self as tables, Report, Rows};
use wireup::segment::Segment;
use wireup::settings::{Arm, Settings};

/// Publishes what the settings ask for. Every rank has to have come to
/// `MPI_Init`: the arms are tried on what peers tell of themselves.
pub fn publish(segment: &Segment, rank: u32, settings: &Settings) {
    if settings.report_regions {
        tell(segment, rank, Report::Regions, &regions(settings.arm));
    }
    if settings.report_arms {
        tell(segment, rank, Report::Arms, &arms(segment, rank));
    }
}

fn tell(segment: &Segment, rank: u32, report: Report, rows: &Rows) {
    if let Err(why) = tables::publish(segment, rank, report, rows) {
        eprintln!("lariat: rank {rank} cannot tell of its memory: {why}");
    }
}

fn regions(arm: Arm) -> Rows {
    let mut rows = Rows::new(&["region", "from", "to", "size", "resident", "arm", "what"]);
    let found = match maps::regions() {
        Ok(found) => found,
        Err(why) => {
            rows.add(["?", "", "", "", "", "", &format!("/proc/self/maps: {why}")]);
            return rows;
        }
    };
    let resident = report::resident(&found).ok();
    let attached = pml::with_peers(|peers| peers.has_driver());
    for (i, region) in found.iter().enumerate() {
        let bytes = resident.as_ref().and_then(|all| all.get(i));
        rows.add([
            report::name(region.kind).to_owned(),
            format!("{:x}", region.start),
            format!("{:x}", region.end()),
            report::size(region.len),
            bytes.map_or_else(|| "-".to_owned(), |n| report::size(*n)),
            reached_by(region, arm, attached).to_owned(),
            region.what.clone(),
        ]);
    }
    rows
}

/// The arm by which large messages in a region go.
fn reached_by(region: &Region, arm: Arm, attached: bool) -> &'static str {
    let shared = region.kind == RegionKind::Internal || heap::is_shared(region.start, 1);
    match arm {
        Arm::Auto | Arm::Shared if shared => "shared",
        Arm::Auto | Arm::Driver if attached => "driver",
        Arm::Cma => "cma",
        _ => "copy",
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
