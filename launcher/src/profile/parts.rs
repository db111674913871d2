//! What one rank has recorded, on its way from its host to where it is written.

use super::data::{Data, Place};
use crate::packed::{Reader, Writer};
use crate::snapshot::call_of_name;
use std::time::Duration;
use wireup::profile::{CallCost, Event, PeerCost, Profile};

/// What a rank has recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// The rank.
    pub rank: u32,
    /// What it has recorded, but for places in the program.
    pub profile: Profile,
    /// Those, with their lines.
    pub places: Vec<Place>,
}

/// A part for each rank that has recorded something.
pub fn of(data: &Data) -> Vec<Part> {
    let part = |(rank, profile): (u32, &Profile)| Part {
        rank,
        profile: Profile {
            sites: Vec::new(),
            ..profile.clone()
        },
        places: data
            .places
            .iter()
            .filter(|place| place.rank == rank)
            .cloned()
            .collect(),
    };
    data.known().map(part).collect()
}

/// Puts the parts of all hosts together.
pub fn join(ranks: usize, parts: Vec<Part>, programs: String, time: Duration) -> Data {
    let mut data = Data {
        programs,
        time,
        ranks: vec![None; ranks],
        places: Vec::new(),
    };
    for part in parts {
        if let Some(slot) = data.ranks.get_mut(part.rank as usize) {
            *slot = Some(part.profile);
            data.places.extend(part.places);
        }
    }
    data.places
        .sort_by_key(|place| std::cmp::Reverse(place.time));
    data
}

impl Part {
    /// Renumbers all ranks: by process as this host numbers them.
    pub fn renumber(&mut self, in_job: &[u32]) {
        let of = |proc: u32| in_job.get(proc as usize).copied();
        self.rank = of(self.rank).unwrap_or(u32::MAX);
        let mut peers = vec![PeerCost::default(); self.profile.peers.len()];
        for (proc, cost) in (0..).zip(&self.profile.peers) {
            if let Some(peer) = of(proc).and_then(|rank| peers.get_mut(rank as usize)) {
                *peer = *cost;
            }
        }
        self.profile.peers = peers;
        for event in &mut self.profile.events {
            let peer = u32::try_from(event.peer).ok();
            if let Some(rank) = peer.and_then(of) {
                event.peer = rank.cast_signed();
            }
        }
        for place in &mut self.places {
            place.rank = self.rank;
            place.blamed = place.blamed.and_then(of);
        }
    }

    /// Moves all moments by so many nanoseconds: from its host's clock to another.
    pub fn shift(&mut self, by: i64) {
        let moved = |at: &mut u64| *at = at.saturating_add_signed(by);
        moved(&mut self.profile.began);
        for event in &mut self.profile.events {
            moved(&mut event.begin);
            moved(&mut event.end);
        }
    }

    /// As it travels.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        let profile = &self.profile;
        to.number(self.rank);
        for value in [
            profile.began,
            profile.time,
            profile.inside,
            profile.unplaced,
            profile.dropped,
        ] {
            to.long(value);
        }
        to.list(&profile.calls, |to, (call, cost)| {
            to.text(call);
            [cost.count, cost.time, cost.longest, cost.waited]
                .into_iter()
                .for_each(|value| to.long(value));
        });
        to.list(&profile.peers, |to, peer| {
            for (messages, bytes) in peer.sent {
                to.long(messages);
                to.long(bytes);
            }
            to.long(peer.waited);
        });
        profile.waited.iter().for_each(|value| to.long(*value));
        for sizes in &profile.sizes {
            to.list(sizes, |to, value| to.long(*value));
        }
        for (messages, bytes) in profile.arms {
            to.long(messages);
            to.long(bytes);
        }
        to.list(&profile.events, |to, event| {
            [event.begin, event.end, event.bytes]
                .into_iter()
                .for_each(|value| to.long(value));
            let (peer, tag) = (event.peer.cast_unsigned(), event.tag.cast_unsigned());
            [event.call, event.kind, peer, tag, event.context]
                .into_iter()
                .for_each(|value| to.number(value));
        });
        to.list(&self.places, |to, place| {
            to.text(place.call);
            to.text(&place.line);
            to.long(place.time);
            to.long(place.waited);
            to.number(place.blamed.map_or(0, |rank| rank.saturating_add(1)));
        });
        to.0
    }

    /// What [`Part::write`] has made.
    pub fn read(bytes: &[u8]) -> Option<Part> {
        let mut from = Reader(bytes);
        let rank = from.number()?;
        let mut profile = Profile {
            began: from.long()?,
            time: from.long()?,
            inside: from.long()?,
            unplaced: from.long()?,
            dropped: from.long()?,
            ..Profile::default()
        };
        profile.calls = from.list(|from| {
            let call = call_of_name(&from.text()?)?;
            let cost = CallCost {
                count: from.long()?,
                time: from.long()?,
                longest: from.long()?,
                waited: from.long()?,
            };
            Some((call, cost))
        })?;
        profile.peers = from.list(|from| {
            let mut peer = PeerCost::default();
            for sent in &mut peer.sent {
                *sent = (from.long()?, from.long()?);
            }
            peer.waited = from.long()?;
            Some(peer)
        })?;
        for value in &mut profile.waited {
            *value = from.long()?;
        }
        for sizes in &mut profile.sizes {
            *sizes = from.list(Reader::long)?;
        }
        for arm in &mut profile.arms {
            *arm = (from.long()?, from.long()?);
        }
        profile.events = from.list(|from| {
            let (begin, end, bytes) = (from.long()?, from.long()?, from.long()?);
            Some(Event {
                begin,
                end,
                bytes,
                call: from.number()?,
                kind: from.number()?,
                peer: from.number()?.cast_signed(),
                tag: from.number()?.cast_signed(),
                context: from.number()?,
            })
        })?;
        let places = from.list(|from| {
            Some(Place {
                rank,
                call: call_of_name(&from.text()?)?,
                line: from.text()?,
                time: from.long()?,
                waited: from.long()?,
                blamed: from.number()?.checked_sub(1),
            })
        })?;
        from.0.is_empty().then_some(Part {
            rank,
            profile,
            places,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        let sent = |n: u64| PeerCost {
            sent: [(n, 8 * n), (0, 0), (1, 2)],
            waited: n,
        };
        let cost = CallCost {
            count: 3,
            ..CallCost::default()
        };
        Part {
            rank: 1,
            profile: Profile {
                began: 100,
                time: 50,
                inside: 20,
                calls: vec![("MPI_Recv", cost)],
                peers: vec![sent(5), sent(6), sent(7)],
                sizes: [vec![1, 2], Vec::new(), vec![3]],
                events: vec![Event {
                    begin: 110,
                    end: 120,
                    call: 4,
                    kind: 1,
                    peer: 2,
                    tag: -1,
                    bytes: 16,
                    context: 9,
                }],
                ..Profile::default()
            },
            places: vec![Place {
                rank: 1,
                call: "MPI_Recv",
                line: "a.c:3".to_owned(),
                time: 7,
                waited: 6,
                blamed: Some(0),
            }],
        }
    }

    #[test]
    fn a_part_comes_as_it_went() {
        let whole = part().write();
        assert_eq!(Part::read(&whole), Some(part()));
        for cut in 0..whole.len() {
            assert_eq!(Part::read(&whole[..cut]), None);
        }
    }

    /// The second host's ranks are 1 and 2 of the job; the first host's is 0.
    #[test]
    fn ranks_and_clocks_are_those_of_the_job() {
        let mut part = part();
        part.renumber(&[1, 2, 0]);
        part.shift(-10);
        assert_eq!(part.rank, 2);
        let waited: Vec<u64> = part.profile.peers.iter().map(|peer| peer.waited).collect();
        assert_eq!(waited, [7, 5, 6]);
        let event = &part.profile.events[0];
        assert_eq!((event.peer, event.begin, part.profile.began), (0, 100, 90));
        assert_eq!((part.places[0].rank, part.places[0].blamed), (2, Some(1)));
        let data = join(3, vec![part], String::new(), Duration::ZERO);
        assert_eq!(data.silent(), [0, 1]);
    }
}
