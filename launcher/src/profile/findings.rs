//! The three things to know first of a profile, in plain words. Pure.

use super::data::{Data, outside, waited};
use super::text::{bytes, percent, time};
use std::collections::HashMap;
use wireup::profile::KINDS;

/// A sentence, and how much it matters: a share of all ranks' time.
#[derive(Debug)]
struct Finding {
    weight: f64,
    text: String,
}

/// Shares of the time below which something is not worth telling.
const WORTH: f64 = 0.02;

/// At most three sentences, the most important first.
pub fn find(data: &Data) -> Vec<String> {
    let all = data.known().map(|(_, profile)| profile.time).sum::<u64>();
    if all == 0 {
        return vec!["no rank has recorded anything: none has called MPI_Init".to_owned()];
    }
    let mut found: Vec<Finding> = [
        latest(data, all),
        dearest(data, all),
        traffic(data),
        waits(data, all),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    found.truncate(3);
    found.into_iter().map(|finding| finding.text).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, of: u64) -> f64 {
    if of == 0 {
        0.0
    } else {
        part as f64 / of as f64
    }
}

/// The rank that others wait for.
fn latest(data: &Data, all: u64) -> Option<Finding> {
    let total: u64 = data.known().map(|(_, profile)| waited(profile)).sum();
    let mut blame = vec![0u64; data.ranks.len()];
    for (_, profile) in data.known() {
        for (sum, peer) in blame.iter_mut().zip(&profile.peers) {
            *sum += peer.waited;
        }
    }
    if data.ranks.len() < 2 || share(total, all) < WORTH {
        let text = format!(
            "ranks hardly wait for one another: {} of their time",
            percent(share(total, all))
        );
        return (data.ranks.len() > 1).then_some(Finding { weight: 0.0, text });
    }
    let (rank, most) = (0u32..).zip(&blame).max_by_key(|(_, time)| **time)?;
    let of_waiting = share(*most, total);
    // Each has an equal part of the waiting for it: nobody stands out.
    #[allow(clippy::cast_precision_loss, reason = "few ranks")]
    let usual = 1.0 / data.ranks.len() as f64;
    if of_waiting <= usual {
        return None;
    }
    let computes = compared(data, rank);
    let place =
        place_of_waits(data, rank).map_or(String::new(), |place| format!(", mostly in {place}"));
    let verb = match computes {
        Some(more) if more >= 0.05 => format!(
            "rank {rank} computes {} the others; {} of all waiting is for it",
            match more {
                more if more >= 2.0 => format!("{:.0} times as long as", more + 1.0),
                more => format!("{} longer than", percent(more)),
            },
            percent(of_waiting)
        ),
        _ => format!("{} of all waiting is for rank {rank}", percent(of_waiting)),
    };
    Some(Finding {
        weight: share(*most, all),
        text: format!("{verb}{place}"),
    })
}

/// By how much longer a rank is outside of MPI than the others are on average.
fn compared(data: &Data, rank: u32) -> Option<f64> {
    let own = outside(data.ranks.get(rank as usize)?.as_ref()?);
    let others = data.known().filter(|(other, _)| *other != rank);
    let others: Vec<u64> = others.map(|(_, profile)| outside(profile)).collect();
    let mean = others.iter().sum::<u64>() / (others.len() as u64).max(1);
    (mean > 0).then(|| share(own, mean) - 1.0)
}

/// Where others wait for a rank the most.
fn place_of_waits(data: &Data, rank: u32) -> Option<String> {
    let mut sums: HashMap<(&str, &str), u64> = HashMap::new();
    let places = data.places.iter();
    for place in places.filter(|place| place.blamed == Some(rank) && place.rank != rank) {
        *sums.entry((place.call, &place.line)).or_default() += place.waited;
    }
    let (place, _) = sums
        .into_iter()
        .max_by_key(|(place, time)| (*time, *place))?;
    Some(in_place(place.0, place.1))
}

fn in_place(call: &str, line: &str) -> String {
    match line {
        "" => call.to_owned(),
        line => format!("{call} at {line}"),
    }
}

/// The place that takes the most of the time.
fn dearest(data: &Data, all: u64) -> Option<Finding> {
    let inside: u64 = data.known().map(|(_, profile)| profile.inside).sum();
    let mut calls: HashMap<&str, (u64, u64)> = HashMap::new();
    for (_, profile) in data.known() {
        for (call, cost) in &profile.calls {
            let sum = calls.entry(call).or_default();
            *sum = (sum.0 + cost.time, sum.1 + cost.count);
        }
    }
    let (call, (spent, count)) = calls.into_iter().max_by_key(|(call, sum)| (*sum, *call))?;
    if share(inside, all) < WORTH {
        let text = format!(
            "MPI takes {} of the time: there is little to gain in it",
            percent(share(inside, all))
        );
        return Some(Finding { weight: 0.01, text });
    }
    let mut lines: HashMap<&str, u64> = HashMap::new();
    for place in data
        .places
        .iter()
        .filter(|place| place.call == call && !place.line.is_empty())
    {
        *lines.entry(&place.line).or_default() += place.time;
    }
    let line = lines.into_iter().max_by_key(|(line, time)| (*time, *line));
    let line = line.map_or(String::new(), |(line, _)| format!(", mostly at {line}"));
    Some(Finding {
        weight: share(spent, all),
        text: format!(
            "{} of the ranks' time is in MPI; {call} has the greatest part, {} ({count} calls, {} in all{line})",
            percent(share(inside, all)),
            percent(share(spent, inside)),
            time(spent)
        ),
    })
}

/// What messages are like.
fn traffic(data: &Data) -> Option<Finding> {
    let own = data.sent(0);
    let (messages, len) = (0..KINDS)
        .map(|kind| data.sent(kind))
        .fold((0, 0), |a: (u64, u64), b| (a.0 + b.0, a.1 + b.1));
    if messages == 0 {
        return None;
    }
    let sizes = data.sizes(0);
    let small: u64 = sizes.iter().take(7).sum(); // up to 63 bytes
    let seconds = data
        .known()
        .map(|(_, profile)| profile.time)
        .max()
        .unwrap_or(0);
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let rate = len as f64 / (seconds.max(1) as f64 / 1e9);
    let text = match share(small, own.0) {
        most if most > 0.8 && own.0 >= 1000 => format!(
            "{} of the program's {} messages are shorter than 64 bytes: where several go to one rank, one longer message costs less",
            percent(most),
            own.0
        ),
        _ => format!(
            "{messages} messages carried {}, {}/s",
            bytes(len),
            bytes_of(rate)
        ),
    };
    Some(Finding {
        weight: 0.005,
        text,
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate that is not negative"
)]
fn bytes_of(rate: f64) -> String {
    bytes(rate as u64)
}

/// What waits are for.
fn waits(data: &Data, all: u64) -> Option<Finding> {
    let mut sums = [0u64; 5];
    for (_, profile) in data.known() {
        for (sum, time) in sums.iter_mut().zip(profile.waited) {
            *sum += time;
        }
    }
    let total: u64 = sums.iter().sum();
    let kinds = [
        (1, "for messages whose senders are late"),
        (2, "for receivers that are late"),
        (3, "for others to come to a collective"),
        (4, "in MPI_Finalize, for the others to end"),
    ];
    let (kind, what) = kinds.into_iter().max_by_key(|(kind, _)| sums[*kind])?;
    (share(total, all) >= WORTH && sums[kind] > 0).then(|| Finding {
        weight: share(sums[kind], all) * 0.5,
        text: format!(
            "ranks wait {} of their time, {} of it {what}",
            percent(share(total, all)),
            percent(share(sums[kind], total))
        ),
    })
}
