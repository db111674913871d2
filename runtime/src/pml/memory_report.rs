//! What this rank tells of its memory where that was asked for: its regions and how
//! peers reach them (`report_regions`), and what came of trying every arm towards
//! every peer (`report_arms`). `mpirun` prints what all ranks tell as one table; a
//! rank without one prints its own.

use crate::job::{self, Job};
use crate::pml::with_engine;
use btl_shm::region::maps::{self, Region, RegionKind};
use btl_shm::region::report as regions;
use std::time::{Duration, Instant};
use wireup::report::{self, Report, Rows};
use wireup::settings::Arm;

/// How long is waited for each peer to come to `MPI_Init`.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells what was asked for, once the engine is up.
pub fn at_start(job: &Job) {
    if job.settings.report_regions {
        tell(job, Report::Regions, &own_regions());
    }
    if job.settings.report_arms {
        // An empty table says to the peers that this rank can be tried.
        tell(job, Report::Arms, &Rows::default());
        tell(job, Report::Arms, &arms(job));
    }
}

/// Tells once more what may have changed.
pub fn at_end(job: &Job) {
    if job.settings.report_regions {
        tell(job, Report::Regions, &own_regions());
    }
}

#[cold]
fn tell(job: &Job, report: Report, rows: &Rows) {
    if job::has_launcher() {
        if let Err(why) = report::publish(job.segment, job.rank, report, rows) {
            eprintln!("lariat: rank {}: no room for a report: {why}", job.rank);
        }
        return;
    }
    if !rows.rows.is_empty() {
        eprintln!("{}", report::table(&[(job.rank, rows.clone())]));
    }
}

fn own_regions() -> Rows {
    let found = match maps::regions() {
        Ok(found) => found,
        Err(why) => {
            let mut rows = Rows::new(&["region"]);
            rows.add([format!("/proc/self/maps: {why}")]);
            return rows;
        }
    };
    let resident = regions::resident(&found).ok();
    let reached = |region: &Region| match region.kind {
        RegionKind::Internal => "the job segment".to_owned(),
        kind => {
            let arm = with_engine(|e| e.core.reach.arm_of(region.start as u64, region.len));
            match (kind, arm) {
                (RegionKind::Whole, Arm::Copy) => "its parts".to_owned(),
                (_, arm) => arm.to_string(),
            }
        }
    };
    regions::rows(&found, resident.as_deref(), reached)
}

/// What came of each arm towards each peer, and in which order those that work are
/// used. Peers with the same answers are put together.
fn arms(job: &Job) -> Rows {
    let mut answers: Vec<(Vec<u32>, Vec<[String; 2]>)> = Vec::new();
    for peer in (0..job.size).filter(|peer| *peer != job.rank) {
        let answer = match has_come(job, peer) {
            true => towards(job, peer),
            false => vec![["all".to_owned(), "did not come in time".to_owned()]],
        };
        match answers.iter_mut().find(|(_, other)| *other == answer) {
            Some((peers, _)) => peers.push(peer),
            None => answers.push((vec![peer], answer)),
        }
    }
    let mut rows = Rows::new(&["peer", "arm", "tried"]);
    for (peers, answer) in answers {
        let peers = report::ranges(peers.into_iter());
        for [arm, text] in answer {
            rows.add([peers.clone(), arm, text]);
        }
    }
    rows
}

/// Waits for a peer to have its memory where it can be tried.
fn has_come(job: &Job, peer: u32) -> bool {
    let began = Instant::now();
    while report::read(job.segment, peer, Report::Arms).is_none() {
        if began.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

fn towards(job: &Job, peer: u32) -> Vec<[String; 2]> {
    let tried = with_engine(|engine| {
        let reach = &mut engine.core.reach;
        [
            (Arm::Shared, reach.try_shared(peer)),
            (Arm::Driver, reach.try_driver(peer)),
            (Arm::Cma, reach.try_cma(peer)),
        ]
    });
    let allowed = |arm: Arm| match job.settings.arm {
        Arm::Auto => arm != Arm::Cma, // copying by both sides is faster
        forced => arm == forced,
    };
    let used = tried.iter().filter(|(arm, t)| t.is_ok() && allowed(*arm));
    let used = used.map(|(arm, _)| arm.to_string());
    let used: Vec<String> = used.chain(std::iter::once(Arm::Copy.to_string())).collect();
    let mut answers: Vec<[String; 2]> = tried
        .iter()
        .map(|(arm, answer)| {
            let answer = answer
                .as_ref()
                .map_or_else(Clone::clone, |()| "works".to_owned());
            [arm.to_string(), answer]
        })
        .collect();
    answers.push(["in use".to_owned(), used.join(", then ")]);
    answers
}
