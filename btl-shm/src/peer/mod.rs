//! Reaching a peer's memory.
//!
//! | arm | what is done with an address of the peer's | file |
//! |---|---|---|
//! | `shared` | the part of the heap file behind it is mapped here: plain loads and stores | `shared.rs` |
//! | `driver` | a window of the peer's address space is attached here: plain loads and stores | `driver.rs` |
//! | `cma` | the kernel copies (`process_vm_readv`, `process_vm_writev`) | `cma.rs` |
//!
//! Mappings and attachments are made once per window and kept; an address becomes
//! a pointer by arithmetic. An arm is used towards a peer once it was tried there:
//! eight bytes that the peer put into its memory are really read, at the start
//! ([`Peers::try_all`]), or on first use towards a peer that came later. The arm
//! `copy`, which needs nothing of the peer's memory, is the rings' and fragments'
//! ([`crate::endpoint`]).

pub mod cma;
pub mod driver;
pub mod shared;

use crate::fault::Fault;
use crate::region::heap;
use crate::region::window::VisibleRange;
use driver::{ATTACHMENTS, Attachments, Device, Segid};
use shared::{Regions, Shared, Windows};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use wireup::heap::HeapFile;
use wireup::segment::Segment;
use wireup::settings::Arm;

/// What is known of an arm towards a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Probe {
    /// It was not tried yet.
    #[default]
    Untried,
    Works,
    Refused,
}

/// What was tried towards one peer.
#[derive(Clone, Copy, Debug, Default)]
struct PeerArms {
    shared: Probe,
    driver: Probe,
    cma: Probe,
}

/// How loads and stores reach memory of a peer.
#[derive(Clone, Copy, Debug)]
pub enum Reached {
    /// Mapped here, for good.
    Mapped(NonNull<u8>),
    /// Through attachments, which come and go: [`Peers::window`] says where this
    /// address of the peer's is at the moment.
    Attached(u64),
}

/// Why memory of a peer's could not be copied, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The memory is not there.
    Memory(String),
    /// This arm failed; another may do.
    Way(String),
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Lost {
        Lost::Memory(fault.to_string())
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
    /// Attachments by the driver, or why there are none.
    attached: Result<Attachments, String>,
    own: Regions,
    /// Where peers reach all of this rank's heap, once its record publishes it.
    visible: Option<&'static VisibleRange>,
    tried: Vec<PeerArms>,
}

impl Peers {
    /// The memory of the peers of rank `me`, to be reached by `arm` alone, or by
    /// the best that works. `file` is the job's heap file, if this rank could open
    /// it. `verbose`: say on standard error what came of each try.
    pub fn new(
        segment: &'static Segment,
        me: u32,
        arm: Arm,
        file: Option<HeapFile>,
        verbose: bool,
    ) -> Peers {
        let attached = match arm {
            Arm::Auto | Arm::Driver => export(segment, me),
            _ => Err("another arm was asked for".to_owned()),
        };
        if verbose && let Err(why) = &attached {
            eprintln!("lariat: rank {me}: driver: {why}");
        }
        Peers {
            segment,
            me,
            arm,
            attached,
            verbose,
            windows: file.map(|file| Windows::new(segment, file, me)),
            own: Regions::default(),
            visible: None,
            tried: vec![PeerArms::default(); segment.ranks() as usize],
        }
    }

    /// The memory of the ranks of another job, whose segment is `segment`: by mappings and
    /// by CMA, not by the driver.
    pub fn far(segment: &'static Segment, arm: Arm, file: Option<HeapFile>) -> Peers {
        Peers {
            segment,
            me: u32::MAX,
            arm,
            attached: Err("it is a process of another job".to_owned()),
            verbose: false,
            windows: file.map(|file| Windows::far(segment, file)),
            own: Regions::default(),
            visible: None,
            tried: vec![PeerArms::default(); segment.ranks() as usize],
        }
    }

    /// Unmaps all memory of peers.
    ///
    /// # Safety
    /// Nobody uses an address of it any more.
    pub unsafe fn unmap(&mut self) {
        if let Some(windows) = &mut self.windows {
            // SAFETY: as the caller said.
            unsafe { windows.unmap() };
        }
    }

    /// How loads and stores reach `len` bytes at `addr` of `peer`; `None`: they do not.
    #[inline]
    pub fn reach(&mut self, peer: u32, addr: u64, len: usize) -> Option<Reached> {
        if self.arm == Arm::Copy || self.arm == Arm::Cma {
            return None;
        }
        if self.tried[peer as usize].shared == Probe::Works
            && let Some(at) = self.windows.as_mut()?.resolve(peer, addr, len as u64)
        {
            return Some(Reached::Mapped(at));
        }
        self.reach_otherwise(peer, addr, len)
    }

    /// Maps `len` bytes at `addr` of `peer`, whatever arm messages go by: for memory
    /// that a program is to share and not only to copy. `None`: they are not in the
    /// heap file, or it is not reached.
    #[cold]
    pub fn share(&mut self, peer: u32, addr: u64, len: usize) -> Option<Shared> {
        if self.tried[peer as usize].shared != Probe::Works && self.try_shared(peer).is_err() {
            return None;
        }
        self.windows.as_mut()?.share(peer, addr, len as u64)
    }

    #[cold]
    fn reach_otherwise(&mut self, peer: u32, addr: u64, len: usize) -> Option<Reached> {
        let tried = self.tried[peer as usize];
        // A peer may come to have memory in the file later than its first message.
        if self.arm != Arm::Driver
            && tried.shared == Probe::Untried
            && self.windows.as_mut().is_some_and(|w| w.is_told(peer))
            && self.try_shared(peer).is_ok()
        {
            let at = self.windows.as_mut()?.resolve(peer, addr, len as u64);
            if let Some(at) = at {
                return Some(Reached::Mapped(at));
            }
        }
        if self.attached.is_err() {
            return None;
        }
        if tried.driver == Probe::Untried {
            let _ = self.try_driver(peer); // what came of it is kept
        }
        let works = self.tried[peer as usize].driver == Probe::Works;
        works.then_some(Reached::Attached(addr))
    }

    /// Where the byte at `addr` of `peer` is attached here, and how many of the
    /// `len` bytes from there on, at least 1: good for [`crate::copy`] only, and
    /// until the next call.
    #[inline]
    pub fn window(&mut self, peer: u32, addr: u64, len: usize) -> Result<(*mut u8, usize), Lost> {
        let segid = Segid(self.segment.record(peer).segid.load(Ordering::Relaxed));
        let attached = self
            .attached
            .as_mut()
            .map_err(|why| Lost::Way(why.clone()))?;
        match attached.resolve(peer, segid, addr, len) {
            Ok(reach) => Ok((reach.at, reach.len)),
            Err(error) if error.peer_is_gone() => Err(Lost::Memory(error.to_string())),
            Err(error) => Err(Lost::Way(error.to_string())),
        }
    }

    /// Stops using the driver towards `peer`: it refused on the way.
    pub fn forget_driver(&mut self, peer: u32) {
        self.tried[peer as usize].driver = Probe::Refused;
    }

    /// Whether peers reach `len` bytes at `addr` of this process by loads and stores, as
    /// [`Peers::reach`] does theirs.
    #[inline]
    pub fn is_exported(&mut self, addr: u64, len: usize) -> bool {
        self.is_seen(addr, len).unwrap_or(self.attached.is_ok())
    }

    /// Whether `len` bytes at `addr` of this process lie in the heap file, where peers map
    /// them for good.
    #[inline]
    pub fn is_in_file(&mut self, addr: u64, len: usize) -> bool {
        self.is_seen(addr, len) == Some(true)
    }

    /// Whether peers that looked for `len` bytes at `addr` of this process in the
    /// heap file would find something else: the program has mapped other memory there.
    #[inline]
    pub fn is_replaced(&mut self, addr: u64, len: usize) -> bool {
        self.is_seen(addr, len) == Some(false)
    }

    #[inline]
    fn is_shared(&mut self, addr: u64, len: usize) -> Option<bool> {
        let start = usize::try_from(addr).ok()?;
        let holds = |range: &&VisibleRange| range.holds(start, len);
        if self.visible.as_ref().is_some_and(holds) {
            return Some(true);
        }
        let seen = self.own.is_seen(self.segment.record(self.me), addr, len);
        if self.visible.is_none() && seen == Some(true) {
            // The record publishes the heap as a whole.
            self.visible = heap::visible().filter(holds);
        }
        seen
    }

    #[inline]
    fn is_seen(&mut self, addr: u64, len: usize) -> Option<bool> {
        match self.arm {
            Arm::Auto | Arm::Shared => self.is_shared(addr, len),
            _ => None,
        }
    }

    /// Moves `len` bytes at `addr` of this process to where peers map them, for
    /// [`heap::release`]; the address by which peers reach them. `None`: they cannot be moved.
    #[cold]
    pub fn adopt(&mut self, addr: u64, len: usize) -> Option<u64> {
        if !matches!(self.arm, Arm::Auto | Arm::Shared) || self.windows.is_none() {
            return None;
        }
        let start = usize::try_from(addr).ok()?;
        heap::adopt(start, len).map(|found| found as u64)
    }

    /// Whether messages that CMA reaches may go another way.
    pub fn may_choose(&self) -> bool {
        self.arm == Arm::Auto
    }

    /// The process whose memory CMA reads and writes as that of `peer`, where that
    /// arm may be used and works.
    pub fn cma(&mut self, peer: u32) -> Option<u32> {
        if !matches!(self.arm, Arm::Auto | Arm::Cma) {
            return None;
        }
        let pid = self.segment.record(peer).pid.load(Ordering::Relaxed);
        if self.tried[peer as usize].cma == Probe::Untried {
            // what came of it is kept
            let _ = self.try_cma(peer);
        }
        (self.tried[peer as usize].cma == Probe::Works).then_some(pid)
    }

    /// Stops using CMA towards `peer`: it was refused on the way.
    pub fn forget_cma(&mut self, peer: u32) {
        self.tried[peer as usize].cma = Probe::Refused;
    }

    /// Tries every arm that messages may take towards every peer: at the start, once all
    /// peers have filled their records. What is mapped for it is unmapped again, since
    /// most ranks exchange large messages with few others.
    pub fn try_all(&mut self) {
        let uses = |arm, own| arm == Arm::Auto || arm == own;
        let (shared, cma) = (uses(self.arm, Arm::Shared), uses(self.arm, Arm::Cma));
        let (me, ranks) = (self.me, self.segment.ranks());
        if shared && ranks > 1 {
            self.keep_lines(true);
        }
        for peer in (1..ranks).map(|step| (me + step) % ranks) {
            // Who has no memory in the file yet may have some later.
            if shared && self.windows.as_mut().is_some_and(|w| w.is_told(peer)) {
                let _ = self.try_shared(peer); // what came of it is kept
            }
            if self.attached.is_ok() {
                let _ = self.try_driver(peer);
            }
            if cma {
                let _ = self.try_cma(peer);
            }
        }
        self.keep_lines(false);
        self.detach();
    }

    fn keep_lines(&mut self, kept: bool) {
        if let Some(windows) = &mut self.windows {
            windows.keep_lines(kept);
        }
    }

    /// Tries the arm `shared` towards `peer`.
    #[cold]
    pub fn try_shared(&mut self, peer: u32) -> Result<(), String> {
        let tried = match &mut self.windows {
            Some(windows) => windows.probe(peer),
            None => Err("this job has no heap file".to_owned()),
        };
        self.note("shared", peer, tried, |arms| &mut arms.shared)
    }

    /// Tries the arm `driver` towards `peer`.
    #[cold]
    pub fn try_driver(&mut self, peer: u32) -> Result<(), String> {
        let record = self.segment.record(peer);
        let segid = record.segid.load(Ordering::Acquire); // pairs with the Release in `export`
        let tried = match &mut self.attached {
            Err(why) => Err(why.clone()),
            Ok(_) if segid == 0 => Err(format!("rank {peer} has made no segment")),
            Ok(attached) => attached.probe(
                peer,
                Segid(segid),
                record.cookie_addr.load(Ordering::Relaxed),
                record.cookie.load(Ordering::Relaxed),
            ),
        };
        self.note("driver", peer, tried, |arms| &mut arms.driver)
    }

    /// Tries the arm `cma` towards `peer`.
    #[cold]
    pub fn try_cma(&mut self, peer: u32) -> Result<(), String> {
        let record = self.segment.record(peer);
        let tried = cma::probe(
            record.pid.load(Ordering::Relaxed),
            record.cookie_addr.load(Ordering::Relaxed),
            record.cookie.load(Ordering::Relaxed),
        );
        self.note("cma", peer, tried, |arms| &mut arms.cma)
    }

    /// Keeps what came of trying an arm towards `peer`, and says it where that was asked.
    fn note(
        &mut self,
        arm: &str,
        peer: u32,
        tried: Result<(), String>,
        of: fn(&mut PeerArms) -> &mut Probe,
    ) -> Result<(), String> {
        *of(&mut self.tried[peer as usize]) = match tried {
            Ok(()) => Probe::Works,
            Err(_) => Probe::Refused,
        };
        if self.verbose {
            let answer = tried.as_ref().err().map_or("works", String::as_str);
            eprintln!("lariat: rank {}: {arm} from rank {peer}: {answer}", self.me);
        }
        tried
    }

    /// Whether the driver is there and has a segment of this process.
    pub fn has_driver(&self) -> bool {
        self.attached.is_ok()
    }

    /// Mappings of peers' memory that this process has made.
    pub fn attachments(&self) -> usize {
        let attached = self.attached.as_ref();
        self.windows.as_ref().map_or(0, Windows::attachments)
            + attached.map_or(0, Attachments::attachments)
    }

    /// Detaches all peers' memory: while nobody copies.
    pub fn detach(&mut self) {
        if let Ok(attached) = &mut self.attached {
            attached.detach_all();
        }
    }
}

/// Opens the driver and makes a segment of this process's whole address space, of
/// which peers learn by the record.
fn export(segment: &Segment, me: u32) -> Result<Attachments, String> {
    let device = Device::open()?;
    let segid = device.make_whole().map_err(|error| error.to_string())?;
    // pairs with the Acquire in `try_driver`
    segment.record(me).segid.store(segid.0, Ordering::Release);
    Ok(Attachments::new(device, ATTACHMENTS))
}
