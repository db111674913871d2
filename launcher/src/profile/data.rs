//! What all ranks have recorded.

use crate::source::Finder;
use std::collections::HashMap;
use std::time::Duration;
use wireup::profile::{self, KINDS, Profile, SIZES};
use wireup::segment::Segment;

/// A place in the program, and what a rank spent there.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The rank.
    pub rank: u32,
    /// The call.
    pub call: &'static str,
    /// File and line, or the function; empty: not known.
    pub line: String,
    /// Nanoseconds, as sampled.
    pub time: u64,
    /// Nanoseconds of it in which the rank waited.
    pub waited: u64,
    /// The rank that it waited for the most.
    pub blamed: Option<u32>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Data {
    /// The programs of the job.
    pub programs: String,
    /// How long the job took.
    pub time: Duration,
    /// What each rank has recorded; `None`: nothing.
    pub ranks: Vec<Option<Profile>>,
    /// Places in the program.
    pub places: Vec<Place>,
}

impl Data {
    /// Reads it.
    pub fn read(segment: &Segment, programs: &str, time: Duration) -> Data {
        let ranks = (0..segment.ranks()).map(|rank| profile::read(segment, rank));
        let ranks: Vec<_> = ranks.collect();
        let mut finder = Finder::default();
        let mut lines: HashMap<Vec<(String, u64)>, String> = HashMap::new();
        let mut places = Vec::new();
        for (rank, profile) in (0..).zip(&ranks) {
            for site in profile.iter().flat_map(|profile| &profile.sites) {
                let line = lines.entry(site.frames.clone());
                let line =
                    line.or_insert_with(|| finder.own_line(&site.frames).unwrap_or_default());
                places.push(Place {
                    rank,
                    call: site.call,
                    line: line.clone(),
                    time: site.time,
                    waited: site.waited,
                    blamed: site.blamed,
                });
            }
        }
        Data {
            programs: programs.to_owned(),
            time,
            ranks,
            places: merged(places),
        }
    }

    /// The ranks that have recorded something.
    pub fn known(&self) -> impl Iterator<Item = (u32, &Profile)> {
        let all = (0..).zip(&self.ranks);
        all.filter_map(|(rank, profile)| Some((rank, profile.as_ref()?)))
    }

    /// The ranks that have not.
    pub fn silent(&self) -> Vec<u32> {
        let all = (0..).zip(&self.ranks);
        all.filter(|(_, profile)| profile.is_none())
            .map(|(rank, _)| rank)
            .collect()
    }

    /// Messages and bytes of one kind of traffic in all.
    pub fn sent(&self, kind: usize) -> (u64, u64) {
        let all = self.known().flat_map(|(_, profile)| &profile.peers);
        all.fold((0, 0), |sum: (u64, u64), peer| {
            let (messages, bytes) = peer.sent[kind.min(KINDS - 1)];
            (sum.0.saturating_add(messages), sum.1.saturating_add(bytes))
        })
    }

    /// Messages by class of size, of one kind of traffic.
    pub fn sizes(&self, kind: usize) -> Vec<u64> {
        let mut all = vec![0u64; SIZES];
        for (_, profile) in self.known() {
            for (sum, count) in all.iter_mut().zip(&profile.sizes[kind.min(KINDS - 1)]) {
                *sum = sum.saturating_add(*count);
            }
        }
        all
    }
}

/// Nanoseconds outside of MPI.
pub fn outside(profile: &Profile) -> u64 {
    profile.time.saturating_sub(profile.inside)
}

/// Nanoseconds in which the rank waited.
pub fn waited(profile: &Profile) -> u64 {
    profile
        .waited
        .iter()
        .fold(0u64, |sum, n| sum.saturating_add(*n))
}

/// One entry for each rank, call and line, those that took the most first.
fn merged(places: Vec<Place>) -> Vec<Place> {
    let mut found: HashMap<(u32, &'static str, String), Place> = HashMap::new();
    for place in places {
        let key = (place.rank, place.call, place.line.clone());
        match found.get_mut(&key) {
            Some(known) => {
                if place.waited > known.waited {
                    known.blamed = place.blamed;
                }
                known.time = known.time.saturating_add(place.time);
                known.waited = known.waited.saturating_add(place.waited);
            }
            None => drop(found.insert(key, place)),
        }
    }
    let mut all: Vec<Place> = found.into_values().collect();
    all.sort_by(|a, b| {
        b.time
            .cmp(&a.time)
            .then_with(|| (a.rank, a.call, &a.line).cmp(&(b.rank, b.call, &b.line)))
    });
    all
}
