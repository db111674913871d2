//! What two processes can do besides copying: pass a cache line, stream lines one way,
//! wake each other, hand over a core, and be started.

use crate::arena::{STREAM_LINES, Side};
use crate::experiment::{Player, median, pin};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Times in seconds.
pub struct Primitives {
    /// Half a round trip of one line that both write.
    pub shared_line: f64,
    /// A line of a stream from one process to the other.
    pub stream_line: f64,
    /// Half a round trip of two processes that sleep in the kernel, each on its core.
    pub futex_wake: f64,
    /// Half a round trip of two processes on one core that yield it.
    pub yield_hand_over: f64,
    /// From the start of so many processes to the end of the last of them.
    pub starts: Vec<(usize, f64)>,
}

const BATCHES: usize = 5;
const ROUND_TRIPS: u64 = 1000;
/// Round trips through the kernel, which take longer.
const SLOW_ROUND_TRIPS: u64 = 100;
const STREAMED: u64 = 50_000;
/// How many lines the reader takes before it says so.
const CREDIT: u64 = 32;
const STARTED: [usize; 3] = [1, 2, 16];

/// The median of the batches' seconds for each of `count` steps.
fn timed(count: u64, mut batch: impl FnMut()) -> f64 {
    batch();
    let one = |_| {
        let start = Instant::now();
        batch();
        start.elapsed().as_secs_f64() / count as f64
    };
    median((0..BATCHES).map(one).collect())
}

/// Both processes call this alike; the first one's figures count.
pub fn measure(player: &mut Player, cores: [usize; 2]) -> nix::Result<Primitives> {
    let shared_line = shared_line(player);
    let stream_line = stream(player);
    let futex_wake = futex(player);
    pin(cores[0])?;
    let yield_hand_over = hand_over(player);
    pin(cores[usize::from(!player.first)])?;
    Ok(Primitives {
        shared_line,
        stream_line,
        futex_wake,
        yield_hand_over,
        starts: Vec::new(),
    })
}

fn shared_line(player: &mut Player) -> f64 {
    let line = &player.first_side().signals.common;
    timed(2 * ROUND_TRIPS, || {
        for _ in 0..ROUND_TRIPS {
            player.round += 1;
            let asked = 2 * player.round;
            if player.first {
                line.set(asked);
                player.wait_until(|| line.get() > asked);
            } else {
                player.wait_until(|| line.get() >= asked);
                line.set(asked + 1);
            }
        }
    })
}

/// The first process writes numbers into the lines in turn, as far as the second has
/// room; the second one's last word ends a batch.
fn stream(player: &mut Player) -> f64 {
    let lines = &player.first_side().signals.stream;
    let taken = &player.second_side().signals.taken;
    let mut number = taken.get() + 1;
    let mut at = 0;
    // Both must have read where the numbers begin.
    player.meet();
    let room = STREAM_LINES as u64 - CREDIT;
    timed(STREAMED, || {
        let start = number;
        let end = number + STREAMED;
        let mut known = number - 1;
        while number < end {
            let line = &lines[at];
            at = (at + 1) % STREAM_LINES;
            if player.first {
                if number - known > room {
                    player.wait_until(|| {
                        known = taken.get().max(start - 1);
                        number - known <= room
                    });
                }
                line.set(number);
            } else {
                player.wait_until(|| line.get() == number);
                if number.is_multiple_of(CREDIT) || number + 1 == end {
                    taken.set(number);
                }
            }
            number += 1;
        }
        player.wait_until(|| taken.get() >= end - 1);
    })
}

fn futex(player: &mut Player) -> f64 {
    player.meet();
    let mut turn = player.mine.signals.bell.load(Ordering::Relaxed);
    timed(2 * SLOW_ROUND_TRIPS, || {
        for _ in 0..SLOW_ROUND_TRIPS {
            turn += 1;
            if player.first {
                ring(&player.mine, turn);
            }
            sleep_until(&player.other, turn);
            if !player.first {
                ring(&player.mine, turn);
            }
        }
    })
}

fn ring(side: &Side, turn: u32) {
    let bell = &side.signals.bell;
    bell.store(turn, Ordering::Release); // pairs with the Acquire in `sleep_until`
    futex_call(bell, libc::FUTEX_WAKE, 1, None);
}

fn sleep_until(side: &Side, turn: u32) {
    let bell = &side.signals.bell;
    loop {
        let seen = bell.load(Ordering::Acquire); // pairs with the Release in `ring`
        if seen >= turn {
            return;
        }
        // A peer that died does not ring: look again after a while, `wait_until` is next.
        futex_call(bell, libc::FUTEX_WAIT, seen, Some(Duration::from_secs(1)));
    }
}

/// Neither a wake-up too early nor one that was not needed is an error.
fn futex_call(bell: &AtomicU32, operation: i32, value: u32, limit: Option<Duration>) {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs().cast_signed(),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `bell` is a word that stays mapped, and `limit` is null or lives until the
    // call returns.
    unsafe { libc::syscall(libc::SYS_futex, bell.as_ptr(), operation, value, limit) };
}

fn hand_over(player: &mut Player) -> f64 {
    player.meet();
    let wait = |condition: &dyn Fn() -> bool| {
        while !condition() {
            std::thread::yield_now();
        }
    };
    timed(2 * SLOW_ROUND_TRIPS, || {
        for _ in 0..SLOW_ROUND_TRIPS {
            player.round += 1;
            let round = player.round;
            if player.first {
                player.mine.signals.ready.set(round);
            }
            wait(&|| player.other.signals.ready.get() >= round);
            if !player.first {
                player.mine.signals.ready.set(round);
            }
        }
    })
}

/// Starts processes that do nothing, and waits for them. To be called when the second
/// process has ended.
pub fn starts() -> std::io::Result<Vec<(usize, f64)>> {
    STARTED
        .iter()
        .map(|&count| {
            let mut seconds = Vec::new();
            for _ in 0..=BATCHES {
                let start = Instant::now();
                let children: Vec<_> = (0..count)
                    .map(|_| Command::new("/bin/true").stdin(Stdio::null()).spawn())
                    .collect::<Result<_, _>>()?;
                for mut child in children {
                    child.wait()?;
                }
                seconds.push(start.elapsed().as_secs_f64());
            }
            Ok((count, median(seconds)))
        })
        .collect()
}
