//! Small accesses that a target serves at once, because it is in an MPI call.
//!
//! Each member of a window has a slot in the window's words. An origin that finds it free puts
//! an access there, and a target that makes progress carries it out and leaves the answer. That
//! takes a fraction of what a call of the kernel's takes. A target that does not come soon
//! loses the access: the origin takes it back and copies by itself, so that passive target
//! needs no call of the target's.
//!
//! ```text
//! FREE -> CLAIMED -> POSTED -> SERVING -> DONE or REFUSED -> FREE
//!                      '-> FREE (taken back)
//! ```
//! The origin moves the slot, but for the two steps out of POSTED and SERVING that are the
//! target's.

use super::ask::{Ask, Request};
use super::control;
use super::runs::Run;
use super::slot::{CLAIMED, DONE, FREE, MOST, POSTED, Patience, REFUSED, SERVING, Slot};
use crate::error::Result;
use crate::job;
use crate::object::group::Proc;
use crate::object::win::Win;
use crate::pml;
use std::sync::atomic::Ordering;

/// Looks of an origin for a target that does not come: some 2 µs.
const LOOKS: u32 = 150;
/// Looks of an origin at a target that is at work, before it lets others have the processor.
const LONG: u32 = 10_000;

/// What carries out a request at its target; the bytes to answer with.
pub(super) type CarryOut = fn(&Win, &Request<'_>) -> Result<Vec<u8>>;

/// Has the target carry out an access to one run now, and copies its answer, which is as long
/// as `answer`. Whether it did; if not, nothing has happened.
pub(super) fn ask(
    win: &Win,
    (peer, rank): (Proc, u32),
    (what, runs): (Ask, &[Run]),
    (data, answer): (&[&[u8]], &mut [u8]),
    (patience, carry_out): (&Patience, CarryOut),
) -> bool {
    let bytes: usize = data.iter().map(|part| part.len()).sum();
    let &[(addr, len)] = runs else { return false };
    let is_short = len <= MOST && bytes <= MOST && answer.len() <= MOST;
    let may_come = is_short && !job::is_oversubscribed() && pml::is_attentive(peer);
    if !may_come || !patience.may_try() {
        return false;
    }
    let control = control::of(win);
    let slot = control.slot(rank);
    if !slot.advance(FREE, CLAIMED) {
        return false;
    }
    for (word, value) in slot.ask.iter().zip(what.words()) {
        word.store(value, Ordering::Relaxed);
    }
    slot.addr.store(addr, Ordering::Relaxed);
    slot.len.store(len as u64, Ordering::Relaxed);
    slot.write(data);
    slot.state.store(POSTED, Ordering::Release); // pairs with `advance`
    if !await_target(win, slot, carry_out) {
        patience.taken_back();
        return false;
    }
    let is_done = slot.state.load(Ordering::Relaxed) == DONE;
    if is_done {
        let (bytes, len) = slot.read();
        let len = len.min(answer.len());
        answer[..len].copy_from_slice(&bytes[..len]);
        patience.served();
    }
    slot.state.store(FREE, Ordering::Release); // pairs with `advance`
    is_done
}

/// Waits until the target has carried out what is in its slot, or takes it back. Whether the
/// target has. Meanwhile this process serves its own slot: two may ask each other.
fn await_target(win: &Win, slot: &Slot, carry_out: CarryOut) -> bool {
    for looks in 0u32.. {
        // pairs with the Release in `serve`
        match slot.state.load(Ordering::Acquire) {
            DONE | REFUSED => return true,
            POSTED if looks >= LOOKS && slot.advance(POSTED, FREE) => return false,
            _ if looks > LONG => std::thread::yield_now(),
            _ => std::hint::spin_loop(),
        }
        serve(win, carry_out);
    }
    false
}

/// Carries out what is in this process's slot. Whether there was anything.
pub(super) fn serve(win: &Win, carry_out: CarryOut) -> bool {
    let control = control::of(win);
    let slot = control.slot(win.comm.rank);
    if slot.state.load(Ordering::Relaxed) != POSTED || !slot.advance(POSTED, SERVING) {
        return false;
    }
    let words = [0, 1, 2].map(|at: usize| slot.ask[at].load(Ordering::Relaxed));
    let addr = slot.addr.load(Ordering::Relaxed);
    let len = usize::try_from(slot.len.load(Ordering::Relaxed)).unwrap_or(0);
    let (bytes, count) = slot.read();
    let answer = Ask::of(words).map(|what| {
        let request = Request {
            what,
            tag: 0,
            runs: vec![(addr, len)],
            data: &bytes[..count],
        };
        carry_out(win, &request)
    });
    let state = match answer {
        Some(Ok(answer)) if answer.len() <= MOST => {
            slot.write(&[&answer]);
            DONE
        }
        // The origin finds out by itself what is wrong.
        _ => REFUSED,
    };
    slot.state.store(state, Ordering::Release); // pairs with the Acquire in `await_target`
    true
}
