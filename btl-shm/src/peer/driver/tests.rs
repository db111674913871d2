//! The arithmetic of windows, without a driver: attachments are made of addresses
//! that nobody touches.

use super::*;
use std::cell::{Cell, RefCell};

/// Stands in for the driver, and knows what is attached where.
#[derive(Default)]
struct Fake {
    /// Base, segid of the permit, the peer's address, bytes.
    live: RefCell<Vec<(usize, Segid, u64, usize)>>,
    /// Segid of each permit, by its number.
    permits: RefCell<HashMap<i64, Segid>>,
    given: Cell<i64>,
    next: Cell<usize>,
    /// The answer to the next attach, instead of an attachment.
    refuse: Cell<i32>,
}

impl Fake {
    /// The segid and the peer's address that are behind `at`.
    fn behind(&self, at: *mut u8) -> Option<(Segid, u64)> {
        let live = self.live.borrow();
        live.iter()
            .find(|(base, _, _, len)| (*base..base + len).contains(&at.addr()))
            .map(|(base, segid, start, _)| (*segid, start + (at.addr() - base) as u64))
    }
}

fn refused(errno: i32) -> DriverError {
    DriverError {
        what: "attach",
        value: 0,
        errno,
    }
}

impl Attach for Fake {
    fn get(&self, segid: Segid) -> Result<Apid, DriverError> {
        self.given.set(self.given.get() + 1);
        self.permits.borrow_mut().insert(self.given.get(), segid);
        Ok(Apid(self.given.get()))
    }

    fn release(&self, apid: Apid) -> Result<(), DriverError> {
        let known = self.permits.borrow_mut().remove(&apid.0);
        known.map(drop).ok_or(refused(libc::ENOENT))
    }

    fn attach(&self, apid: Apid, start: u64, len: usize) -> Result<*mut u8, DriverError> {
        match self.refuse.take() {
            0 => {}
            errno => return Err(refused(errno)),
        }
        assert_eq!(start % WINDOW, 0);
        let permits = self.permits.borrow();
        let segid = permits.get(&apid.0).ok_or(refused(libc::ENOENT))?;
        let base = 0x6000_0000_0000 + self.next.get() * WINDOW_BYTES;
        self.next.set(self.next.get() + 1);
        self.live.borrow_mut().push((base, *segid, start, len));
        Ok(std::ptr::without_provenance_mut(base))
    }

    unsafe fn detach(&self, start: *mut u8) -> Result<(), DriverError> {
        let before = self.live.borrow().len();
        let mut live = self.live.borrow_mut();
        live.retain(|(base, ..)| *base != start.addr());
        assert_eq!(live.len() + 1, before, "attached once, detached once");
        Ok(())
    }
}

const WINDOW_BYTES: usize = 1 << WINDOW_BITS;

const A: u64 = 0x7f12_3456_7000;

#[test]
fn an_address_becomes_a_pointer_by_arithmetic() {
    let mut it = Attachments::new(Fake::default(), 8);
    let here = it.resolve(1, Segid(11), A + 5, 100).unwrap();
    assert_eq!(it.device.behind(here.at), Some((Segid(11), A + 5)));
    assert_eq!(here.len, 100);
    let near = it.resolve(1, Segid(11), A + 4096, 7).unwrap();
    assert_eq!(near.at.addr() - here.at.addr(), 4091);
    assert_eq!((it.attachments(), it.made()), (1, 1));
    let other = it.resolve(2, Segid(22), A + 5, 100).unwrap();
    assert_eq!(it.device.behind(other.at), Some((Segid(22), A + 5)));
    assert_eq!((it.attachments(), it.made()), (2, 2));
}

#[test]
fn a_buffer_over_several_windows_is_resolved_in_pieces() {
    let mut it = Attachments::new(Fake::default(), 8);
    let start = 5 * WINDOW - 10;
    let whole = 2 * WINDOW_BYTES + 30;
    let (mut at, mut pieces) = (0, Vec::new());
    while at < whole {
        let addr = start + at as u64;
        let reach = it.resolve(1, Segid(1), addr, whole - at).unwrap();
        assert_eq!(it.device.behind(reach.at), Some((Segid(1), addr)));
        let last = reach.at.wrapping_add(reach.len - 1);
        let end = addr + reach.len as u64 - 1;
        assert_eq!(it.device.behind(last), Some((Segid(1), end)));
        pieces.push(reach.len);
        at += reach.len;
    }
    assert_eq!(pieces, [10, WINDOW_BYTES, WINDOW_BYTES, 20]);
}

#[test]
fn the_last_window_ends_with_the_address_space() {
    let mut it = Attachments::new(Fake::default(), 8);
    let top = (1u64 << 47) - 4096;
    let reach = it.resolve(1, Segid(1), top - 100, 4096).unwrap();
    assert_eq!(reach.len, 100);
    let said = it.resolve(1, Segid(1), top, 1).unwrap_err().to_string();
    assert!(said.contains("0x7ffffffff000"), "{said}");
    assert_eq!(length(0), WINDOW);
    assert_eq!(length((1 << 47) - WINDOW), WINDOW - 4096);
    assert_eq!(length(1 << 47), WINDOW);
    assert_eq!(length((1 << 56) - WINDOW), WINDOW - 4096);
}

#[test]
fn the_window_unused_for_longest_makes_room() {
    let mut it = Attachments::new(Fake::default(), 3);
    for window in [1, 2, 3, 1, 4] {
        it.resolve(7, Segid(7), window * WINDOW, 1).unwrap();
    }
    let kept: Vec<u64> = it.windows.iter().map(|w| w.key.window).collect();
    assert!(!kept.contains(&2) && kept.len() == 3, "{kept:?}");
    it.resolve(7, Segid(7), WINDOW, 1).unwrap();
    assert_eq!(it.made(), 4);
}

#[test]
fn random_resolving_under_a_limit_always_leads_to_the_right_byte() {
    let mut it = Attachments::new(Fake::default(), 17);
    let mut random = 88_172_645_463_325_252_u64;
    for step in 0..200_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let peer = u32::try_from(random % 5).unwrap();
        let window = (random >> 8) % if step % 3 == 0 { 400 } else { 4 };
        let addr = window * WINDOW + (random >> 20) % WINDOW;
        let segid = Segid(100 + u64::from(peer));
        let reach = it.resolve(peer, segid, addr, 1).unwrap();
        assert_eq!(it.device.behind(reach.at), Some((segid, addr)));
        assert!(it.attachments() <= 17);
        assert_eq!(it.attachments(), it.device.live.borrow().len());
        if random.is_multiple_of(5000) {
            it.forget(peer);
        }
    }
    it.detach_all();
    assert_eq!((it.attachments(), it.device.live.borrow().len()), (0, 0));
    assert!(it.device.permits.borrow().is_empty());
}

#[test]
fn another_segid_replaces_the_peers_attachments() {
    let mut it = Attachments::new(Fake::default(), 8);
    it.resolve(1, Segid(1), A, 8).unwrap();
    let reach = it.resolve(1, Segid(2), A + 2 * WINDOW, 8).unwrap();
    assert_eq!(it.device.behind(reach.at), Some((Segid(2), A + 2 * WINDOW)));
    assert_eq!(it.attachments(), 1);
    let reach = it.resolve(1, Segid(2), A, 8).unwrap();
    assert_eq!(it.device.behind(reach.at), Some((Segid(2), A)));
}

#[test]
fn a_lost_permit_is_got_again_and_no_room_is_made() {
    let mut it = Attachments::new(Fake::default(), 8);
    it.resolve(1, Segid(1), A, 8).unwrap();
    it.device.refuse.set(libc::ENOENT);
    it.resolve(1, Segid(1), A + WINDOW, 8).unwrap();
    assert_eq!(it.device.given.get(), 2);
    it.device.refuse.set(libc::ENOMEM);
    it.resolve(1, Segid(1), A + 2 * WINDOW, 8).unwrap();
    assert_eq!(it.attachments(), 2);
    it.device.refuse.set(libc::EACCES);
    let error = it.resolve(1, Segid(1), A + 3 * WINDOW, 8).unwrap_err();
    assert_eq!(error.errno, libc::EACCES);
    assert_eq!(it.attachments(), 2);
}

#[test]
fn a_permit_that_is_refused_anew_is_an_error() {
    let mut it = Attachments::new(Fake::default(), 8);
    // Nothing was attached yet: a refusal is the peer's, not a lost permit's.
    it.device.refuse.set(libc::ENOENT);
    let error = it.resolve(1, Segid(1), A, 8).unwrap_err();
    assert_eq!(error.errno, libc::ENOENT);
    assert_eq!(it.device.given.get(), 1);
}
