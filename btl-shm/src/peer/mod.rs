//! Reaching a peer's memory.
//!
//! | arm | what is done with an address of the peer's | file |
//! |---|---|---|
//! | `shared` | the part of the heap file behind it is mapped here: plain loads and stores | `shared.rs` |
//! | `cma` | the kernel copies (`process_vm_readv`, `process_vm_writev`) | `cma.rs` |
//!
//! Mappings are made once per window and kept; an address becomes a pointer by
//! arithmetic. An arm is used towards a peer once it was tried there: eight bytes
//! that the peer put into its memory are really read. The arm `copy`, which needs
//! nothing of the peer's memory, is the rings' and fragments' ([`crate::endpoint`]).

pub mod cma;
pub mod shared;

use shared::{Regions, Windows};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use wireup::heap::HeapFile;
use wireup::segment::Segment;
use wireup::settings::Arm;

/// Whether an arm works towards a peer: tried once, on first use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Tried {
    #[default]
    No,
    Works,
    Refused,
}

/// What was tried towards one peer.
#[derive(Clone, Copy, Debug, Default)]
struct Arms {
    shared: Tried,
    cma: Tried,
}

/// Memory of a peer's, in this process.
#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    /// Its first byte.
    pub at: NonNull<u8>,
    /// Whether it may go away at any time: it is touched by [`crate::copy`] only.
    pub guarded: bool,
}

impl Mapped {
    fn shared(at: NonNull<u8>) -> Mapped {
        Mapped { at, guarded: false }
    }
}

/// The memory of this rank's peers.
#[derive(Debug)]
pub struct Peers {
    segment: &'static Segment,
    me: u32,
    arm: Arm,
    verbose: bool,
    windows: Option<Windows>,
    own: Regions,
    tried: Vec<Arms>,
}

impl Peers {
    /// The memory of the peers of rank `me`, to be reached by `arm` alone, or by
    /// the best that works. `file` is the job's heap file, if this rank could open
    /// it. `verbose`: say on standard error what came of each try.
    #[must_use]
    pub fn new(
        segment: &'static Segment,
        me: u32,
        arm: Arm,
        file: Option<HeapFile>,
        verbose: bool,
    ) -> Peers {
        Peers {
            segment,
            me,
            arm,
            verbose,
            windows: file.map(|file| Windows::new(segment, file)),
            own: Regions::default(),
            tried: vec![Arms::default(); segment.head().ranks as usize],
        }
    }

    /// Where `len` bytes at `addr` of `peer` are in this process, if they can be
    /// copied by plain loads and stores.
    #[inline]
    pub fn reach(&mut self, peer: u32, addr: u64, len: usize) -> Option<Mapped> {
        if !matches!(self.arm, Arm::Auto | Arm::Shared) {
            return None;
        }
        match self.tried[peer as usize].shared {
            Tried::Works => {
                let at = self.windows.as_mut()?.resolve(peer, addr, len as u64)?;
                Some(Mapped::shared(at))
            }
            Tried::Refused => None,
            Tried::No => self.first_reach(peer, addr, len),
        }
    }

    #[cold]
    fn first_reach(&mut self, peer: u32, addr: u64, len: usize) -> Option<Mapped> {
        // A peer may come to have memory in the file later than its first message.
        if !self.windows.as_mut()?.is_told(peer) {
            return None;
        }
        self.try_shared(peer).ok()?;
        let at = self.windows.as_mut()?.resolve(peer, addr, len as u64)?;
        Some(Mapped::shared(at))
    }

    /// Whether peers can reach `len` bytes at `addr` of this process in the way of
    /// [`Peers::reach`].
    #[inline]
    pub fn is_exported(&mut self, addr: u64, len: usize) -> bool {
        matches!(self.arm, Arm::Auto | Arm::Shared)
            && self
                .own
                .offset(self.segment.record(self.me), addr, len as u64)
                .is_some()
    }

    /// The process whose memory CMA reads and writes as that of `peer`, where
    /// that arm was asked for and works.
    pub fn cma(&mut self, peer: u32) -> Option<u32> {
        if self.arm != Arm::Cma {
            return None;
        }
        let pid = self.segment.record(peer).pid.load(Ordering::Relaxed);
        if self.tried[peer as usize].cma == Tried::No {
            // what came of it is kept
            let _ = self.try_cma(peer);
        }
        (self.tried[peer as usize].cma == Tried::Works).then_some(pid)
    }

    /// Uses CMA towards `peer` no more: it was refused on the way.
    pub fn forget_cma(&mut self, peer: u32) {
        self.tried[peer as usize].cma = Tried::Refused;
    }

    /// Tries the arm `shared` towards `peer`.
    ///
    /// # Errors
    /// In words, why it cannot be used.
    #[cold]
    pub fn try_shared(&mut self, peer: u32) -> Result<(), String> {
        let tried = match &mut self.windows {
            Some(windows) => windows.probe(peer),
            None => Err("this job has no heap file".to_owned()),
        };
        self.tried[peer as usize].shared = tried_as(&tried);
        self.said("shared", peer, &tried);
        tried
    }

    /// Tries the arm `cma` towards `peer`.
    ///
    /// # Errors
    /// In words, why it cannot be used.
    #[cold]
    pub fn try_cma(&mut self, peer: u32) -> Result<(), String> {
        let record = self.segment.record(peer);
        let tried = cma::probe(
            record.pid.load(Ordering::Relaxed),
            record.cookie_addr.load(Ordering::Relaxed),
            record.cookie.load(Ordering::Relaxed),
        );
        self.tried[peer as usize].cma = tried_as(&tried);
        self.said("cma", peer, &tried);
        tried
    }

    fn said(&self, arm: &str, peer: u32, tried: &Result<(), String>) {
        if self.verbose {
            let answer = tried
                .as_ref()
                .map_or_else(Clone::clone, |()| "works".into());
            eprintln!("lariat: rank {}: {arm} from rank {peer}: {answer}", self.me);
        }
    }

    /// Mappings of peers' memory that this process has made.
    #[must_use]
    pub fn attachments(&self) -> usize {
        self.windows.as_ref().map_or(0, Windows::attachments)
    }
}

fn tried_as(result: &Result<(), String>) -> Tried {
    match result {
        Ok(()) => Tried::Works,
        Err(_) => Tried::Refused,
    }
}
