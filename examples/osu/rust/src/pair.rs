//! Two ranks at a time: ping-pong for latencies, windows for bandwidths.
//!
//! With `--dirty` each send has a buffer that was rewritten just before. In a
//! ping-pong both rewritings lie on the way of the round trip, so each rank
//! clocks its own and both are taken off. In a window every message has its own
//! buffer, all rewritten before the window starts.
//!
//! With `--read` the receiver also reads what it got, in a window before it
//! acknowledges it, and nothing is taken off: what a copy saves or costs the
//! caches of the two shows in the time of the loop.

use crate::Bench;
use crate::Program;
use crate::buffer::{Memory, Message, value};
use crate::report::{Column, Report};
use mpi::Rank;
use mpi::point_to_point as p2p;
use mpi::traits::*;
use std::process::ExitCode;
use std::time::Instant;

/// This rank's part in its pair, and its buffers.
pub struct Pair<'a> {
    bench: &'a Bench,
    /// Who plays with this rank; `None`: it only takes part in the reductions.
    peer: Option<Rank>,
    /// The one who starts.
    pub first: bool,
    send: Memory,
    receive: Memory,
}

/// How the messages of a window lie: distance between them, in bytes.
#[derive(Clone, Copy)]
struct Strides {
    send: usize,
    receive: usize,
}

impl<'a> Pair<'a> {
    /// Ranks r and r + pairs play together.
    pub fn new(bench: &'a Bench, messages: usize) -> Pair<'a> {
        let (rank, pairs) = (bench.rank(), bench.options.pairs.unwrap_or(1));
        let first = rank < pairs;
        let peer = if first {
            rank + pairs
        } else {
            rank.wrapping_sub(pairs)
        };
        let most = bench.options.sizes.max();
        let several = |wanted: bool| most * if wanted { messages } else { 1 };
        Pair {
            bench,
            peer: (rank < 2 * pairs).then_some(peer as Rank),
            first,
            send: Memory::new(several(bench.options.validate || bench.options.rewrites())),
            receive: Memory::new(several(bench.options.validate || bench.options.read)),
        }
    }

    fn peer_rank(&self) -> usize {
        self.peer.map_or(0, |peer| peer as usize)
    }

    // --- ping-pong ----------------------------------------------------------

    /// Seconds for one way, half a round trip, mean of all iterations.
    pub fn ping_pong(&mut self, size: usize) -> f64 {
        let rounds = self.bench.rounds(size);
        self.bench.world.barrier();
        let Some(peer) = self.peer else { return 0.0 };
        let peer = self.bench.world.process_at_rank(peer);
        let (mut start, mut rewriting) = (Instant::now(), 0.0);
        let options = &self.bench.options;
        let outgoing = self.send.message(0, size);
        let mut incoming = self.receive.message(0, size);
        for round in 0..rounds.warmup + rounds.iterations {
            if round == rounds.warmup {
                (start, rewriting) = (Instant::now(), 0.0);
            }
            for sends in [self.first, !self.first] {
                if sends {
                    if options.rewrites() {
                        rewriting += self.send.rewrite(size, round);
                    }
                    peer.send(&outgoing);
                } else {
                    peer.receive_into(&mut incoming);
                    if options.read {
                        self.receive.read(size);
                    }
                }
            }
        }
        let mut elapsed = start.elapsed().as_secs_f64();
        if options.dirty {
            let (of_peer, _) = p2p::send_receive::<f64, _, _, _>(&rewriting, &peer, &peer);
            elapsed -= rewriting + of_peer;
        }
        elapsed / (2.0 * rounds.iterations as f64)
    }

    /// Whether ping-pongs bring the right data; collective.
    pub fn check_ping_pong(&mut self, size: usize) -> bool {
        let mut valid = true;
        if let Some(peer) = self.peer {
            let (rank, sender) = (self.bench.rank(), self.peer_rank());
            let peer = self.bench.world.process_at_rank(peer);
            for round in 0..self.bench.options.checked_rounds {
                self.send.fill(size, round, rank);
                self.receive.fill(size, round + 1, rank);
                if self.first {
                    peer.send(&self.send.message(0, size));
                }
                peer.receive_into(&mut self.receive.message(0, size));
                if !self.first {
                    peer.send(&self.send.message(0, size));
                }
                valid &= self
                    .receive
                    .check(size, |index| value(round, sender, index));
            }
        }
        self.bench.all_valid(valid)
    }

    // --- windows ------------------------------------------------------------

    /// One window; going one way, the receiver acknowledges it with four bytes.
    fn exchange_window(&mut self, size: usize, both_ways: bool, strides: Strides, reads: bool) {
        let Some(peer) = self.peer else { return };
        let peer = self.bench.world.process_at_rank(peer);
        let window = self.bench.options.window();
        let messages = |memory: &Memory, stride, wanted| -> Vec<Message> {
            let count = if wanted { window } else { 0 };
            (0..count)
                .map(|slot| memory.message(slot * stride, size))
                .collect()
        };
        let receives = !self.first || both_ways;
        let mut incoming = messages(&self.receive, strides.receive, receives);
        let outgoing = messages(&self.send, strides.send, self.first || both_ways);
        let pending = incoming.len() + outgoing.len();
        mpi::request::multiple_scope(pending, |scope, requests| {
            for message in &mut incoming {
                requests.add(peer.immediate_receive_into(scope, message));
            }
            for message in &outgoing {
                requests.add(peer.immediate_send(scope, message));
            }
            requests.wait_all(&mut Vec::with_capacity(pending));
        });
        if reads && receives {
            self.receive.read(window * size);
        }
        let mut acknowledgement = [0u8; 4];
        match (both_ways, self.first) {
            (true, _) => {}
            (false, true) => _ = peer.receive_into(&mut acknowledgement[..]),
            (false, false) => peer.send(&acknowledgement[..]),
        }
    }

    /// Seconds for all windows together; `both_ways`: both send.
    pub fn windows(&mut self, size: usize, both_ways: bool) -> f64 {
        let rounds = self.bench.rounds(size);
        let options = &self.bench.options;
        let rewrites = options.rewrites() && self.peer.is_some() && (self.first || both_ways);
        let strides = Strides {
            send: if options.rewrites() { size } else { 0 },
            receive: if options.read { size } else { 0 },
        };
        let (mut start, mut rewriting) = (Instant::now(), 0.0);
        self.bench.world.barrier();
        for round in 0..rounds.warmup + rounds.iterations {
            if round == rounds.warmup {
                self.bench.world.barrier();
                (start, rewriting) = (Instant::now(), 0.0);
            }
            if rewrites {
                rewriting += self.send.rewrite(options.window() * size, round);
            }
            self.exchange_window(size, both_ways, strides, options.read);
        }
        let not_counted = if options.read { 0.0 } else { rewriting };
        start.elapsed().as_secs_f64() - not_counted
    }

    /// Whether windows bring the right data; collective.
    pub fn check_windows(&mut self, size: usize, both_ways: bool) -> bool {
        let bytes = self.bench.options.window() * size;
        let (rank, sender) = (self.bench.rank(), self.peer_rank());
        let strides = Strides {
            send: size,
            receive: size,
        };
        let receives = self.peer.is_some() && (!self.first || both_ways);
        let mut valid = true;
        for round in 0..self.bench.options.checked_rounds {
            self.send.fill(bytes, round, rank);
            self.receive.fill(bytes, round + 1, rank);
            self.exchange_window(size, both_ways, strides, false);
            valid &= !receives
                || self
                    .receive
                    .check(bytes, |index| value(round, sender, index));
        }
        self.bench.all_valid(valid)
    }
}

/// The whole body of osu_bw and osu_bibw.
pub fn run_bandwidth(program: Program, both_ways: bool) -> ExitCode {
    let bench = Bench::start(program);
    let window = bench.options.window();
    let mut report = Report::begin(&bench, &[Column::plotted("Bandwidth (MB/s)", "mb_per_s")]);
    let mut pair = Pair::new(&bench, window);
    for size in bench.sizes() {
        let valid = !bench.options.validate || pair.check_windows(size, both_ways);
        let seconds = pair.windows(size, both_ways);
        let ways = if both_ways { 2.0 } else { 1.0 };
        let messages = bench.rounds(size).iterations as f64 * window as f64 * ways;
        report.row(
            &bench,
            size,
            &[size as f64 / 1e6 * messages / seconds],
            valid,
        );
    }
    drop(pair);
    bench.finish(report)
}
