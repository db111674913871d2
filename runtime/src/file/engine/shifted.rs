//! Memory that lies unluckily to its place in the file.
//!
//! The kernel copies by `rep movsb`. AMD's processors take three times as long for it where
//! the destination begins up to 31 bytes further behind the beginning of a page than the
//! source. Large blocks of `malloc` begin 16 bytes behind a page, and much of a file is read
//! from the beginning of one. Such bytes pass through a buffer that lies otherwise.

use super::part::{BUFFER, Buffer, Direction, Transfer};
use super::vectored;
use std::cell::RefCell;
use std::os::fd::BorrowedFd;
#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

/// Fewer bytes are not worth it.
const FEW: usize = 16 << 10;
const PAGE: usize = 4096;
/// How far the destination may lie behind the source, in bytes of a page.
const SLOW: std::ops::Range<usize> = 1..32;

thread_local! {
    static SHIFTED: RefCell<Buffer> = const { RefCell::new(Buffer::new()) };
}

#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    static AMD: OnceLock<bool> = OnceLock::new();
    *AMD.get_or_init(|| {
        let vendor = std::arch::x86_64::__cpuid(0);
        [vendor.ebx, vendor.edx, vendor.ecx]
            .map(u32::to_le_bytes)
            .concat()
            == b"AuthenticAMD"
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn is_amd() -> bool {
    false
}

/// Whether the kernel's copy would be slow.
pub(super) fn is_slow(at: u64, addr: *mut u8, len: usize, direction: Direction) -> bool {
    let (file, memory) = (usize::try_from(at).unwrap_or(0), addr.addr());
    let ahead = match direction {
        Direction::Read => memory.wrapping_sub(file),
        Direction::Write => file.wrapping_sub(memory),
    };
    len >= FEW && SLOW.contains(&(ahead % PAGE)) && is_amd()
}

/// Moves what [`is_slow`] is said of.
///
/// # Safety
/// As [`vectored::one`].
pub(super) unsafe fn through(
    fd: BorrowedFd<'_>,
    at: u64,
    addr: *mut u8,
    len: usize,
    direction: Direction,
) -> Transfer {
    // SAFETY: as the caller said.
    SHIFTED.with_borrow_mut(|buffer| unsafe { pieces(fd, at, addr, len, direction, buffer) })
}

/// # Safety
/// As [`through`].
unsafe fn pieces(
    fd: BorrowedFd<'_>,
    at: u64,
    addr: *mut u8,
    len: usize,
    direction: Direction,
    buffer: &mut Buffer,
) -> Transfer {
    let mut done = 0;
    while done < len {
        let n = (len - done).min(BUFFER);
        let place = at + done as u64;
        // Half a page away from both.
        let between = buffer.like(place + PAGE as u64 / 2);
        let here = addr.wrapping_add(done);
        if direction == Direction::Write {
            // SAFETY: as the caller said; the buffer is as long.
            unsafe { std::ptr::copy_nonoverlapping(here, between, n) };
        }
        // SAFETY: the buffer is as long.
        let moved = unsafe { vectored::straight(fd, place, between, n, direction) };
        let got = usize::try_from(moved.len).unwrap_or(0);
        if direction == Direction::Read {
            // SAFETY: as the caller said; so many bytes are in the buffer.
            unsafe { std::ptr::copy_nonoverlapping(between, here, got) };
        }
        done += got;
        if got < n {
            return Transfer {
                len: done as u64,
                ..moved
            };
        }
    }
    Transfer::of(done as u64)
}
