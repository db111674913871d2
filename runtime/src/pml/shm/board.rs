//! Boards and bulletins in the job segment, as the contract has them.

use crate::pml::transport::{Board, Bulletin};
use btl_shm::{board, bulletin};

/// A board in the segment.
#[derive(Clone, Copy, Debug)]
pub(in crate::pml) struct ShmBoard(pub(super) board::Board);

impl Board for ShmBoard {
    const ROOM: usize = board::ROOM;

    #[inline]
    fn post(&self, member: u32, turn: u64, stamp: u64, bytes: &[u8]) {
        self.0.post(member, turn, stamp, bytes);
    }

    #[inline]
    fn stamp(&self, member: u32, turn: u64) -> u64 {
        self.0.stamp(member, turn)
    }

    fn find(&self, member: u32, turn: u64, stamp: u64) -> Option<u64> {
        self.0.find(member, turn, stamp)
    }

    #[inline]
    fn ask_for_lines(&self, member: u32, turn: u64, len: usize) {
        self.0.ask_for_lines(member, turn, len);
    }

    #[inline]
    fn own_ahead(&self, member: u32, turn: u64, len: usize) {
        self.0.own_ahead(member, turn, len);
    }

    #[inline]
    fn read(&self, member: u32, turn: u64, to: &mut [u8]) {
        self.0.read(member, turn, to);
    }

    fn leave(&self) {
        self.0.leave();
    }

    fn reset(&self) -> bool {
        self.0.reset()
    }
    #[inline]
    fn bulletin(&self, member: u32) -> u64 {
        self.0.bulletin(member)
    }

    fn set_bulletin(&self, member: u32, place: u64) {
        self.0.set_bulletin(member, place);
    }
}

/// A bulletin in the segment.
#[derive(Clone, Copy, Debug)]
pub(in crate::pml) struct ShmBulletin(pub(super) bulletin::Bulletin);

impl Bulletin for ShmBulletin {
    const ROOM: usize = bulletin::INLINE;
    const ENTRIES: u64 = bulletin::ENTRIES;

    #[inline]
    fn publish(&self, number: u64, content: u64, place: u64, bytes: &[u8]) {
        self.0.publish(number, content, place, bytes);
    }

    #[inline]
    fn look(&self, number: u64) -> Option<(u64, u64)> {
        self.0.look(number)
    }

    #[inline]
    fn read(&self, number: u64, to: &mut [u8]) {
        self.0.read(number, to);
    }

    #[inline]
    fn finish(&self, member: u32, number: u64) -> bool {
        self.0.finish(member, number)
    }

    fn finished(&self, member: u32) -> u64 {
        self.0.finished(member)
    }

    fn slowest(&self, writer: u32) -> u64 {
        self.0.slowest(writer)
    }

    fn set_waits(&self, waits: bool) {
        self.0.set_waits(waits);
    }

    fn leave(&self) {
        self.0.leave();
    }

    fn reset(&self) -> bool {
        self.0.reset()
    }
}
