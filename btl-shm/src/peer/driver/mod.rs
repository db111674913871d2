//! A peer's memory through the kernel driver: windows of its address space,
//! attached here.
//!
//! The peer's address space is divided into windows of 1 GiB; a window is attached
//! when something in it is first asked for, and stays. What of it the peer maps,
//! unmaps or maps again is the driver's to follow: holes are legal, and touching
//! one in a copy is a [`crate::fault::Fault`]. So an address becomes a pointer by
//! a look at a small table and an addition.
//!
//! The number of attachments is bounded; the one unused for longest makes room.
//! They are detached by the driver's command only and never by `munmap`, of which
//! an existing driver makes a kill. At fork the child inherits neither the
//! attachments nor the driver's state: everything here fails there. At exit and
//! exec the kernel lets go of them; [`Attachments::detach_all`] does so at
//! `MPI_Finalize`.

mod device;
#[cfg(all(test, not(loom)))]
mod tests;

pub use device::{Apid, Attach, DEVICE, Device, DriverError, Segid};

use crate::fault;
use std::collections::HashMap;

/// Bytes of a window, as a power of two.
const WINDOW_BITS: u32 = 30;

/// Bytes of a window.
pub const WINDOW: u64 = 1 << WINDOW_BITS;

/// Attachments that a process keeps, unless told otherwise: four windows of 256
/// peers, and far less than a process may have mappings (65,530).
pub const ATTACHMENTS: usize = 1024;

const _: () = assert!(ATTACHMENTS < 65_530 / 4);

/// Entries of the table that is looked at first, as a power of two.
const NEAR_BITS: u32 = 10;

/// Where a peer's memory can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    /// The first byte. Good for copies by [`crate::copy::copy`] only, and until
    /// the next call of [`Attachments::resolve`].
    pub at: *mut u8,
    /// How many bytes follow there, itself included; at least 1. The rest is
    /// asked for again.
    pub len: usize,
}

/// An attached window.
#[derive(Debug)]
struct Window {
    key: Key,
    base: *mut u8,
    /// Bytes: those of a window, or less at the end of the address space.
    len: u64,
    /// The clock when it was last asked for.
    used: u64,
    _range: fault::Range,
}

// SAFETY: an attachment is the process's, whichever thread asks for it, and
// `base` is only an address in it.
unsafe impl Send for Window {}

/// A peer and one of its windows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    peer: u32,
    window: u64,
}

impl Key {
    fn near(self) -> usize {
        let mixed = (self.window ^ u64::from(self.peer).rotate_right(NEAR_BITS))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(mixed >> (64 - NEAR_BITS)).unwrap_or(0)
    }
}

/// The windows of peers that this process has attached.
#[derive(Debug)]
pub struct Attachments<D: Attach = Device> {
    device: D,
    limit: usize,
    /// At a key's place, the window that was last asked for there: an index.
    near: Box<[u32]>,
    windows: Vec<Window>,
    by_key: HashMap<Key, u32>,
    permits: HashMap<u32, (Segid, Apid)>,
    /// Rises with every window that is looked for in vain in `near`.
    clock: u64,
    made: u64,
}

impl<D: Attach> Attachments<D> {
    /// No attachments yet, and at most `limit` of them at a time.
    pub fn new(device: D, limit: usize) -> Attachments<D> {
        Attachments {
            device,
            limit: limit.max(1),
            near: vec![u32::MAX; 1 << NEAR_BITS].into_boxed_slice(),
            windows: Vec::new(),
            by_key: HashMap::new(),
            permits: HashMap::new(),
            clock: 0,
            made: 0,
        }
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Attachments that there are now.
    pub fn attachments(&self) -> usize {
        self.windows.len()
    }

    /// Attachments that were ever made.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Where the byte at `addr` of `peer`'s process is here, and how many of the
    /// `len` bytes from there on. `segid` is that of the peer's whole address
    /// space; it is looked at when a window has to be attached.
    #[inline]
    pub fn resolve(
        &mut self,
        peer: u32,
        segid: Segid,
        addr: u64,
        len: usize,
    ) -> Result<Reach, DriverError> {
        let key = Key {
            peer,
            window: addr >> WINDOW_BITS,
        };
        let index = self.near[key.near()] as usize;
        let index = match self.windows.get(index) {
            Some(window) if window.key == key => index,
            _ => self.look(key, segid)?,
        };
        let window = &mut self.windows[index];
        window.used = self.clock;
        let offset = addr & (WINDOW - 1);
        let there = window.len.saturating_sub(offset);
        if there == 0 {
            return Err(beyond(addr));
        }
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        Ok(Reach {
            // The offset is less than the window's length.
            at: window
                .base
                .wrapping_add(usize::try_from(offset).unwrap_or(0)),
            len: len.min(there),
        })
    }

    /// The window's index, attached if need be.
    #[cold]
    fn look(&mut self, key: Key, segid: Segid) -> Result<usize, DriverError> {
        self.clock += 1;
        let index = match self.by_key.get(&key) {
            Some(index) => *index,
            None => self.attach(key, segid)?,
        };
        self.near[key.near()] = index;
        Ok(index as usize)
    }

    fn attach(&mut self, key: Key, segid: Segid) -> Result<u32, DriverError> {
        let start = key.window << WINDOW_BITS;
        let len = length(start);
        let bytes = usize::try_from(len).map_err(|_| beyond(start))?;
        if self.windows.len() >= self.limit {
            self.detach_oldest();
        }
        let (apid, kept) = self.permit(key.peer, segid)?;
        let base = match self.device.attach(apid, start, bytes) {
            // A permit from before the driver lost this process.
            Err(error) if error.errno == libc::ENOENT && kept => {
                self.permits.remove(&key.peer);
                let (apid, _) = self.permit(key.peer, segid)?;
                self.device.attach(apid, start, bytes)?
            }
            Err(error) if error.errno == libc::ENOMEM && !self.windows.is_empty() => {
                self.detach_oldest();
                self.device.attach(apid, start, bytes)?
            }
            answer => answer?,
        };
        let range = match fault::register(base, bytes, key.peer, start) {
            Ok(range) => range,
            Err(error) => {
                // SAFETY: just attached, and known to nobody.
                let _ = unsafe { self.device.detach(base) };
                return Err(DriverError {
                    what: "guard the attachment at",
                    value: base.addr() as u64,
                    errno: error.raw_os_error().unwrap_or(libc::EINVAL),
                });
            }
        };
        let index = u32::try_from(self.windows.len()).expect("far fewer mappings are allowed");
        self.windows.push(Window {
            key,
            base,
            len,
            used: self.clock,
            _range: range,
        });
        self.by_key.insert(key, index);
        self.made += 1;
        Ok(index)
    }

    /// The permit for the peer's segment, and whether it was there before.
    fn permit(&mut self, peer: u32, segid: Segid) -> Result<(Apid, bool), DriverError> {
        match self.permits.get(&peer) {
            Some((of, apid)) if *of == segid => Ok((*apid, true)),
            Some(_) => {
                self.forget(peer);
                self.permit(peer, segid)
            }
            None => {
                let apid = self.device.get(segid)?;
                self.permits.insert(peer, (segid, apid));
                Ok((apid, false))
            }
        }
    }

    fn detach_oldest(&mut self) {
        let ages = self.windows.iter().enumerate().map(|(i, w)| (w.used, i));
        if let Some((_, index)) = ages.min() {
            self.detach(index);
        }
    }

    fn detach(&mut self, index: usize) {
        let window = self.windows.swap_remove(index);
        self.by_key.remove(&window.key);
        if let Some(moved) = self.windows.get(index) {
            // An index was a u32 when it was given.
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            self.by_key.insert(moved.key, index);
        }
        // Entries of `near` may now lead to another window or to none, whose key
        // tells: they are looked at together.
        // SAFETY: `resolve`'s callers hold nothing across calls. A refusal leaves
        // the mapping, which must not be undone in another way.
        let _ = unsafe { self.device.detach(window.base) };
        // The range is forgotten after that: a stray copy is an error until then.
    }

    /// Detaches everything of `peer`'s and gives its permit back: it has ended, or
    /// has another segment.
    pub fn forget(&mut self, peer: u32) {
        for index in (0..self.windows.len()).rev() {
            if self.windows[index].key.peer == peer {
                self.detach(index);
            }
        }
        if let Some((_, apid)) = self.permits.remove(&peer) {
            // The permit of a process that has ended may be gone already.
            let _ = self.device.release(apid);
        }
    }

    /// Detaches everything.
    pub fn detach_all(&mut self) {
        let peers: Vec<u32> = self.permits.keys().copied().collect();
        for peer in peers {
            self.forget(peer);
        }
    }

    /// Really copies eight bytes that the peer said it has at `addr`.
    pub fn probe(
        &mut self,
        peer: u32,
        segid: Segid,
        addr: u64,
        expected: u64,
    ) -> Result<(), String> {
        let reach = self
            .resolve(peer, segid, addr, 8)
            .map_err(|error| error.to_string())?;
        if reach.len < 8 {
            return Err(format!(
                "the cookie of rank {peer} at {addr:#x} is not aligned"
            ));
        }
        let mut got = 0u64;
        // SAFETY: eight bytes of an attachment, which is registered, to a local.
        unsafe { crate::copy::copy(reach.at, (&raw mut got).cast(), 8) }
            .map_err(|fault| fault.to_string())?;
        if got == expected {
            return Ok(());
        }
        // Segids come again with process ids.
        self.forget(peer);
        Err(format!(
            "segment {:#x} is another process's than rank {peer}'s",
            segid.0
        ))
    }
}

impl<D: Attach> Drop for Attachments<D> {
    fn drop(&mut self) {
        self.detach_all();
    }
}

/// Bytes of the window at `start`: up to the end of user space, which is a page
/// below a power of two on x86-64.
fn length(start: u64) -> u64 {
    let ends = [(1u64 << 47) - 4096, (1u64 << 56) - 4096];
    let end = ends
        .into_iter()
        .find(|end| (start..start + WINDOW).contains(end));
    end.map_or(WINDOW, |end| end - start)
}

fn beyond(addr: u64) -> DriverError {
    DriverError {
        what: "reach beyond user space, at",
        value: addr,
        errno: libc::EFAULT,
    }
}
