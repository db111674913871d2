//! Half a round trip, by size and pattern.

use crate::mpi::World;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What happens to the buffers between messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pattern {
    Same,
    Dirty,
}

/// Of so many batches the median counts.
const BATCHES: u32 = 5;
/// The most round trips of one batch.
const MOST: f64 = 10_000.0;

/// Measures each size with each pattern, for about `budget` milliseconds each.
/// Rank 0 returns the lines to print.
pub fn all(world: &World, budget: u32, sizes: &[usize]) -> String {
    let longest = sizes.iter().copied().max().unwrap_or(0);
    let mut out = vec![0; longest];
    let mut back = vec![0; longest];
    // Every page exists before anything is timed.
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

/// Seconds from one rank to the other; 0 at rank 1, which does not know.
fn half_round_trip(
    world: &World,
    budget: Duration,
    pattern: Pattern,
    source: &mut [u8],
    target: &mut [u8],
) -> f64 {
    let mut batch = |trips: u64| round_trips(world, trips, pattern, source, target);
    if world.rank() == 1 {
        // 0 says that it is over.
        while let trips @ 1.. = world.receive_number() {
            batch(trips);
        }
        return 0.0;
    }
    let mut ask = |trips: u64| {
        world.send_number(trips);
        batch(trips)
    };
    ask(2); // rings, mappings and caches come into being
    let (began, once) = (Instant::now(), ask(2));
    let left = budget.saturating_sub(began.elapsed()).as_secs_f64();
    // A trip takes longer than what is counted of it: the rewriting.
    let trip = (began.elapsed().as_secs_f64() / 2.0).max(once).max(1e-8);
    let trips = (left / trip / f64::from(BATCHES)).clamp(1.0, MOST);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped just now"
    )]
    let trips = trips as u64;
    let mut times: Vec<f64> = (0..BATCHES).map(|_| ask(trips)).collect();
    world.send_number(0);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2] / 2.0
}

/// Does `trips` round trips; both ranks call it. Seconds of one trip at rank 0.
fn round_trips(
    world: &World,
    trips: u64,
    pattern: Pattern,
    source: &mut [u8],
    target: &mut [u8],
) -> f64 {
    let first = world.rank() == 0;
    let mut rewriting = Duration::ZERO;
    let began = Instant::now();
    for trip in 0..trips {
        if !first {
            world.receive(target);
        }
        if pattern == Pattern::Dirty {
            rewriting += rewrite(source, trip);
        }
        world.send(source);
        if first {
            world.receive(target);
        }
    }
    let all = began.elapsed();
    if !first {
        world.send_number(u64::try_from(rewriting.as_nanos()).unwrap_or(u64::MAX));
        return 0.0;
    }
    let theirs = Duration::from_nanos(world.receive_number());
    let counted = all.saturating_sub(rewriting + theirs);
    counted.as_secs_f64() / trips as f64
}

/// Rewrites a buffer; how long it took.
fn rewrite(buffer: &mut [u8], trip: u64) -> Duration {
    let began = Instant::now();
    for (chunk, index) in buffer.chunks_mut(8).zip(0_u64..) {
        let word = (index + trip).to_ne_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    std::hint::black_box(&mut *buffer); // not put off into what is timed
    began.elapsed()
}
