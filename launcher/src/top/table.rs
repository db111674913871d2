//! A job at one moment as text: a title, who is to blame, and a line for each rank. Pure.

use super::columns::{self, align, percent, time};
use super::doing::{Doing, doing};
use super::sampler::{Kernel, Moment};
use super::tally::{RankTally, Tally};
use crate::explain::{self, who_is_stuck};
use crate::phrase::{self, Absent};
use crate::snapshot::RankSnapshot;
use std::time::Duration;
use wireup::layout::{State, WaitKind, far_rank};
use wireup::report::ranges;
use wireup::waits::{Need, PEERS};

/// The heads of the columns.
pub const HEADS: [&str; 12] = [
    "RANK", "HOST", "STATE", "CALL", "FOR", "SINCE", "WORKS", "WAITS", "MOVES", "CPU", "BLAME",
    "UNRECV",
];

/// Which columns are aligned to the right.
pub const RIGHT: [bool; 12] = [
    true, false, false, false, false, true, true, true, true, true, true, true,
];

/// The column that is shown only if there are several hosts.
const HOST: usize = 1;

/// Characters of a host's name that are shown.
const HOST_LEN: usize = 16;

/// Which columns are shown.
pub fn shown(moment: &Moment) -> Vec<usize> {
    let mut ranks = moment.look.snapshots.iter();
    let has_hosts = ranks.any(|rank| rank.node.is_some());
    let all = 0..HEADS.len();
    all.filter(|at| *at != HOST || has_hosts).collect()
}

/// What is shown of one rank.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number.
    pub rank: u32,
    /// What it does.
    pub doing: Doing,
    /// It can never go on.
    pub stuck: bool,
    /// The columns as text.
    pub cells: [String; 12],
    /// What rows are sorted by.
    pub keys: Keys,
}

/// What rows can be sorted by, besides their number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys {
    /// Seconds for which others have waited for it.
    pub blame: f64,
    /// The share of time in which it waits.
    pub waits: f64,
    /// The share of time in which it is outside of MPI.
    pub works: f64,
    /// How long it has waited now.
    pub since: f64,
}

/// The order of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// By number.
    #[default]
    Rank,
    /// The most to blame first.
    Blame,
    /// Who waits most first.
    Waits,
    /// Who works most first.
    Works,
    /// Who has waited longest first.
    Since,
}

impl Order {
    /// The one after this.
    pub fn next(self) -> Order {
        match self {
            Order::Rank => Order::Blame,
            Order::Blame => Order::Waits,
            Order::Waits => Order::Works,
            Order::Works => Order::Since,
            Order::Since => Order::Rank,
        }
    }

    /// The column that it goes by.
    pub fn column(self) -> &'static str {
        match self {
            Order::Rank => "RANK",
            Order::Blame => "BLAME",
            Order::Waits => "WAITS",
            Order::Works => "WORKS",
            Order::Since => "SINCE",
        }
    }

    /// Sorts rows.
    pub fn sort(self, rows: &mut [Row]) {
        let key = |row: &Row| match self {
            Order::Rank => 0.0,
            Order::Blame => row.keys.blame,
            Order::Waits => row.keys.waits,
            Order::Works => row.keys.works,
            Order::Since => row.keys.since,
        };
        rows.sort_by(|a, b| key(b).total_cmp(&key(a)).then(a.rank.cmp(&b.rank)));
    }
}

/// A row for each rank, by number.
pub fn rows(moment: &Moment) -> Vec<Row> {
    let snapshots = &moment.look.snapshots;
    let absent = phrase::absent(snapshots);
    let blamed = moment.tally.blamed();
    let ranks = snapshots
        .iter()
        .zip(&moment.kernel)
        .zip(&moment.tally.ranks);
    let rows = ranks.map(|((snapshot, kernel), tally)| {
        let doing = doing(snapshot);
        let stuck = moment.look.findings.stuck.contains(&snapshot.rank);
        let since = snapshot.waits.first().map(|wait| wait.time);
        let seen = tally.seen();
        let share = |part: f64| if seen > 0.0 { part / seen } else { 0.0 };
        Row {
            rank: snapshot.rank,
            doing,
            stuck,
            cells: [
                snapshot.rank.to_string(),
                host(snapshot),
                word(snapshot, doing, kernel, stuck).to_owned(),
                snapshot.call.unwrap_or("-").to_owned(),
                for_whom(snapshot, &absent),
                since.map_or_else(|| "-".to_owned(), time),
                percent(tally.works, seen),
                percent(tally.waits, seen),
                percent(tally.moves, seen),
                kernel
                    .processors
                    .map_or_else(|| "-".to_owned(), |part| percent(part, 1.0)),
                percent(tally.blame, blamed),
                match snapshot.unreceived_count {
                    0 => "-".to_owned(),
                    count => count.to_string(),
                },
            ],
            keys: Keys {
                blame: tally.blame,
                waits: share(tally.waits),
                works: share(tally.works),
                since: since.map_or(0.0, |since| since.as_secs_f64()),
            },
        }
    });
    rows.collect()
}

/// Where a rank runs.
fn host(snapshot: &RankSnapshot) -> String {
    let name = snapshot.node.as_ref().map_or("", |node| &node.host);
    match name.char_indices().nth(HOST_LEN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// What a rank does, in a word.
fn word(snapshot: &RankSnapshot, doing: Doing, kernel: &Kernel, stuck: bool) -> &'static str {
    match doing {
        _ if kernel.stopped && doing != Doing::Left => "stopped",
        Doing::Starts => "starts",
        Doing::Works if kernel.runs => "works",
        Doing::Works => "outside",
        Doing::Moves => "in MPI",
        Doing::Waits if stuck => "stuck",
        Doing::Waits => "waits",
        Doing::Left if snapshot.state == Some(State::Gone) => "ended",
        Doing::Left if snapshot.state == Some(State::Finalized) => "finalized",
        Doing::Left => "finalizes",
    }
}

/// For whom a rank waits, in few words.
fn for_whom(snapshot: &RankSnapshot, absent: &Absent) -> String {
    let Some(wait) = snapshot.waits.first() else {
        return "-".to_owned();
    };
    let shown = &wait.shown;
    let list = |ranks: &[u32]| match ranks {
        [one] => format!("rank {one}"),
        _ => format!("ranks {}", ranges(ranks.iter().copied())),
    };
    let tag = shown.collective.unwrap_or(-1);
    let missing = absent.get(&(shown.context, tag));
    let missing = missing.filter(|ranks| shown.kind == WaitKind::Collective && !ranks.is_empty());
    let peers = shown
        .peers
        .iter()
        .filter_map(|peer| u32::try_from(*peer).ok());
    let peers: Vec<u32> = peers.collect();
    let more = if peers.len() == PEERS { ", …" } else { "" };
    let whom = match (shown.kind, missing) {
        (WaitKind::Leaving, _) => "the others".to_owned(),
        (_, Some(ranks)) => list(ranks),
        _ if shown.peers.iter().any(|peer| far_rank(*peer).is_some()) => "another host".to_owned(),
        _ if shown.is_elsewhere() => "another job".to_owned(),
        _ if shown.need == Need::Outside => "no rank".to_owned(),
        _ if peers.is_empty() => "anybody".to_owned(),
        _ if shown.need == Need::OneOf && peers.len() > 1 => format!("one of {}", list(&peers)),
        _ => format!("{}{more}", list(&peers)),
    };
    const LONGEST: usize = 24;
    match whom.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &whom[..end]),
        None => whom,
    }
}

/// How many ranks do what: «3 work, 1 in MPI, 60 wait».
pub fn counts(snapshots: &[RankSnapshot]) -> String {
    let of = |wanted: Doing| snapshots.iter().filter(|s| doing(s) == wanted).count();
    let all = [
        (Doing::Starts, "not in MPI yet"),
        (Doing::Works, "outside MPI"),
        (Doing::Moves, "in MPI"),
        (Doing::Waits, "waiting"),
        (Doing::Left, "done"),
    ];
    let all = all.iter().map(|(doing, what)| (of(*doing), what));
    let all: Vec<String> = all
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    all.join(", ")
}

/// Ranks that the line about blame names at the most: more have no room in 80 columns.
const NAMED: usize = 2;

/// Who is to blame for the time that ranks have waited.
pub fn blame(tally: &Tally) -> String {
    let blamed = tally.blamed();
    let waited: f64 = tally.ranks.iter().map(|rank| rank.waits).sum();
    let seen: f64 = tally.ranks.iter().map(|rank| rank.seen()).sum();
    let lost = format!("{} of the ranks' time is waiting", percent(waited, seen));
    let named = (0..).zip(tally.to_blame().into_iter().take(NAMED));
    let named: Vec<String> = named
        .map(|(at, (rank, seconds))| {
            let of_it = if at == 0 { " of it" } else { "" };
            format!("{}{of_it} for rank {rank}", percent(seconds, blamed))
        })
        .collect();
    match named.is_empty() {
        true => lost,
        false => format!("{lost}, {}", named.join(", ")),
    }
}

/// For whom a rank has waited, and how long others have waited for it.
pub fn waited_for(tally: &RankTally) -> String {
    let mut whom: Vec<(u32, f64)> = tally.for_whom.iter().map(|(r, s)| (*r, *s)).collect();
    whom.sort_by(|a, b| b.1.total_cmp(&a.1));
    let whom = whom.iter().take(NAMED);
    let whom: Vec<String> = whom
        .map(|(rank, seconds)| format!("rank {rank} ({})", percent(*seconds, tally.waits)))
        .collect();
    let whom = match whom.is_empty() {
        true => String::new(),
        false => format!(": in the end for {}", whom.join(", ")),
    };
    format!(
        "  it has waited for {:.1} s{whom}; others have waited {:.1} s for it\n",
        tally.waits, tally.blame
    )
}

/// What is certain, if anything is.
pub fn stuck(moment: &Moment) -> Option<String> {
    let look = &moment.look;
    look.is_stuck().then(|| {
        let time = look.standstill.as_secs_f64();
        format!("stuck: {} (for {time:.1} s)", who_is_stuck(&look.findings))
    })
}

/// The lines above the table.
pub fn head(title: &str, moment: &Moment) -> Vec<String> {
    let watched = time(moment.tally.watched);
    let mut lines = vec![
        title.to_owned(),
        format!("{}; watched for {watched}", counts(&moment.look.snapshots)),
        blame(&moment.tally),
    ];
    lines.extend(stuck(moment));
    let silent = moment.look.silent.iter();
    lines.extend(silent.map(|host| explain::silent(host).trim().to_owned()));
    lines
}

/// The whole as plain lines.
pub fn text(title: &str, moment: &Moment) -> String {
    let shown = shown(moment);
    let chosen = |cells: &[String]| shown.iter().map(|at| cells[*at].clone()).collect();
    let mut lines: Vec<Vec<String>> = vec![chosen(&HEADS.map(str::to_owned))];
    lines.extend(rows(moment).iter().map(|row| chosen(&row.cells)));
    let right: Vec<bool> = shown.iter().map(|at| RIGHT[*at]).collect();
    let head = head(title, moment).join("\n");
    format!("{head}\n{}", align(&lines, &right))
}

/// A job's name in a title. `hosts`: where there are several.
pub fn title(
    pid: i32,
    (ranks, hosts): (u32, Option<usize>),
    program: &str,
    age: Duration,
) -> String {
    let noun = if ranks == 1 { "rank" } else { "ranks" };
    let place = hosts.map_or(String::new(), |count| {
        format!(" on {}", columns::hosts(count))
    });
    format!(
        "job {pid}: {ranks} {noun} of {program}{place}, for {}",
        time(age)
    )
}

#[cfg(test)]
pub mod tests {
    use super::super::doing::tests::{rank, waiting};
    use super::*;
    use crate::inspect::Look;
    use crate::snapshot::NodeView;
    use crate::watch::Findings;
    use std::sync::Arc;

    /// A job of three ranks: the first waits for the last, which works.
    pub fn moment() -> Moment {
        let mut snapshots = vec![
            waiting(0, &[2], Need::AllOf),
            waiting(1, &[], Need::Anybody),
            rank(2, None),
        ];
        snapshots[1].unreceived_count = 4;
        let mut tally = Tally::default();
        tally.add(&snapshots, Duration::from_secs(3));
        snapshots[0].state = Some(State::Running);
        tally.add(
            &[rank(0, None), rank(1, None), rank(2, Some("MPI_Send"))],
            Duration::from_secs(1),
        );
        let kernel = vec![
            Kernel::default(),
            Kernel::default(),
            Kernel {
                processors: Some(0.98),
                stopped: false,
                runs: true,
            },
        ];
        Moment {
            look: Look {
                snapshots,
                findings: Findings::default(),
                is_open: false,
                standstill: Duration::ZERO,
                silent: Vec::new(),
            },
            kernel,
            tally,
        }
    }

    #[test]
    fn a_job_as_text() {
        let title = title(42, (3, None), "solve", Duration::from_secs(12));
        assert_eq!(
            text(&title, &moment()),
            "\
job 42: 3 ranks of solve, for 12.0 s
1 outside MPI, 2 waiting; watched for 4.0 s
50% of the ranks' time is waiting, 100% of it for rank 2
RANK  STATE  CALL      FOR      SINCE  WORKS  WAITS  MOVES  CPU  BLAME  UNRECV
   0  waits  MPI_Recv  rank 2   1.2 s    25%    75%     0%    -     0%       -
   1  waits  MPI_Recv  anybody  1.2 s    25%    75%     0%    -     0%       4
   2  works  -         -            -    75%     0%    25%  98%   100%       -
"
        );
    }

    #[test]
    fn a_job_on_several_hosts_as_text() {
        let title = title(42, (3, Some(2)), "solve", Duration::from_secs(12));
        let mut moment = moment();
        for (rank, host) in moment.look.snapshots.iter_mut().zip(["a", "a", "b"]) {
            rank.node = Some(NodeView {
                host: Arc::from(host),
                threads: None,
                process: None,
            });
        }
        moment.look.silent = vec!["b".to_owned()];
        assert_eq!(
            text(&title, &moment),
            "\
job 42: 3 ranks of solve on 2 hosts, for 12.0 s
1 outside MPI, 2 waiting; watched for 4.0 s
50% of the ranks' time is waiting, 100% of it for rank 2
host b does not answer: what is told of its ranks may be old
RANK  HOST  STATE  CALL      FOR      SINCE  WORKS  WAITS  MOVES  CPU  BLAME  UNRECV
   0  a     waits  MPI_Recv  rank 2   1.2 s    25%    75%     0%    -     0%       -
   1  a     waits  MPI_Recv  anybody  1.2 s    25%    75%     0%    -     0%       4
   2  b     works  -         -            -    75%     0%    25%  98%   100%       -
"
        );
    }

    #[test]
    fn what_is_certain_is_in_the_head() {
        let mut moment = moment();
        assert_eq!(stuck(&moment), None);
        moment.look.findings.stuck = vec![0];
        moment.look.standstill = Duration::from_millis(1600);
        assert_eq!(
            stuck(&moment).unwrap(),
            "stuck: rank 0 can never move again, whatever the others do (for 1.6 s)"
        );
        assert_eq!(rows(&moment)[0].cells[2], "stuck");
        assert_eq!(blame(&Tally::default()), "- of the ranks' time is waiting");
    }

    #[test]
    fn whom_a_rank_has_waited_for() {
        let tally = moment().tally;
        assert_eq!(
            waited_for(&tally.ranks[0]),
            "  it has waited for 3.0 s: in the end for rank 2 (100%); others have waited 0.0 s for it\n"
        );
        assert!(waited_for(&tally.ranks[1]).starts_with("  it has waited for 3.0 s; others"));
    }

    #[test]
    fn orders() {
        let mut rows = rows(&moment());
        let mut first = |order: Order| {
            order.sort(&mut rows);
            rows[0].rank
        };
        assert_eq!(first(Order::Blame), 2);
        assert_eq!(first(Order::Waits), 0);
        assert_eq!(first(Order::Works), 2);
        assert_eq!(first(Order::Since), 0);
        assert_eq!(first(Order::Rank), 0);
        let mut order = Order::Rank;
        for _ in 0..5 {
            order = order.next();
        }
        assert_eq!(order, Order::Rank);
    }

    #[test]
    fn whom_in_few_words() {
        let text = |snapshot: &RankSnapshot| for_whom(snapshot, &Absent::new());
        assert_eq!(text(&waiting(0, &[1, 2], Need::AllOf)), "ranks 1-2");
        assert_eq!(text(&waiting(0, &[1, 3], Need::OneOf)), "one of ranks 1, 3");
        assert_eq!(text(&waiting(0, &[-3], Need::Anybody)), "another job");
        let many: Vec<i32> = (0..8).map(|r| r * 100).collect();
        let long = text(&waiting(0, &many, Need::AllOf));
        assert_eq!((long.chars().count(), long.chars().last()), (25, Some('…')));
        let mut leaving = waiting(0, &[], Need::Anybody);
        leaving.waits[0].shown.kind = WaitKind::Leaving;
        assert_eq!(text(&leaving), "the others");
        let mut collective = waiting(0, &[1], Need::AllOf);
        collective.waits[0].shown.kind = WaitKind::Collective;
        collective.waits[0].shown.collective = Some(9);
        let absent = Absent::from([((0, 9), vec![4])]);
        assert_eq!(for_whom(&collective, &absent), "rank 4");
    }
}
