//! The summary on standard error. Pure.

use super::data::{Data, outside, waited};
use std::collections::BTreeMap;
use wireup::profile::{CallCost, Profile};
use wireup::report::{in_columns, ranges};

/// Rows of a table at the most.
const ROWS: usize = 12;

/// A time in words.
pub fn time(ns: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are written")]
    let n = ns as f64;
    match ns {
        0 => "0".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", n / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", n / 1e6),
        _ => format!("{:.2} s", n / 1e9),
    }
}

/// Bytes in words.
pub fn bytes(count: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    #[allow(clippy::cast_precision_loss, reason = "three digits are written")]
    let found = units
        .iter()
        .find(|(shift, _)| count >> shift > 0)
        .map(|(shift, unit)| format!("{:.1} {unit}", count as f64 / (1u64 << shift) as f64));
    found.unwrap_or_else(|| format!("{count} B"))
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        little if little > 0.0 && little < 1.0 => format!("{little:.1} %"),
        much => format!("{much:.0} %"),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share")]
fn part(of: u64, all: u64) -> String {
    percent(of as f64 / (all.max(1)) as f64)
}

/// All of it; `place` says where the page is.
pub fn summary(data: &Data, findings: &[String], place: &str) -> String {
    let ranks = data.ranks.len();
    let seconds = data.time.as_secs_f64();
    let s = if ranks == 1 { "" } else { "s" };
    let mut out = format!(
        "profile of {} ({ranks} rank{s}, {seconds:.2} s):\n",
        data.programs
    );
    for finding in findings {
        out.push_str(&format!("  {finding}\n"));
    }
    let tables = [
        by_rank(data),
        by_call(data),
        by_line(data),
        sent(data),
        pairs(data),
    ];
    for table in tables.iter().filter(|table| table.len() > 1) {
        out.push('\n');
        for line in in_columns(table).lines() {
            out.push_str(&format!("  {line}\n"));
        }
    }
    let silent = data.silent();
    if !silent.is_empty() {
        let who = ranges(silent.into_iter());
        out.push_str(&format!("\n  nothing was recorded by: {who}\n"));
    }
    out.push_str(&format!("\n  {place}"));
    out
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

fn by_rank(data: &Data) -> Vec<Vec<String>> {
    let mut lines = vec![row([
        "rank",
        "time",
        "outside MPI",
        "in MPI",
        "of it waiting",
        "messages",
        "bytes",
    ])];
    let mut all: Vec<(u32, &Profile)> = data.known().collect();
    let left = all.len().saturating_sub(ROWS);
    if left > 0 {
        // The ends are of interest: those who compute the longest, and the shortest.
        all.sort_by_key(|(_, profile)| std::cmp::Reverse(outside(profile)));
        all.drain(ROWS / 2..ROWS / 2 + left);
    }
    for (at, (rank, profile)) in all.into_iter().enumerate() {
        if left > 0 && at == ROWS / 2 {
            lines.push(vec![format!("… {left} more")]);
        }
        let sent = profile.peers.iter().flat_map(|peer| peer.sent);
        let (messages, len) = sent.fold((0u64, 0u64), |a, b| (a.0 + b.0, a.1 + b.1));
        let own = outside(profile);
        lines.push(vec![
            rank.to_string(),
            time(profile.time),
            format!("{} ({})", time(own), part(own, profile.time)),
            time(profile.inside),
            time(waited(profile)),
            messages.to_string(),
            bytes(len),
        ]);
    }
    lines
}

/// What each call cost over all ranks, the dearest first, and at which rank it cost most.
fn by_call(data: &Data) -> Vec<Vec<String>> {
    let mut calls: BTreeMap<&str, (CallCost, u32, u64)> = BTreeMap::new();
    for (rank, profile) in data.known() {
        for (call, cost) in &profile.calls {
            let (sum, most_at, most) = calls.entry(call).or_default();
            sum.count += cost.count;
            sum.time += cost.time;
            sum.waited += cost.waited;
            sum.longest = sum.longest.max(cost.longest);
            if cost.time > *most {
                (*most_at, *most) = (rank, cost.time);
            }
        }
    }
    let mut all: Vec<_> = calls.into_iter().collect();
    all.sort_by_key(|(_, (sum, ..))| std::cmp::Reverse(sum.time));
    let mut lines = vec![row([
        "call",
        "calls",
        "time",
        "of it waiting",
        "mean",
        "longest",
        "most at rank",
    ])];
    for (call, (sum, most_at, _)) in all.into_iter().take(ROWS) {
        lines.push(vec![
            call.to_owned(),
            sum.count.to_string(),
            time(sum.time),
            time(sum.waited),
            time(sum.time / sum.count.max(1)),
            time(sum.longest),
            most_at.to_string(),
        ]);
    }
    lines
}

/// What each line cost over all ranks.
fn by_line(data: &Data) -> Vec<Vec<String>> {
    let mut sums: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for place in data.places.iter().filter(|place| !place.line.is_empty()) {
        let sum = sums.entry((&place.line, place.call)).or_default();
        *sum = (sum.0 + place.time, sum.1 + place.waited);
    }
    let mut all: Vec<_> = sums.into_iter().collect();
    all.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let mut lines = vec![row(["line", "call", "time (sampled)", "of it waiting"])];
    for ((line, call), (spent, waited)) in all.into_iter().take(ROWS) {
        lines.push(vec![
            line.to_owned(),
            call.to_owned(),
            time(spent),
            time(waited),
        ]);
    }
    lines
}

fn sent(data: &Data) -> Vec<Vec<String>> {
    let mut lines = vec![row(["traffic", "messages", "bytes", "sizes"])];
    let kinds = ["point-to-point", "MPI's own", "one-sided"];
    for (kind, name) in kinds.into_iter().enumerate() {
        let (messages, len) = data.sent(kind);
        if messages == 0 {
            continue;
        }
        let sizes = data.sizes(kind);
        let used: Vec<usize> = (0..sizes.len()).filter(|class| sizes[*class] > 0).collect();
        let least = used.first().copied().unwrap_or(0);
        let most = used.last().copied().unwrap_or(0);
        let to = match most {
            0 => "0 B".to_owned(),
            most => bytes((1u64 << most) - 1),
        };
        let from = bytes(if least == 0 { 0 } else { 1 << (least - 1) });
        lines.push(vec![
            name.to_owned(),
            messages.to_string(),
            bytes(len),
            format!("{from} to {to}"),
        ]);
    }
    let names = ["shared", "driver", "cma", "copy"];
    for (arm, name) in names.into_iter().enumerate() {
        let all = data.known().map(|(_, profile)| profile.arms[arm]);
        let (messages, len) = all.fold((0u64, 0u64), |a, b| (a.0 + b.0, a.1 + b.1));
        if messages > 0 {
            lines.push(vec![
                format!("announced, by {name}"),
                messages.to_string(),
                bytes(len),
            ]);
        }
    }
    lines
}

/// The pairs of ranks with the most traffic of the program's own.
fn pairs(data: &Data) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (from, profile) in data.known() {
        for (to, peer) in (0u32..).zip(&profile.peers) {
            let (messages, len) = (
                peer.sent[0].0 + peer.sent[2].0,
                peer.sent[0].1 + peer.sent[2].1,
            );
            if messages > 0 {
                all.push((len, messages, from, to));
            }
        }
    }
    all.sort_by(|a, b| (b.0, b.1, a.2, a.3).cmp(&(a.0, a.1, b.2, b.3)));
    let mut lines = vec![row(["from → to", "messages", "bytes"])];
    for (len, messages, from, to) in all.into_iter().take(ROWS) {
        lines.push(vec![
            format!("{from} → {to}"),
            messages.to_string(),
            bytes(len),
        ]);
    }
    lines
}
