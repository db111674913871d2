//! The slots of cooperative copies, by the transport's contract.

use crate::pml::transport::{ReceiverSlot, SenderSlot, SlotId, SlotState};
use btl_shm::cooperative::{Place, ReceiverSide, SenderSide, State};
use std::ops::Range;
use wireup::segment::Segment;

/// A slot of this rank's, and its use.
#[derive(Debug)]
pub(in crate::pml) struct ShmSlot {
    segment: &'static Segment,
    place: Place,
    turn: u32,
    lead: Option<ReceiverSide>,
}

impl ShmSlot {
    /// The slot at `place`, which was opened for this `turn`.
    pub(super) fn new(segment: &'static Segment, place: Place, turn: u32) -> ShmSlot {
        ShmSlot {
            segment,
            place,
            turn,
            lead: None,
        }
    }

    /// Where it is, once it is not used any more.
    pub(super) fn into_place(self) -> Place {
        self.place
    }

    fn lead(&self) -> &ReceiverSide {
        self.lead.as_ref().expect("a copy has begun its slot")
    }
}

impl ReceiverSlot for ShmSlot {
    fn id(&self) -> SlotId {
        SlotId {
            at: self.place.at(),
            turn: self.turn,
        }
    }

    fn begin(&mut self, total: u64, front: u64) {
        self.lead = Some(self.place.receiver_side(self.segment, total, front));
    }

    fn withdraw(&self) -> bool {
        self.place.withdraw(self.segment)
    }

    fn claim(&self, want: u64) -> Option<Range<u64>> {
        self.lead().claim(want)
    }

    fn left(&self) -> u64 {
        self.lead().left()
    }

    fn is_shared(&self) -> bool {
        self.lead().is_shared()
    }

    fn state(&self) -> SlotState {
        match self.lead().state() {
            State::Open => SlotState::Open,
            State::Whole => SlotState::Whole,
            State::Failed => SlotState::Failed,
        }
    }

    fn close(&self) -> bool {
        self.lead().close()
    }
}

impl SenderSlot for SenderSide {
    fn claim(&mut self, want: u64) -> Option<Range<u64>> {
        SenderSide::claim(self, want)
    }

    fn left(&self) -> u64 {
        SenderSide::left(self)
    }

    fn finish(&mut self, chunks: u64) {
        SenderSide::finish(self, chunks);
    }

    fn fail(&mut self, chunks: u64) {
        SenderSide::fail(self, chunks);
    }
}
