//! Measures half a round trip, by size and pattern.
//!
//! Each trip is timed by itself, and the lower quartile counts: other work on the machine
//! makes some trips longer, and none shorter.

use crate::mpi::World;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What happens to the buffers between messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pattern {
    Same,
    Dirty,
}

/// Trips that are measured at the least, however long they take.
const MIN_TRIPS: usize = 3;
/// Trips that are measured at the most.
const MAX_TRIPS: usize = 20_000;
/// Trips at the most between two checks whether the time is over.
const MAX_BATCH: u64 = 500;

/// Measures each size with each pattern, for about `budget` milliseconds each.
/// Rank 0 returns the lines to print. Sizes are 8 bytes or more.
pub fn all(world: &World, budget: u32, sizes: &[usize]) -> String {
    let longest = sizes.iter().copied().max().unwrap_or(0);
    let mut out = vec![0; longest];
    let mut back = vec![0; longest];
    // Every page is touched before anything is timed.
    out.fill(1);
    back.fill(2);
    let budget = Duration::from_millis(u64::from(budget));
    let mut text = String::new();
    for size in sizes {
        for (pattern, name) in [(Pattern::Same, "same"), (Pattern::Dirty, "dirty")] {
            let (source, target) = (&mut out[..*size], &mut back[..*size]);
            let time = half_round_trip(world, budget, pattern, source, target);
            let _ = writeln!(text, "{name} {size} {:.4}", time * 1e6);
        }
    }
    text
}

/// Seconds from one rank to the other. Only rank 0 measures them; rank 1 returns 0.
fn half_round_trip(
    world: &World,
    budget: Duration,
    pattern: Pattern,
    source: &mut [u8],
    target: &mut [u8],
) -> f64 {
    let mut trips = |count: u64| round_trips(world, count, pattern, source, target);
    if world.rank() == 1 {
        // 0 ends it.
        while let count @ 1.. = world.receive_number() {
            trips(count);
        }
        return 0.0;
    }
    let mut ask = |count: u64| {
        world.send_number(count);
        trips(count)
    };
    ask(1); // warms up: rings, mappings, caches
    let began = Instant::now();
    let mut times: Vec<Duration> = Vec::new();
    let mut batch = 1;
    while times.len() < MIN_TRIPS || (began.elapsed() < budget && times.len() < MAX_TRIPS) {
        times.extend(ask(batch));
        let one = began.elapsed() / u32::try_from(times.len()).unwrap_or(u32::MAX);
        let fitting = (budget / 8).as_nanos() / one.as_nanos().max(1);
        batch = u64::try_from(fitting)
            .unwrap_or(MAX_BATCH)
            .clamp(1, MAX_BATCH);
    }
    world.send_number(0);
    times.sort();
    times[times.len() / 4].as_secs_f64() / 2.0
}

/// Does `count` round trips; both ranks call it. Rank 0 returns the time of each, without the
/// time in which the ranks rewrote their buffers.
fn round_trips(
    world: &World,
    count: u64,
    pattern: Pattern,
    source: &mut [u8],
    target: &mut [u8],
) -> Vec<Duration> {
    let mut times = Vec::new();
    for trip in 0..count {
        if world.rank() == 1 {
            world.receive(target);
            if pattern == Pattern::Dirty {
                let took = rewrite(source, trip);
                let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                source[..8].copy_from_slice(&nanos.to_ne_bytes()); // rank 0 subtracts it
            }
            world.send(source);
            continue;
        }
        if pattern == Pattern::Dirty {
            rewrite(source, trip);
        }
        let began = Instant::now();
        world.send(source);
        world.receive(target);
        let all = began.elapsed();
        let theirs = match pattern {
            Pattern::Same => Duration::ZERO,
            Pattern::Dirty => {
                let nanos = target[..8].try_into().expect("8 bytes");
                Duration::from_nanos(u64::from_ne_bytes(nanos))
            }
        };
        times.push(all.saturating_sub(theirs));
    }
    times
}

/// Rewrites a buffer. Returns how long that took.
fn rewrite(buffer: &mut [u8], trip: u64) -> Duration {
    let began = Instant::now();
    for (chunk, index) in buffer.chunks_mut(8).zip(0_u64..) {
        let word = (index + trip).to_ne_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    std::hint::black_box(&mut *buffer); // the writes are not put off into the measured time
    began.elapsed()
}
