//! What the kernel says of this process, read without allocation.

use super::sys;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// What the kernel says of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It has memory locked or pinned, or that cannot be known.
    Pinned,
    /// It has several threads.
    Threaded,
    /// Neither.
    Alone,
}

/// What the kernel says of this process now.
pub fn condition() -> Condition {
    let mut text = [0u8; 4096];
    let Some(n) = read(c"/proc/self/status", 0, &mut text) else {
        return Condition::Pinned;
    };
    let number = |name: &[u8]| {
        let mut lines = text[..n].split(|c| *c == b'\n');
        let line = lines.find_map(|line| line.strip_prefix(name))?;
        let digits = line.iter().filter(|c| c.is_ascii_digit());
        Some(digits.fold(0u64, |value, c| {
            value.wrapping_mul(10).wrapping_add(u64::from(c - b'0'))
        }))
    };
    match (number(b"VmLck:"), number(b"VmPin:"), number(b"Threads:")) {
        (Some(0), Some(0), Some(1)) => Condition::Alone,
        (Some(0), Some(0), _) => Condition::Threaded,
        _ => Condition::Pinned,
    }
}

/// Calls `each` with the runs of pages of `from..to` of which this process has a copy of its
/// own. False: from some page on it cannot be known.
pub fn each_own(from: usize, to: usize, each: &mut dyn FnMut(usize, usize)) -> bool {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    /// Of a file, or shared.
    const FILE: u64 = 1 << 61;
    let page = sys::page();
    let mut text = [0u8; 4096];
    let (mut next, mut run) = (from, from..from);
    while next < to {
        let want = ((to - next) / page * 8).min(text.len());
        let at = (next / page * 8) as u64;
        let Some(n @ 8..) = read(c"/proc/self/pagemap", at, &mut text[..want]) else {
            return false;
        };
        for entry in text[..n / 8 * 8].chunks_exact(8) {
            let entry = u64::from_ne_bytes(entry.try_into().unwrap_or_default());
            let own = entry & (PRESENT | SWAPPED) != 0 && entry & FILE == 0;
            if own && run.end == next {
                run.end = next + page;
            } else if own {
                if !run.is_empty() {
                    each(run.start, run.end);
                }
                run = next..next + page;
            }
            next += page;
        }
    }
    if !run.is_empty() {
        each(run.start, run.end);
    }
    true
}

/// Reads what a file has from offset `at` on, without allocation.
fn read(name: &CStr, at: u64, into: &mut [u8]) -> Option<usize> {
    let file = fcntl::open(name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    File::from(file).read_at(into, at).ok()
}
