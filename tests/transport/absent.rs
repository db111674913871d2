//! What a transport has that has no boards and no slots.

use crate::pml::transport::{Board, Bulletin, ReceiverSlot, SenderSlot, SlotId, SlotState};
use std::convert::Infallible;
use std::ops::Range;

/// There are no boards.
#[derive(Clone, Copy, Debug)]
pub(in crate::pml) struct NoBoard;

impl Board for NoBoard {
    const ROOM: usize = 8;

    fn post(&self, _member: u32, _turn: u64, _stamp: u64, _bytes: &[u8]) {
        no_board()
    }

    fn stamp(&self, _member: u32, _turn: u64) -> u64 {
        no_board()
    }

    fn find(&self, _member: u32, _turn: u64, _stamp: u64) -> Option<u64> {
        no_board()
    }

    fn read(&self, _member: u32, _turn: u64, _to: &mut [u8]) {
        no_board()
    }

    fn leave(&self) {
        no_board()
    }

    fn reset(&self) -> bool {
        no_board()
    }

    fn bulletin(&self, _member: u32) -> u64 {
        no_board()
    }

    fn set_bulletin(&self, _member: u32, _place: u64) {
        no_board()
    }
}

/// There are no bulletins.
#[derive(Clone, Copy, Debug)]
pub(in crate::pml) struct NoBulletin;

impl Bulletin for NoBulletin {
    const ROOM: usize = 8;
    const ENTRIES: u64 = 1;

    fn publish(&self, _number: u64, _content: u64, _place: u64, _bytes: &[u8]) {
        no_board()
    }

    fn look(&self, _number: u64) -> Option<(u64, u64)> {
        no_board()
    }

    fn read(&self, _number: u64, _to: &mut [u8]) {
        no_board()
    }

    fn finish(&self, _member: u32, _number: u64) -> bool {
        no_board()
    }

    fn finished(&self, _member: u32) -> u64 {
        no_board()
    }

    fn slowest(&self, _writer: u32) -> u64 {
        no_board()
    }

    fn set_waits(&self, _waits: bool) {
        no_board()
    }

    fn leave(&self) {
        no_board()
    }

    fn reset(&self) -> bool {
        no_board()
    }
}

pub(super) fn no_board() -> ! {
    unreachable!("no board was ever made")
}

// There are no slots: nothing is ever one.

impl ReceiverSlot for Infallible {
    fn id(&self) -> SlotId {
        match *self {}
    }

    fn begin(&mut self, _total: u64, _front: u64) {
        match *self {}
    }

    fn withdraw(&self) -> bool {
        match *self {}
    }

    fn claim(&self, _want: u64) -> Option<Range<u64>> {
        match *self {}
    }

    fn left(&self) -> u64 {
        match *self {}
    }

    fn is_shared(&self) -> bool {
        match *self {}
    }

    fn state(&self) -> SlotState {
        match *self {}
    }

    fn close(&self) -> bool {
        match *self {}
    }
}

impl SenderSlot for Infallible {
    fn claim(&mut self, _want: u64) -> Option<Range<u64>> {
        match *self {}
    }

    fn left(&self) -> u64 {
        match *self {}
    }

    fn finish(&mut self, _chunks: u64) {
        match *self {}
    }

    fn fail(&mut self, _chunks: u64) {
        match *self {}
    }
}
