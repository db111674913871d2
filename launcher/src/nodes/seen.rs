//! What a node sees of its ranks: asked for and told over the control connection, in the
//! numbers of the whole job, so that reports of all hosts come from the code that makes those
//! of one.

use crate::explain::Known;
use crate::packed::{Reader, Writer};
use crate::procfs::Stat;
use crate::snapshot::{self, Counters, FarProcess, NodeView, RankSnapshot, Wait};
use crate::threads::Threads;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;
use wireup::layout::{State, WaitKind, far_rank};
use wireup::nodes::traffic_at;
use wireup::profile::nanoseconds;
use wireup::segment::Segment;
use wireup::waits::{self, Need, Unreceived};

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Question {
    /// Its number, which the answer has, too.
    pub number: u32,
    /// Whether to count messages, and to look at threads: what it takes to be certain.
    pub certain: bool,
    /// Whether to find out what ranks do not show: lines of the source, and what they do
    /// outside of MPI.
    pub known: bool,
    /// Whether to find out what the kernel knows of their processes.
    pub processes: bool,
}

/// The answer.
#[derive(Debug, Default)]
pub struct Seen {
    /// The number of the question.
    pub number: u32,
    /// `CLOCK_MONOTONIC` there, in nanoseconds.
    pub clock: u64,
    /// The ranks of the node.
    pub ranks: Vec<RankSnapshot>,
    /// Messages to and from other nodes, where they were asked for.
    pub traffic: Vec<Traffic>,
    /// What else is known, where it was asked for.
    pub known: Known,
}

/// Messages between a rank of the node and one of another, so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// The rank of this node.
    pub me: u32,
    /// The other one.
    pub other: u32,
    /// Those that it has sent to the other one.
    pub sent: u32,
    /// Those of the other one that it has taken.
    pub taken: u32,
}

/// Where a node looks.
pub struct Eyes<'a> {
    /// The node's segment.
    pub segment: &'a Segment,
    /// Its table.
    pub table: &'a File,
    /// Nodes of the job, and ranks of all of them.
    pub size: (u32, u32),
    /// The ranks of this one, by rank here.
    pub ranks: &'a [u32],
}

impl Eyes<'_> {
    /// Answers a question.
    pub fn look(&self, question: Question) -> Seen {
        let local = snapshot::of_all(self.segment);
        let known = match question.known {
            true => self.renumbered(&Known::of(&local)),
            false => Known::default(),
        };
        let ranks = local.into_iter().map(|mut snapshot| {
            let counters = &snapshot.counters;
            let has_others = counters.multiple && counters.waiters > 0;
            snapshot.node = Some(NodeView {
                host: Arc::from(""),
                threads: match question.certain && has_others {
                    true => Threads::of(snapshot.pid),
                    false => None,
                },
                process: match question.processes {
                    true => process(snapshot.pid),
                    false => None,
                },
            });
            snapshot.rank = self.in_job(snapshot.rank);
            for wait in &mut snapshot.waits {
                for peer in &mut wait.shown.peers {
                    *peer = self.peer_in_job(*peer);
                }
            }
            snapshot
        });
        let ranks = ranks.collect();
        let traffic = match question.certain {
            true => self.traffic(),
            false => Vec::new(),
        };
        Seen {
            number: question.number,
            clock: nanoseconds(),
            ranks,
            traffic,
            known,
        }
    }

    fn in_job(&self, rank: u32) -> u32 {
        self.ranks.get(rank as usize).copied().unwrap_or(u32::MAX)
    }

    fn peer_in_job(&self, peer: i32) -> i32 {
        match (u32::try_from(peer), far_rank(peer)) {
            (Ok(near), _) => self.in_job(near).cast_signed(),
            (_, Some(far)) => far.cast_signed(),
            _ => peer,
        }
    }

    fn renumbered(&self, known: &Known) -> Known {
        let mut all = Known::default();
        for ((rank, slot), text) in known.lines.texts() {
            all.lines.add_text((self.in_job(rank), slot), text);
        }
        for (rank, does) in known.outside.all() {
            all.outside.add(self.in_job(rank), does.to_owned());
        }
        let threads = known.threads.iter();
        all.threads = threads
            .map(|(rank, count)| (self.in_job(*rank), *count))
            .collect();
        all
    }

    /// The messages of all ranks here, read after what they show: a rank that stands still
    /// has counted all of its own.
    fn traffic(&self) -> Vec<Traffic> {
        let (nodes, ranks) = self.size;
        let mut all = Vec::new();
        let mut row = vec![0; ranks as usize * 8];
        for (local, me) in (0..).zip(self.ranks) {
            let at = traffic_at(nodes, ranks, local);
            if self.table.read_exact_at(&mut row, at).is_err() {
                continue;
            }
            let (pairs, _) = row.as_chunks::<8>();
            for (other, pair) in (0..).zip(pairs) {
                let [a, b, c, d, e, f, g, h] = *pair;
                let sent = u32::from_ne_bytes([a, b, c, d]);
                let taken = u32::from_ne_bytes([e, f, g, h]);
                if (sent, taken) != (0, 0) {
                    all.push(Traffic {
                        me: *me,
                        other,
                        sent,
                        taken,
                    });
                }
            }
        }
        all
    }
}

/// What the kernel knows of a process of this host.
fn process(pid: u32) -> Option<FarProcess> {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    Some(FarProcess {
        stat: Stat::of(pid)?,
        clock: nanoseconds(),
    })
}

impl Question {
    /// As it travels.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.number(self.number);
        to.number(self.certain.into());
        to.number(self.known.into());
        to.number(self.processes.into());
        to.0
    }

    /// What [`Question::write`] has made.
    pub fn read(bytes: &[u8]) -> Option<Question> {
        let mut from = Reader(bytes);
        Some(Question {
            number: from.number()?,
            certain: from.number()? != 0,
            known: from.number()? != 0,
            processes: from.number()? != 0,
        })
    }
}

impl Seen {
    /// As it travels.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.number(self.number);
        to.long(self.clock);
        to.list(&self.ranks, put_rank);
        to.list(&self.traffic, |to, pair| {
            [pair.me, pair.other, pair.sent, pair.taken]
                .into_iter()
                .for_each(|number| to.number(number));
        });
        put_known(&mut to, &self.known);
        to.0
    }

    /// What [`Seen::write`] has made, of this host.
    pub fn read(bytes: &[u8], host: &Arc<str>) -> Option<Seen> {
        let mut from = Reader(bytes);
        let seen = Seen {
            number: from.number()?,
            clock: from.long()?,
            ranks: from.list(|from| get_rank(from, host))?,
            traffic: from.list(|from| {
                Some(Traffic {
                    me: from.number()?,
                    other: from.number()?,
                    sent: from.number()?,
                    taken: from.number()?,
                })
            })?,
            known: get_known(&mut from)?,
        };
        from.0.is_empty().then_some(seen)
    }
}

/// What is known of ranks beside what they show, as it travels.
pub fn put_known(to: &mut Writer, known: &Known) {
    let lines: Vec<_> = known.lines.texts().collect();
    to.list(lines, |to, ((rank, slot), text)| {
        to.number(rank);
        to.count(slot);
        to.text(&text);
    });
    let outside: Vec<_> = known.outside.all().collect();
    to.list(outside, |to, (rank, does)| {
        to.number(rank);
        to.text(does);
    });
    to.list(&known.threads, |to, (rank, count)| {
        to.number(*rank);
        to.count(*count);
    });
}

/// What [`put_known`] has made.
pub fn get_known(from: &mut Reader<'_>) -> Option<Known> {
    let mut known = Known::default();
    let lines = from.list(|from| Some((from.number()?, from.number()?, from.text()?)))?;
    for (rank, slot, text) in lines {
        known.lines.add_text((rank, slot as usize), text);
    }
    for (rank, does) in from.list(|from| Some((from.number()?, from.text()?)))? {
        known.outside.add(rank, does);
    }
    let threads = from.list(|from| Some((from.number()?, from.number()? as usize)))?;
    known.threads = threads.into_iter().collect();
    Some(known)
}

/// A rank as it travels, without the name of its host.
pub fn put_rank(to: &mut Writer, rank: &RankSnapshot) {
    to.number(rank.rank);
    to.number(rank.pid);
    to.number(rank.state.map_or(u32::MAX, |state| state as u32));
    to.text(rank.call.unwrap_or_default());
    to.text(rank.last_call.unwrap_or_default());
    to.list(&rank.waits, |to, wait| {
        to.long(u64::try_from(wait.time.as_nanos()).unwrap_or(u64::MAX));
        to.text(wait.call.unwrap_or_default());
        put_wait(to, &wait.shown);
    });
    to.list(&rank.unreceived, |to, message| {
        to.number(message.source);
        to.number(message.tag.cast_unsigned());
        to.number(message.context);
        to.long(message.bytes);
        to.number(message.is_partitioned.into());
        to.text(&message.place);
    });
    to.number(rank.unreceived_count);
    let counters = &rank.counters;
    to.number(counters.changes);
    to.number(counters.waiters);
    to.number(counters.multiple.into());
    to.number(counters.asleep);
    let threads = rank.node.as_ref().and_then(|node| node.threads.as_ref());
    to.number(threads.is_some().into());
    if let Some(threads) = threads {
        to.list(threads.entries(), |to, (number, waits, pauses, asleep)| {
            to.number(number.cast_unsigned());
            to.long(waits);
            to.long(pauses);
            to.number(asleep.into());
        });
    }
    let process = rank.node.as_ref().and_then(|node| node.process);
    to.list(&process, |to, process| {
        to.number(process.stat.state.into());
        to.long(process.stat.used);
        to.long(process.stat.began);
        to.long(process.clock);
    });
}

/// What [`put_rank`] has made, of this host.
pub fn get_rank(from: &mut Reader<'_>, host: &Arc<str>) -> Option<RankSnapshot> {
    Some(RankSnapshot {
        rank: from.number()?,
        pid: from.number()?,
        state: State::of(from.number()?),
        call: snapshot::call_of_name(&from.text()?),
        last_call: snapshot::call_of_name(&from.text()?),
        waits: from.list(|from| {
            Some(Wait {
                time: Duration::from_nanos(from.long()?),
                call: snapshot::call_of_name(&from.text()?),
                shown: get_wait(from)?,
            })
        })?,
        unreceived: from.list(|from| {
            Some(Unreceived {
                source: from.number()?,
                tag: from.number()?.cast_signed(),
                context: from.number()?,
                bytes: from.long()?,
                is_partitioned: from.number()? != 0,
                place: from.text()?,
            })
        })?,
        unreceived_count: from.number()?,
        counters: Counters {
            changes: from.number()?,
            waiters: from.number()?,
            multiple: from.number()? != 0,
            asleep: from.number()?,
        },
        node: Some(NodeView {
            host: Arc::clone(host),
            threads: match from.number()? {
                0 => None,
                _ => Some(Threads::from_entries(from.list(|from| {
                    let number = from.number()?.cast_signed();
                    Some((number, from.long()?, from.long()?, from.number()? != 0))
                })?)),
            },
            process: from.list(get_process)?.pop(),
        }),
    })
}

fn get_process(from: &mut Reader<'_>) -> Option<FarProcess> {
    Some(FarProcess {
        stat: Stat {
            state: char::from_u32(from.number()?)?,
            used: from.long()?,
            began: from.long()?,
        },
        clock: from.long()?,
    })
}

fn put_wait(to: &mut Writer, wait: &waits::Wait) {
    to.long(wait.since);
    to.number(wait.call);
    to.number(wait.kind as u32);
    to.number(wait.need as u32);
    to.list(&wait.peers, |to, peer| to.number(peer.cast_unsigned()));
    for number in [wait.peer_rank, wait.rank, wait.tag] {
        to.number(number.cast_unsigned());
    }
    to.number(wait.context);
    to.number(wait.collective.unwrap_or(-1).cast_unsigned());
    to.long(wait.bytes.map_or(0, |bytes| bytes.saturating_add(1)));
    to.number(wait.open.0);
    to.number(wait.open.1);
    to.number(wait.is_partitioned.into());
    to.text(&wait.place);
    to.text(&wait.datatype);
    to.number(wait.element);
}

/// A wait, without the addresses of its frames: those mean something on its host alone.
fn get_wait(from: &mut Reader<'_>) -> Option<waits::Wait> {
    Some(waits::Wait {
        since: from.long()?,
        call: from.number()?,
        kind: WaitKind::of(from.number()?),
        need: Need::of(from.number()?),
        peers: from.list(|from| Some(from.number()?.cast_signed()))?,
        beyond: None, // hosts of a job see themselves alone
        peer_rank: from.number()?.cast_signed(),
        rank: from.number()?.cast_signed(),
        tag: from.number()?.cast_signed(),
        context: from.number()?,
        collective: Some(from.number()?.cast_signed()).filter(|tag| *tag >= 0),
        bytes: from.long()?.checked_sub(1),
        open: (from.number()?, from.number()?),
        is_partitioned: from.number()? != 0,
        place: from.text()?,
        datatype: from.text()?,
        element: from.number()?,
        frames: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let mut known = Known::default();
        known.lines.add_text((3, 1), "main.c:7".to_owned());
        known.outside.add(4, "at work".to_owned());
        known.threads.insert(3, 2);
        let wait = Wait {
            time: Duration::from_millis(1500),
            call: Some("MPI_Recv"),
            shown: waits::Wait {
                since: 7,
                call: 3,
                kind: WaitKind::Receive,
                need: Need::AllOf,
                peers: vec![1, -3],
                beyond: None,
                peer_rank: 1,
                rank: 3,
                tag: -1,
                context: 4,
                collective: Some(9),
                bytes: Some(0),
                open: (1, 2),
                is_partitioned: true,
                place: "MPI_COMM_WORLD".to_owned(),
                datatype: "MPI_INT".to_owned(),
                element: 4,
                frames: Vec::new(),
            },
        };
        let threads = Threads::from_entries([(7, 1, 2, true), (8, 3, 4, false)]);
        let rank = RankSnapshot {
            rank: 3,
            pid: 99,
            state: Some(State::Running),
            call: Some("MPI_Recv"),
            last_call: None,
            waits: vec![wait],
            unreceived: vec![Unreceived {
                source: 2,
                tag: 5,
                context: 4,
                bytes: 16,
                is_partitioned: true,
                place: "x".to_owned(),
            }],
            unreceived_count: 4,
            counters: Counters {
                changes: 1,
                waiters: 2,
                multiple: true,
                asleep: 3,
            },
            node: Some(NodeView {
                host: Arc::from("b"),
                threads: Some(threads),
                process: Some(FarProcess {
                    stat: Stat {
                        state: 'S',
                        used: 70,
                        began: 1 << 40,
                    },
                    clock: 11,
                }),
            }),
        };
        Seen {
            number: 5,
            clock: 12,
            ranks: vec![rank],
            traffic: vec![Traffic {
                me: 3,
                other: 0,
                sent: 8,
                taken: 9,
            }],
            known,
        }
    }

    #[test]
    fn what_is_seen_comes_as_it_went() {
        let (seen, host) = (seen(), Arc::from("b"));
        let read = Seen::read(&seen.write(), &host).unwrap();
        assert_eq!((read.number, read.clock), (5, 12));
        assert_eq!((&read.ranks, &read.traffic), (&seen.ranks, &seen.traffic));
        assert_eq!(read.known.lines.of(3, 1).as_deref(), Some("main.c:7"));
        assert_eq!(read.known.outside.of(4), Some("at work"));
        assert_eq!(read.known.threads, seen.known.threads);
        let question = Question {
            number: 9,
            certain: true,
            known: false,
            processes: true,
        };
        assert_eq!(Question::read(&question.write()), Some(question));
    }

    #[test]
    fn what_is_cut_is_nothing() {
        let whole = seen().write();
        for cut in 0..whole.len() {
            assert!(Seen::read(&whole[..cut], &Arc::from("b")).is_none());
        }
        assert_eq!(Question::read(&[1, 2]), None);
    }
}
