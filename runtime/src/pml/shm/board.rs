//! Boards in the job segment, as the contract has them.

use crate::pml::transport::Board;
use btl_shm::board;

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
}
