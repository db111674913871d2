//! The messages that engines exchange, as types: how each becomes a header, a few
//! words and bytes, and is found in them again. No other file sees those words, but for
//! those of partitioned communication (`partitioned/cells.rs`).
//!
//! | message | from | says | bytes |
//! |---|---|---|---|
//! | [`Eager`] | sender | here is a whole message | all of it |
//! | [`First`] | sender | here is a message's first piece | a piece |
//! | [`Incoming::More`] | sender | and its next | a piece |
//! | [`Rts`] | sender | ready to send: how much, and where it is | – |
//! | [`Cts`] | receiver | clear to send: in pieces, or say where your runs are | – |
//! | [`Incoming::Data`] | sender | the next piece of what was asked for | a piece |
//! | [`Incoming::Runs`] | sender | where the next runs are | pairs |
//! | [`Join`] | receiver | copy your part of it into my buffer | – |
//! | [`Rtr`] | receiver | ready to receive: where the next message goes | – |
//! | [`Control::Fin`] | receiver | I have it, or have matched it | – |
//! | [`Control::Cancel`] | sender | give it back | – |
//! | [`Control::Cancelled`] | receiver | given back, or too late | – |
//! | [`Control::Channel`] | either | a cell of partitioned communication | – |

use crate::object::comm::ContextId;
use crate::pml::check;
use crate::pml::matching::Envelope;
use crate::pml::partitioned::cells::Cell;
pub(super) use crate::pml::place::Place;
use crate::pml::place::{place_of_words, words_of_place};
use crate::pml::request::RequestId;
use crate::pml::transport::{Arrival, FewWords, Header, SlotId, Words};

/// What a cell is.
mod kind {
    pub const EAGER: u8 = 1;
    pub const FIRST: u8 = 2;
    pub const MORE: u8 = 3;
    pub const RTS: u8 = 4;
    pub const CTS: u8 = 5;
    pub const DATA: u8 = 6;
    pub const FIN: u8 = 7;
    pub const CANCEL: u8 = 8;
    pub const CANCELLED: u8 = 9;
    pub const JOIN: u8 = 10;
    pub const RUNS: u8 = 11;
    pub const RTR: u8 = 12;
}

/// Flags of an eager message: its sender waits for a FIN; its third word is its
/// signature.
const SYNCHRONOUS: u8 = 1;
const CHECKED: u8 = 2;
/// Flag of an RTS: the program has rewritten the message since it sent it last.
const REWRITTEN: u8 = 1;
/// Flag of a JOIN: nobody but the sender can copy this message.
const ALL: u8 = 1;
/// Flags of an RTR: any tag will do; the buffer is reached by calls only.
const ANY_TAG: u8 = 1;
const BY_CALL: u8 = 2;

#[inline]
fn header(envelope: Envelope, kind: u8, aux: u32) -> Header {
    let Envelope {
        context,
        source,
        tag,
    } = envelope;
    Header {
        kind,
        flags: 0,
        context,
        tag,
        source,
        aux,
    }
}

#[inline]
fn envelope(header: &Header) -> Envelope {
    Envelope {
        context: header.context,
        source: header.source,
        tag: header.tag,
    }
}

/// A header that is in no communicator.
fn bare(kind: u8, id: RequestId) -> Header {
    let nowhere = Envelope {
        context: ContextId(0),
        source: 0,
        tag: 0,
    };
    header(nowhere, kind, id.0)
}

/// The header of a message of at most [`Transport::INLINE`] bytes that goes at once.
///
/// [`Transport::INLINE`]: crate::pml::transport::Transport::INLINE
#[inline]
pub(super) fn inline(envelope: Envelope) -> Header {
    header(envelope, kind::EAGER, 0)
}

/// The envelope of a whole message of which nothing else but its bytes matters, if that
/// is what has arrived.
#[inline]
pub(super) fn plain(a: &Arrival<'_>) -> Option<Envelope> {
    is_plain(&a.header).then(|| envelope(&a.header))
}

/// Whether this is the header of a whole message of which nothing else but its bytes
/// matters.
#[inline]
pub(super) fn is_plain(header: &Header) -> bool {
    header.kind == kind::EAGER && header.flags == 0
}

/// A whole message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eager {
    pub(super) envelope: Envelope,
    /// What it is made of (see `check`).
    pub(super) signature: u32,
    /// The sender's number for it, if it waits for a FIN.
    pub(super) answer: Option<RequestId>,
}

impl Eager {
    pub(super) fn encode(&self) -> (Header, FewWords) {
        let mut header = inline(self.envelope);
        if self.signature != check::UNKNOWN {
            header.flags |= CHECKED;
        }
        if let Some(id) = self.answer {
            header.flags |= SYNCHRONOUS;
            header.aux = id.0;
        }
        (header, [u64::from(self.signature), 0, 0])
    }

    /// The whole message that has arrived, if it is one.
    #[inline]
    pub(super) fn of(a: &Arrival<'_>) -> Option<Eager> {
        let Header { flags, aux, .. } = a.header;
        (a.header.kind == kind::EAGER).then(|| Eager {
            envelope: envelope(&a.header),
            signature: match flags & CHECKED {
                0 => check::UNKNOWN,
                _ => low(a.words[2]),
            },
            answer: (flags & SYNCHRONOUS != 0).then_some(RequestId(aux)),
        })
    }
}

/// The first piece of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct First {
    pub(super) envelope: Envelope,
    /// The sender's number for it.
    pub(super) id: RequestId,
    /// Bytes in all.
    pub(super) total: usize,
    pub(super) signature: u32,
}

impl First {
    pub(super) fn encode(&self) -> (Header, FewWords) {
        let words = [self.total as u64, u64::from(self.signature), 0];
        (header(self.envelope, kind::FIRST, self.id.0), words)
    }
}

/// Ready to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rts {
    pub(super) envelope: Envelope,
    /// The sender's number for it.
    pub(super) id: RequestId,
    /// Bytes in all.
    pub(super) total: usize,
    pub(super) signature: u32,
    pub(super) place: Place,
    /// The program has rewritten it since it sent it last.
    pub(super) rewritten: bool,
}

impl Rts {
    /// The RTS that has arrived, if it is one.
    #[inline]
    pub(super) fn of(a: &Arrival<'_>) -> Option<Rts> {
        (a.header.kind == kind::RTS).then(|| Rts::decode(a))
    }

    #[inline]
    fn decode(a: &Arrival<'_>) -> Rts {
        let [total, addr, signature, start, len] = *a.words;
        Rts {
            envelope: envelope(&a.header),
            id: RequestId(a.header.aux),
            total: length(total),
            signature: low(signature),
            place: place_of_words([addr, start, len]),
            rewritten: a.header.flags & REWRITTEN != 0,
        }
    }
}

/// Clear to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cts {
    /// The sender's number for the message, and the receiver's.
    pub(super) send: RequestId,
    pub(super) receive: RequestId,
    /// Bytes that the receiver takes.
    pub(super) wanted: usize,
    /// Not the bytes are wanted, but where they are.
    pub(super) runs: bool,
    /// Messages of this size should go eagerly.
    pub(super) eagerly: bool,
}

/// How a cooperative copy is shared out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Join {
    /// The sender's number for the message.
    pub(super) send: RequestId,
    pub(super) slot: SlotId,
    /// The receive buffer, and bytes in it.
    pub(super) addr: u64,
    pub(super) len: u64,
    /// Bytes of a chunk, and chunks that are the receiver's from the start.
    pub(super) chunk: u64,
    pub(super) front: u64,
    /// The buffer is reached by calls only.
    pub(super) by_call: bool,
    /// The receiver can copy nothing of it.
    pub(super) all: bool,
}

/// Ready to receive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rtr {
    pub(super) slot: SlotId,
    pub(super) context: ContextId,
    /// The tag; `None`: any.
    pub(super) tag: Option<i32>,
    /// The receive buffer, its room, and the shortest message that it is meant for.
    pub(super) addr: u64,
    pub(super) room: usize,
    pub(super) least: usize,
    pub(super) by_call: bool,
    /// The message is to be announced in the cell of this number, from 0.
    pub(super) cell: u64,
    /// Bytes of the shortest chunk, and bytes beyond half that are the receiver's.
    pub(super) chunk: usize,
    pub(super) head_start: i32,
}

/// A message without bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Control {
    Rts(Rts),
    Cts(Cts),
    Join(Join),
    Rtr(Rtr),
    /// The sender's number for the message.
    Fin(RequestId),
    /// The same, and its context.
    Cancel(RequestId, ContextId),
    /// The same, and whether it was given back.
    Cancelled(RequestId, bool),
    /// Of partitioned communication.
    Channel(Cell),
}

impl Control {
    /// As it travels.
    pub(super) fn encode(&self) -> (Header, Words) {
        match *self {
            Control::Rts(rts) => {
                let [addr, start, len] = words_of_place(rts.place);
                let mut header = header(rts.envelope, kind::RTS, rts.id.0);
                header.flags = if rts.rewritten { REWRITTEN } else { 0 };
                let signature = u64::from(rts.signature);
                (header, [rts.total as u64, addr, signature, start, len])
            }
            Control::Cts(cts) => {
                let words = [
                    u64::from(cts.receive.0),
                    cts.wanted as u64,
                    u64::from(cts.runs),
                    u64::from(cts.eagerly),
                    0,
                ];
                (bare(kind::CTS, cts.send), words)
            }
            Control::Join(join) => {
                let mut header = bare(kind::JOIN, join.send);
                header.flags = if join.all { ALL } else { 0 };
                header.context = ContextId(join.slot.turn);
                let front = join.front << 1 | u64::from(join.by_call);
                let words = [join.slot.at, join.addr, join.len, join.chunk, front];
                (header, words)
            }
            Control::Rtr(rtr) => {
                let any_tag = if rtr.tag.is_none() { ANY_TAG } else { 0 };
                let by_call = if rtr.by_call { BY_CALL } else { 0 };
                let header = Header {
                    kind: kind::RTR,
                    flags: any_tag | by_call,
                    context: rtr.context,
                    tag: rtr.tag.unwrap_or(0),
                    source: u32::try_from(rtr.least).unwrap_or(u32::MAX),
                    aux: rtr.slot.turn,
                };
                let head_start = u64::from(rtr.head_start.cast_unsigned());
                let shares = (rtr.chunk as u64) << 32 | head_start;
                let words = [rtr.slot.at, rtr.addr, rtr.room as u64, rtr.cell, shares];
                (header, words)
            }
            Control::Fin(id) => (bare(kind::FIN, id), [0; 5]),
            Control::Cancel(id, context) => {
                let header = bare(kind::CANCEL, id);
                (Header { context, ..header }, [0; 5])
            }
            Control::Cancelled(id, given) => {
                let words = [u64::from(given), 0, 0, 0, 0];
                (bare(kind::CANCELLED, id), words)
            }
            Control::Channel(cell) => cell.encode(),
        }
    }
}

/// The header of a later piece of an eager message.
pub(super) fn more(send: RequestId) -> Header {
    bare(kind::MORE, send)
}

/// The header of a piece that the receiver has asked for.
pub(super) fn data(receive: RequestId) -> Header {
    bare(kind::DATA, receive)
}

/// The header and the words of a piece that tells of runs.
pub(super) fn runs(receive: RequestId, send: RequestId) -> (Header, FewWords) {
    (bare(kind::RUNS, receive), [u64::from(send.0), 0, 0])
}

/// A message that has arrived, but for [`Eager`] ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Incoming {
    /// With the first piece of it.
    First(First),
    /// The next piece of the message that its sender knows by this number.
    More(RequestId),
    /// The next piece for the receive of this number here.
    Data(RequestId),
    /// The next runs of the message for that receive, and the sender's number.
    Runs(RequestId, RequestId),
    Control(Control),
    /// A kind that there is not.
    Unknown(u8),
}

impl Incoming {
    /// What has arrived.
    pub(super) fn decode(a: &Arrival<'_>) -> Incoming {
        let header = &a.header;
        let id = RequestId(header.aux);
        let [w0, w1, w2, w3, w4] = *a.words;
        match header.kind {
            kind::FIRST => Incoming::First(First {
                envelope: envelope(header),
                id,
                total: length(w2),
                signature: low(w3),
            }),
            kind::MORE => Incoming::More(id),
            kind::DATA => Incoming::Data(id),
            kind::RUNS => Incoming::Runs(id, RequestId(low(w2))),
            kind::RTS => Incoming::Control(Control::Rts(Rts::decode(a))),
            kind::CTS => Incoming::Control(Control::Cts(Cts {
                send: id,
                receive: RequestId(low(w0)),
                wanted: length(w1),
                runs: w2 == 1,
                eagerly: w3 == 1,
            })),
            kind::JOIN => Incoming::Control(Control::Join(Join {
                send: id,
                slot: SlotId {
                    at: w0,
                    turn: header.context.0,
                },
                addr: w1,
                len: w2,
                chunk: w3,
                front: w4 >> 1,
                by_call: w4 & 1 == 1,
                all: header.flags & ALL != 0,
            })),
            kind::RTR => Incoming::Control(Control::Rtr(Rtr {
                slot: SlotId {
                    at: w0,
                    turn: header.aux,
                },
                context: header.context,
                tag: (header.flags & ANY_TAG == 0).then_some(header.tag),
                addr: w1,
                room: length(w2),
                least: header.source as usize,
                by_call: header.flags & BY_CALL != 0,
                cell: w3,
                chunk: length(w4 >> 32),
                head_start: low(w4 & 0xffff_ffff).cast_signed(),
            })),
            kind::FIN => Incoming::Control(Control::Fin(id)),
            kind::CANCEL => Incoming::Control(Control::Cancel(id, header.context)),
            kind::CANCELLED => Incoming::Control(Control::Cancelled(id, w0 == 1)),
            other => Cell::decode(a).map_or(Incoming::Unknown(other), |cell| {
                Incoming::Control(Control::Channel(cell))
            }),
        }
    }
}

/// A word that holds 32 bits.
fn low(word: u64) -> u32 {
    u32::try_from(word).unwrap_or(0)
}

/// A word that holds a length.
fn length(word: u64) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::group::Proc;

    fn arrived((header, words): (Header, Words)) -> Incoming {
        Incoming::decode(&Arrival {
            from: Proc(3),
            header,
            words: &words,
            data: std::ptr::null(),
            len: 0,
        })
    }

    #[test]
    fn every_message_arrives_as_it_was_sent() {
        let envelope = Envelope {
            context: ContextId(6),
            source: 4,
            tag: -7,
        };
        let (id, slot) = (
            RequestId(9),
            SlotId {
                at: 1 << 40,
                turn: 77,
            },
        );
        let rts = |place| {
            Control::Rts(Rts {
                envelope,
                id,
                total: 1 << 33,
                signature: u32::MAX,
                place,
                rewritten: matches!(place, Place::Run(_)),
            })
        };
        let join = |by_call, all| {
            Control::Join(Join {
                send: id,
                slot,
                addr: u64::MAX,
                len: 1 << 33,
                chunk: 1024,
                front: 1 << 16,
                by_call,
                all,
            })
        };
        let rtr = |tag, by_call| {
            Control::Rtr(Rtr {
                slot,
                context: ContextId(5),
                tag,
                addr: 1 << 47,
                room: 1 << 40,
                least: 4096,
                by_call,
                cell: 1 << 50,
                chunk: 2048,
                head_start: -65536,
            })
        };
        let all = [
            rts(Place::Run(4096)),
            rts(Place::Span(8192, 100)),
            rts(Place::Hidden),
            Control::Cts(Cts {
                send: id,
                receive: RequestId(u32::MAX),
                wanted: 12,
                runs: true,
                eagerly: false,
            }),
            join(true, false),
            join(false, true),
            rtr(Some(-1), true),
            rtr(None, false),
            Control::Fin(id),
            Control::Cancel(id, ContextId(8)),
            Control::Cancelled(id, true),
            Control::Cancelled(id, false),
        ];
        for control in all {
            assert_eq!(arrived(control.encode()), Incoming::Control(control));
        }
        let mut unknown = all[8].encode();
        unknown.0.kind = 200;
        assert_eq!(arrived(unknown), Incoming::Unknown(200));
    }
}
