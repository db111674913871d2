//! Channels by the handles of their requests, to be found without the library lock.
//!
//! Entries stand in buckets of doubling size that are never given back, at the slot of the
//! handle. They change under the library lock. Who frees a request while another thread
//! uses it is in error, but a handle that is stale otherwise finds nothing.

use super::channel::SendChannel;
use super::receive::ReceiveChannel;
use crate::handle::{Raw, slot_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Either side.
#[derive(Debug)]
pub(super) enum Channel {
    Send(Arc<SendChannel>),
    Receive(Arc<ReceiveChannel>),
}

impl Channel {
    /// Where the handle of its request is noted; 0 before it has one.
    pub(super) fn handle(&self) -> &AtomicUsize {
        match self {
            Channel::Send(send) => &send.handle,
            Channel::Receive(receive) => &receive.handle,
        }
    }
}

/// Entries of the first bucket.
const FIRST: usize = 64;

#[derive(Debug)]
struct Entry {
    raw: Raw,
    channel: Channel,
}

type Place = AtomicPtr<Entry>;

static BUCKETS: [AtomicPtr<Place>; 24] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 24];

/// The bucket of a slot, its size, and the place in it.
fn place(slot: usize) -> (usize, usize, usize) {
    let at = slot + FIRST;
    let bucket = (at / FIRST).ilog2() as usize;
    let size = FIRST << bucket;
    (bucket, size, at - size)
}

fn find(raw: Raw) -> Option<&'static Place> {
    let (bucket, _, at) = place(slot_of(raw)?);
    // pairs with the Release in `make`
    let places = BUCKETS.get(bucket)?.load(Ordering::Acquire);
    // SAFETY: a bucket has as many places as `place` says, and is never given back.
    (!places.is_null()).then(|| unsafe { &*places.add(at) })
}

fn make(raw: Raw) -> Option<&'static Place> {
    if let Some(found) = find(raw) {
        return Some(found);
    }
    let (bucket, size, _) = place(slot_of(raw)?);
    let places: Vec<Place> = (0..size).map(|_| Place::default()).collect();
    let places = Box::leak(places.into_boxed_slice());
    // pairs with the Acquire in `find`
    BUCKETS
        .get(bucket)?
        .store(places.as_mut_ptr(), Ordering::Release);
    find(raw)
}

/// Enters a channel under its request's handle.
pub(super) fn set(raw: Raw, channel: Channel) {
    if let Some(place) = make(raw) {
        let entry = Box::into_raw(Box::new(Entry { raw, channel }));
        let old = place.swap(entry, Ordering::AcqRel); // pairs with the Acquire in `get`
        drop_entry(old);
    }
}

/// Takes it out.
pub(super) fn clear(raw: Raw) {
    let Some(place) = find(raw) else { return };
    let entry = place.load(Ordering::Acquire); // pairs with the swap in `set`
    // SAFETY: null, or an entry that only this function and `set` free, under the lock.
    if unsafe { entry.as_ref() }.is_some_and(|entry| entry.raw == raw) {
        place.store(std::ptr::null_mut(), Ordering::Relaxed);
        drop_entry(entry);
    }
}

fn drop_entry(entry: *mut Entry) {
    if !entry.is_null() {
        // SAFETY: it came from `Box::into_raw` in `set`, and nothing points to it any more.
        drop(unsafe { Box::from_raw(entry) });
    }
}

/// The channel of a handle. The reference is good while the request is not freed.
#[inline]
pub(super) fn get(raw: Raw) -> Option<&'static Channel> {
    // pairs with the swap in `set`
    let entry = find(raw)?.load(Ordering::Acquire);
    // SAFETY: null, or an entry; a right program frees no request that another thread uses.
    let entry = unsafe { entry.as_ref() }?;
    (entry.raw == raw).then_some(&entry.channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let mut next = (0, 0);
        for slot in 0..100_000 {
            let (bucket, size, at) = place(slot);
            assert!(at < size);
            assert_eq!((bucket, at), next);
            next = if at + 1 == size {
                (bucket + 1, 0)
            } else {
                (bucket, at + 1)
            };
        }
        assert!(place((1 << 28) - 1).0 < BUCKETS.len());
    }
}
