//! The check of buffers (`LARIAT_CHECK=1`): the program must leave the buffer of a send as it
//! is, and must not write that of a receive, until the request is complete; buffers of
//! receives under way share no memory with others (MPI 5.0, sections 3.7.2 and 3.7.4).
//! What is wrong is told on stderr, and the job goes on.
//!
//! A request that is checked keeps a checksum of its buffer. That of a receive is compared
//! when a message is found for it, that of a send when the program completes the request:
//! when its last reference goes outside of the engine. What the engine lets go itself was
//! given up by the program (`MPI_Request_free`), which is told by other means when it may use
//! the buffer again.
//!
//! Memory that the program gives back is told of by the preloaded heap ([`given_back`]), in
//! any thread and outside of MPI: what stands in [`OPEN`] needs nothing else of the library.

use crate::object::comm::{Comm, ContextId, Space};
use crate::object::datatype::Datatype;
use crate::object::group::{Proc, rank_in_world};
use crate::pml::memory::{Buffer, Memory};
use crate::pml::publish;
use crate::warning::{self, Topic};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

/// What is kept of a message that is checked.
#[derive(Debug)]
pub(super) struct BufferCheck {
    /// Of a receive: what it takes.
    pub(super) datatype: Option<Arc<Datatype>>,
    /// The number of its buffer in [`OPEN`]; 0: its buffer is not checked.
    number: u64,
    bytes: Bytes,
    is_send: bool,
    peer: Option<Proc>,
    tag: i32,
    context: ContextId,
    sum: u64,
    /// It was told of already, or is no longer to be.
    over: Cell<bool>,
}

/// Memory in one run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bytes {
    addr: usize,
    len: usize,
}

impl Bytes {
    const NONE: Bytes = Bytes { addr: 0, len: 0 };

    fn of(memory: &Memory) -> Bytes {
        let addr = memory.run();
        addr.map_or(Bytes::NONE, |addr| Bytes {
            addr: addr.expose_provenance(),
            len: memory.len(),
        })
    }

    fn overlaps(self, other: Bytes) -> bool {
        let end = |bytes: Bytes| bytes.addr.saturating_add(bytes.len);
        self.addr < end(other) && other.addr < end(self)
    }

    /// A checksum.
    ///
    /// # Safety
    /// The memory is readable.
    unsafe fn sum(self) -> u64 {
        let start: *const u8 = std::ptr::with_exposed_provenance(self.addr);
        let (words, rest) = (self.len / 8, self.len % 8);
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        let mut mix =
            |word: u64| sum = (sum.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for word in 0..words {
            // SAFETY: inside of the memory; another thread may write there, which is what is
            // looked for.
            mix(unsafe { start.cast::<u64>().add(word).read_unaligned() });
        }
        for byte in 0..rest {
            // SAFETY: as above.
            mix(u64::from(unsafe { start.add(words * 8 + byte).read() }));
        }
        sum
    }
}

/// A buffer of a request under way.
#[derive(Debug)]
struct OpenBuffer {
    number: u64,
    bytes: Bytes,
    is_send: bool,
    /// What the request is, in a word.
    what: &'static str,
    /// What it is in full; `None`: of the library's own.
    words: Option<String>,
    /// The program has given it back: it is not to be looked at.
    is_gone: bool,
}

/// Whether the engine is at work in this thread; it is above this file.
static IS_ENGINE_BUSY: OnceLock<fn() -> bool> = OnceLock::new();
/// Whether memcheck runs this process.
static UNDER_MEMCHECK: AtomicBool = AtomicBool::new(false);

/// This rank, as warnings say.
static RANK: AtomicU32 = AtomicU32::new(0);

/// Says how to ask whether the engine is at work, whether memcheck runs this process, and
/// which rank this is.
pub(super) fn start(is_engine_busy: fn() -> bool, under_memcheck: bool, me: Proc) {
    RANK.store(rank_in_world(me), Ordering::Relaxed);
    let _ = IS_ENGINE_BUSY.set(is_engine_busy); // a process has one engine
    UNDER_MEMCHECK.store(under_memcheck, Ordering::Relaxed);
}

fn is_engine_busy() -> bool {
    IS_ENGINE_BUSY.get().is_some_and(|is_busy| is_busy())
}

static OPEN: Mutex<Vec<OpenBuffer>> = Mutex::new(Vec::new());
static LAST: AtomicU64 = AtomicU64::new(0);

/// Memory that was given back while another thread had [`OPEN`]: whoever takes that next
/// looks what lies in it.
struct Late {
    call: &'static str,
    given: Bytes,
    next: *mut Late,
}

/// The last of a list, or null.
static LATE: AtomicPtr<Late> = AtomicPtr::new(std::ptr::null_mut());

thread_local! {
    /// Whether this thread has [`OPEN`]. What it gives back meanwhile is the list's own.
    static HAS_OPEN: Cell<bool> = const { Cell::new(false) };
}

/// [`OPEN`], locked.
struct Locked(MutexGuard<'static, Vec<OpenBuffer>>);

impl Locked {
    fn new(all: MutexGuard<'static, Vec<OpenBuffer>>) -> Locked {
        HAS_OPEN.set(true);
        let mut all = Locked(all);
        let mut next = LATE.swap(std::ptr::null_mut(), Ordering::Acquire); // pairs with `note_late`
        while !next.is_null() {
            // SAFETY: made by `note_late` of a box, and taken out of the list by this thread.
            let late = unsafe { Box::from_raw(next) };
            next = late.next;
            let told = all.give(late.call, late.given);
            told.iter().for_each(|text| warn(text));
        }
        all
    }

    /// Notes that memory was given back: what is to be told of it.
    fn give(&mut self, call: &str, given: Bytes) -> Vec<String> {
        let mut told = Vec::new();
        for buffer in self.0.iter_mut().filter(|b| b.bytes.overlaps(given)) {
            if let Some(words) = buffer.words.as_ref().filter(|_| !buffer.is_gone) {
                let Bytes { addr, len } = buffer.bytes;
                let what = buffer.what;
                told.push(format!(
                    "{call} gives back the buffer of {words} ({len} bytes at {addr:#x}) before the {what} is complete"
                ));
            }
            buffer.is_gone = true;
        }
        told
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        HAS_OPEN.set(false);
    }
}

fn open_buffers() -> Locked {
    Locked::new(OPEN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn note_late(call: &'static str, given: Bytes) {
    let next = LATE.load(Ordering::Relaxed);
    let late = Box::into_raw(Box::new(Late { call, given, next }));
    // Pairs with the swap in `Locked::new`.
    while let Err(now) = LATE.compare_exchange_weak(
        // SAFETY: nobody else has it before it is in the list.
        unsafe { (*late).next },
        late,
        Ordering::Release,
        Ordering::Relaxed,
    ) {
        // SAFETY: as above.
        unsafe { (*late).next = now };
    }
}

/// The program gives memory back by a call of this name. If a request uses the memory, that
/// is told, and its buffer is not looked at any more. It never waits.
pub fn given_back(call: &'static str, addr: usize, len: usize) {
    if HAS_OPEN.get() {
        return;
    }
    let given = Bytes { addr, len };
    let open = match OPEN.try_lock() {
        Ok(open) => open,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return note_late(call, given),
    };
    let mut open = Locked::new(open);
    let told = open.give(call, given);
    drop(open);
    told.iter().for_each(|text| warn(text));
}

/// Whether the program has given the buffer of this number back.
fn is_gone(number: u64) -> bool {
    let open = open_buffers();
    open.0.iter().any(|one| one.number == number && one.is_gone)
}

impl BufferCheck {
    /// That of a send to `peer`. Those of the library's own are not checked.
    #[cold]
    pub(super) fn of_send(
        comm: &Comm,
        space: Space,
        (peer, tag): (Proc, i32),
        memory: &Memory,
    ) -> Box<BufferCheck> {
        let is_own = space != Space::PointToPoint || comm.handle.get() == 0;
        let bytes = if is_own {
            Bytes::NONE
        } else {
            Bytes::of(memory)
        };
        Self::begin(None, bytes, true, (Some(peer), tag, comm.context_of(space)))
    }

    /// That of a receive.
    #[cold]
    pub(super) fn of_receive(
        buffer: &Buffer<'_>,
        words: (Option<Proc>, i32, ContextId),
    ) -> Box<BufferCheck> {
        let is_own = words.2.0 % 2 == Space::Collective as u32;
        let bytes = if is_own {
            Bytes::NONE
        } else {
            Bytes::of(&Memory::of(buffer))
        };
        Self::begin(buffer.datatype.cloned(), bytes, false, words)
    }

    fn begin(
        datatype: Option<Arc<Datatype>>,
        bytes: Bytes,
        is_send: bool,
        words: (Option<Proc>, i32, ContextId),
    ) -> Box<BufferCheck> {
        // Memcheck would find that memory is read which nobody has written yet.
        let is_checked = bytes.len > 0 && !UNDER_MEMCHECK.load(Ordering::Relaxed);
        let number = match is_checked {
            true => open(bytes, is_send, verb(is_send), in_words(is_send, words)),
            false => 0,
        };
        let sum = match is_checked {
            // SAFETY: the buffer of a send or receive, which the program has promised.
            true => unsafe { bytes.sum() },
            false => 0,
        };
        let (peer, tag, context) = words;
        Box::new(BufferCheck {
            datatype,
            number,
            bytes,
            is_send,
            peer,
            tag,
            context,
            sum,
            over: Cell::new(false),
        })
    }

    /// A message was found for a receive: from now on the library writes to its buffer.
    pub(super) fn received(&self) {
        if self.number != 0 && !self.over.replace(true) && !is_gone(self.number) {
            self.compare("written before the receive was complete");
        }
    }

    /// The program may use the buffer again, as it knows.
    pub(super) fn end(&self) {
        if self.number == 0 {
            return;
        }
        let is_gone = close(self.number);
        let is_over = self.over.replace(true);
        if self.is_send && !is_over && !is_gone && !is_engine_busy() {
            self.compare("changed before the send was complete");
        }
    }

    fn compare(&self, what: &str) {
        // SAFETY: the program must keep the buffer until the request is complete.
        if unsafe { self.bytes.sum() } == self.sum {
            return;
        }
        if let Some(words) = in_words(self.is_send, (self.peer, self.tag, self.context)) {
            let Bytes { addr, len } = self.bytes;
            warn(&format!(
                "the buffer of {words} ({len} bytes at {addr:#x}) was {what}"
            ));
        }
    }
}

impl Drop for BufferCheck {
    fn drop(&mut self) {
        self.end();
    }
}

/// Adds a buffer to those under way, and warns if it shares memory with one of these, and
/// one of both is to be received into. Its number.
fn open(bytes: Bytes, is_send: bool, what: &'static str, words: Option<String>) -> u64 {
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let mut all = open_buffers();
    let shares = |one: &&OpenBuffer| {
        let receives = !(is_send && one.is_send);
        receives && !one.is_gone && one.bytes.overlaps(bytes)
    };
    let other = all.0.iter().find(shares).and_then(|one| one.words.clone());
    all.0.push(OpenBuffer {
        number,
        bytes,
        is_send,
        what,
        words: words.clone(),
        is_gone: false,
    });
    drop(all);
    if let (Some(this), Some(other)) = (words, other) {
        warn(&format!(
            "the buffers of {this} and of {other}, which is under way, overlap"
        ));
    }
    number
}

/// Takes a buffer out of those under way. Whether the program has given it back.
fn close(number: u64) -> bool {
    let mut open = open_buffers();
    let at = open.0.iter().position(|one| one.number == number);
    at.is_some_and(|at| open.0.swap_remove(at).is_gone)
}

fn verb(is_send: bool) -> &'static str {
    if is_send { "send" } else { "receive" }
}

/// The buffers of an operation that is no single message (a collective, a partition that is
/// ready), which the program may not use from [`begin`](OperationCheck::begin) to
/// [`end`](OperationCheck::end).
#[derive(Debug)]
pub struct OperationCheck {
    /// What it is, in a word and in full.
    what: &'static str,
    words: String,
    /// How a buffer that was sent and has changed is told.
    changed: &'static str,
    /// What is sent and what is received into.
    runs: Vec<(Bytes, bool)>,
    /// Of those under way: number and checksum.
    open: Vec<(u64, u64)>,
}

impl OperationCheck {
    /// Of an operation that sends and receives what lies in one run of memory among these.
    /// `None`: nothing does, or it cannot be checked.
    #[must_use]
    pub fn new(
        (what, words, changed): (&'static str, String, &'static str),
        sent: &[Buffer<'_>],
        received: &[Buffer<'_>],
    ) -> Option<OperationCheck> {
        // Memcheck would find that memory is read which nobody has written yet.
        if UNDER_MEMCHECK.load(Ordering::Relaxed) {
            return None;
        }
        let sent = joined(sent).into_iter().map(|run| (run, true));
        let received = joined(received).into_iter().map(|run| (run, false));
        let runs: Vec<(Bytes, bool)> = sent.chain(received).collect();
        (!runs.is_empty()).then_some(OperationCheck {
            what,
            words,
            changed,
            runs,
            open: Vec::new(),
        })
    }

    /// From now on the buffers are the library's.
    ///
    /// # Safety
    /// What is sent is readable until the operation has ended.
    pub unsafe fn begin(&mut self) {
        self.forget();
        let (what, words) = (self.what, &self.words);
        let begin = |(bytes, is_send): &(Bytes, bool)| {
            let number = open(*bytes, *is_send, what, Some(words.clone()));
            // SAFETY: the caller's promise.
            let sum = if *is_send { unsafe { bytes.sum() } } else { 0 };
            (number, sum)
        };
        self.open = self.runs.iter().map(begin).collect();
    }

    /// The program may use them again. Tells if what was sent has changed.
    pub fn end(&mut self) {
        for ((bytes, is_send), (number, sum)) in self.runs.iter().zip(self.open.drain(..)) {
            let is_gone = close(number);
            // SAFETY: it was readable at the start, and the program has not given it back.
            if *is_send && !is_gone && unsafe { bytes.sum() } != sum {
                let (Bytes { addr, len }, words, changed) = (bytes, &self.words, self.changed);
                warn(&format!(
                    "the buffer of {words} ({len} bytes at {addr:#x}) was {changed}"
                ));
            }
        }
    }

    /// Nobody knows when the program may use them again: it has freed the request.
    pub fn forget(&mut self) {
        for (number, _) in self.open.drain(..) {
            close(number);
        }
    }
}

impl Drop for OperationCheck {
    fn drop(&mut self) {
        self.forget();
    }
}

/// The buffers that lie in one run of memory each; those that are side by side as one.
fn joined(buffers: &[Buffer<'_>]) -> Vec<Bytes> {
    let runs = buffers.iter().map(|buffer| Bytes::of(&Memory::of(buffer)));
    let mut runs: Vec<Bytes> = runs.filter(|run| run.len > 0).collect();
    runs.sort_unstable_by_key(|run| run.addr);
    let mut joined: Vec<Bytes> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if last.addr.saturating_add(last.len) == run.addr => last.len += run.len,
            _ => joined.push(run),
        }
    }
    joined
}

/// A message of the program's in words; none of the library's own.
fn in_words(is_send: bool, (peer, tag, context): (Option<Proc>, i32, ContextId)) -> Option<String> {
    let (place, peer) = publish::place_and_rank(context, peer)?;
    let peer = peer.map_or("any rank".to_owned(), |rank| format!("rank {rank}"));
    let tag = match tag {
        -1 => "any tag".to_owned(),
        tag => format!("tag {tag}"),
    };
    let what = if is_send { "send to" } else { "receive from" };
    Some(format!("the {what} {peer}, {tag}, on {place}"))
}

fn warn(text: &str) {
    let rank = RANK.load(Ordering::Relaxed);
    warning::say(Topic::Buffer, &format!("rank {rank}: {text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_overlaps() {
        let bytes = |addr, len| Bytes { addr, len };
        assert!(bytes(8, 8).overlaps(bytes(15, 1)));
        assert!(!bytes(8, 8).overlaps(bytes(16, 8)));
        assert!(!bytes(8, 8).overlaps(bytes(0, 8)));
    }

    #[test]
    fn parts_side_by_side_are_one() {
        let memory = [0u8; 64];
        let part = |at: usize, len| Buffer::bytes(memory[at..].as_ptr(), len);
        let runs = joined(&[part(8, 8), part(32, 4), part(0, 8), part(16, 0)]);
        let begin = memory.as_ptr().addr();
        let at: Vec<_> = runs.iter().map(|run| (run.addr - begin, run.len)).collect();
        assert_eq!(at, [(0, 16), (32, 4)]);
    }

    #[test]
    fn memory_given_back_while_the_list_is_locked_is_gone() {
        // An address that no memory has.
        let bytes = Bytes { addr: 64, len: 8 };
        let number = u64::MAX;
        let mut open = open_buffers();
        open.0.push(OpenBuffer {
            number,
            bytes,
            is_send: true,
            what: "send",
            words: None,
            is_gone: false,
        });
        // It comes back although this thread has the list.
        let other = std::thread::spawn(|| given_back("munmap", 0, 4096));
        other.join().unwrap();
        drop(open);
        assert!(is_gone(number));
        open_buffers().0.retain(|one| one.number != number);
        assert!(!is_gone(number));
    }

    #[test]
    fn every_byte_counts() {
        let mut memory = [7u8; 19];
        let bytes = Bytes {
            addr: memory.as_mut_ptr().expose_provenance(),
            len: memory.len(),
        };
        // SAFETY: the array.
        let before = unsafe { bytes.sum() };
        (0..memory.len()).for_each(|at| {
            memory[at] ^= 1;
            // SAFETY: as above.
            assert_ne!(unsafe { bytes.sum() }, before, "{at}");
            memory[at] ^= 1;
        });
        // SAFETY: as above.
        assert_eq!(unsafe { bytes.sum() }, before);
    }
}
